"""A GGUF file by llama.cpp's own converter where the person has it, else by our writer; and what was used."""

import logging
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from backend.export.gguf import writing
from backend.export.gguf.llama_cpp import converter
from backend.export.gguf.writing import Precision

SECONDS = 6 * 3600
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Made:
    """`by`: "llama.cpp" or "gguf". `failed`: the last line of a converter of llama.cpp that could not do it."""

    by: str
    failed: str = ""


def make(model: Path, path: Path, precision: Precision, *, name: str) -> Made:
    """Write the model of a folder to `path`. ModelError when neither way can."""
    script = converter()
    failed = _converted(script, model, path, precision) if script else ""
    if script and not failed:
        return Made("llama.cpp")
    path.unlink(missing_ok=True)
    writing.write(model, path, precision, name=name)
    return Made("gguf", failed)


def _converted(script: Path, model: Path, path: Path, precision: Precision) -> str:
    """Run the converter; "" when the file is there, else the last line it said."""
    start = [sys.executable, str(script)] if script.suffix == ".py" else [str(script)]
    command = [*start, str(model), "--outfile", str(path), "--outtype", precision]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)[:200]
    if done.returncode == 0 and path.is_file():
        return ""
    log.warning("%s ended with %d: %s", script, done.returncode, done.stderr[-2000:])
    lines = (done.stderr or done.stdout).strip().splitlines()
    return (lines[-1] if lines else f"exit status {done.returncode}")[:200]
