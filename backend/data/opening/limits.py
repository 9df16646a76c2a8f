"""How much a process that reads somebody's file may take."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

MEMORY = 3 << 30
"""Bytes of its own; what it maps from the disk does not count."""


def limit(memory: int = MEMORY, seconds: int | None = None) -> None:
    """From now on this process ends by a MemoryError above so many bytes, and by a signal after so many seconds of
    processor time; what is limited more already stays so. Windows and macOS have no such limit of memory, so that there
    nothing is limited.
    """
    if not sys.platform.startswith("linux"):
        return
    import resource  # noqa: PLC0415 - a module that Windows does not have

    now, most = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (memory if now < 0 else min(memory, now), most))
    if seconds is not None:
        _, most = resource.getrlimit(resource.RLIMIT_CPU)
        last = seconds + 1 if most < 0 else min(seconds + 1, most)
        resource.setrlimit(resource.RLIMIT_CPU, (min(seconds, last), last))


@contextmanager
def within() -> Iterator[None]:
    """`limit` of memory for as long as a file is read, in a process that has other things to do."""
    if not sys.platform.startswith("linux"):
        yield
        return
    import resource  # noqa: PLC0415 - a module that Windows does not have

    before = resource.getrlimit(resource.RLIMIT_DATA)
    limit()
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)
