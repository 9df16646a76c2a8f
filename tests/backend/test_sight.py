"""What is read, seen and learned of pictures, for every family: compared with transformers' own processor and model."""

import random
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from backend.errors import DataError
from backend.models.sight.config import PROJECTORS, TOWERS, inside
from backend.recipes.schema import Recipe
from backend.sight.eyes import Eyes
from backend.sight.load import load_model, load_processor
from backend.training.network.adapter import prepare
from backend.training.network.load import inspect, load_base
from backend.training.network.measure import batch_loss
from backend.training.pictures.chat import Pictured, SightFormat, looked_at
from backend.training.pictures.showing import Showing
from tests import sights

SIZES = ((40, 30), (200, 100), (33, 120))
pytestmark = pytest.mark.parametrize("family", sights.FAMILIES)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sights")


@pytest.fixture(scope="module")
def pictures(place: Path) -> list[Path]:
    """Of several sizes, no two alike."""
    chance = random.Random(0)
    found = []
    for at, (width, height) in enumerate(SIZES):
        path = place / f"{at}.png"
        Image.frombytes("RGB", (width, height), chance.randbytes(3 * width * height)).save(path)
        found.append(path)
    return found


@cache
def built(place: Path, family: str) -> Path:
    return sights.build(family, place / family)


def shown(*pictures: Path) -> list[dict[str, Any]]:
    return [{"type": "image", "image": str(path)} for path in pictures]


def said(text: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": text}]


def rows(pictures: list[Path]) -> list[dict[str, Any]]:
    """One picture; a chat without any; two pictures and a second question."""
    red = {"role": "assistant", "content": "It is red."}
    return [
        {"messages": [{"role": "user", "content": [*shown(pictures[0]), *said("What colour is it?")]}, red]},
        {
            "messages": [
                {"role": "user", "content": "Ce culoare are cercul?"},
                {"role": "assistant", "content": "Roșu."},
            ]
        },
        {
            "messages": [
                {"role": "user", "content": [*shown(*pictures[1:]), *said("Which is red?")]},
                red,
                {"role": "user", "content": "And the other?"},
                {"role": "assistant", "content": "È rosso."},
            ]
        },
    ]


def parted(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one | {"content": said(one["content"])} if isinstance(one["content"], str) else one for one in messages]


def whole(processor: Any, messages: list[dict[str, Any]]) -> dict[str, Any]:
    """What the family's own processor makes of a conversation."""
    text = processor.apply_chat_template(parted(messages), tokenize=False)
    named = [part["image"] for one in messages if isinstance(one["content"], list) for part in one["content"][:-1]]
    images = [Image.open(name) for name in named] or None
    found: dict[str, Any] = processor(text=[text], images=images, return_tensors="pt", add_special_tokens=False)
    return found


def test_a_conversation_is_read_as_by_its_own_processor(place: Path, pictures: list[Path], family: str) -> None:
    processor: Any = load_processor(built(place, family))
    chat = SightFormat.seeing(processor.tokenizer, family, Eyes(processor))
    every = rows(pictures)
    for row, document in zip(every, looked_at(every, chat, 4096), strict=True):
        assert document.tokens.tolist() == whole(processor, row["messages"])["input_ids"][0].tolist()
        learned = processor.tokenizer.decode(document.tokens[document.learned])
        answers = [one["content"] for one in row["messages"] if one["role"] == "assistant"]
        assert learned == "".join(f"{answer}<|im_end|>" for answer in answers)


def test_the_loss_of_packed_documents_is_that_of_each_alone(place: Path, pictures: list[Path], family: str) -> None:
    folder = built(place, family)
    processor: Any = load_processor(folder)
    chat = SightFormat.seeing(processor.tokenizer, family, Eyes(processor))
    every = rows(pictures)
    documents = list(looked_at(every, chat, 4096))
    plain: Any = load_model(folder, "eager")
    expected = sum(_alone(plain, processor, row, one) for row, one in zip(every, documents, strict=True))
    model = load_base(str(folder), Recipe(), torch.device("cpu"))
    showing = Showing.of(model, chat.eyes)
    found = batch_loss(model, showing.collate(documents), showing.head(inspect(model)))
    assert found.item() == pytest.approx(expected, rel=1e-5)


def _alone(model: Any, processor: Any, row: dict[str, Any], document: Pictured) -> float:
    with torch.no_grad():
        logits = model(**whole(processor, row["messages"])).logits[0].float()
    places = document.learned.nonzero().squeeze(1)
    targets = document.tokens.long()[places]
    return float(torch.nn.functional.cross_entropy(logits[places - 1], targets, reduction="sum"))


@pytest.mark.parametrize("also", [(), ("projector",), ("tower", "projector")])
def test_an_adapter_stays_out_of_what_sees_unless_it_is_asked_in(
    place: Path, family: str, also: tuple[str, ...]
) -> None:
    folder = str(built(place, family))
    recipe = Recipe.model_validate({"objective": "vision", "vision": dict.fromkeys(also, True), "lora": {"rank": 2}})
    model: Any = prepare(load_base(folder, recipe, torch.device("cpu")), recipe, folder)
    adapted = [name for name, _ in model.named_modules() if name.endswith(".lora_A.default")]
    projector = [name for name in adapted if inside(name, PROJECTORS)]
    tower = [name for name in adapted if inside(name, TOWERS) and name not in projector]
    language = [name for name in adapted if "language_model" in name or "text_model" in name]
    assert len(language) == (21 if family == "mllama" else 14)
    assert bool(projector) == ("projector" in also)
    assert bool(tower) == ("tower" in also)
    assert len(adapted) == len(language) + len(projector) + len(tower)
    assert not any("lm_head" in name or "embed" in name for name in adapted)


def test_what_is_cut_never_splits_a_picture(place: Path, pictures: list[Path], family: str) -> None:
    processor: Any = load_processor(built(place, family))
    chat = SightFormat.seeing(processor.tokenizer, family, Eyes(processor))
    [row] = rows(pictures)[2:]
    [document] = looked_at([row], chat, 4096)
    mark = processor.tokenizer.convert_tokens_to_ids(chat.eyes.mark)
    behind = int((document.tokens == mark).nonzero().max()) + 1
    learned = document.learned.nonzero().squeeze(1).tolist()
    assert list(looked_at([row], chat, behind - 1)) == []
    assert list(looked_at([row], chat, learned[0])) == []
    [cut] = looked_at([row], chat, learned[0] + 1)
    assert len(cut) == learned[0] + 1


def test_a_prompt_with_other_marks_than_pictures_is_refused(place: Path, family: str) -> None:
    eyes = Eyes(load_processor(built(place, family)))
    with pytest.raises(DataError) as refused:
        eyes.expanded(f"{eyes.mark} and {eyes.mark}", [SIZES[0]])
    assert refused.value.key == "sight.marks"
