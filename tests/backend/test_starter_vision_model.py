"""The shipped vision starter: its files, what it answers about pictures it never saw, and the pictures that ship."""

import io
import json
from pathlib import Path

import pytest
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor, LlavaForConditionalGeneration

from backend.data import datasets, rows
from backend.models import catalogue
from backend.paths import SAMPLE_DATA, SHIPPED_MODELS, Workspace
from backend.people import HOME
from backend.starter.vision import samples
from backend.starter.vision.language import Lessons
from backend.starter.vision.scenes import UNSEEN_PAIRS
from backend.starter.vision.scoring import EXAMS, exact_match, questions
from backend.starter.vision.sentences import COLOURS, FORMS, TEST_WORDINGS, phrase, table

FOLDER = SHIPPED_MODELS / "starter-vision"
WEIGHTS_LIMIT, MOST_PARAMETERS = 10_000_000, 4_000_000
PICTURES_LIMIT = 8_000_000  # bytes of all that ships with pictures


def test_the_weights_are_small_and_there_is_a_card() -> None:
    assert (FOLDER / "model.safetensors").stat().st_size < WEIGHTS_LIMIT
    assert "exact match" in (FOLDER / "README.md").read_text("utf-8").lower()
    described = json.loads((FOLDER / "model.json").read_text("utf-8"))
    assert described["id"] == FOLDER.name
    assert set(described["title"]) == set(described["about"]) == {"en", "ro", "it"}
    made = json.loads((FOLDER / "made.json").read_text("utf-8"))
    assert (made["seed"], made["steps"]["language"]) == (0, Lessons.steps)


def test_it_is_offered_as_a_model_that_sees(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path).create()
    assert catalogue.find(HOME, workspace, "starter-vision").kind == "vision"
    assert catalogue.find(HOME, workspace, "starter").kind == "text"


def test_anybody_can_load_it_and_it_answers_about_scenes_it_never_saw() -> None:
    model = AutoModelForImageTextToText.from_pretrained(FOLDER)
    processor = AutoProcessor.from_pretrained(FOLDER)
    assert isinstance(model, LlavaForConditionalGeneration)
    assert sum(value.numel() for value in model.parameters()) < MOST_PARAMETERS
    asked = list(questions("dev", EXAMS["new scenes"], ("en", "it", "ro"), 6))
    found = exact_match(model, processor, asked)
    told = [share for group, share in found.items() if not group.startswith("ro")]
    assert sum(told) / len(told) > 0.95
    assert sum(share for group, share in found.items() if group.startswith("ro")) < 0.5


@pytest.mark.parametrize("name", samples.SAMPLES)
def test_a_shipped_file_is_what_the_script_draws(name: str) -> None:
    """Of a picture what is on it, not its bytes: another release of Pillow may pack them in another way."""
    folder = SAMPLE_DATA / samples.FOLDER
    shipped = list(rows.read(folder / f"{name}.jsonl"))
    made = list(samples.rows(samples.SAMPLES[name]))
    assert len(shipped) == len(made)
    for row, (raw, drawn) in list(zip(shipped, made, strict=True))[:300]:
        assert [rows.said(message) for message in row["messages"]] == [
            rows.said(message) for message in drawn["messages"]
        ]
        (picture,) = rows.pictures(row)
        with Image.open(folder / picture) as found, Image.open(io.BytesIO(raw)) as wanted:
            assert found.tobytes() == wanted.tobytes()


def test_pictures_are_small_and_each_is_shown() -> None:
    folder = SAMPLE_DATA / samples.FOLDER
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < PICTURES_LIMIT
    shown = {name for file in folder.glob("*.jsonl") for row in rows.read(file) for name in rows.pictures(row)}
    assert shown == {f"pictures/{path.name}" for path in (folder / "pictures").iterdir()}


def test_no_unseen_pair_and_no_held_out_wording_is_in_what_is_learned() -> None:
    folder = SAMPLE_DATA / samples.FOLDER
    unseen = {
        phrase(language, form, colour).casefold() for colour, form in UNSEEN_PAIRS for language in ("en", "it", "ro")
    }
    assert {(colour, form) for colour in COLOURS for form in FORMS} > UNSEEN_PAIRS
    said = {text for row in rows.read(folder / "scenes-ro.jsonl") for text in rows.answers(row)}
    captions = [text.casefold() for text in said if len(text.split()) > 4]
    assert not [text for text in captions if any(pair in text for pair in unseen)]
    held = table("ro")["questions"]["count"][TEST_WORDINGS[0]].casefold()
    assert not [
        text for row in rows.read(folder / "scenes-ro.jsonl") for text in rows.texts(row) if held in text.casefold()
    ]


def test_the_data_sets_are_offered(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path).create()
    offered = {one.id: one for one in datasets.available(HOME, workspace)}
    for name in samples.SAMPLES:
        assert offered[name].shape == "visual"
        assert offered[name].rows > 100
