"""SIGKILL at random moments of a download, real processes under the real loop: nothing is lost, nothing is torn.

`STUDIO_KILLS` sets how many kills (4 by default).
"""

import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.hub.online.fetch import UNFINISHED
from backend.hub.run import MANIFEST, STAGING
from backend.jobs.model import JobState
from backend.models import weights
from tests.faults.stage import until
from tests.hubserver import world
from tests.hubserver.server import Faults, running
from tests.hubserver.world import World

KILLS = int(os.environ.get("STUDIO_KILLS", "4"))
SEED = int(os.environ.get("STUDIO_SEED", "0"))
SIZE = 3_000_000

pytestmark = pytest.mark.timeout(120 + 20 * KILLS)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = world.make(tmp_path, monkeypatch)
    made.good.files["spiece.model"] = bytes(random.Random(SEED).randbytes(SIZE // 2))
    made.good.files["tokenizer.model"] = bytes(random.Random(SEED).randbytes(SIZE))
    with running(made.hub) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield made


def test_a_download_that_is_killed_again_and_again_ends_in_exactly_the_bytes_of_the_hub(here: World) -> None:
    dice = random.Random(SEED)
    here.hub.faults = Faults(bytes_each_second=1_500_000)
    job = here.submit()
    loop = here.stage.loop(worker="backend.worker", losses=KILLS + 1, starting=60.0)
    folder, deaths = here.folder(job), 0
    while deaths < KILLS and not here.stage.job(job).ended:
        before = arrived(here)
        goal = before + dice.randrange(1, 2 * SIZE // (KILLS + 1))
        until(lambda goal=goal: arrived(here) >= goal or here.stage.job(job).ended, each=loop.beat, seconds=60)
        process = next((run.child.popen for run in loop.running.values()), None)
        if process is None:
            continue
        os.kill(process.pid, signal.SIGKILL)
        until(lambda process=process: process.poll() is not None)
        deaths += 1
        assert not here.models() or here.models()[0].id == job.id
        loop.beat()
    here.hub.faults = Faults()
    until(lambda: here.stage.job(job).ended and not loop.running, each=loop.beat, seconds=60)
    ended = here.stage.job(job)
    assert (ended.state, ended.reason_key) == (JobState.DONE, None)
    assert deaths >= 1
    (model,) = here.models()
    there = {path.name: path.read_bytes() for path in model.folder.iterdir()}
    assert {name: there.pop(name, b"") for name in wanted(here)} == wanted(here)
    assert set(there) == {MANIFEST, "model.json"}
    weights.require(model.folder)
    assert not (folder.path / STAGING).exists()
    # What had arrived was not fetched again: later attempts began in the middle.
    assert any(start > 0 for name, _, start in here.hub.sent)


def arrived(here: World) -> int:
    """Bytes in the staging folders of every run."""
    places = here.stage.workspace.runs.glob(f"*/{STAGING}/*")
    return sum(path.stat().st_size for path in places if path.is_file() or path.name.endswith(UNFINISHED))


def wanted(here: World) -> dict[str, bytes]:
    return {name: content for name, content in here.good.files.items() if name != "README.md"}
