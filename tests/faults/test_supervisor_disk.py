"""A disk that is really full: the run says so, nothing is lost, and it goes on when there is room."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.errors import SetupError
from backend.jobs.model import JobState
from backend.jobs.upkeep import disk
from backend.people import HOME
from tests.faults.stage import Stage, until


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A workspace on a disk of 12 MB, with 2 MB in reserve; needs the right to mount one."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "studio-test", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("no right to mount a small disk here")
    try:
        made = Stage.at(place)
        disk.DiskWatch(made.workspace, floor=0, reserve_bytes=2 * 2**20).look()
        yield made
        made.ledger.close()
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(path: Path) -> None:
    """Write until the disk takes no more."""
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def test_a_run_that_fills_the_disk_says_so_and_goes_on_when_there_is_room(stage: Stage) -> None:
    job, loop = stage.submit("a", odd="fills"), stage.loop()
    until(lambda: stage.job(job).ended and not loop.running, each=loop.beat)
    assert (stage.job(job).state, stage.job(job).reason_key) == (JobState.FAILED, "jobs.disk_full")
    (stage.jobs.folder(job).path / "large").unlink()
    stage.jobs.resume(HOME, job.id)
    until(lambda: stage.job(job).ended and not loop.running, each=loop.beat)
    assert stage.job(job).state == JobState.DONE


def test_on_a_full_disk_a_new_run_is_refused_in_words_and_leaves_nothing(stage: Stage) -> None:
    stage.submit("first")
    fill(stage.workspace.root / "filler")
    with pytest.raises(SetupError, match="No space left on device"):
        stage.submit("second")
    assert len(list(stage.workspace.runs.iterdir())) == 1
    (stage.workspace.root / "filler").unlink()
    stage.submit("second")
    assert [job.name for job in stage.jobs.all(HOME)] == ["second", "first"]
