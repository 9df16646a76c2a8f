"""The job that imports: everything is written beside, and becomes a data set in one rename at the end."""

import gc
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from backend import names
from backend.data import datasets, reading
from backend.data.datasets import RECORD, Dataset
from backend.data.files import halves
from backend.data.files.blocks import Block
from backend.data.intake import conversion
from backend.data.intake.findings import Count, Finding, of_notice
from backend.data.intake.request import Import
from backend.data.intake.submit import digest
from backend.data.opening import limits
from backend.data.opening.files import open_files
from backend.data.opening.opened import Notice, Opened, Record
from backend.data.pictures.keeping import Keeper
from backend.data.reading import Findings
from backend.errors import DataError
from backend.jobs.context import JobContext
from backend.jobs.events import Phase
from backend.jobs.model import ExitCode
from backend.people import Person

STAGING = ".importing"
SAY_SECONDS = 0.5
LOOK_EVERY = 200
SELDOM = 100_000
"""Objects that come to be between two collections of garbage."""


class StoppedError(Exception):
    """The person has asked for it."""


@dataclass
class Watch:
    """Counts the records as they pass, and in `tally` what is wrong with them; says how many twice a second, and stops
    when it is asked to.
    """

    job: JobContext
    tally: Count = field(default_factory=Count)
    unsure: tuple[Notice, ...] = ()
    count: int = 0
    _said: float = 0.0

    def over(self, opened: Opened) -> Iterator[Record]:
        """Its records."""
        meter, every = opened.meter, 1 if opened.understood.kind == "pictures" else LOOK_EVERY
        for record in opened.records():
            self.count += 1
            if self.count % every == 0:
                self.look(rows=self.count, **({"done": meter.done, "total": meter.total} if meter.total else {}))
            yield record

    def over_blocks(self, blocks: Iterator[Block], size: int, border: int) -> Iterator[Block]:
        """The same for a file of so many bytes in blocks; up to the border somebody else reads as much behind it."""
        for block in blocks:
            done = block.end * size // border if block.end <= border else block.end
            self.look(rows=block.first - 1, done=done, total=size)
            yield block

    def look(self, **shown: int) -> None:
        """Now and then."""
        if time.monotonic() - self._said >= SAY_SECONDS:
            self._said = time.monotonic()
            if self.job.stop_requested() is not None:
                raise StoppedError
            self.job.show(**shown)


def run(job: JobContext) -> int:
    """DataError says what is wrong with the file; nothing is then left of it but the job."""
    limits.limit()
    asked = Import(**job.request["import"])
    staging = job.folder.path / STAGING
    # What an earlier attempt left when it was killed.
    shutil.rmtree(staging, ignore_errors=True)
    found: tuple[Finding, ...] = ()
    try:
        made = _already(job)
        if made is None:
            made, found = _imported(job, asked)
    except StoppedError:
        return ExitCode.STOPPED
    except MemoryError as error:
        raise DataError("opening.too_big_to_read") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    said = [one.model_dump(mode="json") for one in found]
    result = {"data": made.id, "rows": made.rows, "skipped": made.skipped, "findings": said}
    job.folder.write(job.folder.result, result)
    return ExitCode.DONE


def _owner(job: JobContext) -> Person:
    return Person(job.folder.read(job.folder.request)["job"]["owner"])


def _already(job: JobContext) -> Dataset | None:
    """What an earlier attempt has finished before it was killed."""
    name = job.folder.path.name
    if not (job.workspace.datasets / name / RECORD).is_file():
        return None
    return next((known for known in datasets.every_version(_owner(job), job.workspace) if known.id == name), None)


def _imported(job: JobContext, asked: Import) -> tuple[Dataset, tuple[Finding, ...]]:
    """(the data set, what was left out of the files, understood otherwise than they say, or altered)."""
    staging = job.folder.path / STAGING
    staging.mkdir()
    job.say(Phase(name="checking"))
    taken = [known.name for known in datasets.available(_owner(job), job.workspace)]
    values = {
        **{name: said for name, said in asked.origin.items() if name in ("hub_id", "revision", "licence")},
        "name": names.free(asked.name, taken, "data"),
        "owner": _owner(job).id,
        "source_sha256": asked.digest or digest(asked),
    }
    opened = open_files([(source.name, source.path) for source in asked.sources], asked.choices, staging)
    keeper = Keeper(staging / "whole")
    watch = Watch(job)
    write = partial(_write, watch, asked, opened, keeper, staging)
    made = datasets.keep(job.workspace, staging / "whole", write, values, job.folder.path.name)
    notices = (*opened.understood.notices, *watch.unsure, *keeper.notices())
    return made, (*watch.tally.findings(), *(of_notice(notice) for notice in notices))


def _write(watch: Watch, asked: Import, opened: Opened, keeper: Keeper, scratch: Path, target: BinaryIO) -> Findings:
    convert = conversion.chosen(opened, asked.mapping, keeper.keep)
    # What a person has chosen is sure.
    watch.unsure = conversion.notices(convert) if asked.mapping is None else ()
    how: dict[str, Any] = {"skip_bad": asked.skip_bad, "tell": watch.tally.fault}
    with _seldom_collecting():
        if opened.path is not None and opened.blocks is not None and convert is reading.normalised:
            with halves.rest_of(opened.path, scratch) as rest:
                border = rest.start if rest else 0
                blocks = watch.over_blocks(opened.blocks(border), opened.understood.bytes, border)
                found = reading.write_blocks(blocks, target, **how, rest=partial(_rest, rest, watch))
        else:
            found = reading.write(watch.over(opened), target, convert, **how)
    watch.tally.total = found.total
    return found


def _rest(rest: halves.Rest | None, watch: Watch, block: Block) -> tuple[int, Iterable[bytes]]:
    if rest is None or block.end != rest.start:
        return 0, ()
    return rest.rows(watch.look), rest.parts()


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    """Rows come and go by the million and hold no circles: looking for such takes as long as reading them."""
    before = gc.get_threshold()
    gc.set_threshold(SELDOM, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
