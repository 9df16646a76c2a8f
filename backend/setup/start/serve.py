"""The studio while it is open: the supervisor and the page are kept alive until Ctrl-C."""

import os
import secrets
import signal
import sys
import time
import webbrowser
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager

from backend.errors import SetupError
from backend.paths import Workspace
from backend.setup import commands
from backend.setup.environment import Environment
from backend.setup.lock import Lock
from backend.setup.start import address, folder
from backend.setup.start.child import Child
from backend.setup.voice import Voice

POLL_SECONDS = 0.1
END_SECONDS = 10.0
HOPELESS = 3
"""Deaths in a row, with no page seen in between, after which starting again is pointless."""
LOCK_HELD = 75
CANNOT_RUN = 78
"""The supervisor's exit statuses (`backend.jobs.model.ExitCode`): another one is at work; this folder will not do."""


class Studio:
    """Both children, and what a person is told about them.

    A command such as `launch.py train` has a supervisor of its own, which serves the page too: until it frees
    `supervisor_lock`, ours waits.
    """

    def __init__(self, page: Child, supervisor: Child, supervisor_lock: Lock, voice: Voice) -> None:
        self.page = page
        self.supervisor = supervisor
        self.voice = voice
        self.was_ready = False
        self._lock = supervisor_lock
        self._waits = False

    def tend(self) -> None:
        """Start what is not running; SetupError when that is pointless."""
        for child in (self.page, self.supervisor):
            status = child.died()
            if status is not None:
                self._mourn(child, status)
            if child.is_due() and (child is self.page or self._may_supervise()):
                child.start()

    def _may_supervise(self) -> bool:
        free = self._lock.take()
        self._lock.free()
        if not free and not self._waits:
            self.voice.say("supervisor_elsewhere")
        self._waits = not free
        return free

    def _mourn(self, child: Child, status: int) -> None:
        if child is self.supervisor and status == LOCK_HELD:
            return
        if status == CANNOT_RUN or (child.deaths >= HOPELESS and not self.was_ready):
            raise SetupError(f"setup.{child.name}_cannot_start", said=child.last_words(), log=child.log)
        self.voice.say(f"{child.name}_died", status=status, seconds=child.pause, log=child.log)

    def end(self) -> None:
        """Within `END_SECONDS`; more presses of Ctrl-C change nothing."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for child in (self.page, self.supervisor):
            child.ask_to_end()
        deadline = time.monotonic() + END_SECONDS
        for child in (self.page, self.supervisor):
            child.end(deadline)


def run(options: Namespace, environment: Environment, voice: Voice) -> int:
    """Until the person ends it; the exit status. SetupError when it cannot be opened."""
    workspace = folder.open_workspace(options.workspace)
    with folder.hold(workspace):
        port = address.choose(options.host, options.port)
        token = secrets.token_urlsafe(24)
        studio = _studio(options, port, token, environment, workspace, voice)
        link = address.link(options.host, port, options.root_path)
        folder.tell_address(workspace, link)
        with _ended_by_signal():
            try:
                voice.say("starting")
                _wait_ready(studio, options.host, port)
                _greet(options, f"{link}?token={token}", workspace, voice)
                while True:
                    time.sleep(POLL_SECONDS * 5)
                    studio.tend()
            except KeyboardInterrupt:
                voice.say("ending")
            finally:
                studio.end()
    _say_what_goes_on(workspace, voice)
    return commands.DONE


def _studio(
    options: Namespace, port: int, token: str, environment: Environment, workspace: Workspace, voice: Voice
) -> Studio:
    python = str(environment.python)
    place = ["--workspace", str(workspace.root)]
    where = ["--host", options.host, "--port", str(port)]
    path = ["--root-path", options.root_path] if options.root_path else []
    path += [word for name in options.allowed_host for word in ("--allowed-host", name)]
    # Compiled modules are kept whatever the terminal says: without them every start costs seconds more.
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    page = Child(
        "page",
        [python, "-m", "studio.app", *place, *where, *path],
        workspace.logs / "studio.log",
        environment.root,
        variables | {"STUDIO_TOKEN": token},
    )
    supervisor = Child(
        "supervisor",
        [python, "-m", "backend.jobs.supervisor", *place],
        workspace.logs / "supervisor.log",
        environment.root,
        variables,
    )
    return Studio(page, supervisor, Lock(workspace.supervisor_lock), voice)


def _wait_ready(studio: Studio, host: str, port: int) -> None:
    while not (studio.page.pid is not None and address.accepts(host, port)):
        studio.tend()
        time.sleep(POLL_SECONDS)
    studio.was_ready = True


def _greet(options: Namespace, link: str, workspace: Workspace, voice: Voice) -> None:
    voice.say("ready", address=link)
    voice.answer({"address": link, "workspace": str(workspace.root), "pid": os.getpid()})
    if not options.no_browser and _has_screen():
        webbrowser.open(link)


def _has_screen() -> bool:
    """Without one, Python would open a text browser in this very terminal."""
    return sys.platform in ("win32", "darwin") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _say_what_goes_on(workspace: Workspace, voice: Voice) -> None:
    """Runs outlive the studio: ending it is no reason to lose an hour of training."""
    count = folder.running_jobs(workspace)
    if count:
        voice.say("run_goes_on" if count == 1 else "runs_go_on", count=count)


@contextmanager
def _ended_by_signal() -> Iterator[None]:
    """A closed terminal and a polite kill end the studio as Ctrl-C does."""

    def end(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    names = ["SIGTERM", "SIGBREAK"] if sys.platform == "win32" else ["SIGTERM", "SIGHUP"]
    before = {number: signal.signal(number, end) for number in (getattr(signal, name) for name in names)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
