"""Questions about pictures: in every family the tokens that transformers and plain peft say, whoever else is asking."""

import io
import random
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import AutoModelForImageTextToText, AutoProcessor

from backend.errors import ChatError, DataError, ModelError
from backend.inference.ask import Ask
from backend.inference.decoding import loaded as loading
from backend.inference.decoding import looking
from backend.inference.decoding.batch import Size
from backend.inference.decoding.loaded import Loaded
from backend.inference.decoding.looking import batch_of
from backend.inference.decoding.row import Row
from backend.inference.decoding.run import made_row
from backend.inference.parts import Message
from backend.inference.sampling import Sampling
from backend.inference.shelf import Quantised, Target, sees
from backend.models.sight.config import PROJECTORS, TOWERS, inside
from backend.sight.looker import Looker
from tests import sights

CPU = torch.device("cpu")
SHORT = Sampling(max_tokens=6)
SIZES = ((40, 30), (200, 100), (33, 120))
LAYERS = r".*(?:language_model|text_model)\..*(?:q_proj|v_proj|down_proj)"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("looking")


def photo(at: int) -> Image.Image:
    """Of another size and noise each."""
    width, height = SIZES[at % len(SIZES)]
    return Image.frombytes("RGB", (width, height), random.Random(at).randbytes(3 * width * height))


def png(picture: Image.Image) -> bytes:
    raw = io.BytesIO()
    picture.save(raw, "PNG")
    return raw.getvalue()


def question(text: str, *pictures: int) -> Message:
    shown = [{"type": "image", "image": png(photo(at))} for at in pictures]
    return {"role": "user", "content": [*shown, {"type": "text", "text": text}] if shown else text}


CONVERSATIONS: list[list[Message]] = [
    [question("What colour is the circle?", 0)],
    [question("Ce culoare are cercul?")],
    [
        question("Which of both?", 1, 2),
        {"role": "assistant", "content": "It is red."},
        question("And here, <image> <|image_pad|> <|image|><|im_end|>?", 0),
    ],
]


@cache
def world(place: Path, family: str) -> tuple[Target, Target]:
    """(base, adapter)"""
    folder = sights.build(family, place / family / "model")
    base = AutoModelForImageTextToText.from_pretrained(folder)
    torch.manual_seed(3)
    tuned = get_peft_model(base, LoraConfig(r=4, target_modules=LAYERS, init_lora_weights=False))
    adapter = place / family / "run" / "adapter"
    tuned.save_pretrained(str(adapter))
    values: dict[str, Any] = {"base": family, "location": str(folder), "sees": sees(str(folder))}
    return Target(family, **values), Target("run:x", **values, adapter=adapter, stamp=1)


@cache
def loaded(place: Path, family: str) -> Loaded:
    return Loaded(world(place, family)[0], CPU)


class Recorded(Row):
    def take(self, token: int) -> Any:
        self.__dict__.setdefault("tokens", []).append(token)
        return super().take(token)


def row(place: Path, family: str, target: Target, messages: list[Message], settings: Sampling = SHORT) -> Row:
    made = made_row(Ask(target, messages, settings), loaded(place, family))
    made.__class__ = Recorded
    return made


def answered(place: Path, family: str, rows: list[Row]) -> list[list[int]]:
    batch = batch_of(loaded(place, family), Size(16, 1024, 10**6))
    batch.waiting.extend(rows)
    errors = []
    with torch.inference_mode():
        while batch.busy:
            errors += [piece.error for _, piece in batch.turn() if piece.error]
    assert not errors
    return [one.tokens for one in rows]  # type: ignore[attr-defined]


def plain(target: Target, prompt: list[int], messages: list[Message]) -> list[int]:
    """What transformers says to the same tokens, with the pictures as the processor itself prepares them."""
    network = AutoModelForImageTextToText.from_pretrained(target.location)
    if target.adapter:
        network = PeftModel.from_pretrained(network, str(target.adapter))
    processor = AutoProcessor.from_pretrained(target.location)
    shown = [part["image"] for one in messages if isinstance(one["content"], list) for part in one["content"]
             if part["type"] == "image"]  # fmt: skip
    told = [{"role": one["role"], "content": parted(one["content"])} for one in messages]
    text = processor.apply_chat_template(told, add_generation_prompt=True)
    pictures = [Image.open(io.BytesIO(raw)) for raw in shown] or None
    inputs = processor(text=[text], images=pictures, return_tensors="pt", add_special_tokens=False)
    inputs.pop("token_type_ids", None)
    assert inputs["input_ids"][0].tolist() == prompt
    found = network.generate(**inputs, max_new_tokens=6, do_sample=False)
    return [int(token) for token in found[0, len(prompt) :]]


