"""A training as a job runs it: in a process of its own, through the same runner, in the same environment."""

import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from backend.forecast.calibration import Calibration
from backend.forecast.model import Forecast
from backend.jobs.supervisor.start import environment
from backend.paths import ROOT
from backend.training.request import TrainRequest

# What a thread waited for a processor is the second number of its schedstat, in nanoseconds (Linux).
RUNNER = """
import json, sys, time
from pathlib import Path
from backend.jobs.context import JobContext
from backend.jobs.folder import RunFolder
from backend.training.run import run

def waited():
    known = Path("/proc/self/schedstat")
    return int(known.read_text().split()[1]) / 1e9 if known.exists() else 0.0

folder = RunFolder(Path(sys.argv[1]))
before, used = waited(), time.process_time()
code = run(JobContext(folder, folder.read(folder.request)))
print(json.dumps({"processor": time.process_time() - used, "waited": waited() - before}))
sys.exit(code)
"""
IMPORTS = "import psutil, backend.training.run; found = psutil.Process().memory_info().rss; "
CALIBRATION = IMPORTS + "from backend.training.speed import measure; print(measure(found).model_dump_json())"


@dataclass(frozen=True)
class Trial:
    """Bytes and seconds. `waited`: of `seconds`, while others had the processor."""

    steps: int
    seconds: float
    processor: float
    waited: float
    peak: int
    imports: int

    @property
    def undisturbed(self) -> float:
        """Seconds that it would have taken had the machine been its own."""
        return self.seconds - self.waited


def trial(request: TrainRequest, forecast: Forecast, folder: Path) -> Trial:
    """RuntimeError with the end of its log when the training fails."""
    run = Path(tempfile.mkdtemp(dir=folder))
    told = request.model_copy(update={"forecast": forecast.model_dump(mode="json")})
    (run / "request.json").write_text(told.model_dump_json(), encoding="utf-8")
    done = python(RUNNER, str(run))
    result = json.loads((run / "result.json").read_text(encoding="utf-8"))
    shutil.rmtree(run)
    spent = json.loads(done.splitlines()[-1])
    return Trial(
        steps=result["steps"],
        seconds=result["seconds"],
        processor=spent["processor"],
        waited=spent["waited"],
        peak=result["peak_memory_bytes"],
        imports=result["imports_memory_bytes"],
    )


def imports() -> int:
    """Bytes of a process after the imports."""
    return int(python(IMPORTS + "print(found)").split()[-1])


def calibration() -> Calibration:
    """This machine as a waiting worker measures it."""
    return Calibration.model_validate_json(python(CALIBRATION).splitlines()[-1])


def python(code: str, *arguments: str) -> str:
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"exit code {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout
