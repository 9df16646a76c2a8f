"""A large file goes to the disk while it is still being written, so that little is left to wait for at its end."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import BinaryIO

FIRST_SECONDS, LONGEST_SECONDS = 0.1, 1.0
"""Between two times: soon for a file that is written in a moment, seldom for one that takes minutes."""


@contextmanager
def beside(file: BinaryIO) -> Iterator[None]:
    """OSError when the disk did not take what was written: it says so only once, here or at the end."""
    ended = Event()

    def flush() -> None:
        pause = FIRST_SECONDS
        while not ended.wait(pause):
            os.fsync(file.fileno())
            pause = min(2 * pause, LONGEST_SECONDS)

    with ThreadPoolExecutor(max_workers=1) as pool:
        flushed = pool.submit(flush)
        try:
            yield
        finally:
            ended.set()
        flushed.result()
