"""Pictures over HTTP: the engine as a real process, asked by our client and by the plain `openai` one."""

import io
import random
from collections.abc import Iterator
from contextlib import closing

import openai
import pytest
from PIL import Image

from backend.errors import ChatError
from backend.inference import parts
from backend.inference.sampling import Sampling
from backend.models import catalogue
from backend.models.catalogue import Model
from backend.paths import Workspace
from backend.people import HOME
from tests import photos, sights
from tests.journeys.test_engine import Running, started, until
from tests.tiny_llama import write_model

SHORT = Sampling(max_tokens=6)
LONG = Sampling(max_tokens=512, temperature=2, seed=1)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    workspace = Workspace(tmp_path_factory.mktemp("engine") / "workspace").create()
    write_model(workspace.models / "tiny0")
    folder = sights.build("llava", workspace.root / "model")
    catalogue.register(HOME, workspace, Model(id="", name="eyes", location=str(folder), kind="vision"))
    with started(workspace) as found:
        yield found


@pytest.fixture(scope="module")
def eyes(running: Running) -> str:
    return catalogue.find(HOME, running.workspace, "eyes").id


def noise(seed: int, side: int = 40) -> bytes:
    return photos.written(Image.frombytes("RGB", (side, side), random.Random(seed).randbytes(3 * side * side)))


def test_the_openai_client_asks_about_a_picture(running: Running, eyes: str) -> None:
    client, messages = running.openai(), [parts.message("What is it?", [noise(1)])]
    asked = {"model": eyes, "messages": messages, "max_tokens": 6, "temperature": 0}
    whole = client.chat.completions.create(**asked)
    assert whole.choices[0].message.content == running.engine.ask(messages, model=eyes, settings=SHORT).text
    assert whole.usage is not None
    bare = client.chat.completions.create(**asked | {"messages": [parts.message("What is it?")]})
    assert bare.usage is not None
    assert whole.usage.prompt_tokens == bare.usage.prompt_tokens + 16


def test_several_pictures_and_a_second_question(running: Running, eyes: str) -> None:
    first = parts.message("Which?", [noise(1), noise(2)])
    said = running.engine.ask([first], model=eyes, settings=SHORT)
    more = [first, {"role": "assistant", "content": said.text or "?"}, parts.message("And this?", [noise(3)])]
    seeded = Sampling(max_tokens=6, temperature=1.5, seed=7)
    assert running.engine.ask(more, model=eyes, settings=seeded).text == (
        running.engine.ask(more, model=eyes, settings=seeded).text
    )
    assert running.engine.ask([first], model=eyes, settings=SHORT).text == said.text


def test_hanging_up_ends_the_answer(running: Running, eyes: str) -> None:
    with closing(running.engine.stream([parts.message("?", [noise(1)])], model=eyes, settings=LONG)) as stream:
        next(stream)
    until(lambda: running.engine.describe()["busy"] == 0)


def test_what_cannot_be_shown_has_a_sentence(running: Running, eyes: str) -> None:
    with pytest.raises(ChatError, match=r'The model "tiny0" reads text only'):
        running.engine.ask([parts.message("?", [noise(1)])], model="tiny0")
    with pytest.raises(openai.UnprocessableEntityError, match="looks like HTML"):
        running.openai().chat.completions.create(model=eyes, messages=[parts.message("?", [b"<html>"])])
    large = io.BytesIO()
    Image.new("1", (10_000, 6_401)).save(large, "PNG")
    with pytest.raises(ChatError) as caught:
        running.engine.ask([parts.message("?", [large.getvalue()])], model=eyes)
    assert caught.value.key == "pictures.too_large"
    with pytest.raises(ChatError, match="The pictures take"):
        running.engine.ask([parts.message("a" * 1990, [noise(1)] * 16)], model=eyes)
    assert running.engine.ask([parts.message("?", [noise(9, 1500)])], model=eyes, settings=SHORT).tokens
