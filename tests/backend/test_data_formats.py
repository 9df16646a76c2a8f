"""The sample of every shape and the examples of docs/data-formats.md: each is read as what it says it is."""

import re
from pathlib import Path

import pytest

from backend.data.intake import conversion
from backend.data.intake.findings import all_of
from backend.data.mapping.roles import SHAPES
from backend.data.opening.files import open_file, open_files
from backend.data.opening.kinds import BY_NAME
from backend.data.opening.opened import Opened
from backend.data.pictures.keeping import Keeper
from backend.data.reading import FEWEST
from backend.data.shapes import Shape
from backend.paths import ROOT, SAMPLE_DATA
from tests import photos

FORMATS = SAMPLE_DATA / "formats"
GUIDE = (ROOT / "docs" / "data-formats.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"^```(\w+) (\w+) ([^\n]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SAMPLES: dict[str, tuple[Shape, tuple[str, ...]]] = {
    "alpaca.json": ("chat", ("ro",)),
    "sharegpt.jsonl": ("chat", ("it",)),
    "messages.jsonl": ("chat", ("ro", "it")),
    "prompt-completion.jsonl": ("chat", ("it",)),
    "question-answer.csv": ("chat", ("ro",)),
    "plain-text.txt": ("text", ("it",)),
    "preference.jsonl": ("preference", ("ro",)),
    "classification.csv": ("label", ("ro",)),
    "sentence-pairs.csv": ("score", ("it",)),
    "exam.jsonl": ("exam", ("ro",)),
    "exam-several.csv": ("exam", ("ro",)),
    "captions": ("caption", ("ro",)),
    "picture-questions": ("visual", ("it",)),
    "picture-chats": ("visual", ("ro",)),
}


def read(opened: Opened, folder: Path) -> tuple[str | None, int, list[str]]:
    """(shape, rows, languages); every picture is stored below the folder, and nothing is wrong."""
    assert opened.understood.notices == ()
    count = all_of(opened.records(), conversion.chosen(opened, None, Keeper(folder).keep))
    assert count.findings() == []
    return count.shape, count.rows, count.languages()


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_is_a_whole_data_set_of_its_shape(name: str, tmp_path: Path) -> None:
    shape, rows, languages = read(open_file(FORMATS / name), tmp_path)
    assert shape == SAMPLES[name][0]
    assert rows >= FEWEST
    assert set(languages) >= set(SAMPLES[name][1])


def test_the_list_of_samples_is_whole() -> None:
    told = (FORMATS / "README.md").read_text(encoding="utf-8")
    there = {path.name for path in FORMATS.iterdir() if path.name != "__pycache__"} - {"README.md", "draw.py"}
    assert there == set(SAMPLES)
    assert {shape for shape, _ in SAMPLES.values()} == set(SHAPES)
    assert all(f"`{name}" in told for name in there)


def test_the_letters_of_the_samples_are_the_right_ones() -> None:
    for path in FORMATS.rglob("*.*"):
        if path.suffix in (".json", ".jsonl", ".csv", ".txt", ".md"):
            assert not set(path.read_text(encoding="utf-8")) & set("şţŞŢ\u0306\u0326\u0302"), path


def test_the_pictures_are_those_that_the_script_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import util

    copy = tmp_path / "draw.py"
    copy.write_bytes((FORMATS / "draw.py").read_bytes())
    spec = util.spec_from_file_location("draw", copy)
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main()
    drawn = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.png")}
    assert drawn == {str(path.relative_to(FORMATS)) for path in FORMATS.rglob("*.png")}


@pytest.mark.parametrize("example", EXAMPLE.findall(GUIDE), ids=lambda found: f"{found[1]}, {found[2]}")
def test_every_example_of_the_guide_is_read_as_it_says(example: tuple[str, str, str, str], tmp_path: Path) -> None:
    ending, shape, _, content = example
    files = {f"example.{ending}": content.encode()}
    if shape in ("caption", "visual"):
        pictures = ("a.png", "b7.png") if "b7" in content else ("a.png",)
        pictures = ("a7.png",) if "image_id" in content and "file_name" not in content else pictures
        files |= dict(zip(pictures, photos.shades(2), strict=False))
    for name, raw in files.items():
        (tmp_path / name).write_bytes(raw)
    found = read(open_files([(name, tmp_path / name) for name in files]), tmp_path / "stored")
    assert (found[0], found[1]) == (shape, 2 if shape == "text" and ending == "txt" else 1)


def test_the_guide_shows_every_shape_and_names_every_ending() -> None:
    assert {shape for _, shape, _, _ in EXAMPLE.findall(GUIDE)} == set(SHAPES)
    assert GUIDE.count("```") == 2 * len(EXAMPLE.findall(GUIDE))
    assert [ending for ending in BY_NAME if f"`{ending}`" not in GUIDE] == []