def parted(content: Any) -> list[dict[str, Any]]:
    """Without words that a processor would take for pictures."""
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return [part if part["type"] == "text" else {"type": "image"} for part in parts]


@pytest.mark.parametrize("family", sights.FAMILIES)
def test_side_by_side_base_and_adapter_say_what_plain_peft_says(place: Path, family: str) -> None:
    innocent = [[*talk[:-1], question("And here?", 0)] if len(talk) > 1 else talk for talk in CONVERSATIONS]
    pairs = [(target, talk) for talk in innocent for target in world(place, family)]
    rows = [row(place, family, target, talk) for target, talk in pairs]
    said = answered(place, family, rows)
    for (target, talk), made, tokens in zip(pairs, rows, said, strict=True):
        assert tokens == plain(target, made.prompt, talk)[: len(tokens)]
    assert said[0] != said[1]


@pytest.mark.parametrize("family", sights.FAMILIES)
def test_marks_that_a_person_types_are_words(place: Path, family: str) -> None:
    voice = loaded(place, family).voice
    made = row(place, family, world(place, family)[0], CONVERSATIONS[2])
    assert len(made.shown) == 3
    assert "And here, <image> <|image_pad|> <|image|><|im_end|>?" in voice.tokenizer.decode(made.prompt)
    assert made.prompt.count(voice.mark) == sum(  # type: ignore[attr-defined]
        voice.eyes.words(SIZES[at]).count(voice.eyes.mark)
        for at in (0, 1, 2)  # type: ignore[attr-defined]
    )


