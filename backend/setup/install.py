"""Make .venv and install a requirements file into it: say what it costs, show progress, resume, stamp it."""

import os
import shutil
import sys
import time
from pathlib import Path

from backend.errors import SetupError
from backend.setup import machine, output, pack
from backend.setup.environment import USER, Environment, python_version
from backend.setup.lock import Lock
from backend.setup.voice import Voice, bytes_text

UV_NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "cert": "SSL_CERT_FILE",
}
SPARE_DISK = 300_000_000
WAIT_SECONDS = 1.0


def ensure(environment: Environment, voice: Voice, requirements: str = USER, source: Path | None = None) -> None:
    """Everything in `requirements` is installed in .venv afterwards; at once, and silently, when it is already.

    `source`: a folder made by `launch.py pack`, instead of the internet.
    SetupError with one sentence when this machine, its disk or its network does not allow it.
    """
    if environment.is_ready(requirements):
        return
    with _alone(environment, voice):
        if environment.is_ready(requirements):
            return  # the set-up we waited for did it
        if source is not None:
            voice.say("checking_pack", folder=source)
            pack.verify(source)
        _install(environment, voice, requirements, source)
        if source is not None:
            pack.restore_models(environment, source)


def _alone(environment: Environment, voice: Voice) -> Lock:
    """One set-up per clone at a time."""
    lock = Lock(environment.root / ".venv.lock")
    try:
        if not lock.take():
            voice.say("waiting_for_setup")
            while not lock.take():
                time.sleep(WAIT_SECONDS)
    except OSError as error:
        raise SetupError("setup.clone_read_only", folder=environment.root, said=error.strerror) from error
    return lock


def _install(environment: Environment, voice: Voice, requirements: str, source: Path | None) -> None:
    torch = machine.torch_source(machine.cards())
    _announce(environment, voice, torch, source)
    environment.mark_unfinished()
    _make(environment, voice)
    for name in environment.forget_torn_packages():
        voice.say("torn_package", name=name)
    variables = _variables(environment, source)
    has_uv = _get_uv(environment, source, variables)
    installer = _uv(environment, torch, source) if has_uv else _pip(environment, torch, source)
    status, said = output.show([*installer, "-r", str(environment.root / requirements)], environment=variables)
    if status != 0:
        raise output.failure(said, environment.folder)
    if requirements != USER:
        environment.mark_ready(USER)
    environment.mark_ready(requirements)
    voice.say("installed")


def _announce(environment: Environment, voice: Voice, torch: str, source: Path | None) -> None:
    """What it will cost, before it costs anything; SetupError when the disk is too small for it."""
    size = machine.need(torch)
    free = machine.free_disk(environment.folder)
    started = environment.packages.is_dir()
    wanted = SPARE_DISK if started else size.disk
    if source is not None:
        voice.say("will_install_pack", disk=bytes_text(size.disk), folder=environment.folder, free=bytes_text(free))
    else:
        key = "will_go_on" if started else "will_download"
        voice.say(
            key,
            download=bytes_text(size.download),
            disk=bytes_text(size.disk),
            folder=environment.folder,
            free=bytes_text(free),
        )
    if torch == machine.PYTORCH_INDEX:
        voice.say("torch_from_pytorch")
    if free < wanted:
        raise SetupError(
            "setup.disk_too_small", need=bytes_text(wanted), folder=environment.root, free=bytes_text(free)
        )


def _make(environment: Environment, voice: Voice) -> None:
    """A .venv of this Python with a working pip, kept when it is already there."""
    made_by = environment.made_by()
    if made_by is not None and made_by != python_version():
        voice.say("other_python", old=made_by, new=python_version())
    elif made_by is not None and _has_pip(environment):
        return
    _require_venv()
    status, said = output.show([sys.executable, "-m", "venv", "--clear", str(environment.folder)])
    if status != 0 or not _has_pip(environment):
        raise output.failure(said, environment.root)


def _has_pip(environment: Environment) -> bool:
    """Asked of pip itself: files alone prove nothing after an interruption."""
    return environment.has_package("pip") and environment.python.is_file() and _quiet(environment, "pip", "--version")


def _quiet(environment: Environment, module: str, *arguments: str) -> bool:
    status, _ = output.listen([str(environment.python), "-m", module, *arguments])
    return status == 0


def _require_venv() -> None:
    """SetupError when this Python comes without the modules that make a .venv."""
    if not machine.missing_modules():
        return
    if shutil.which("apt-get"):
        raise SetupError("setup.no_venv_debian", version=python_version())
    raise SetupError("setup.no_venv")


def _get_uv(environment: Environment, source: Path | None, variables: dict[str, str]) -> bool:
    """Whether uv, which installs several times faster than pip, could be had through pip."""
    if environment.has_package("uv") and _quiet(environment, "uv", "--version"):
        return True
    command = [*_pip(environment, machine.ORDINARY, source), "--quiet", "uv"]
    status, said = output.listen(command, environment=variables)
    if status == 0 and _quiet(environment, "uv", "--version"):
        return True
    error = output.failure(said, environment.folder)
    if error.key != "setup.install_failed" and source is None:
        raise error
    return False


def _uv(environment: Environment, torch: str, source: Path | None) -> list[str]:
    command = [str(environment.python), "-m", "uv", "pip", "install", "--python", str(environment.python)]
    if source is not None:
        return [*command, "--offline", "--no-index", "--find-links", str(pack.wheels(source))]
    return [*command, "--torch-backend", "auto"] if torch == machine.PYTORCH_INDEX else command


def _pip(environment: Environment, torch: str, source: Path | None) -> list[str]:
    command = [str(environment.python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    if source is not None:
        return [*command, "--no-index", "--find-links", str(pack.wheels(source))]
    command += ["--retries", "2"]
    return [*command, *machine.torch_for_pip(torch)]


def _variables(environment: Environment, source: Path | None) -> dict[str, str]:
    """Our environment, in which uv finds the packages where pip was told to look (pip.conf or PIP_… variables).

    For a pack, one in which both look nowhere but in the pack.
    """
    copied = dict(os.environ)
    if source is not None:
        kept = {name: value for name, value in copied.items() if not name.startswith(("PIP_", "UV_"))}
        cache = {"UV_CACHE_DIR": copied["UV_CACHE_DIR"]} if "UV_CACHE_DIR" in copied else {}
        return kept | cache | {"PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1", "UV_PYTHON_DOWNLOADS": "never"}
    status, said = output.listen([str(environment.python), "-m", "pip", "config", "list"])
    for line in said.splitlines() if status == 0 else ():
        name, _, value = line.partition("=")
        uvs = UV_NAMES.get(name.rpartition(".")[2])
        if uvs is not None and uvs not in copied:
            copied[uvs] = value.strip("'\"")
    return copied | {"UV_PYTHON_DOWNLOADS": "never"}
