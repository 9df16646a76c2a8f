"""Pictures that came through the page, as what a job captions."""

import os
import shutil
from pathlib import Path, PurePosixPath

from backend.captions.request import KIND, CaptionRequest
from backend.data.intake import uploads
from backend.errors import DataError
from backend.jobs.model import JobState
from backend.jobs.service import Jobs
from backend.people import Person

TOGETHER = "together"


def source_of(person: Person, jobs: Jobs, upload: str) -> tuple[Path, str]:
    """(what is captioned, what it is called): the one file of the upload, or all of them in one folder under the names
    they had. AccessError when there is no such upload, DataError when nothing has come.
    """
    found = uploads.files(person, jobs.workspace, upload)
    if not found:
        raise DataError("captions.no_pictures", name="")
    (name, path), *others = found
    if not others:
        return path, PurePosixPath(name).stem
    folder = path.parent.parent / TOGETHER
    for called, place in found:
        target = folder / called
        target.parent.mkdir(parents=True, exist_ok=True)
        _link(place, target)
    return folder, PurePosixPath(name).parts[0] if "/" in name else ""


def needed(person: Person, jobs: Jobs) -> set[str]:
    """The uploads that captioning jobs still read, or would when they go on."""
    found = set()
    for job in jobs.all(person):
        if job.kind == KIND and job.state is not JobState.DONE:
            folder = jobs.folder(job)
            source = CaptionRequest(**folder.read(folder.request)).source
            if source.is_relative_to(jobs.workspace.uploads.resolve()):
                found.add(source.relative_to(jobs.workspace.uploads.resolve()).parts[0])
    return found


def _link(source: Path, target: Path) -> None:
    """The same bytes under a second name where the disk can, else a copy; the first of two of one name stays."""
    if target.exists():
        return
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
