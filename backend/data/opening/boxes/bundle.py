"""The records of several files at once: pictures with their captions, or files of one kind one after another."""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from backend.data.opening import kinds
from backend.data.opening.boxes import pictures
from backend.data.opening.boxes.members import Box, Member, shown
from backend.data.opening.meter import Meter
from backend.data.opening.opened import Kind, Notice, Opened, Record, Understood
from backend.errors import DataError

Reader = Callable[[Path], Opened]
BESIDE = ("readme", "license", "licence", "changelog", "notice", "copying")
SHOWN = 100


def opened(box: Box, read: Reader) -> Opened:
    """`read` opens a single file. DataError when nothing in the box can be read."""
    if any(kinds.by_name(member.name) == "pictures" for member in box.members):
        return pictures.opened(box, read)
    chosen, others = _chosen(box)
    names = tuple(member.name for member in chosen)
    first = _first(box, names, read)
    notices = [*first.notices]
    if others:
        values: dict[str, str | int | float] = {"count": len(others), "name": shown(others[0].name)}
        notices.append(Notice(key="opening.left_out", values=values))
    understood = Understood(
        kind="archive",
        encoding=first.encoding,
        separator=first.separator,
        columns=first.columns,
        members=names[:SHOWN],
        member_count=len(names),
        member=first,
        notices=tuple(notices),
    )
    meter = Meter()
    alike = partial(_read_alike, read, first)
    return Opened(understood, partial(_records, box, names, alike, meter), meter=meter)


def _chosen(box: Box) -> tuple[list[Member], list[Member]]:
    """(the files of the kind that most bytes are of, the others)."""
    known: list[tuple[Kind, Member]] = []
    others = []
    for member in box.members:
        kind = kinds.by_name(member.name)
        if kind is None or (member.path.name.lower().startswith(BESIDE) and len(box.members) > 1):
            others.append(member)
        else:
            known.append((kind, member))
    if not known:
        known, others = [("text", member) for member in others], []
    sizes: Counter[Kind] = Counter()
    for kind, member in known:
        sizes[kind] += member.size + 1
    most = sizes.most_common(1)[0][0]
    chosen = [member for kind, member in known if kind == most]
    return chosen, [*(member for kind, member in known if kind != most), *others]


def _first(box: Box, names: tuple[str, ...], read: Reader) -> Understood:
    for _, path in box.walk(frozenset(names)):
        return read(path).understood
    raise DataError("opening.empty_archive")


def _read_alike(read: Reader, first: Understood, path: Path) -> Opened:
    """DataError for a table that has none of the columns of the first one."""
    found = read(path)
    columns = found.understood.columns
    if columns and first.columns and not set(columns) & set(first.columns):
        named = {"columns": ", ".join(columns)[:200], "first": ", ".join(first.columns)[:200]}
        raise DataError("opening.other_columns", line=1, **named)
    return found


def _records(box: Box, names: tuple[str, ...], read: Reader, meter: Meter) -> Iterator[Record]:
    wanted = frozenset(names)
    meter.begin(sum(member.size for member in box.members if member.name in wanted))
    for member, path in box.walk(wanted):
        meter.done += member.size
        if not path.stat().st_size:
            continue
        try:
            for record in read(path).records():
                yield Record(f"{member.name}:{record.place}", record.values, _named(record.fault, member))
        except DataError as error:
            raise _named(error, member) or error from error


def _named(fault: DataError | None, member: Member) -> DataError | None:
    """The fault with the file in which its line is."""
    if fault is None or "line" not in fault.values:
        return fault
    return DataError(fault.key, **{**fault.values, "line": f"{fault.values['line']} ({shown(member.name)})"})
