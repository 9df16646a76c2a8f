"""Where an adapter comes from when it was not trained here: a folder, or a zip archive that may be hostile.

Only three files of it are ever taken; whatever else is there stays behind.
"""

import re
import shutil
import stat
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import TypeVar

from backend.errors import ModelError
from backend.models.adapters import CONFIG, RECORD, TENSORS

TAKEN = (CONFIG, TENSORS, RECORD)
MOST_ENTRIES = 1000
MOST_BYTES = 4 * 10**9
MOST_TIMES = 100
SMALL = 10**7
PIECE = 2**20
DRIVE = re.compile(r"^[A-Za-z]:")
Place = TypeVar("Place", Path, PurePosixPath)
Chosen = Callable[[list[str]], Iterable[str]]
MODEL_CONFIG = "config.json"


def folder_at(typed: str) -> Path:
    """The folder with the adapter at this path, or in the one folder below it that holds one; else ModelError."""
    try:
        path = Path(typed.strip()).expanduser()
        if path.is_dir():
            alone = (path / CONFIG).is_file()
            return path if alone else _only(sorted(found.parent for found in path.glob(f"*/{CONFIG}")))
    except (OSError, RuntimeError, ValueError):
        # Too long for a path, of an unknown user, not to be read, or with a character that no path has: not there.
        pass
    raise ModelError("models.import_no_folder", path=typed.strip()[:200])


def take(source: Path, into: Path) -> None:
    """Copy the files of the adapter in `source` into the folder `into`, which is made."""
    _require_weights(path.name for path in source.iterdir())
    into.mkdir()
    for name in TAKEN:
        if (source / name).is_file():
            shutil.copyfile(source / name, into / name)


def unpack(archive: Path, into: Path) -> Path:
    """Put the adapter of a zip archive into the folder `into`; ModelError says why it is not done."""

    def chosen(names: list[str]) -> Iterable[str]:
        _require_weights(names)
        return TAKEN

    return _unpack(archive, into, CONFIG, chosen)


def unpack_model(archive: Path, into: Path, chosen: Chosen) -> Path:
    """As `unpack`, of a whole model: those of its files that `chosen` picks by their names."""
    return _unpack(archive, into, MODEL_CONFIG, chosen)


def _unpack(archive: Path, into: Path, mark: str, chosen: Chosen) -> Path:
    """The files beside the one called `mark`. Nothing is written before every entry was looked at, and never more
    than the archive says of itself.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
            refuse(entries, archive.stat().st_size)
            place = _only(sorted({_parent(e) for e in entries if PurePosixPath(e.filename).name == mark}), mark)
            beside = [entry for entry in entries if _parent(entry) == place and not entry.is_dir()]
            wanted = frozenset(chosen([Path(entry.filename).name for entry in beside]))
            into.mkdir()
            for entry in beside:
                if Path(entry.filename).name in wanted:
                    _write(opened, entry, into / Path(entry.filename).name)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError, ValueError) as error:
        raise ModelError("models.import_not_zip") from error
    return into


def refuse(entries: list[zipfile.ZipInfo], size: int) -> None:
    """ModelError for an archive that could hurt: too many files, paths that lead out of it, passwords, a bomb."""
    if len(entries) > MOST_ENTRIES:
        raise ModelError("models.import_too_many", count=len(entries), most=MOST_ENTRIES)
    for entry in entries:
        if not _stays_inside(entry):
            raise ModelError("models.import_unsafe_path", path=entry.orig_filename[:80])
        if entry.flag_bits & 1:
            raise ModelError("models.import_encrypted")
    total = sum(entry.file_size for entry in entries)
    if total > MOST_BYTES:
        raise ModelError("models.import_too_large", limit=MOST_BYTES // 10**6)
    if total > SMALL and total > MOST_TIMES * size:
        raise ModelError("models.import_bomb", times=total // max(size, 1))


def _stays_inside(entry: zipfile.ZipInfo) -> bool:
    """A plain file or folder below the archive; a link could lead anywhere."""
    name = entry.orig_filename
    path = PurePosixPath(name)
    kind = stat.S_IFMT(entry.external_attr >> 16)
    odd = "\\" in name or "\0" in name or DRIVE.match(name) or path.is_absolute() or ".." in path.parts
    return not odd and kind in (0, stat.S_IFREG, stat.S_IFDIR)


def _parent(entry: zipfile.ZipInfo) -> PurePosixPath:
    return PurePosixPath(entry.filename).parent


def _require_weights(names: Iterable[str]) -> None:
    """ModelError for an adapter whose weights could run a program when they are loaded."""
    found = [name for name in names if name.startswith("adapter_model.")]
    if found and TENSORS not in found:
        raise ModelError("models.no_safetensors")


def _only(found: list[Place], mark: str = CONFIG) -> Place:
    if not found:
        raise ModelError("models.import_none" if mark == CONFIG else "models.no_config")
    if len(found) > 1:
        raise ModelError("models.import_several" if mark == CONFIG else "hub.several_models", count=len(found))
    return found[0]


def _write(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> None:
    written = 0
    with opened.open(entry) as source, path.open("wb") as target:
        while piece := source.read(PIECE):
            written += len(piece)
            if written > entry.file_size:
                raise ModelError("models.import_not_zip")
            target.write(piece)
