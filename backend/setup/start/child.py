"""One process that is kept alive: started, its output put in a log, started again when it dies, ended as a group."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backend.setup.start import tether

LOG_LIMIT = 5_000_000
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
STEADY = 60.0
"""Seconds after which a child counts as healthy, so that its next death is a first one again."""


class Child:
    """A command with its log. Times are seconds of the monotonic clock."""

    def __init__(self, name: str, command: Sequence[str], log: Path, folder: Path, variables: dict[str, str]) -> None:
        self.name = name
        self.log = log
        self.deaths = 0
        self._command = list(command)
        self._folder = folder
        self._variables = variables | {tether.MARK: "1"}
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._start_at = 0.0

    def start(self) -> None:
        """In a group of its own, so that Ctrl-C in the terminal reaches launch.py alone."""
        if self.log.is_file() and self.log.stat().st_size > LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".old.log"))
        own_group: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            own_group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                env=self._variables,
                **own_group,
            )
        self._started = time.monotonic()

    def died(self) -> int | None:
        """The exit status, once per death; the next start is then planned, later after each death in a row."""
        if self._process is None or (status := self._process.poll()) is None:
            return None
        self._close()
        now = time.monotonic()
        self.deaths = 1 if now - self._started > STEADY else self.deaths + 1
        self._start_at = now + self.pause
        return status

    @property
    def pause(self) -> float:
        """Seconds between a death and the next start."""
        return float(min(FIRST_PAUSE * 2 ** (self.deaths - 1), LONGEST_PAUSE))

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def is_due(self) -> bool:
        """Not running, and its pause is over."""
        return self._process is None and time.monotonic() >= self._start_at

    def ask_to_end(self) -> None:
        if self._process is None:
            return
        with contextlib.suppress(OSError):
            if sys.platform == "win32":
                self._process.send_signal(signal.CTRL_BREAK_EVENT)
            else:
                self._process.terminate()

    def end(self, deadline: float) -> None:
        """Wait until `deadline`; then the whole group is killed."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._kill_group(self._process)
            self._process.wait()
        self._close()

    def last_words(self) -> str:
        """The last line of the log, for a sentence that says why it does not start."""
        if not self.log.is_file():
            return ""
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - 4096))
            lines = [line.strip() for line in log.read().decode("utf-8", "replace").splitlines()]
        return next((line for line in reversed(lines) if line), "")

    def _kill_group(self, process: subprocess.Popen[bytes]) -> None:
        if sys.platform == "win32":
            process.kill()
        else:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def _close(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
        self._process = None
