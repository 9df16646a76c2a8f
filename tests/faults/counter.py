"""A job that does a checkable sum, saves checkpoints as a trainer does, and misbehaves on request."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

from backend.errors import ModelError
from backend.jobs import events
from backend.jobs.context import JobContext
from backend.jobs.folder import write_atomically
from backend.jobs.model import ExitCode

FOREVER = 600.0


def answer(steps: int) -> int:
    """What an uninterrupted run of this many steps ends with."""
    total = 0
    for step in range(steps):
        total = (total * 31 + step) % 1_000_003
    return total


def run(job: JobContext) -> int:
    odd = job.request.get("odd")
    if odd in ODD:
        return ODD[odd](job)
    step, total = _resume(job)
    job.say(events.Attempt(number=job.attempt, from_step=step))
    job.say(events.Phase(name="training"))
    steps = int(job.request["steps"])
    while step < steps:
        _hold(job, step)
        time.sleep(float(job.request.get("pause", 0.01)))
        total = (total * 31 + step) % 1_000_003
        step += 1
        _say_step(job, step, steps)
        asked = job.stop_requested()
        if step % 5 == 0 or asked == "save":
            _save(job, step, total)
        if asked is not None:
            return ExitCode.STOPPED
    job.folder.write(job.folder.result, {"answer": total})
    return ExitCode.DONE


def _hold(job: JobContext, step: int) -> None:
    """A first attempt stays at the step `hold` until it is stopped, killed or waved on: no test is too slow for it."""
    while step == job.request.get("hold") and job.attempt == 1 and job.stop_requested() is None:
        if (job.folder.path / "go").exists():
            return
        time.sleep(0.01)


def _say_step(job: JobContext, step: int, steps: int) -> None:
    said = events.Step(
        step=step, total=steps, loss=1 / step, learning_rate=0, grad_norm=None, tokens=step, tokens_per_second=1,
        eta_seconds=None,
    )  # fmt: skip
    job.say(said)


def _save(job: JobContext, step: int, total: int) -> None:
    job.folder.checkpoints.mkdir(exist_ok=True)
    write_atomically(job.folder.checkpoints / f"{step:06d}.json", json.dumps({"step": step, "total": total}))
    job.say(events.Checkpoint(step=step, name=f"{step:06d}.json"))


def _resume(job: JobContext) -> tuple[int, int]:
    saved = sorted(job.folder.checkpoints.glob("[0-9]*.json"))
    if not saved:
        return 0, 0
    newest = json.loads(saved[-1].read_text(encoding="utf-8"))
    return newest["step"], newest["total"]


def _deaf(job: JobContext) -> int:
    """Hears nothing, and its helper neither."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _helper(job, "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)")
    time.sleep(FOREVER)
    return ExitCode.DONE


def _helper(job: JobContext, begin: str) -> None:
    """Another process of the job; it notes its pid when it has begun as it should."""
    note = job.folder.path / "helper.pid"
    lives = f"{begin}\nimport os, pathlib, time\npathlib.Path({str(note)!r}).write_text(str(os.getpid()))"
    subprocess.Popen([sys.executable, "-S", "-c", f"{lives}\ntime.sleep({FOREVER})"])
    while not note.exists() or not note.read_text(encoding="utf-8"):
        time.sleep(0.01)


def _leaves_a_helper(job: JobContext) -> int:
    _helper(job, "")
    return ExitCode.DONE


def _lingers(job: JobContext) -> int:
    """Its work is done, but a thread keeps the interpreter from ending."""
    threading.Thread(target=time.sleep, args=(FOREVER,)).start()
    return ExitCode.DONE


def _killed(job: JobContext) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return ExitCode.DONE


def _refuses(job: JobContext) -> int:
    raise ModelError("jobs.cannot_run")


def _bug(job: JobContext) -> int:
    raise ZeroDivisionError("step 3\nsecond line")


def _memory(job: JobContext) -> int:
    """Fits once the batch was halved twice."""
    return ExitCode.OUT_OF_MEMORY if job.memory_failures < int(job.request["failures"]) else ExitCode.DONE


def _full(job: JobContext) -> int:
    raise OSError(28, "No space left on device")


def _fills(job: JobContext) -> int:
    """Saves more than the disk holds, until there is room again."""
    if job.attempt > 1:
        return ExitCode.DONE
    with (job.folder.path / "large").open("wb") as file:
        while True:
            file.write(bytes(2**18))
            file.flush()


def _storm(job: JobContext) -> int:
    """Writes without a line end, faster than anybody can read; ends when its log has been cut."""
    written = 0
    while job.folder.log.stat().st_size >= written:
        if written < int(job.request["megabytes"]) * 2**20:
            written += os.write(1, b"x" * 2**20)
        else:
            time.sleep(0.01)
    return ExitCode.DONE


ODD = {
    "deaf": _deaf,
    "helper": _leaves_a_helper,
    "lingers": _lingers,
    "killed": _killed,
    "refuses": _refuses,
    "bug": _bug,
    "memory": _memory,
    "full": _full,
    "fills": _fills,
    "storm": _storm,
}
