"""Which parquet files of a repository hold a split, and whether they hold all of it; from their names alone.

A data set's own files are called <split>-00000-of-00008.parquet, in data/ or in a folder of its configuration. The Hub
converts others into <config>/<split>/0000.parquet on the branch refs/convert/parquet, and calls a split partial-<split>
where it stopped after 5 GB. A data set that needs a program of its own is never run: its conversion, or nothing.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from backend.errors import DataError
from backend.hub.corpora.offer import Wanted

BRANCH = "refs/convert/parquet"
PART = r"\w[\w.+-]*"
OWN = re.compile(
    rf"^(?:(?P<config>{PART}(?:/{PART})*)/)?(?P<split>{PART}?)-(?P<number>\d{{5}})-of-(?P<total>\d{{5}})(-[0-9a-f]+)?\.parquet$"
)
CONVERTED = re.compile(rf"^(?P<config>{PART})/(?P<split>{PART})/(?P<number>\d{{4}})\.parquet$")
PARTIAL = "partial-"
DEFAULT, TRAIN, DATA = "default", "train", "data"


@dataclass
class Splits:
    """Paths in their order by (configuration, split); `short`: of these some are missing."""

    paths: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    short: set[tuple[str, str]] = field(default_factory=set)

    @property
    def configs(self) -> tuple[str, ...]:
        return tuple(sorted({config for config, _ in self.paths}))

    def splits(self, config: str) -> tuple[str, ...]:
        return tuple(sorted(split for known, split in self.paths if known == config))


def own(names: Iterable[str]) -> Splits:
    """Of the parquet files that somebody has put there."""
    found, totals = Splits(), dict[tuple[str, str], int]()
    for name in sorted(names):
        if match := OWN.match(name):
            config = match["config"] or DATA
            key = (DEFAULT if config == DATA else config.removeprefix(f"{DATA}/"), match["split"])
            found.paths.setdefault(key, []).append(name)
            totals[key] = int(match["total"])
    found.short = {key for key, total in totals.items() if len(found.paths[key]) != total}
    return found


def converted(names: Iterable[str]) -> Splits:
    """Of the Hub's conversion."""
    found = Splits()
    for name in sorted(names):
        if match := CONVERTED.match(name):
            key = (match["config"], match["split"].removeprefix(PARTIAL))
            found.paths.setdefault(key, []).append(name)
            if match["split"].startswith(PARTIAL):
                found.short.add(key)
    return found


def chosen(found: Splits, wanted: Wanted) -> tuple[str, str]:
    """The configuration and split that are meant; DataError says what there is to choose from."""
    config = _one(found.configs, wanted.config, DEFAULT, "hub.corpus_configs", wanted.hub_id)
    split = _one(found.splits(config), wanted.split, TRAIN, "hub.corpus_splits", wanted.hub_id)
    return config, split


def refuse_without(hub_id: str, names: Iterable[str]) -> DataError:
    """Why there is nothing to fetch."""
    program = f"{hub_id.rpartition('/')[2]}.py"
    key = "hub.corpus_program" if program in set(names) else "hub.corpus_no_parquet"
    return DataError(key, name=hub_id)


def _one(known: tuple[str, ...], asked: str, usual: str, key: str, hub_id: str) -> str:
    named = asked or (known[0] if len(known) == 1 else usual)
    if named not in known:
        raise DataError(key, name=hub_id, known=", ".join(known)[:400])
    return named
