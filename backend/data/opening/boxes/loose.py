"""Files that lie in a folder, or that somebody brings at once: read where they are, links never followed."""

import os
from collections.abc import Container, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from backend.data.opening.boxes import members
from backend.data.opening.boxes.members import Member, Take


class Loose:
    def __init__(self, files: Sequence[tuple[str, Path]]) -> None:
        """(name, where it is) of each. DataError when there are too many, none, or an archive among others."""
        members.require_few(len(files))
        self.places = {name: path for name, path in files if not members.is_junk(name)}
        self.members = [Member(name, path.stat().st_size) for name, path in self.places.items()]
        members.require_plain(self.members)

    @classmethod
    def of_folder(cls, folder: Path) -> "Loose":
        found = []
        for place, below, names in os.walk(folder):
            below.sort()
            here = Path(place)
            paths = [path for name in sorted(names) if (path := here / name).is_file() and not path.is_symlink()]
            found += [(path.relative_to(folder).as_posix(), path) for path in paths]
            members.require_few(len(found))
        return cls(found)

    def walk(self, names: Container[str]) -> Generator[tuple[Member, Path]]:
        for member in self.members:
            if member.name in names:
                yield member, self.places[member.name]

    @contextmanager
    def pick(self, names: Container[str]) -> Iterator[Take]:
        yield lambda name: self.places[name].read_bytes()
