"""SIGKILL at random moments of a captioning job: no caption is lost, none is made twice.

`STUDIO_KILLS` sets how many kills (6 by default).
"""

import os
import random
import signal
import time

import pytest
import torch

from backend.captions import book, run, submit
from backend.captions.submit import Wanted
from backend.inference.decoding import threads
from backend.jobs.context import JobContext, mend
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode
from backend.models import catalogue
from backend.models.catalogue import Model
from backend.people import HOME
from tests import photos, sights, tiny
from tests.faults.stage import Stage

KILLS = int(os.environ.get("STUDIO_KILLS", "6"))
SEED = int(os.environ.get("STUDIO_SEED", "0"))
PICTURES = 40

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills are dealt to forks")


@pytest.fixture
def stage(tmp_path):
    torch.set_num_threads(1)
    made = Stage.at(tmp_path / "workspace")
    folder = sights.build("llava", made.workspace.root / "model")
    catalogue.register(HOME, made.workspace, Model(id="m", name="eyes", location=str(folder), kind="vision"))
    album = tmp_path / "album"
    album.mkdir()
    for at, raw in enumerate(photos.shades(PICTURES)):
        (album / f"{at:03d}.png").write_bytes(raw if at % 13 else raw[:50])
    return made, album


def attempt(folder: RunFolder) -> int:
    """Only in a fork, which waits for ever if it computes on several threads after its parent did."""
    torch.set_num_threads(1)
    threads.MOST = 1
    mend(folder.events)
    asked = {name: value for name, value in folder.read(folder.request).items() if name != "job"}
    return run.run(JobContext(folder, asked))


def test_captions_that_were_made_are_kept_and_the_others_follow(stage):
    made, album = stage
    model = catalogue.find(HOME, made.workspace, "eyes").id
    wanted = Wanted(model=model, prompt="Ce culoare are?", max_tokens=8)

    def begin() -> RunFolder:
        return made.jobs.folder(submit.start(HOME, made.jobs, album, wanted))

    whole, folder, dice = begin(), begin(), random.Random(SEED)
    began = time.monotonic()
    assert tiny.fork(lambda: attempt(whole)) == ExitCode.DONE
    seconds = time.monotonic() - began
    before, counts = [], []
    for _ in range(KILLS):
        child = os.fork()
        if child == 0:
            os._exit(attempt(folder))
        time.sleep(dice.uniform(0.1, 0.7) * seconds)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        now = said(folder)
        assert now[: len(before)] == before
        before = now
        counts.append(len(now))
    assert tiny.fork(lambda: attempt(folder)) == ExitCode.DONE
    assert sorted(said(folder)) == sorted(said(whole))
    assert counts[0] < PICTURES
    result = folder.read(folder.result)
    assert (result["done"], len(result["failed"])) == (PICTURES - 4, 4)


def said(folder: RunFolder) -> list[tuple[str, str, str]]:
    return [(entry.name, entry.caption, entry.picture) for entry in book.read(folder)]
