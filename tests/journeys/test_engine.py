"""The engine as a real process over HTTP, asked by our client and by the plain `openai` one."""

import json
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import openai
import psutil
import pytest

from backend.errors import ChatError
from backend.inference.client import Engine
from backend.inference.loads import Expected
from backend.inference.sampling import Sampling
from backend.jobs.model import ExitCode
from backend.paths import ROOT, Workspace
from backend.people import Person
from tests.tiny_llama import CONTEXT, write_model, write_run

QUESTION = [{"role": "user", "content": "Care este capitala Irlandei?"}]
SHORT = Sampling(max_tokens=24)
# Nothing the tiny model says ends so late: an answer that is surely still being written.
LONG = Sampling(max_tokens=CONTEXT, temperature=2, seed=1)


@dataclass(frozen=True)
class Running:
    workspace: Workspace
    engine: Engine
    process: subprocess.Popen[bytes]

    @property
    def address(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.workspace.engine_address.read_text(encoding="utf-8"))
        return found

    def openai(self, token: str = "") -> openai.OpenAI:
        return openai.OpenAI(
            base_url=self.address["url"] + "/v1", api_key=token or self.address["token"], max_retries=0, timeout=60
        )


def command(workspace: Workspace, *more: str) -> list[str]:
    return [sys.executable, "-m", "backend.inference.run", "--workspace", str(workspace.root), "--device", "cpu", *more]


@contextmanager
def started(workspace: Workspace, *more: str) -> Iterator[Running]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with (workspace.logs / "engine.txt").open("ab") as log:
        process = subprocess.Popen(command(workspace, *more), cwd=ROOT, stderr=log, env=environment)
    engine = Engine(workspace)
    try:
        engine.wait_ready(120)
        yield Running(workspace, engine, process)
    finally:
        process.terminate()
        process.wait(timeout=120)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    workspace = Workspace(tmp_path_factory.mktemp("engine")).create()
    model = write_model(workspace.models / "tiny0")
    write_run(workspace.run("one"), model, seed=1)
    write_run(workspace.run("two"), model, seed=2)
    write_run(workspace.run("rounded"), model, seed=1, method="qlora")
    write_run(workspace.run("unfinished"), model, seed=None)
    with started(workspace) as found:
        yield found


def test_it_listens_before_torch_is_imported_and_only_its_owner_can_read_the_token(running: Running) -> None:
    path = running.workspace.engine_address
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert running.address["pid"] == running.process.pid
    created = psutil.Process(running.process.pid).create_time()
    log = (running.workspace.logs / "engine.txt").read_text(encoding="utf-8")
    running.engine.ask(QUESTION, model="tiny0", settings=SHORT)
    assert "listening" in log
    assert path.stat().st_mtime - created < 30


def test_the_openai_client_lists_asks_and_streams(running: Running) -> None:
    client = running.openai()
    assert {"tiny0", "run:one", "run:two", "run:rounded"} <= {model.id for model in client.models.list()}
    asked = {"model": "tiny0", "messages": QUESTION, "max_tokens": 24, "temperature": 0}
    whole = client.chat.completions.create(**asked)
    chunks = list(client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert text
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == whole.choices[0].finish_reason
    assert chunks[-1].usage == whole.usage
    assert whole.usage is not None
    assert whole.usage.completion_tokens <= 24


def test_openai_errors_have_their_status_and_a_sentence(running: Running) -> None:
    with pytest.raises(openai.AuthenticationError, match="The token is missing or wrong"):
        running.openai("wrong").models.list()
    client = running.openai()
    with pytest.raises(openai.NotFoundError, match='There is no model called \\"nope\\" here'):
        client.chat.completions.create(model="nope", messages=QUESTION)
    with pytest.raises(openai.NotFoundError, match="has no adapter yet"):
        client.chat.completions.create(model="run:unfinished", messages=QUESTION)
    with pytest.raises(openai.UnprocessableEntityError, match=r"length of the answer .* not “-5”") as caught:
        client.chat.completions.create(model="tiny0", messages=QUESTION, max_tokens=-5)
    assert caught.value.code == "chat.max_tokens"
    with pytest.raises(openai.UnprocessableEntityError, match=r"the setting .*tools"):
        client.chat.completions.create(model="tiny0", messages=QUESTION, extra_body={"tools": [{"type": "x"}]})
    with pytest.raises(openai.UnprocessableEntityError, match=f"the model reads at most {CONTEXT}"):
        client.chat.completions.create(
            model="tiny0", messages=[{"role": "user", "content": "a" * 100_000}], stream=True
        )
    with pytest.raises(openai.APIStatusError, match="larger than 4 MB") as refused:
        client.chat.completions.create(model="tiny0", messages=[{"role": "user", "content": "a" * 5_000_000}])
    assert refused.value.status_code == 413


def test_base_and_adapters_asked_at_once_say_what_they_say_alone(running: Running) -> None:
    names = ["tiny0", "run:one", "run:two"]
    alone = {name: running.engine.ask(QUESTION, model=name, settings=SHORT).text for name in names}
    assert len(set(alone.values())) == 3
    with ThreadPoolExecutor(12) as pool:
        told = list(
            pool.map(lambda name: (name, running.engine.ask(QUESTION, model=name, settings=SHORT).text), names * 4)
        )
    assert all(text == alone[name] for name, text in told)


def test_a_qlora_run_has_its_base_in_memory_beside_the_exact_one(running: Running) -> None:
    running.engine.ask(QUESTION, model="tiny0", settings=SHORT)
    assert running.engine.ask(QUESTION, model="run:rounded", settings=SHORT).tokens
    assert len(running.engine.describe()["models"]) == 2


def test_a_seed_repeats_an_answer_and_a_stop_text_is_not_shown(running: Running) -> None:
    settings = Sampling(temperature=1.5, top_p=0.9, seed=3, max_tokens=24)
    first = running.engine.ask(QUESTION, model="tiny0", settings=settings)
    assert running.engine.ask(QUESTION, model="tiny0", settings=settings).text == first.text
    middle = first.text[3:5]
    stopped = running.engine.ask(QUESTION, model="tiny0", settings=settings.model_copy(update={"stop": (middle,)}))
    assert stopped.text == first.text[: first.text.index(middle)]
    assert stopped.finish == "stop"


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)


