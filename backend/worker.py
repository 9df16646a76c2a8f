"""The job process: takes a run folder, proves that it lives, runs the job, writes down how it ended.

python -m backend.worker RUN_FOLDER     start cold
python -m backend.worker --warm         load the libraries first, then read one run folder from standard input;
                                        with a workspace behind it, measure this machine for forecasts meanwhile
"""

import contextlib
import errno
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from filelock import BaseFileLock, Timeout

from backend.errors import SetupError, StudioError
from backend.jobs import events
from backend.jobs.claims import Claims, Outcome
from backend.jobs.context import JobContext, StopSignal, mend
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode, Job
from backend.jobs.process import Identity
from backend.jobs.upkeep import disk
from backend.ledger.store import Ledger
from backend.paths import Workspace
from backend.quiet import keep_quiet, say_no_more
from backend.settings import Settings

CALIBRATION = "backend.training.calibrate"
RUNNERS = {
    "train": "backend.training.run",
    "import": "backend.hub.run",
    "download": "backend.hub.run",
    "corpus": "backend.hub.run",
    "data": "backend.data.actions.run",
    "export": "backend.export.run",
    "chain": "backend.chains.run",
    "caption": "backend.captions.run",
}
LOCK_SECONDS = 3.0
LEDGER_SECONDS = 120.0
log = logging.getLogger(__name__)


class Runner(Protocol):
    """A module of `RUNNERS`: does the work, and returns a value of `ExitCode`."""

    def run(self, job: JobContext) -> int: ...


def main(arguments: list[str], runners: Mapping[str, str] = RUNNERS) -> int:
    os.umask(0o077)
    keep_quiet()
    stop = StopSignal().install()
    if arguments[0] != "--warm":
        return work(Path(arguments[0]), runners, stop)
    for module in runners.values():
        import_module(module)
    with ExitStack() as meanwhile:
        if arguments[1:]:
            meanwhile.enter_context(import_module(CALIBRATION).beside(Path(arguments[1])))
        line = sys.stdin.readline().strip()
    if not line:
        return ExitCode.DONE
    folder = Path(line)
    _speak_into(RunFolder(folder).log)
    return work(folder, runners, stop)


def work(path: Path, runners: Mapping[str, str], stop: StopSignal) -> int:
    """Become the job of this run folder; the exit code says how it went (`backend.jobs.model.ExitCode`)."""
    folder, workspace = RunFolder(path), Workspace(path.parent.parent)
    life = folder.lock()
    try:
        life.acquire(timeout=LOCK_SECONDS)
    except Timeout:
        return ExitCode.LOCK_HELD
    settings = Settings.read()
    ledger = Ledger.of(workspace, settings)
    claims = Claims(ledger, workspace, losses=settings.losses)
    told = folder.read(folder.attempt)
    me = Identity.of(os.getpid())
    job = _patiently(lambda: claims.begin(path.name, str(told.get("token")), me)) if me else None
    if job is None:
        return ExitCode.CLAIM_REVOKED
    _see_only(job.device)
    mend(folder.events)
    context = JobContext(
        folder=folder,
        request={name: value for name, value in folder.read(folder.request).items() if name != "job"},
        attempt=job.attempt,
        memory_failures=job.memory_failures,
        device=job.device,
        signal=stop,
    )
    context.show()
    outcome = attempt(context, runners[job.kind])
    if outcome.code == ExitCode.DISK_FULL:
        disk.let_go(workspace)
    _last_words(context, outcome)
    settled = _patiently(lambda: claims.conclude(job.id, told["token"], outcome))
    log.info("attempt %d ended: %s", job.attempt, settled.state if settled else "revoked")
    ledger.close()
    return _leave(outcome, life)


def _patiently(ask: Callable[[], Job | None]) -> Job | None:
    """Ask the ledger until it answers: what a run has to say to it is worth a wait of two minutes."""
    until = time.monotonic() + LEDGER_SECONDS
    while True:
        try:
            return ask()
        except SetupError:
            if time.monotonic() >= until:
                raise


def attempt(context: JobContext, module: str) -> Outcome:
    """Run the job once; every way in which it can end becomes an outcome with one sentence."""
    if context.stop_requested() is not None:
        return Outcome(ExitCode.STOPPED)
    try:
        runner = cast(Runner, import_module(module))
        return Outcome(runner.run(context))
    except StudioError as error:
        return Outcome(ExitCode.CANNOT_RUN, error.key, _plain(error.values))
    except MemoryError:
        _trace()
        return Outcome(ExitCode.OUT_OF_MEMORY)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            return Outcome(ExitCode.DISK_FULL)
        _trace()
        return _crash(error)
    except Exception as error:  # noqa: BLE001 - the top of the process: whatever it was, the ledger must hear of it
        _trace()
        return _crash(error)


def _trace() -> None:
    """The whole story for the log, which may itself be on a full disk."""
    with contextlib.suppress(OSError):
        traceback.print_exc()


def _crash(error: Exception) -> Outcome:
    first = str(error).strip().splitlines()
    what = f"{type(error).__name__}: {first[0][:300]}" if first else type(error).__name__
    return Outcome(1, "jobs.program_error", {"error": what})


def _plain(values: Mapping[str, object]) -> dict[str, str | int | float]:
    return {name: value if isinstance(value, str | int | float) else str(value) for name, value in values.items()}


def _last_words(context: JobContext, outcome: Outcome) -> None:
    """status.json says the end even when the ledger cannot: it is what a lost ledger is rebuilt from."""
    try:
        if outcome.reason_key is not None:
            values = _plain(outcome.reason_values)
            context.say(events.Note(level="error", key=outcome.reason_key, values=values))
        reason = {"reason_key": outcome.reason_key, "reason_values": dict(outcome.reason_values)}
        context.show(state="ended", exit_code=outcome.code, **reason)
    except OSError as error:
        log.warning("the last words could not be written: %s", error)


def _leave(outcome: Outcome, life: BaseFileLock) -> int:
    """The lock is let go last; a crash of the interpreter after this point changes nothing."""
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    life.release()
    return 1 if outcome.code is None else outcome.code


def _see_only(device: str) -> None:
    """Hide every GPU but the job's; CUDA reads this at its first call, which is still to come in a warm worker."""
    os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
    os.environ["CUDA_VISIBLE_DEVICES"] = device.removeprefix("gpu:") if device.startswith("gpu:") else ""


def _speak_into(path: Path) -> None:
    """Standard output and error of a warm worker go to the log of the job that it has become; input is closed."""
    target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    sys.stdout.flush()
    sys.stderr.flush()
    for number, source in ((0, nothing), (1, target), (2, target)):
        os.dup2(source, number)
    os.close(target)
    os.close(nothing)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    status = main(sys.argv[1:])
    say_no_more()
    sys.exit(status)
