"""SIGKILL at random moments of judging: at most the act in flight is lost, and what is kept can be gone on with.

`STUDIO_KILLS` sets how many kills (6 by default).
"""

import os
import random
import signal
import time

import pytest

from backend.data import datasets
from backend.data.review import reviewing
from backend.paths import Workspace
from backend.people import HOME
from tests.faults.stage import until

KILLS = int(os.environ.get("STUDIO_KILLS", "6"))
SEED = int(os.environ.get("STUDIO_SEED", "0"))
ROWS = 100_000

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills are dealt to forks")


def test_a_reviewer_who_is_killed_loses_at_most_one_verdict(tmp_path):
    workspace = Workspace(tmp_path / "workspace").create()
    path = tmp_path / "a.txt"
    path.write_text("".join(f"Rândul cu numărul {at} din listă.\n" for at in range(ROWS)), encoding="utf-8")
    dataset = datasets.add(HOME, workspace, path, "texts")
    reviewing.begin(HOME, workspace, dataset)
    review, _ = reviewing.join(HOME, workspace, dataset, "Ana")
    dice, acknowledged = random.Random(SEED), tmp_path / "acknowledged"
    acknowledged.touch()

    def judge():
        """Verdict by verdict; what the studio has said yes to is written down by us."""
        with acknowledged.open("ab", buffering=0) as file:
            for row in range(len(review.of("Ana")), ROWS):
                review.judge("Ana", row, "edit", {"text": f"Rândul {row}, altfel." * 20})
                file.write(b".")

    for _ in range(KILLS):
        before = acknowledged.stat().st_size
        child = os.fork()
        if child == 0:
            judge()
            os._exit(0)
        until(lambda before=before: acknowledged.stat().st_size > before)
        time.sleep(dice.random() * 0.2)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        said, yes = review.of("Ana"), acknowledged.stat().st_size
        # One verdict may be on the disk without our having written it down.
        assert yes <= len(said) <= yes + 1
        assert sorted(said) == list(range(len(said)))
        acknowledged.write_bytes(b"." * len(said))
    assert len(review.of("Ana")) >= KILLS
