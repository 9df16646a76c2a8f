"""Pictures with what is said about them: in a text beside each, in a table of captions, by the name of the folder."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

from backend.data.opening import kinds
from backend.data.opening.boxes.members import Box, Member, shown
from backend.data.opening.characters import detection
from backend.data.opening.opened import Notice, Opened, Picture, Record, Understood, Values
from backend.data.opening.written import texts
from backend.errors import DataError

Reader = Callable[[Path], Opened]
NAMES = ("file_name", "image", "image_path", "image_file", "filename", "file", "path", "img", "picture", "photo")
LONGEST_CAPTION = 100_000
SOME, SHOWN = 3, 100


def opened(box: Box, read: Reader) -> Opened:
    """A record for each picture, or for each row of the table that names them: {"image", "file_name", "folder",
    "caption"} and what else the table says. DataError for a table that cannot be read.
    """
    found = _sorted(box)
    rows = list(_rows(box, found, read))
    captions = _beside(box, found)
    notices = _notices(found["pictures"], rows, captions)
    columns = dict.fromkeys(["image", "file_name", "folder", *(["caption"] if captions else [])])
    for row in rows:
        columns |= dict.fromkeys(name for name in row.values if name not in columns)
    names = tuple(member.name for member in found["pictures"])
    understood = Understood(
        kind="pictures", columns=tuple(columns), members=names[:SHOWN], member_count=len(names), notices=notices
    )
    return Opened(understood, partial(_records, box, names, rows, captions))


def _sorted(box: Box) -> dict[str, list[Member]]:
    """The pictures, the texts beside them, and the tables."""
    found: dict[str, list[Member]] = defaultdict(list)
    for member in box.members:
        kind = kinds.by_name(member.name)
        if kind == "pictures":
            found["pictures"].append(member)
        elif kind == "text":
            found["texts"].append(member)
        elif kind in ("csv", "json", "jsonl", "parquet", "workbook"):
            found["tables"].append(member)
    return found


def _beside(box: Box, found: dict[str, list[Member]]) -> dict[str, str]:
    """Captions out of texts that are called as a picture is, by the name of the picture without its ending."""
    stems = {_stem(member) for member in found["pictures"]}
    wanted = {member.name: _stem(member) for member in found["texts"] if _stem(member) in stems}
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


def _rows(box: Box, found: dict[str, list[Member]], read: Reader) -> Iterator[Record]:
    """The rows of all tables that name a picture; `file_name` is then the full name in the box."""
    places = _places(found["pictures"])
    wanted = {member.name for member in found["tables"]}
    for member, path in box.walk(wanted) if wanted else ():
        for record in read(path).records():
            name = next((name for name in NAMES if isinstance(record.values.get(name), str)), None)
            if name is not None or record.fault is not None:
                yield _placed(record, member, name or "", places)


def _placed(record: Record, table: Member, name: str, places: dict[str, list[str]]) -> Record:
    place = f"{table.name}:{record.place}"
    if record.fault is not None:
        return Record(place, {}, record.fault)
    wanted = str(PurePosixPath(record.values[name].replace("\\", "/")))
    beside = str(table.path.parent / wanted)
    hits = places.get(beside) or places.get(wanted) or places.get(PurePosixPath(wanted).name) or []
    if len(hits) == 1:
        return Record(place, {**record.values, "file_name": hits[0]})
    if hits:
        folders = ", ".join(str(PurePosixPath(hit).parent) for hit in hits[:SOME])
        fault = DataError("opening.pictures_twice", name=shown(PurePosixPath(wanted).name), folders=folders)
    else:
        fault = DataError("opening.picture_missing", line=record.place, file=table.name, name=shown(wanted))
    return Record(place, {}, fault)


def _places(pictures: Sequence[Member]) -> dict[str, list[str]]:
    """The full names of the pictures by their full and by their last name."""
    found: dict[str, list[str]] = defaultdict(list)
    for member in pictures:
        found[str(member.path)].append(member.name)
        if member.path.name != str(member.path):
            found[member.path.name].append(member.name)
    return found


def _notices(pictures: Sequence[Member], rows: Sequence[Record], captions: dict[str, str]) -> tuple[Notice, ...]:
    notices = []
    named = {row.values.get("file_name") for row in rows}
    without = [member for member in pictures if member.name not in named and _stem(member) not in captions]
    if without and (rows or captions):
        names = ", ".join(shown(member.name) for member in without[:SOME])
        notices.append(Notice(key="opening.no_captions", values={"count": len(without), "names": names}))
    twice = [name for name, count in Counter(member.path.name for member in pictures).items() if count > 1]
    if twice:
        folders = [str(member.path.parent) for member in pictures if member.path.name == twice[0]]
        values: dict[str, str | int | float] = {"name": shown(twice[0]), "folders": ", ".join(folders[:SOME])}
        notices.append(Notice(key="opening.pictures_twice", values=values))
    return tuple(notices)


def _records(box: Box, names: Sequence[str], rows: Sequence[Record], captions: dict[str, str]) -> Iterator[Record]:
    said: dict[str, list[Record]] = defaultdict(list)
    for row in rows:
        if row.fault is not None:
            yield row
        else:
            said[row.values["file_name"]].append(row)
    for member, path in box.walk(frozenset(names)):
        caption = captions.get(_stem(member))
        own: Values = {
            "image": Picture(member.name, path),
            "file_name": member.name,
            "folder": member.path.parent.name,
            **({"caption": caption} if caption else {}),
        }
        for row in said.get(member.name) or [Record(member.name, {})]:
            yield Record(row.place, {**own, **{name: value for name, value in row.values.items() if name not in NAMES}})
