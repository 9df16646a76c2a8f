"""`launch.py test`: every check a change must pass, in the order in which a failure is cheapest to see."""

import os
import shutil
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from backend.setup import commands, output
from backend.setup.environment import Environment
from backend.setup.voice import Voice

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
NAMED = "STUDIO_CHROMIUM"
"""The variable that tells the browser tests which Chromium to drive; without it they are skipped."""


def run(options: Namespace, environment: Environment, voice: Voice) -> int:
    """The status of the first check that fails, or 0. With arguments for pytest, pytest alone runs."""
    variables = dict(os.environ)
    browser = chromium(environment, voice)
    if browser is not None:
        variables[NAMED] = browser
    report: list[dict[str, object]] = []
    status = commands.DONE
    for name, command in planned(options, environment):
        started = time.monotonic()
        voice.line(f"== {name}")
        status = subprocess.run(command, cwd=environment.root, env=variables, check=False).returncode
        report.append({"name": name, "status": status, "seconds": round(time.monotonic() - started, 1)})
        if status != commands.DONE:
            break
    voice.answer({"checks": report})
    return status


def planned(options: Namespace, environment: Environment) -> list[tuple[str, list[str]]]:
    """Each check and its command. With arguments for pytest, pytest alone."""
    python = [str(environment.python), "-m"]
    chosen = [] if options.all else ["-m", "not slow"]
    if options.pytest:
        return [("pytest", [*python, "pytest", *chosen, *options.pytest])]
    # Two files at a time: most tests wait for processes, and no file needs another.
    tests = ("pytest", [*python, "pytest", "-n", "2", "--dist", "loadfile", *chosen])
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
