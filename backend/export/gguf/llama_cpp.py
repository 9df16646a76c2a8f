"""llama.cpp on this computer, and which models become GGUF without it. Light: asked before a job exists."""

import os
import shutil
from pathlib import Path

from backend.errors import ModelError

SCRIPT = "convert_hf_to_gguf.py"
COMMANDS = (SCRIPT, "convert-hf-to-gguf")
SETTING = "STUDIO_LLAMA_CPP"
# What `writing` can write itself.
OURS = ("llama", "mistral", "qwen2", "qwen3")


def converter() -> Path | None:
    """llama.cpp's converter: in the folder that STUDIO_LLAMA_CPP names, or on the PATH."""
    named = os.environ.get(SETTING, "")
    if named:
        path = Path(named).expanduser()
        script = path if path.suffix == ".py" else path / SCRIPT
        return script if script.is_file() else None
    found = (shutil.which(command) for command in COMMANDS)
    return next((Path(path) for path in found if path), None)


def require(model_type: str) -> None:
    """ModelError for a type that needs llama.cpp's converter where there is none."""
    if model_type not in OURS and converter() is None:
        raise ModelError("export.gguf_family", type=model_type, families=", ".join(OURS))
