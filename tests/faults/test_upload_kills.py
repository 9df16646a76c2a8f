"""SIGKILL at random moments while files come: those that are named have come whole, and the next one comes as before.

`STUDIO_KILLS` sets how many kills (6 by default).
"""

import hashlib
import os
import random
import signal
import time

import pytest

from backend.data.intake import uploads
from backend.paths import Workspace
from backend.people import HOME

KILLS = int(os.environ.get("STUDIO_KILLS", "6"))
SEED = int(os.environ.get("STUDIO_SEED", "0"))
PART, PARTS = b"O propozitie.\n" * 1000, 40

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills are dealt to forks")


def bring(workspace, upload, most):
    """So many files, one after another."""
    for at in range(most):
        incoming = uploads.receive(HOME, workspace, upload, f"{at}.txt", len(PART) * PARTS)
        for _ in range(PARTS):
            incoming.write(PART)
        incoming.done()


def test_a_file_that_is_named_has_come_whole_whenever_the_page_is_killed(tmp_path):
    workspace = Workspace(tmp_path)
    upload, dice = uploads.begin(HOME, workspace), random.Random(SEED)
    whole = hashlib.sha256(PART * PARTS).hexdigest()
    begun = time.monotonic()
    bring(workspace, upload, 5)
    one, before = (time.monotonic() - begun) / 5, 5
    for _ in range(KILLS):
        child = os.fork()
        if child == 0:
            bring(workspace, upload, 10_000)
            os._exit(0)
        time.sleep(dice.random() * 6 * one)
        os.kill(child, signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        found = uploads.files(HOME, workspace, upload)
        assert len(found) >= before
        assert {hashlib.sha256(path.read_bytes()).hexdigest() for _, path in found} == {whole}
        before = len(found)
    bring(workspace, upload, 1)
    assert len(uploads.files(HOME, workspace, upload)) == before + 1
    uploads.discard(HOME, workspace, upload)
    assert list(workspace.uploads.iterdir()) == []
