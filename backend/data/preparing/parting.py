"""Every row gets its part: train, dev or test."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

from backend.data.doctor import tongues
from backend.data.preparing.plan import Split
from backend.data.rows import Row, question, texts
from backend.data.split import PART
from backend.errors import DataError

Key = tuple[str, int]


def parts(rows: Callable[[], Iterable[Row]], wanted: Split) -> Iterator[Row]:
    """The same rows, each with its part. They are read twice: a part is chosen for all rows of a group at once.

    DataError when no row has the column that groups them.
    """
    stratum = _stratum(wanted)
    groups: dict[int, str] = {}
    for row in rows():
        groups.setdefault(_group(row, wanted), stratum(row))
    if wanted.group and len(groups) <= 1:
        raise DataError("preparing.no_groups", column=wanted.group[:60])
    chosen = _chosen(sorted((name, group) for group, name in groups.items()), wanted)
    for row in rows():
        yield {**row, PART: chosen.get(_group(row, wanted), "train")}


def _chosen(groups: list[Key], wanted: Split) -> dict[int, str]:
    """Groups that are not for training. Their number is carried over from stratum to stratum, so that it is right for
    all of them together, however small each is.
    """
    found: dict[int, str] = {}
    owed = {"dev": 0.0, "test": 0.0}
    for _, same in groupby(groups, key=lambda one: one[0]):
        members = [group for _, group in same]
        at = 0
        for part, share in (("dev", wanted.dev), ("test", wanted.test)):
            owed[part] += share * len(members)
            count = min(round(owed[part]), len(members) - at)
            owed[part] -= count
            found |= dict.fromkeys(members[at : at + count], part)
            at += count
    return found


def _group(row: Row, wanted: Split) -> int:
    """Eight bytes that decide the order by chance; the same for all rows that belong together."""
    key = str(row.get(wanted.group, "")) if wanted.group else question(row)
    return int.from_bytes(hashlib.sha256(f"{wanted.seed}\n{key}".encode()).digest()[:8])


def _stratum(wanted: Split) -> Callable[[Row], str]:
    if wanted.by == "language":
        return lambda row: tongues.of("\n".join(texts(row)))
    if wanted.by == "nothing":
        return lambda _: ""
    return lambda row: str(row.get("label", ""))
