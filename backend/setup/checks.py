"""`launch.py test`: every check a change must pass, in the order in which a failure is cheapest to see."""

import json
import os
import shutil
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backend.setup import commands, output
from backend.setup.environment import Environment
from backend.setup.voice import Voice

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
NAMED = "STUDIO_CHROMIUM"
"""The variable that tells the browser tests which Chromium to drive; without it they are skipped."""
TIMED = ("tests/browser/", "tests/faults/", "tests/journeys/")
"""Tests that wait for real processes and a real browser."""
MOST_AGAIN = 3
"""More than these have not failed by chance."""
TESTS_FAILED = 1
"""What pytest ends with when it has run every test; any other failure left tests unrun."""


@dataclass
class Running:
    """Checks as they are run, and what is told of them at the end."""

    environment: Environment
    variables: dict[str, str]
    voice: Voice
    report: list[dict[str, object]] = field(default_factory=list)

    def status(self, name: str, command: list[str]) -> int:
        started = time.monotonic()
        self.voice.line(f"== {name}")
        status = subprocess.run(command, cwd=self.environment.root, env=self.variables, check=False).returncode
        self.report.append({"name": name, "status": status, "seconds": round(time.monotonic() - started, 1)})
        return status


def run(options: Namespace, environment: Environment, voice: Voice) -> int:
    """The status of the first check that fails, or 0. With arguments for pytest, pytest alone runs."""
    variables = dict(os.environ)
    browser = chromium(environment, voice)
    if browser is not None:
        variables[NAMED] = browser
    running = Running(environment, variables, voice)
    last_failed(environment).unlink(missing_ok=True)
    status = next(filter(None, (running.status(*one) for one in planned(options, environment))), commands.DONE)
    again = to_run_again(environment) if status == TESTS_FAILED and not options.pytest else []
    if again:
        # All of them, whatever the first says.
        statuses = [running.status(f"{file} again, alone", _pytest(options, environment, file)) for file in again]
        status = next(filter(None, statuses), commands.DONE)
    voice.answer({"checks": running.report})
    return status


def last_failed(environment: Environment) -> Path:
    """Where pytest writes what failed."""
    return environment.root / ".pytest_cache/v/cache/lastfailed"


def to_run_again(environment: Environment) -> list[str]:
    """The files whose tests failed, if all of them drive a browser or other processes, and they are few; else none."""
    try:
        failed = json.loads(last_failed(environment).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    files = sorted({str(test).partition("::")[0] for test in failed})
    return files if len(files) <= MOST_AGAIN and all(file.startswith(TIMED) for file in files) else []


def _pytest(options: Namespace, environment: Environment, *arguments: str) -> list[str]:
    return [str(environment.python), "-m", "pytest", *([] if options.all else ["-m", "not slow"]), *arguments]


def _at_once() -> int:
    """How many files are tested at a time: with more than there are cores, tests that wait for others wait too long."""
    return min(4, os.cpu_count() or 1)


def planned(options: Namespace, environment: Environment) -> list[tuple[str, list[str]]]:
    """Each check and its command. With arguments for pytest, pytest alone."""
    python = [str(environment.python), "-m"]
    if options.pytest:
        return [("pytest", _pytest(options, environment, *options.pytest))]
    # Whole files, as no file needs another; in order, so that the quick ones are last and no process idles in the end.
    spread = ("-n", str(_at_once()), "--dist", "loadfile", "--no-loadscope-reorder")
    tests = ("pytest", _pytest(options, environment, *spread))
    contracts = environment.scripts / ("lint-imports.exe" if sys.platform == "win32" else "lint-imports")
    return [
        ("ruff check", [*python, "ruff", "check"]),
        ("ruff format", [*python, "ruff", "format", "--check"]),
        ("mypy", [*python, "mypy"]),
        ("import contracts", [str(contracts)]),
        tests,
    ]


def chromium(environment: Environment, voice: Voice) -> str | None:
    """A Chromium for the browser tests: the one that is here, else Debian's if we may install it, else Playwright's."""
    found = find_chromium()
    if found is None:
        voice.say("installing_chromium")
        if _may_use_apt():
            _install_by_apt()
        else:
            output.show([str(environment.python), "-m", "playwright", "install", "chromium"])
        found = find_chromium()
    if found is None:
        voice.say("no_chromium")
    return found


def find_chromium(named: str | None = None, folders: str | None = None) -> str | None:
    """The path that STUDIO_CHROMIUM names, else the first Chromium or Chrome on PATH, else Playwright's own."""
    wish = os.environ.get(NAMED) if named is None else named
    names = (wish,) if wish else BROWSERS
    found = next(filter(None, (shutil.which(name, path=folders) for name in names)), None)
    return found or (None if wish else _installed_by_playwright())


def _may_use_apt() -> bool:
    return sys.platform == "linux" and os.geteuid() == 0 and shutil.which("apt-get") is not None


def _install_by_apt() -> None:
    variables = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    steps: Sequence[list[str]] = (
        ["apt-get", "update", "-q"],
        ["apt-get", "install", "-q", "-y", "--no-install-recommends", "chromium"],
    )
    for step in steps:
        if output.show(step, environment=variables)[0] != 0:
            return


def _installed_by_playwright() -> str | None:
    """The Chromium of `playwright install chromium`, newest first."""
    cache = Path.home() / {"darwin": "Library/Caches", "win32": "AppData/Local"}.get(sys.platform, ".cache")
    found = sorted((cache / "ms-playwright").glob("chromium-*/*/chrome*"), reverse=True)
    return next((str(path) for path in found if path.is_file() and os.access(path, os.X_OK)), None)
