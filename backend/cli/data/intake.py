"""`launch.py data check` and `data import`: any file, and what is found in it."""

import argparse
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from backend.cli.data import diagnosis
from backend.cli.headless import supervised
from backend.cli.output import answer, say
from backend.cli.train import ended, follow, reason
from backend.data.doctor.check import Doctor
from backend.data.intake import conversion, findings, submit
from backend.data.intake.findings import Count, Finding
from backend.data.opening import limits
from backend.data.opening.files import open_file
from backend.data.opening.opened import Choices, Opened, Understood
from backend.data.pictures.keeping import Keeper
from backend.data.reading import Convert
from backend.data.rows import Row
from backend.errors import DataError, StudioError
from backend.jobs.model import JobState
from backend.jobs.service import Jobs
from backend.people import HOME
from backend.setup import commands

ERROR = "error"


def check(jobs: Jobs, options: argparse.Namespace) -> int:
    """Every row of a file is read and becomes what it would be stored as; nothing of it is kept. Of a data set that is
    here the findings are kept, so that the page shows them too.
    """
    limits.limit()
    if not Path(options.ref).exists() and (known := diagnosis.here(jobs, options.ref)):
        return diagnosis.check(jobs, known, options)
    opened, count, found = _read(jobs, options)
    answer(_facts(opened, count, found, None), as_json=options.json, text=_told(opened, count, found))
    return commands.FAILED if any(one.severity == ERROR for one in found) else commands.DONE


def bring(jobs: Jobs, options: argparse.Namespace) -> int:
    """The same, and then the job that keeps the rows; with faulty ones only where they may be left out."""
    with limits.within():
        opened, count, found = _read(jobs, options)
    path = Path(options.ref)
    if opened is None or (count.affected and not options.skip_bad):
        answer(_facts(opened, count, found, None), as_json=options.json, text=_told(opened, count, found))
        return commands.FAILED
    say(_told(opened, count, found))
    job = submit.start(
        HOME,
        jobs,
        [(path.name, path)],
        name=options.name,
        choices=_choices(options),
        skip_bad=options.skip_bad,
    )
    with supervised(jobs.workspace):
        job = follow(jobs, job)
    made = submit.made(HOME, jobs, job)
    if job.state == JobState.FAILED and job.reason_key:
        found = [*found, findings.of_error(DataError(job.reason_key, **job.reason_values), rows=0)]
    text = (
        f"{made.name}: {made.rows} rows, {made.skipped} left out" if made else f"{job.state.value}. {reason(job) or ''}"
    )
    answer(_facts(opened, count, found, made.id if made else None), as_json=options.json, text=text)
    return ended(job)


def _choices(options: argparse.Namespace) -> Choices:
    separator = {"tab": "\t", "\\t": "\t"}.get(options.separator, options.separator)
    try:
        return Choices(encoding=options.encoding, separator=separator, sheet=options.sheet)
    except ValidationError as error:
        raise DataError("opening.one_letter", separator=str(separator)[:40]) from error


def _read(jobs: Jobs, options: argparse.Namespace) -> tuple[Opened | None, Count, list[Finding]]:
    """(how the file is read, what its records are, what is wrong); None for one that cannot be opened."""
    opened, count, found, keeper = None, Count(), list[Finding](), Keeper(None)
    doctor, seen = Doctor(diagnosis.reader_of(jobs, options)), tuple[Finding, ...]()
    with tempfile.TemporaryDirectory(dir=jobs.workspace.root, prefix=".look-") as scratch:
        try:
            opened = open_file(Path(options.ref), _choices(options), Path(scratch))
            found = [findings.of_notice(notice) for notice in opened.understood.notices]
            convert = conversion.chosen(opened, None, keeper.keep)
            found += [findings.of_notice(notice) for notice in conversion.notices(convert)]
            for record in opened.records():
                for row in count.take(record, convert):
                    doctor.take(row, record.place)
            if not count.total:
                raise DataError("data.empty_file")
            seen = doctor.report(partial(_again, opened, convert)).findings
            if doctor.rows and (few := doctor.too_few()):
                raise few
        except StudioError as error:
            found.append(findings.of_error(error, rows=0))
        except MemoryError:
            found.append(findings.of_error(DataError("opening.too_big_to_read"), rows=0))
    return opened, count, [*found, *map(findings.of_notice, keeper.notices()), *count.findings(), *seen]


def _again(opened: Opened, convert: Convert) -> Iterator[tuple[str, Row]]:
    """The rows of the file once more, each with its place."""
    count = Count()
    for record in opened.records():
        yield from ((record.place, row) for row in count.take(record, convert))


def _facts(opened: Opened | None, count: Count, found: list[Finding], made: str | None) -> dict[str, Any]:
    known = opened.understood if opened else None
    first = (known.member or known) if known else None
    return {
        "rows": count.rows,
        "shape": count.shape,
        "kind": known.kind if known else None,
        "encoding": (first.encoding or None) if first else None,
        "separator": (first.separator or None) if first else None,
        "languages": count.languages(),
        "findings": [diagnosis.plain(one) for one in found],
        "dataset": made,
    }


def _told(opened: Opened | None, count: Count, found: list[Finding]) -> str:
    how = _how(opened.understood) if opened else "not readable"
    lines = [f"{how}: {count.rows} rows of {count.total}, {count.shape or 'no known shape'}"]
    return "\n".join([*lines, *map(diagnosis.line, found)])


def _how(known: Understood) -> str:
    first = known.member or known
    parts = [known.kind, first.encoding, f"separator {first.separator!r}" if first.separator else "", known.sheet]
    return ", ".join(part for part in parts if part)