def answering(engine: Engine) -> int:
    return sum(model["answering"] for model in engine.describe()["models"])


def test_hanging_up_frees_the_place_in_the_batch(running: Running) -> None:
    streams = [running.engine.stream(QUESTION, model="run:one", settings=LONG) for _ in range(3)]
    for stream in streams:
        next(stream)
        stream.close()
    until(lambda: answering(running.engine) == 0 and running.engine.describe()["busy"] == 0)


def test_unloading_frees_the_model_and_the_next_question_loads_it_again(running: Running) -> None:
    before = running.engine.ask(QUESTION, model="run:one", settings=SHORT).text
    running.engine.unload()
    assert running.engine.describe()["models"] == []
    assert running.engine.ask(QUESTION, model="run:one", settings=SHORT).text == before


def test_after_a_first_load_it_is_known_how_long_the_next_one_takes(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as the engine has it: it belongs to what is known of a machine
    running.engine.ask(QUESTION, model="run:one", settings=SHORT)
    assert running.engine.expected("run:one") == running.engine.expected("run:two") == Expected("reading")
    running.engine.unload()
    found = running.engine.expected("run:one")
    assert found.what == "loading"
    assert found.seconds is not None
    assert 0 < found.seconds < 60
    address = running.workspace.engine_address
    away = address.rename(address.with_suffix(".away"))
    both = running.engine.expected("run:one")
    away.rename(address)
    assert both.what == "starting"
    assert both.seconds is not None
    assert both.seconds > found.seconds


def test_a_damaged_adapter_is_refused_and_the_base_still_answers(running: Running) -> None:
    import numpy as np
    from safetensors.numpy import load_file, save_file

    write_run(running.workspace.run("damaged"), running.workspace.models / "tiny0", seed=5)
    path = running.workspace.run("damaged") / "adapter" / "adapter_model.safetensors"
    save_file({name: np.full_like(t, np.nan) for name, t in load_file(path).items()}, path)
    with pytest.raises(ChatError, match=r"invalid numbers \(NaN\)"):
        running.engine.ask(QUESTION, model="run:damaged")
    assert running.engine.ask(QUESTION, model="tiny0", settings=SHORT).tokens


def test_a_person_sees_only_models_and_runs_of_her_own(running: Running) -> None:
    stranger = Engine(running.workspace, person=Person("ana"))
    assert not {"tiny0", "run:one"} & set(stranger.models())
    for name in ("tiny0", "run:one"):
        with pytest.raises(ChatError, match=f'There is no model called "{name}" here'):
            stranger.ask(QUESTION, model=name)


def test_a_second_engine_in_the_workspace_says_that_there_is_one(running: Running) -> None:
    second = subprocess.run(command(running.workspace), cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert second.returncode == ExitCode.LOCK_HELD
    assert "A chat engine is already running" in second.stderr
    assert running.engine.ready()


def test_killed_while_answering_it_is_missed_in_a_sentence_and_a_new_one_serves(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path).create()
    write_model(workspace.models / "tiny0")
    with started(workspace) as first:
        told = threading.Event()
        broken: list[str] = []

        def listen() -> None:
            """Asks again and again: one of the answers is cut off."""
            try:
                while True:
                    with closing(first.engine.stream(QUESTION, model="tiny0", settings=LONG)) as stream:
                        for _ in stream:
                            told.set()
            except ChatError as error:
                broken.append(error.say("ro"))

        listener = threading.Thread(target=listen)
        listener.start()
        assert told.wait(60)
        first.process.kill()
        listener.join(60)
        assert broken == ["Motorul de chat s-a oprit înainte ca răspunsul să fie complet; întreabă din nou."]
        with pytest.raises(ChatError, match="not running"):
            first.engine.ask(QUESTION, model="tiny0")
    with started(workspace) as second:
        assert second.engine.ask(QUESTION, model="tiny0", settings=SHORT).tokens
        second.process.terminate()
        assert second.process.wait(60) == 0
        assert not workspace.engine_address.exists()


def test_nobody_asking_for_a_while_ends_it(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path).create()
    with (workspace.logs / "engine.txt").open("ab") as log:
        idle = subprocess.Popen(command(workspace, "--idle-seconds", "0.5"), cwd=ROOT, stderr=log)
    assert idle.wait(120) == 0
    assert "listening" in (workspace.logs / "engine.txt").read_text(encoding="utf-8")
    assert not workspace.engine_address.exists()
