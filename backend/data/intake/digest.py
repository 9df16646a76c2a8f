"""What an import is from, as one number: the same for the same bytes under the same choices."""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from backend.data.intake.request import Import

PART = 1 << 20


@contextmanager
def beside(asked: Import) -> Iterator[Callable[[], str]]:
    """The digest, counted by a thread meanwhile: hashing leaves Python to the others. Left before it was asked for, it
    is given up.
    """
    if asked.digest:
        yield lambda: asked.digest
        return
    given_up = Event()
    with ThreadPoolExecutor(max_workers=1) as pool:
        found = pool.submit(_of, asked, given_up)
        try:
            yield found.result
        finally:
            given_up.set()


def _of(asked: Import, given_up: Event) -> str:
    total = hashlib.sha256()
    for source in asked.sources:
        total.update(source.name.encode())
        for path in [source.path] if source.path.is_file() else sorted(source.path.rglob("*")):
            if path.is_file() and not path.is_symlink():
                total.update(_of_file(path, given_up))
    said = asked.model_dump_json(include={"choices", "mapping", "skip_bad"})
    return hashlib.sha256(total.digest() + said.encode()).hexdigest()


def _of_file(path: Path, given_up: Event) -> bytes:
    found, part = hashlib.sha256(), bytearray(PART)
    with path.open("rb", buffering=0) as file:
        while not given_up.is_set() and (size := file.readinto(part)):
            found.update(memoryview(part)[:size])
    return found.digest()
