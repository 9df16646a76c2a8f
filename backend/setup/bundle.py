"""A zip for a bug report: what the machine is and where the programs failed, without tokens and without private text.

Logs can hold anything a person typed, because an exception quotes what it choked on. So a line is kept only when its
shape is known (a traceback's frame, the name of an exception, a line of our own loggers), and of those everything
in quotes, every token and every address with a secret in it is blotted out.
"""

import getpass
import json
import re
import zipfile
from pathlib import Path
from typing import Any

from backend.errors import SetupError
from backend.paths import ROOT, Workspace

KEPT_BYTES = 400_000
BLOT = "…"
FRAME = re.compile(r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d+)(, in (?P<where>[\w.<>]+))?$')
EXCEPTION = re.compile(r"^(?P<kind>([A-Za-z_][\w]*\.)*[A-Z]\w*(Error|Exception|Interrupt|Exit|Warning|NotFound)): .*$")
BARE_EXCEPTION = re.compile(r"^([A-Za-z_]\w*\.)*[A-Z]\w*(Error|Exception|Interrupt|Exit)$")
LOGGED = re.compile(r"^(\d{4}-\d\d-\d\d[ T][\d:.,Z+]+ )?\[?(DEBUG|INFO|WARNING|ERROR|CRITICAL)\]?[: ].*$")
SECRETS = (
    re.compile(r"\b(hf|sk|pk|ghp|gho|glpat|xox[abp])[_-][A-Za-z0-9_-]{8,}"),
    re.compile(
        r"(?i)\b(token|key|secret|password|authorization|cookie|bearer)\b(\W{1,4})[^\s&,;]+( [A-Za-z0-9._~+/=-]{16,})?"
    ),
    re.compile(r"\b[A-Za-z0-9_-]{32,}\b"),
    re.compile(r'"[^"]*"|“[^”]*”|„[^”]*”|«[^»]*»|`[^`]*`'),
    re.compile(r"(?<!\w)'[^']*'"),
)


def write(file: Path, report: dict[str, Any], workspace: Workspace) -> None:
    """`doctor.json` and the redacted ends of the logs; SetupError when the file cannot be written."""
    try:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("doctor.json", without_home(json.dumps(report, indent=1, ensure_ascii=False)))
            for log in sorted(workspace.logs.glob("*.log")):
                archive.writestr(f"logs/{log.name}", redact(_end(log)))
    except OSError as error:
        raise SetupError("setup.folder_refused", folder=file, said=error.strerror or str(error)) from error


def redact(text: str) -> str:
    """The lines of known shape, without secrets, quotations, or the person's folder and name."""
    kept = filter(None, (_line(line) for line in text.splitlines()))
    return without_home("\n".join(kept))


def _line(line: str) -> str | None:
    if line.startswith("Traceback ") or BARE_EXCEPTION.match(line):
        return line
    if frame := FRAME.match(line):
        return f'  File "{frame["file"]}", line {frame["line"]}, in {frame["where"] or BLOT}'
    if exception := EXCEPTION.match(line):
        return f"{exception['kind']}: {BLOT}"
    return blot(line) if LOGGED.match(line) else None


def blot(line: str) -> str:
    for secret in SECRETS:
        line = secret.sub(BLOT, line)
    return line


def without_home(text: str) -> str:
    """Folders of the person as `~` and of the studio as `STUDIO`; the person's name nowhere."""
    for folder, shown in ((ROOT, "STUDIO"), (Path.home(), "~")):
        written_in_json = json.dumps(str(folder))[1:-1]  # Windows paths: each backslash twice
        text = text.replace(str(folder), shown).replace(written_in_json, shown)
    name = _login()
    return re.sub(rf"(?<![\w]){re.escape(name)}(?![\w])", "USER", text) if len(name) > 2 else text


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""


def _end(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - KEPT_BYTES))
        return file.read().decode("utf-8", "replace")
