"""A folder with every package and every shipped model, for machines without internet, checked by hash before use."""

import hashlib
import json
import platform
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

from backend.errors import SetupError
from backend.setup import machine, output
from backend.setup.environment import DEVELOPER, Environment, python_version
from backend.setup.voice import Voice, bytes_text

MANIFEST = "manifest.json"
MODELS = Path("sample_data") / "models"


def wheels(folder: Path) -> Path:
    return folder / "wheels"


def platform_name() -> str:
    """`linux x86_64, Python 3.11`: wheels of one such name do not install on another."""
    return f"{sys.platform} {platform.machine().lower()}, Python {python_version()}"


def make(environment: Environment, voice: Voice, folder: Path) -> dict[str, object]:
    """Fill `folder` with wheels for this platform and with the shipped models; what was saved.

    What an interrupted pack left is used again. SetupError when the disk is full or the network away.
    """
    voice.say("packing", folder=folder, download=bytes_text(machine.need().download))
    try:
        wheels(folder).mkdir(parents=True, exist_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)
        _save_wheels(environment, folder)
        _save_models(environment, folder)
        files = write_manifest(folder)
    except OSError as error:
        raise _cannot_write(folder, error) from error
    total = sum(int(facts["bytes"]) for facts in files.values())
    voice.say("packed", folder=folder, count=len(files), size=bytes_text(total))
    return {"folder": str(folder), "files": len(files), "bytes": total, "for": platform_name()}


def write_manifest(folder: Path) -> dict[str, dict[str, str | int]]:
    """Every file of the pack with its hash and size, written last: a folder without it is not a whole pack."""
    files = {path.relative_to(folder).as_posix(): _facts(path) for path in _files(folder)}
    manifest = {"for": platform_name(), "made": datetime.now(UTC).isoformat(timespec="seconds"), "files": files}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    return files


def verify(folder: Path) -> None:
    """SetupError unless `folder` is a whole pack for this machine: every file there, with its hash, and no other."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        listed, made_for = dict(manifest["files"]), str(manifest["for"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SetupError("setup.not_a_pack", folder=folder) from error
    if made_for != platform_name():
        raise SetupError("setup.pack_for_other", folder=folder, made_for=made_for, here=platform_name())
    there = {path.relative_to(folder).as_posix(): path for path in _files(folder)}
    for name in sorted(listed.keys() ^ there.keys()):
        raise SetupError("setup.pack_damaged", folder=folder, file=name)
    for name, path in there.items():
        if _facts(path) != listed[name]:
            raise SetupError("setup.pack_damaged", folder=folder, file=name)


def restore_models(environment: Environment, folder: Path) -> None:
    """Shipped models that the clone lacks, taken from the pack; call it after `verify`."""
    for saved in sorted((folder / "models").glob("*/")):
        target = environment.root / MODELS / saved.name
        if saved.is_dir() and not target.exists():
            shutil.copytree(saved, target)


def _save_wheels(environment: Environment, folder: Path) -> None:
    command = [str(environment.python), "-m", "pip", "wheel", "--disable-pip-version-check", "--no-input"]
    command += ["--wheel-dir", str(wheels(folder)), "--find-links", str(wheels(folder))]
    command += machine.torch_for_pip(machine.torch_source(machine.cards()))
    status, said = output.show([*command, "-r", str(environment.root / DEVELOPER), "uv"])
    if status != 0:
        raise output.failure(said, folder)
    drop_superseded(wheels(folder))


def drop_superseded(folder: Path) -> None:
    """One file per package: of two versions, left by an earlier pack, the one saved first goes."""
    newest: dict[str, Path] = {}
    for path in sorted(folder.glob("*.whl"), key=lambda wheel: wheel.stat().st_mtime_ns):
        older = newest.get(path.name.partition("-")[0].lower())
        if older is not None:
            older.unlink()
        newest[path.name.partition("-")[0].lower()] = path


def _save_models(environment: Environment, folder: Path) -> None:
    models = environment.root / MODELS
    if models.is_dir():
        shutil.copytree(models, folder / "models", dirs_exist_ok=True)


def _files(folder: Path) -> list[Path]:
    """Our files alone: the folder may be a whole USB disk, on which systems leave hidden files of their own."""
    inside = [path for part in ("wheels", "models") for path in sorted((folder / part).rglob("*"))]
    return [path for path in inside if path.is_file() and not path.name.startswith(".")]


def _facts(path: Path) -> dict[str, str | int]:
    with path.open("rb") as file:
        return {"sha256": hashlib.file_digest(file, "sha256").hexdigest(), "bytes": path.stat().st_size}


def _cannot_write(folder: Path, error: OSError) -> SetupError:
    if error.errno == 28:
        return SetupError("setup.disk_full", folder=folder, free=bytes_text(machine.free_disk(folder)))
    return SetupError("setup.folder_refused", folder=folder, said=error.strerror or str(error))
