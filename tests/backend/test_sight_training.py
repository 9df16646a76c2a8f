"""Training on pictures from beginning to end: learned, stopped and resumed, and the adapter opened by peft alone."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from PIL import Image

from backend.errors import ModelError
from backend.export.request import Choice
from backend.export.source import Source
from backend.export.submit import require
from backend.forecast.lengths import measured
from backend.jobs import events
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode
from backend.models.catalogue import Model
from backend.recipes.schema import Recipe
from backend.sight.load import load_model, load_processor
from backend.training import submit
from backend.training.pictures.documents import material
from backend.training.request import TrainRequest
from tests import sights, tiny

COLOURS = {"red": (220, 30, 30), "green": (30, 180, 60), "blue": (40, 60, 220)}
LEARNED = ("llava", "qwen2_vl", "mllama")


def data(folder: Path, count: int = 24) -> list[dict[str, Any]]:
    """Pictures of one colour each, asked about; captions and chats among them."""
    (folder / "pictures").mkdir(parents=True)
    chance = random.Random(0)
    made = []
    for at in range(count):
        name, colour = chance.choice(list(COLOURS.items()))
        place = f"pictures/{at}.png"
        Image.new("RGB", (40 + 8 * (at % 3), 40), colour).save(folder / place)
        shown = [{"type": "image", "image": place}, {"type": "text", "text": f"What colour is picture {at}?"}]
        answer = {"role": "assistant", "content": f"It is {name}."}
        made.append({"messages": [{"role": "user", "content": shown}, answer]})
    made.append({"image": "pictures/0.png", "caption": "Este o imagine."})
    made.append({"messages": [{"role": "user", "content": "Ciao?"}, {"role": "assistant", "content": "Ciao!"}]})
    return made


def request(folder: Path, family: str, **recipe: Any) -> dict[str, Any]:
    model = sights.build(family, folder / "model")
    rows = data(folder / "data")
    values = {"objective": "vision", "schedule": {"epochs": 4, "learning_rate": 2e-2}, "lora": {"rank": 8}}
    return tiny.request(folder / "data", model, rows, **{**values, **recipe})


def losses(said: list[Any]) -> list[float]:
    return [one.loss for one in said if isinstance(one, events.Step)]


@pytest.mark.parametrize("family", LEARNED)
def test_what_is_seen_is_learned_and_peft_alone_opens_it(tmp_path: Path, family: str) -> None:
    asked = request(tmp_path, family, watching={"eval_share": 0.1, "eval_every": 1000})
    code, said = tiny.run(tmp_path / "run", asked)
    assert code == ExitCode.DONE
    found = losses(said)
    assert sum(found[-3:]) < 0.5 * sum(found[:3])
    model: Any = load_model(tmp_path / "model", "sdpa")
    processor: Any = load_processor(tmp_path / "model")
    before = _likelihood(model, processor, tmp_path / "data")
    after = _likelihood(
        PeftModel.from_pretrained(model, str(tmp_path / "run" / "adapter")), processor, tmp_path / "data"
    )
    assert after < 0.5 * before


def _likelihood(model: Any, processor: Any, folder: Path) -> float:
    """The loss of a right answer to a question about the first picture, by transformers' own means."""
    picture = Image.open(folder / "pictures" / "0.png")
    colour = next(name for name, value in COLOURS.items() if value == picture.getpixel((0, 0)))
    said = [{"type": "image"}, {"type": "text", "text": "What colour is picture 0?"}]
    asked = {"role": "user", "content": said}
    answer = {"role": "assistant", "content": [{"type": "text", "text": f"It is {colour}."}]}
    texts = [processor.apply_chat_template([asked], add_generation_prompt=True), ""]
    texts[1] = processor.apply_chat_template([asked, answer])
    prompt, whole = (
        processor(text=[text], images=[picture], return_tensors="pt", add_special_tokens=False) for text in texts
    )
    labels = whole["input_ids"].clone()
    labels[:, : prompt["input_ids"].shape[1]] = -100
    with torch.no_grad():
        return float(model(**whole, labels=labels).loss)


def test_stopped_and_resumed_it_learns_the_same(tmp_path: Path) -> None:
    asked = request(tmp_path, "qwen2_vl", schedule={"max_steps": 8}, watching={"save_every": 4})
    code, _ = tiny.run(tmp_path / "whole", asked)
    assert code == ExitCode.DONE
    half = asked | {"recipe": asked["recipe"] | {"schedule": asked["recipe"]["schedule"]}}
    (tmp_path / "parts").mkdir()
    code, _ = tiny.run(tmp_path / "parts", half)
    last = tmp_path / "parts" / "checkpoints"
    newest = max(last.iterdir(), key=lambda path: path.name)
    for file in sorted(newest.glob("*")):
        file.unlink()  # as if it had been killed in the second half
    newest.rmdir()
    code, _ = tiny.run(tmp_path / "parts", half, attempt=2)
    assert code == ExitCode.DONE
    assert tiny.same_adapters(tmp_path / "whole", tmp_path / "parts")


def test_in_four_bits_the_tower_stays_as_it_is(tmp_path: Path) -> None:
    asked = request(tmp_path, "llava", method="qlora", schedule={"max_steps": 2})
    code, _ = tiny.run(tmp_path / "run", asked)
    assert code == ExitCode.DONE
    figures = json.loads((tmp_path / "run" / "result.json").read_text(encoding="utf-8"))
    assert figures["quantised_layers"] == 14


@pytest.mark.parametrize("family", ["llava", "idefics3", "mllama"])
def test_a_forecast_counts_the_tokens_of_pictures(tmp_path: Path, family: str) -> None:
    asked = TrainRequest.model_validate(request(tmp_path, family, watching={"eval_share": 0.0}))
    read = material(asked, load_processor(tmp_path / "model"))
    counted = measured(asked.data.path, asked.data.rows, tmp_path / "model" / "tokenizer.json")
    assert len(counted.tokens) == len(read.train) == asked.data.rows
    assert sum(counted.tokens) == pytest.approx(sum(map(len, read.train)), rel=0.15)


def test_a_model_and_a_recipe_that_do_not_go_together_are_refused() -> None:
    text, sees = (Model(id=kind, name=kind, location=".", kind=kind) for kind in ("text", "vision"))
    chats, pictures = Recipe(), Recipe.model_validate({"objective": "vision"})
    for model, recipe, key in ((text, pictures, "training.sees_nothing"), (sees, chats, "training.sees")):
        with pytest.raises(ModelError) as refused:
            submit._trainable(model, recipe)
        assert refused.value.key == key


def test_what_was_learned_of_pictures_does_not_become_gguf(tmp_path: Path) -> None:
    base = sights.build("llava", tmp_path / "model")
    found = Source("r", "runda", RunFolder(tmp_path / "run"), {}, base, tmp_path / "run" / "adapter", None)
    require(found, Choice(to="merged"), tmp_path)
    with pytest.raises(ModelError) as refused:
        require(found, Choice(to="gguf"), tmp_path)
    assert refused.value.key == "export.sees"