def test_what_cannot_be_shown_is_said(place: Path) -> None:
    base, _ = world(place, "llava")

    def asked(*pictures: bytes, text: str = "?") -> Row:
        parts = [{"type": "image", "image": raw} for raw in pictures]
        content = [*parts, {"type": "text", "text": text}]
        return row(place, "llava", base, [{"role": "user", "content": content}])

    whole = png(photo(0))
    with pytest.raises(DataError, match='"#2" is damaged'):
        asked(whole, whole[: len(whole) // 2])
    with pytest.raises(DataError, match='"#1" is not a picture \\(it looks like HTML\\)'):
        asked(b"<!doctype html><p>")
    with pytest.raises(DataError, match="The limit is 64 million pixels"):
        asked(png(Image.new("1", (10_000, 6_401))))
    with pytest.raises(ChatError, match=r"The pictures take 2.?080 tokens and the text \d+; the model reads at most"):
        asked(*[whole] * 130)
    with pytest.raises(ChatError, match="The text has"):
        row(place, "llava", base, [question("a" * 20_000)])


def test_a_picture_of_a_shape_that_a_model_cannot_cut_up_is_refused(place: Path) -> None:
    narrow = {"type": "image", "image": png(Image.new("RGB", (1, 900)))}
    base, _ = world(place, "qwen2_vl")
    with pytest.raises(ChatError, match="1 × 900 pixels"):
        row(place, "qwen2_vl", base, [{"role": "user", "content": [narrow]}])


def test_who_leaves_is_forgotten_and_the_others_go_on(place: Path) -> None:
    base, _ = world(place, "mllama")
    long = Sampling(max_tokens=40)
    rows = [row(place, "mllama", base, talk, long) for talk in CONVERSATIONS[:2]]
    batch = batch_of(loaded(place, "mllama"), Size(16, 1024, 10**6))
    batch.waiting.extend(rows)
    with torch.inference_mode():
        batch.turn()
        batch.turn()
        rows[0].ask.cancelled = True
        while batch.busy:
            batch.turn()
    alone = row(place, "mllama", base, CONVERSATIONS[1], long)
    assert rows[1].tokens == answered(place, "mllama", [alone])[0]  # type: ignore[attr-defined]
    assert len(rows[0].tokens) < 5  # type: ignore[attr-defined]


@pytest.mark.parametrize("family", sights.FAMILIES)
def test_in_half_precision_as_on_a_card_it_answers_too(
    place: Path, family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "dtype", lambda device: torch.bfloat16)
    base, _ = world(place, family)
    model = Loaded(base, CPU)
    batch = batch_of(model, Size(16, 1024, 10**6))
    rows = [made_row(Ask(base, talk, SHORT), model) for talk in CONVERSATIONS]
    batch.waiting.extend(rows)
    with torch.inference_mode():
        while batch.busy:
            batch.turn()
    assert all(one.made == 6 or one.done for one in rows)


@pytest.mark.parametrize("family", ["llava", "qwen2_vl", "mllama"])
def test_of_a_rounded_base_what_sees_stays_as_it_is(place: Path, family: str) -> None:
    base, _ = world(place, family)
    rounded = Loaded(replace(base, quantised=Quantised("nf4", double=True)), CPU)
    whole = dict(AutoModelForImageTextToText.from_pretrained(base.location).named_parameters())
    changed = {
        name for name, value in rounded.model.named_parameters() if value.shape != whole[name].shape
        or not torch.equal(value, whole[name])
    }  # fmt: skip
    assert changed
    assert not [name for name in changed if inside(name, (*TOWERS, *PROJECTORS)) or "lm_head" in name]
    batch = batch_of(rounded, Size(16, 1024, 10**6))
    batch.waiting.append(made_row(Ask(rounded.target, CONVERSATIONS[0], SHORT), rounded))
    with torch.inference_mode():
        while batch.busy:
            batch.turn()


def test_an_adapter_of_another_model_is_refused_before_it_is_loaded(place: Path, tmp_path: Path) -> None:
    base, tuned = world(place, "llava")
    tuned.check()
    assert tuned.adapter is not None
    other = tmp_path / "adapter"
    shutil.copytree(tuned.adapter, other)
    tensors = load_file(other / "adapter_model.safetensors")
    wide = {name: torch.cat([value, value], 1) if "lora_A" in name else value for name, value in tensors.items()}
    deep = {name.replace("layers.1.", "layers.7."): value for name, value in tensors.items()}
    for made in (wide, deep):
        save_file(made, other / "adapter_model.safetensors")
        with pytest.raises(ModelError, match="This adapter was made for"):
            replace(base, adapter=other).check()
    save_file({name: value * torch.nan for name, value in tensors.items()}, other / "adapter_model.safetensors")
    with pytest.raises(ModelError, match=r"invalid numbers \(NaN\)"):
        replace(base, adapter=other).check()


@pytest.mark.parametrize("family", ["qwen3_vl", "mllama"])
def test_a_picture_is_looked_at_once_for_all_who_speak_of_it(
    place: Path, family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, (base, tuned) = loaded(place, family), world(place, family)
    looks: list[int] = []
    look = Looker.features

    def counted(self: Looker, inputs: Any) -> Any:
        looks.append(1)
        return look(self, inputs)

    monkeypatch.setattr(Looker, "features", counted)
    talk = [question("What?", 0, 1)]
    batch = batch_of(model, Size(16, 1024, 10**6))
    rows = [row(place, family, target, talk) for target in (base, tuned, base)]
    with torch.inference_mode():
        for one in rows:
            batch.waiting.append(one)
            while batch.busy:
                batch.turn()
    assert len(looks) == 2
    said = [one.tokens for one in rows]  # type: ignore[attr-defined]
    assert said[0] == said[2] != said[1]
    monkeypatch.setattr(looking, "MOST_KEPT", 1)
    again = [row(place, family, base, talk) for _ in range(2)]
    assert answered(place, family, again) == [said[0]] * 2
    assert len(looks) == 2 + 4


def test_an_adapter_of_what_sees_looks_for_itself(place: Path, tmp_path: Path) -> None:
    base, _ = world(place, "llava")
    network = AutoModelForImageTextToText.from_pretrained(base.location)
    tuned = get_peft_model(network, LoraConfig(r=4, target_modules=r".*vision_tower.*q_proj", init_lora_weights=False))
    adapter = tmp_path / "run" / "adapter"
    tuned.save_pretrained(str(adapter))
    talk = [question("What?", 0)]
    model = Loaded(base, CPU)
    batch = batch_of(model, Size(16, 1024, 10**6))
    rows = [made_row(Ask(one, talk, SHORT), model) for one in (base, replace(base, adapter=adapter, stamp=1))]
    batch.waiting.extend(rows)
    for one in rows:
        one.__class__ = Recorded
    with torch.inference_mode():
        while batch.busy:
            batch.turn()
    assert len(batch._views._kept) == 2  # type: ignore[attr-defined]
    for one in rows:
        assert one.tokens == plain(one.ask.target, one.prompt, talk)[: len(one.tokens)]  # type: ignore[attr-defined]
