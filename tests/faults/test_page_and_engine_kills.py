"""The page and the chat engine are killed while they stream: no run notices, no session is lost, the next one serves.

STUDIO_KILLS is how often each is killed (10 when not set).
"""

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from backend.errors import ChatError
from backend.inference.client import Engine
from backend.inference.sampling import Sampling
from backend.jobs.model import JobState
from backend.paths import ROOT, Workspace
from tests.browser.person import free_port
from tests.faults import counter
from tests.faults.stage import Stage, until
from tests.tiny_llama import CONTEXT, write_model

KILLS = int(os.environ.get("STUDIO_KILLS", "10"))
TOKEN = "token-of-this-test"
STEPS = 20 * KILLS + 100
QUESTION = [{"role": "user", "content": "Ce zi este azi?"}]
ENDLESS = Sampling(max_tokens=CONTEXT, temperature=2, seed=1)
pytestmark = pytest.mark.timeout(300 + 60 * KILLS)


@contextmanager
def process(module: str, workspace: Workspace, *more: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = os.environ | {"STUDIO_TOKEN": TOKEN, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", module, "--workspace", str(workspace.root), *more]
    with (workspace.logs / "test.log").open("ab") as log:
        running = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        yield running
    finally:
        running.terminate()
        running.wait(30)


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/en/").status_code == 200
    except httpx.TransportError:
        return False


def test_a_run_does_not_notice_that_the_page_is_killed_while_it_streams(tmp_path: Path) -> None:
    dice = random.Random(7)
    stage = Stage.at(tmp_path / "workspace")
    job = stage.submit("counted", steps=STEPS, pause=0.1)
    port = free_port()
    with (
        process("backend.jobs.supervisor", stage.workspace, "--no-warm", "--worker", "tests.faults.fake_worker"),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", follow_redirects=True, timeout=120) as client,
    ):
        until(lambda: stage.job(job).state is JobState.RUNNING)
        for kill in range(KILLS):
            with process("studio.app", stage.workspace, "--port", str(port)) as page:
                if kill == 0:
                    until(lambda: _enters(client))
                until(lambda: answers(client))
                with client.stream("GET", "/live", params={"language": "en", "run": job.id}) as live:
                    assert next(live.iter_bytes())
                    time.sleep(dice.uniform(0, 0.5))
                    page.kill()
                    page.wait()
            assert stage.job(job).attempt == 1
            assert stage.job(job).state in {JobState.RUNNING, JobState.DONE}
        until(lambda: stage.job(job).state is JobState.DONE)
    folder = stage.jobs.folder(job)
    assert folder.read(folder.result) == {"answer": counter.answer(STEPS)}


def asked_until_it_is_killed(engine: Engine, kill: threading.Timer) -> str | None:
    """What is said when the kill, set off at the first word, comes before the last one; None if it came after it."""
    try:
        with closing(engine.stream(QUESTION, model="tiny0", settings=ENDLESS)) as stream:
            assert next(stream)
            kill.start()
            for _piece in stream:
                pass
    except ChatError as error:
        return str(error)
    return None


def _enters(client: httpx.Client) -> bool:
    """With the one-time token; afterwards the cookie alone opens the page, also after a restart."""
    try:
        return client.get("/", params={"token": TOKEN}).status_code == 200
    except httpx.TransportError:
        return False


def test_an_engine_killed_while_it_streams_is_missed_in_a_sentence_each_time(tmp_path: Path) -> None:
    dice = random.Random(7)
    workspace = Workspace(tmp_path / "workspace").create()
    write_model(workspace.models / "tiny0")
    engine = Engine(workspace)
    cut_off = 0
    while cut_off < KILLS:
        with process("backend.inference.run", workspace, "--device", "cpu") as running:
            until(engine.ready)
            missed = asked_until_it_is_killed(engine, threading.Timer(dice.uniform(0, 0.02), running.kill))
            running.wait()
            assert missed is None or "ask again" in missed
            cut_off += missed is not None
    with process("backend.inference.run", workspace, "--device", "cpu"):
        until(engine.ready)
        assert engine.ask(QUESTION, model="tiny0", settings=Sampling(max_tokens=8)).tokens
