"""The .venv of the clone: where it is, what it should hold, and whether it is whole."""

import csv
import hashlib
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

USER = "requirements.txt"
DEVELOPER = "requirements-dev.txt"


@dataclass(frozen=True)
class Environment:
    """The packages of one clone. A stamp per requirements file says that it is installed whole."""

    root: Path

    @property
    def folder(self) -> Path:
        return self.root / ".venv"

    @property
    def scripts(self) -> Path:
        return self.folder / ("Scripts" if sys.platform == "win32" else "bin")

    @property
    def python(self) -> Path:
        return self.scripts / ("python.exe" if sys.platform == "win32" else "python")

    @property
    def packages(self) -> Path:
        if sys.platform == "win32":
            return self.folder / "Lib" / "site-packages"
        return self.folder / "lib" / f"python{python_version()}" / "site-packages"

    def stamp(self, requirements: str) -> Path:
        return self.folder / f"installed-{Path(requirements).stem}.json"

    def is_ready(self, requirements: str) -> bool:
        """Whether everything `requirements` asks for today is installed for today's Python. Starts no process."""
        stamp = self.stamp(requirements)
        if not (stamp.is_file() and self.python.is_file()):
            return False
        try:
            return bool(json.loads(stamp.read_text(encoding="utf-8")) == self._content(requirements))
        except ValueError:
            return False  # a stamp cut short by a full disk or a power cut

    def mark_ready(self, requirements: str) -> None:
        """Written last, and in one piece."""
        stamp = self.stamp(requirements)
        partial = stamp.with_suffix(".tmp")
        partial.write_text(json.dumps(self._content(requirements)), encoding="utf-8")
        partial.replace(stamp)

    def mark_unfinished(self) -> None:
        for requirements in (USER, DEVELOPER):
            self.stamp(requirements).unlink(missing_ok=True)

    def made_by(self) -> str | None:
        """Python's version (`3.11`) that .venv was made with; None when there is no whole .venv."""
        note = self.folder / "pyvenv.cfg"
        if not (note.is_file() and self.python.is_file()):
            return None
        lines = (line.partition("=") for line in note.read_text(encoding="utf-8").splitlines())
        found = {name.strip(): value.strip() for name, _, value in lines}
        return ".".join(found.get("version", "").split(".")[:2]) or None

    def has_package(self, name: str) -> bool:
        return any(self.packages.glob(f"{name}-*.dist-info/RECORD"))

    def forget_torn_packages(self) -> list[str]:
        """Make the installer forget every package that an interruption left incomplete; their names.

        An installer that is killed leaves some files of a package and a folder that says it is there, and the next
        one believes that folder. So each package's list of files is compared with the disk.
        """
        torn = [folder for folder in sorted(self.packages.glob("*.dist-info")) if not _is_whole(folder)]
        for folder in (*torn, *self.packages.glob("~*")):  # pip renames to "~…" what it is about to remove
            shutil.rmtree(folder, ignore_errors=True)
        return [folder.name.partition("-")[0] for folder in torn]

    def _content(self, requirements: str) -> dict[str, str]:
        text = _with_included(self.root / requirements)
        return {"requirements": hashlib.sha256(text.encode()).hexdigest(), "python": python_version()}


def python_version() -> str:
    """`3.11`, of the Python that runs this."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _with_included(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()
    included = [path.parent / line[3:].strip() for line in lines if line.startswith("-r ")]
    return "\n".join([*lines, *(_with_included(other) for other in included)])


def _is_whole(folder: Path) -> bool:
    record = folder / "RECORD"
    if not record.is_file():
        return False
    with record.open(encoding="utf-8", newline="") as rows:
        return all(_matches(folder.parent / row[0], row[2]) for row in csv.reader(rows) if len(row) == 3)


def _matches(path: Path, size: str) -> bool:
    if not size:  # compiled files and RECORD itself have none
        return True
    try:
        return path.stat().st_size == int(size)
    except OSError:
        return False
