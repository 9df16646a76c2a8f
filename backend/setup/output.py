"""Run an installer in front of a person, remember the end of what it said, and name what went wrong."""

import codecs
import io
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from backend.errors import SetupError
from backend.setup import machine
from backend.setup.voice import bytes_text

REMEMBERED = 20_000
ALMOST_FULL = 50_000_000
FULL_DISK = (
    "no space left on device",
    "errno 28",
    "os error 28",
    "not enough space on the disk",
    "os error 112",
    "disk quota exceeded",
)
NO_NETWORK = (
    "failed to establish a new connection",
    "newconnectionerror",
    "temporary failure in name resolution",
    "name or service not known",
    "getaddrinfo failed",
    "network is unreachable",
    "connecttimeouterror",
    "connect timeout",
    "readtimeouterror",
    "read timed out",
    "connection refused",
    "connection reset",
    "error sending request",
    "dns error",
    "client error (connect)",
    "tcp connect error",
    "operation timed out",
    "failed to fetch",
    "failed to download",
    "network connectivity is disabled",
)


def show(command: Sequence[str], *, environment: dict[str, str] | None = None) -> tuple[int, str]:
    """Run `command`, its output on our standard error as it comes; its exit status and the end of what it said.

    On a terminal the installer gets a terminal too, so that it draws its progress bars. Windows has no such thing:
    there it writes to ours directly, and nothing is remembered.
    """
    if not sys.stderr.isatty():
        return _through_pipe(command, environment)
    if sys.platform != "win32":
        return _through_terminal(command, environment)
    return subprocess.run(command, env=environment, check=False).returncode, ""


def _through_pipe(command: Sequence[str], environment: dict[str, str] | None) -> tuple[int, str]:
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment
    ) as child:
        assert isinstance(child.stdout, io.BufferedReader)
        said = _copy(child.stdout.read1)
    return child.returncode, said


if sys.platform != "win32":
    import fcntl
    import pty
    import termios

    def _through_terminal(command: Sequence[str], environment: dict[str, str] | None) -> tuple[int, str]:
        ours, theirs = pty.openpty()
        columns, rows = shutil.get_terminal_size()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, env=environment
        ) as child:
            os.close(theirs)
            said = _copy(lambda size: _read_terminal(ours, size))
        os.close(ours)
        return child.returncode, said

    def _read_terminal(handle: int, size: int) -> bytes:
        try:
            return os.read(handle, size)
        except OSError:  # Linux says EIO where a pipe would say "end of file"
            return b""


def _copy(read: Callable[[int], bytes]) -> str:
    said = ""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    while chunk := read(65536):
        text = decoder.decode(chunk)
        sys.stderr.write(text)
        sys.stderr.flush()
        said = (said + text)[-REMEMBERED:]
    return said


def listen(command: Sequence[str], *, environment: dict[str, str] | None = None) -> tuple[int, str]:
    """Run `command` without showing it; its exit status and everything it said."""
    child = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        check=False,
    )
    return child.returncode, child.stdout.decode("utf-8", "replace")


def failure(said: str, folder: Path) -> SetupError:
    """The sentence for an installer that failed: full disk, no network, or its own last words."""
    lower = said.lower()
    if any(sign in lower for sign in FULL_DISK) or machine.free_disk(folder) < ALMOST_FULL:
        return SetupError("setup.disk_full", folder=folder, free=bytes_text(machine.free_disk(folder)))
    if any(sign in lower for sign in NO_NETWORK):
        return SetupError("setup.no_network")
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return SetupError("setup.install_failed", said=next(_told(lines), "no message"))


def _told(lines: Sequence[str]) -> "filter[str]":
    """The lines that name the error, most telling first."""
    errors = [line for line in lines if line.lower().startswith(("error", "× ", "fatal"))]
    return filter(None, [*errors, *reversed(lines)])
