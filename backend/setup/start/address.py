"""Where the page listens: is the port free, is the address ours, and what does a person type."""

import errno
import ipaddress
import socket
import sys

from backend.errors import SetupError

TRIED = 20


def choose(host: str, port: int) -> int:
    """`port`, or a free one for 0; SetupError when it cannot be listened on, or when other machines could reach it."""
    require_this_machine_only(host)
    try:
        return _try(host, port)
    except PermissionError as error:
        raise SetupError("setup.port_forbidden", port=port) from error
    except (OSError, UnicodeError) as error:  # a name too long for DNS is a UnicodeError
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise SetupError("setup.port_taken", port=port, free=_next_free(host, port)) from error
        raise SetupError("setup.host_unknown", host=host) from error


def _try(host: str, port: int) -> int:
    family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
        0
    ]
    with socket.socket(family, kind, protocol) as trial:
        if sys.platform != "win32":  # there it would let two programs share a port
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        trial.bind(where)
        return int(trial.getsockname()[1])


def _next_free(host: str, port: int) -> int:
    for candidate in range(port + 1, min(port + TRIED, 65535) + 1):
        try:
            return _try(host, candidate)
        except OSError:
            continue
    return _try(host, 0)


def require_this_machine_only(host: str) -> None:
    """SetupError for another address: without accounts, whoever reached the page would be its one person."""
    if not is_this_machine_only(host):
        raise SetupError("setup.host_not_alone", host=host)


def is_this_machine_only(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def accepts(host: str, port: int) -> bool:
    """Whether somebody listens there now."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def link(host: str, port: int, root_path: str, token: str = "") -> str:
    """`http://127.0.0.1:7860/?token=…`."""
    bracketed = f"[{host}]" if ":" in host else host
    path = root_path.strip("/")
    query = f"?token={token}" if token else ""
    return f"http://{bracketed}:{port}/{path}{'/' if path else ''}{query}"
