"""Captions as files: a table, lines of JSON, a text beside each picture; and as a data set to train on."""

import csv
import io
import json
import os
import re
import shutil
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Literal

from backend import names
from backend.captions import book
from backend.captions.book import Entry
from backend.captions.request import KIND, CaptionRequest
from backend.data import datasets, reading
from backend.data.datasets import Dataset, Step
from backend.data.opening.opened import Record
from backend.data.pictures import keeping
from backend.data.versions import deriving
from backend.errors import JobError
from backend.inference.shelf import RUN
from backend.jobs.folder import RunFolder
from backend.jobs.model import Job
from backend.jobs.service import Jobs
from backend.people import Person

Form = Literal["csv", "jsonl", "txt"]
STEP = "captions"
MODEL, BASE, PROMPT, CORRECTED = "caption_model", "caption_base_model", "caption_prompt", "caption_corrected"
"""Beside a caption: the model or run that wrote it, the model this began with, what was asked, whether a person put it
right ("yes", "no").
"""
# What a spreadsheet would take for a formula.
FORMULA = re.compile(r"\s*[=+\-@\t\r]")
BYTE_ORDER = "\ufeff"
"""Without it a spreadsheet takes the letters of Romanian for others."""


def folder_of(person: Person, jobs: Jobs, ref: str) -> tuple[Job, RunFolder]:
    """AccessError when this person has no such job, JobError when it makes no captions."""
    job = jobs.find(person, ref)
    if job.kind != KIND:
        raise JobError("captions.not_captions", name=job.name)
    return job, jobs.folder(job)


def written(person: Person, jobs: Jobs, ref: str, form: Form) -> tuple[str, bytes]:
    """(name of the file, what is in it): the captions there are now. Errors as `folder_of`, or JobError without any."""
    job, folder = folder_of(person, jobs, ref)
    entries = _captioned(job, folder)
    ending = "zip" if form == "txt" else form
    return f"{job.name}.{ending}", WRITERS[form](entries, _asked(folder))


def _asked(folder: RunFolder) -> CaptionRequest:
    return CaptionRequest(**folder.read(folder.request))


def _columns(entry: Entry, asked: CaptionRequest) -> dict[str, str]:
    """Where a caption is from."""
    model = asked.label if asked.model.startswith(RUN) else asked.base or asked.label
    corrected = "yes" if entry.corrected else "no"
    return {MODEL: model, BASE: asked.base, PROMPT: asked.prompt, CORRECTED: corrected}


def _captioned(job: Job, folder: RunFolder) -> list[Entry]:
    found = sorted((one for one in book.read(folder) if one.caption.strip()), key=lambda entry: entry.name)
    if not found:
        raise JobError("captions.none_yet", name=job.name)
    return found


def _csv(entries: Sequence[Entry], _: CaptionRequest) -> bytes:
    beside = any(entry.base is not None for entry in entries)
    target = io.StringIO()
    table = csv.writer(target)
    table.writerow(["picture", "caption", "base"] if beside else ["picture", "caption"])
    for entry in entries:
        cells = [entry.name, entry.caption, *([entry.base or ""] if beside else [])]
        table.writerow([f"'{cell}" if FORMULA.match(cell) else cell for cell in cells])
    return (BYTE_ORDER + target.getvalue()).encode("utf-8")


def _jsonl(entries: Sequence[Entry], asked: CaptionRequest) -> bytes:
    lines = []
    for entry in entries:
        beside = {} if entry.base is None else {"base": entry.base}
        row = {"file_name": entry.name, "text": entry.caption, **beside, **_columns(entry, asked)}
        lines.append(json.dumps(row, ensure_ascii=False))
    return "".join(f"{line}\n" for line in lines).encode("utf-8")


def _texts(entries: Sequence[Entry], _: CaptionRequest) -> bytes:
    """A text of the same name beside each picture; two pictures of one name keep their endings."""
    stems = Counter(str(PurePosixPath(entry.name).with_suffix("")) for entry in entries)
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in entries:
            stem = str(PurePosixPath(entry.name).with_suffix(""))
            archive.writestr(f"{stem if stems[stem] == 1 else entry.name}.txt", entry.caption + "\n")
    return raw.getvalue()


WRITERS: dict[Form, Callable[[Sequence[Entry], CaptionRequest], bytes]] = {"csv": _csv, "jsonl": _jsonl, "txt": _texts}


def as_data(person: Person, jobs: Jobs, ref: str, name: str = "") -> Dataset:
    """The captions there are now as a data set, or as the next version of the one that was made of this job before.

    Errors as `written`; DataError when they are too few or the same as before, JobError for a name that is taken.
    """
    job, folder = folder_of(person, jobs, ref)
    entries = _captioned(job, folder)
    asked = _asked(folder)
    rows = [{"image": one.picture, "caption": one.caption.strip(), **_columns(one, asked)} for one in entries]
    step = Step(name=STEP, settings={"job": job.id, "model": asked.label})
    before = _made_of(person, jobs, job)
    if before is not None and all((before.path.parent / row["image"]).exists() for row in rows):
        return deriving.derive(person, jobs.workspace, before, step, rows)
    taken = [known.name for known in datasets.available(person, jobs.workspace)]
    called = names.unused(name, taken, "data") if name else names.free(names.from_file(job.name), taken, "data")
    values = {"name": called, "owner": person.id, "steps": (step,)}
    with tempfile.TemporaryDirectory(dir=jobs.workspace.datasets, prefix=".incoming-") as place:
        staging = Path(place) / "whole"
        write = partial(_write, rows, folder.path, staging)
        return datasets.keep(jobs.workspace, staging, write, values)


def _made_of(person: Person, jobs: Jobs, job: Job) -> Dataset | None:
    """The newest version of what this job's captions have become."""
    every = datasets.available(person, jobs.workspace)
    return next((one for one in every if job.id in {step.settings.get("job") for step in one.steps}), None)


def _write(rows: list[dict[str, str]], source: Path, staging: Path, target: BinaryIO) -> reading.Findings:
    records = (Record(str(number), row) for number, row in enumerate(rows, start=1))
    found = reading.write(records, target, lambda record, _: (("caption", record.values),))
    (staging / keeping.FOLDER / keeping.SMALL).mkdir(parents=True)
    for stored in {row["image"] for row in rows}:
        small = keeping.small(source, stored).relative_to(source)
        for one in (Path(stored), small):
            _link(source / one, staging / one)
    return found


def _link(source: Path, target: Path) -> None:
    """The same bytes under a second name where the disk can, else a copy: pictures are never changed in place."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
