"""Pictures with what is said about them: in a text beside each, in a table of captions, by the name of the folder."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from backend.data.opening import kinds
from backend.data.opening.boxes import references
from backend.data.opening.boxes.album import SOME, Album
from backend.data.opening.boxes.joining import Placed, joined
from backend.data.opening.boxes.members import Box, Member, shown
from backend.data.opening.characters import detection
from backend.data.opening.meter import Meter
from backend.data.opening.opened import Notice, Opened, Picture, Record, Understood, Values
from backend.data.opening.written import texts
from backend.errors import DataError

Reader = Callable[[Path], Opened]
LONGEST_CAPTION = 100_000
SHOWN = 100


def opened(box: Box, read: Reader) -> Opened:
    """A record for each row of the tables that name pictures, else one for each picture: {"image", "file_name",
    "folder", "caption"} and what else the table says. DataError for a table that cannot be read.
    """
    found = _sorted(box)
    stems = {_stem(member) for member in found["pictures"]}
    captions = _beside(box, [member for member in found["texts"] if _stem(member) in stems])
    rows, unused = _rows(box, found["tables"], read)
    folder = Gathered(box, Album(found["pictures"]), rows, captions)
    columns, named = folder.looked_through()
    folder.named.update(named)
    others = [*found["others"], *unused, *(member for member in found["texts"] if _stem(member) not in stems)]
    names = tuple(member.name for member in found["pictures"])
    understood = Understood(
        kind="pictures",
        columns=columns,
        members=names[:SHOWN],
        member_count=len(names),
        notices=(*_notices(folder, found["pictures"]), *_left_out(others)),
    )
    return Opened(understood, folder.records, meter=folder.meter)


@dataclass(frozen=True)
class Gathered:
    """`captions`: by the name of a picture without its ending; `named`: the pictures that rows name."""

    box: Box
    album: Album
    rows: list[Placed]
    captions: dict[str, str]
    named: set[str] = field(default_factory=set)
    meter: Meter = field(default_factory=Meter)

    def looked_through(self) -> tuple[tuple[str, ...], set[str]]:
        """(columns of all records, the pictures that rows name)."""
        named = set[str]()

        def find(name: str) -> Picture:
            named.add(name)
            return Picture(name)

        columns: dict[str, None] = {}
        for table, record in self.rows:
            columns |= dict.fromkeys(self._placed(table, record, find).values)
        if not columns:
            columns = dict.fromkeys([*references.OWN, *(["caption"] if self.captions else [])])
        return tuple(columns), named

    def records(self) -> Iterator[Record]:
        rest = {member.name for member in self.album.pictures if self._stands_alone(member)}
        self.meter.begin(len(self.rows) + len(rest))
        if self.rows:
            with self.box.pick(self.named) as take:
                for table, record in self.rows:
                    self.meter.done += 1
                    yield self._placed(table, record, lambda name: Picture(name, load=partial(take, name)))
        for member, path in self.box.walk(rest) if rest else ():
            self.meter.done += 1
            yield Record(member.name, self._told(references.own(Picture(member.name, path))))

    def _stands_alone(self, member: Member) -> bool:
        """Whether it is a record though no row names it."""
        return member.name not in self.named and (not self.rows or _stem(member) in self.captions)

    def _placed(self, table: Member, record: Record, make: Callable[[str], Picture]) -> Record:
        place = f"{table.name}:{record.place}"
        if record.fault is not None:
            return Record(place, {}, record.fault)
        try:
            values = references.pictured(
                record.values, lambda wanted: make(self.album.named(wanted, table, record.place))
            )
        except DataError as error:
            return Record(place, {}, error)
        return Record(place, self._told(values))

    def _told(self, values: Values) -> Values:
        """With what stands in a text beside its picture, unless the row itself says something."""
        stem = _stem(Member(values["file_name"], 0)) if "file_name" in values else ""
        caption = self.captions.get(stem)
        return {**values, "caption": caption} if caption and "caption" not in values else values


def _sorted(box: Box) -> dict[str, list[Member]]:
    """The pictures, the texts beside them, the tables, and what is none of these."""
    found: dict[str, list[Member]] = defaultdict(list)
    for member in box.members:
        kind = kinds.by_name(member.name)
        if kind == "pictures":
            found["pictures"].append(member)
        elif kind == "text":
            found["texts"].append(member)
        elif kind in ("csv", "json", "jsonl", "parquet", "workbook"):
            found["tables"].append(member)
        else:
            found["others"].append(member)
    return found


def _beside(box: Box, found: Sequence[Member]) -> dict[str, str]:
    """Captions out of texts that are called as a picture is, by the name of the picture without its ending."""
    wanted = {member.name: _stem(member) for member in found}
    captions = {}
    for member, path in box.walk(wanted) if wanted else ():
        text = "\n".join(str(record.values.get("text", "")) for record in _texts(path)).strip()
        if text:
            captions[wanted[member.name]] = text[:LONGEST_CAPTION]
    return captions


def _texts(path: Path) -> Iterator[Record]:
    return texts.opened(path, detection.of_file(path)).records() if path.stat().st_size else iter(())


def _stem(member: Member) -> str:
    return str(member.path.with_suffix(""))


def _rows(box: Box, tables: Sequence[Member], read: Reader) -> tuple[list[Placed], list[Member]]:
    """(the rows of all tables that name a picture, the tables that name none)."""
    found: list[Placed] = []
    unused = []
    wanted = {member.name for member in tables}
    for member, path in box.walk(wanted) if wanted else ():
        records = list(read(path).records())
        if any(record.fault is not None or references.names_any(record.values) for record in records):
            found += [(member, record) for record in records]
        else:
            unused.append(member)
    return joined(found), unused


def _notices(folder: Gathered, pictures: Sequence[Member]) -> list[Notice]:
    notices = []
    without = [
        member for member in pictures if member.name not in folder.named and _stem(member) not in folder.captions
    ]
    if without and (folder.rows or folder.captions):
        more = ", …" if len(without) > SOME else ""
        names = ", ".join(shown(member.path.name) for member in without[:SOME]) + more
        key = "opening.no_row" if folder.rows else "opening.no_captions"
        notices.append(Notice(key=key, values={"count": len(without), "names": names}))
    twice = [name for name, count in Counter(member.path.name for member in pictures).items() if count > 1]
    if twice:
        folders = [str(member.path.parent) for member in pictures if member.path.name == twice[0]]
        values: dict[str, str | int | float] = {"name": shown(twice[0]), "folders": ", ".join(folders[:SOME])}
        notices.append(Notice(key="opening.pictures_twice", values=values))
    return notices


def _left_out(others: Sequence[Member]) -> list[Notice]:
    if not others:
        return []
    return [Notice(key="opening.left_out", values={"count": len(others), "name": shown(others[0].name)})]
