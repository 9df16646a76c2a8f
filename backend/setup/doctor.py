"""`launch.py doctor`: what this machine is, and what keeps the studio from working; needs no installed package."""

import os
import re
import sqlite3
import sys
from argparse import Namespace
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from backend.errors import SetupError
from backend.messages import sentence
from backend.paths import Workspace
from backend.setup import bundle, checks, commands, machine
from backend.setup.environment import DEVELOPER, USER, Environment
from backend.setup.start import address, folder
from backend.setup.voice import Voice, bytes_text

NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
LOW_DISK = 2_000_000_000
LOW_MEMORY = 4_000_000_000


@dataclass(frozen=True)
class Problem:
    """Something missing; `blocks` when the studio cannot start because of it."""

    key: str
    values: dict[str, Any]
    blocks: bool = True

    def say(self, language: str) -> str:
        return sentence(f"setup.{self.key}", language, **self.values)


def run(options: Namespace, environment: Environment, voice: Voice) -> int:
    """Print the report; 1 when something the studio needs is missing. SetupError when the zip cannot be written."""
    facts = examine(environment, options.workspace)
    problems = diagnose(facts, environment, options.workspace)
    for name, value in (facts | {"packages": _asked_for(facts["packages"], environment)}).items():
        voice.line(f"{name:12} {_text(value)}")
    for problem in problems:
        voice.line(problem.say(voice.language))
    if not problems:
        voice.say("healthy")
    report = facts | {"problems": [problem.say("en") for problem in problems]}
    if options.bundle is not None:
        bundle.write(options.bundle, report, Workspace(options.workspace))
        voice.say("bundled", file=options.bundle)
        report["bundle"] = str(options.bundle)
    voice.answer(report)
    return commands.FAILED if any(problem.blocks for problem in problems) else commands.DONE


def examine(environment: Environment, workspace: Path) -> dict[str, Any]:
    """Facts alone, each as JSON; sizes in bytes."""
    return {
        "machine": machine.describe(),
        "cores": os.cpu_count(),
        "memory": machine.memory_bytes(),
        "disk_free": machine.free_disk(environment.folder),
        "cards": [asdict(card) for card in machine.cards()],
        "python": sys.version.split()[0],
        "venv": _venv(environment),
        "packages": packages(environment),
        "chromium": checks.find_chromium(),
        "workspace": _workspace(workspace),
        "port": {"number": commands.DEFAULT_PORT, "in_use": address.accepts(commands.LOOPBACK, commands.DEFAULT_PORT)},
    }


def diagnose(facts: dict[str, Any], environment: Environment, workspace: Path) -> list[Problem]:
    """What is missing or wrong, most important first."""
    found = []
    if machine.missing_modules():
        found.append(Problem("doctor_no_venv", {}))
    if not facts["venv"]["ready"]:
        found.append(Problem("doctor_not_installed", {"folder": environment.folder}))
    found += _workspace_problems(workspace)
    if facts["disk_free"] < LOW_DISK:
        found.append(Problem("doctor_low_disk", {"free": bytes_text(facts["disk_free"])}, blocks=False))
    if facts["memory"] is not None and facts["memory"] < LOW_MEMORY:
        found.append(Problem("doctor_low_memory", {"memory": bytes_text(facts["memory"])}, blocks=False))
    old = [card["driver"] for card in facts["cards"] if _is_old(card["driver"])]
    if old:
        values = {"driver": old[0], "wanted": machine.NEWEST_CUDA_DRIVER}
        found.append(Problem("doctor_old_driver", values, blocks=False))
    return found


def packages(environment: Environment) -> dict[str, str]:
    """Name and version of everything installed whole in .venv, read from the folders that say so."""
    folders = sorted(record.parent.name for record in environment.packages.glob("*.dist-info/RECORD"))
    pairs = (name.removesuffix(".dist-info").rpartition("-") for name in folders)
    return {name.replace("_", "-").lower(): version for name, _, version in pairs}


def _asked_for(installed: dict[str, str], environment: Environment) -> str:
    """The packages that requirements.txt names; there are a hundred more that they need."""
    lines = (environment.root / USER).read_text(encoding="utf-8").splitlines()
    asked = [NAME.match(line) for line in lines]
    names = [found[0].lower() for found in asked if found]
    return ", ".join(f"{name} {installed.get(name, '–')}" for name in names)


def _venv(environment: Environment) -> dict[str, Any]:
    return {
        "folder": str(environment.folder),
        "python": environment.made_by(),
        "ready": environment.is_ready(USER),
        "developer_ready": environment.is_ready(DEVELOPER),
    }


def _workspace(path: Path) -> dict[str, Any]:
    workspace = Workspace(path)
    return {
        "folder": str(path),
        "exists": path.is_dir(),
        "network": folder.network_type(path),
        "ledger": _ledger(workspace),
        "runs": len(list(workspace.runs.glob("*/"))),
    }


def _ledger(workspace: Workspace) -> str | None:
    """SQLite's own verdict on the ledger, `ok` when it is whole; None when there is none yet."""
    if not workspace.ledger.is_file():
        return None
    try:
        ledger = sqlite3.connect(f"{workspace.ledger.absolute().as_uri()}?mode=ro", uri=True, timeout=5)
        verdict = ledger.execute("PRAGMA quick_check(1)").fetchone()[0]
        ledger.close()
    except sqlite3.Error as error:
        return str(error)
    return str(verdict)


def _workspace_problems(path: Path) -> list[Problem]:
    if not path.exists():
        return []  # it is made at the first start
    try:
        workspace = folder.open_workspace(path)
    except SetupError as error:
        return [Problem(error.key.removeprefix("setup."), error.values)]
    verdict = _ledger(workspace)
    return [] if verdict in (None, "ok") else [Problem("doctor_ledger_damaged", {"said": verdict})]


def _is_old(driver: str) -> bool:
    return machine.Card("", 0, driver).driver_major < machine.NEWEST_CUDA_DRIVER


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {inner}" for name, inner in value.items())
    if isinstance(value, int) and value > 10**6:
        return bytes_text(value)
    return "–" if value in (None, []) else str(value)
