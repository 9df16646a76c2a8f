"""Reading data: `python -m benchmarks.data [--quick] [--only import|tokens] [--json]`.

A file of 50,000 chats is imported by us and loaded by `datasets.load_dataset`, and Romanian chats are made tokens by us
and by TRL's own mapping, each time in a new process and by turns, into an empty folder; the medians are compared, of 25
turns where a turn takes parts of a second: a machine's disk and its neighbours move single turns by half. The
same Romanian chats are checked. One file of 1,000,000 chats (about 1 GB) is looked at and imported, and one checked,
once, for processor time and memory. Time is that of the work alone, without loading the libraries.

`--quick` tries a few thousand rows of each once, without TRL, which takes ten seconds to load: that they work and find
what they should. Its figures are not to be compared.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.common.report import Target, finish
from benchmarks.reading import checking, importing, preparing
from benchmarks.reading.program import compared, middle

ROWS, MANY, FEW, TIMES, LONG_TIMES = 50_000, 1_000_000, 10_000, 25, 3
ALONE = ("import", "tokens")
Figures = dict[str, float]
Targets = dict[str, Target]


def by_turns(folder: Path, rows: int, times: int) -> tuple[Figures, Targets]:
    file = importing.make(folder / "few.jsonl", rows)
    turns = [
        (importing.measured(importing.OURS, file, rows), importing.measured(importing.THEIRS, file, rows))
        for _ in range(times)
    ]
    ours, theirs = map(list, zip(*turns, strict=True))
    ratio = middle(theirs) / middle(ours)
    return compared(ours, theirs, f"import of {rows:,} chats"), {"times as fast as load_dataset": Target(ratio, 1.5)}


def prepared(file: Path, rows: int, times: int) -> tuple[Figures, Targets]:
    ours, theirs = map(list, zip(*(preparing.turn(file, rows) for _ in range(times)), strict=True))
    ratio = middle(theirs) / middle(ours)
    return compared(ours, theirs, f"{rows:,} chats to tokens"), {"times as fast as TRL's mapping": Target(ratio, 1.5)}


def checked(file: Path, rows: int, times: int) -> tuple[Figures, Targets]:
    found = [checking.measured(file, rows) for _ in range(times)]
    seconds = middle(found, "processor") * MANY / rows
    return {}, {f"check of a million chats by {rows:,}, s of processor": Target(seconds, 400, "below")}


def large(folder: Path) -> tuple[Figures, Targets]:
    file = importing.make(folder / "many.jsonl", MANY)
    looked = importing.measured(importing.LOOK, file, 50)
    whole = importing.measured(importing.OURS, file, MANY)
    figures = {
        "size of 1,000,000 chats, GB": file.stat().st_size / 1e9,
        "import of them, s": whole["seconds"],
        "import of them, s of processor": whole["processor"],
    }
    file.unlink()
    seen = checking.measured(checking.make(folder / "check-many.jsonl", MANY), MANY)
    return figures, {
        "a look at them, s of processor": Target(looked["processor"], 2.0, "below"),
        "memory of their import, GB": Target(whole["memory"] / 1e9, 1.5, "below"),
        "check of 1,000,000 chats, s of processor": Target(seen["processor"], 400, "below"),
        "memory of their check, GB": Target(seen["memory"] / 1e9, 1.5, "below"),
    }


def _parts(folder: Path, rows: int, only: str | None, *, quick: bool) -> Iterator[tuple[Figures, Targets]]:
    if only != "tokens":
        yield by_turns(folder, rows, 1 if quick else TIMES)
    file = checking.make(folder / "check.jsonl", rows)
    if only is None:
        yield checked(file, rows, 1 if quick else LONG_TIMES)
    if not quick and only != "import":
        yield prepared(file, rows, LONG_TIMES)
    if not quick and only is None:
        yield large(folder)


def main(arguments: list[str]) -> int:
    options = argparse.ArgumentParser(prog="benchmarks.data")
    options.add_argument("--quick", action="store_true")
    options.add_argument("--json", action="store_true")
    options.add_argument("--only", choices=ALONE, help="one comparison alone, as a result of its own")
    chosen = options.parse_args(arguments)
    rows = FEW if chosen.quick else ROWS
    with tempfile.TemporaryDirectory() as name:
        parts = list(_parts(Path(name), rows, chosen.only, quick=chosen.quick))
    figures = {what: value for some, _ in parts for what, value in some.items()}
    targets = {what: target for _, some in parts for what, target in some.items()}
    return finish(f"data-{chosen.only}" if chosen.only else "data", figures, {} if chosen.quick else targets)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
