"""The job that imports: everything is written beside, and becomes a data set in one rename at the end."""

import gc
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from backend import names
from backend.data import datasets, reading
from backend.data.actions import progress
from backend.data.datasets import RECORD, Dataset
from backend.data.files import flushing
from backend.data.files.blocks import Block, Chats
from backend.data.intake import conversion, digest
from backend.data.intake.findings import Count, Finding, of_notice
from backend.data.intake.request import Import
from backend.data.opening import limits
from backend.data.opening.files import open_files
from backend.data.opening.opened import Notice, Opened, Record
from backend.data.pictures.keeping import Keeper
from backend.data.reading import Findings
from backend.errors import DataError
from backend.jobs.context import JobContext
from backend.jobs.events import Phase
from backend.jobs.model import ExitCode

STAGING = ".importing"
SELDOM = 100_000
"""Objects that come to be between two collections of garbage."""


@dataclass
class Watch(progress.Watch):
    """Counts the records as they pass, and in `tally` what is wrong with them."""

    tally: Count = field(default_factory=Count)
    unsure: tuple[Notice, ...] = ()
    count: int = 0

    def over(self, opened: Opened) -> Iterator[Record]:
        """Its records."""
        meter, every = opened.meter, 1 if opened.understood.kind == "pictures" else progress.LOOK_EVERY
        for record in opened.records():
            self.count += 1
            if self.count % every == 0:
                self.look(rows=self.count, **({"done": meter.done, "total": meter.total} if meter.total else {}))
            yield record

    def over_blocks(self, blocks: Iterator[Block | Chats], size: int) -> Iterator[Block | Chats]:
        """The same for a file of so many bytes in blocks."""
        for block in blocks:
            self.look(rows=block.first - 1, done=block.end, total=size)
            yield block


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
    except progress.StoppedError:
        return ExitCode.STOPPED
    except MemoryError as error:
        raise DataError("opening.too_big_to_read") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    said = [one.model_dump(mode="json") for one in found]
    result = {"data": made.id, "rows": made.rows, "skipped": made.skipped, "findings": said}
    job.folder.write(job.folder.result, result)
    return ExitCode.DONE


def _already(job: JobContext) -> Dataset | None:
    """What an earlier attempt has finished before it was killed."""
    name = job.folder.path.name
    if not (job.workspace.datasets / name / RECORD).is_file():
        return None
    return next(
        (known for known in datasets.every_version(progress.owner(job), job.workspace) if known.id == name), None
    )


def _imported(job: JobContext, asked: Import) -> tuple[Dataset, tuple[Finding, ...]]:
    """(the data set, what was left out of the files, understood otherwise than they say, or altered)."""
    staging = job.folder.path / STAGING
    staging.mkdir()
    job.say(Phase(name="checking"))
    taken = [known.name for known in datasets.available(progress.owner(job), job.workspace)]
    values = {
        **{name: said for name, said in asked.origin.items() if name in ("hub_id", "revision", "part", "licence")},
        "name": names.free(asked.name, taken, "data"),
        "owner": progress.owner(job).id,
    }
    opened = open_files([(source.name, source.path) for source in asked.sources], asked.choices, staging)
    keeper = Keeper(staging / "whole")
    watch = Watch(job)

    def write(target: BinaryIO) -> Findings:
        found, values["source_sha256"] = _write(watch, asked, opened, keeper, target)
        return found

    made = datasets.keep(job.workspace, staging / "whole", write, values, job.folder.path.name)
    notices = (*opened.understood.notices, *watch.unsure, *keeper.notices())
    return made, (*watch.tally.findings(), *(of_notice(notice) for notice in notices))


def _write(watch: Watch, asked: Import, opened: Opened, keeper: Keeper, target: BinaryIO) -> tuple[Findings, str]:
    """(what was found, the digest of the files)"""
    convert = conversion.chosen(opened, asked.mapping, keeper.keep)
    # What a person has chosen is sure.
    watch.unsure = conversion.notices(convert) if asked.mapping is None else ()
    how: dict[str, Any] = {"skip_bad": asked.skip_bad, "tell": watch.tally.fault}
    with _seldom_collecting():
        if opened.blocks is not None and convert is reading.normalised:
            # The second process comes before the threads: it is a copy of one that has none.
            with opened.blocks() as blocks, digest.beside(asked) as source, flushing.beside(target):
                found = reading.write_blocks(watch.over_blocks(blocks, opened.understood.bytes), target, **how)
                from_bytes = source()
        else:
            with digest.beside(asked) as source, flushing.beside(target):
                found = reading.write(watch.over(opened), target, convert, **how)
                from_bytes = source()
    watch.tally.total = found.total
    return found, from_bytes


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    """Rows come and go by the million and hold no circles: looking for such takes as long as reading them."""
    before = gc.get_threshold()
    gc.set_threshold(SELDOM, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
