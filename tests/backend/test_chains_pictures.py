"""Chains whose stages learn from pictures: each way to start from the stage before."""

import random
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from backend.chains.submit import Choice, plan
from backend.errors import RecipeError
from backend.export import source
from backend.export.parity import questions
from backend.export.parity.comparing import How, compare
from backend.inference.shelf import Shelf
from backend.jobs import events
from backend.jobs.model import ExitCode
from backend.paths import Workspace
from backend.people import HOME
from backend.recipes.chains import WAYS, Chain, ChainFile, Way
from tests import chain_folders, sights

OWNED = {"job": {"id": "chain", "owner": HOME.id}}


def part(folder: Path, seed: int) -> dict[str, Any]:
    """A stage that learns captions of pictures of its own."""
    (folder / "pictures").mkdir(parents=True)
    rows = []
    for at in range(8):
        name = f"pictures/{at:064x}.png"
        Image.frombytes("RGB", (32, 32), random.Random(seed + at).randbytes(3 * 32 * 32)).save(folder / name)
        rows.append({"image": name, "caption": f"Este imaginea {seed + at}."})
    return {"rows": rows, "objective": "vision", "schedule": {"epochs": 1, "learning_rate": 0.05}}


@pytest.mark.parametrize("way", ["stacked", "merged"])
def test_stages_that_learn_from_pictures_follow_one_another(way: str, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace").create()
    model = sights.build("llava", tmp_path / "model")
    parts = [part(tmp_path / f"data-{number}", 10 * number) for number in (1, 2)]
    run = workspace.runs / "chain"
    code, said = chain_folders.run(run, chain_folders.asked(tmp_path, model, *parts, way=way) | OWNED)
    assert code == ExitCode.DONE
    shown = {name for one in said if isinstance(one, events.Sample) for name in one.pictures}
    assert {name.split("/")[1] for name in shown} == {"1", "2"}
    assert all((run / name).is_file() for name in shown)
    target = Shelf(workspace).find(HOME, "run:chain")
    target.check()
    assert target.sees
    found = source.of(workspace, "chain", "chain")
    assert found.own_base == (way == "merged")
    assert compare(found, found.base, questions.asked(found), How("float32")).verdict == "differs"


@pytest.mark.parametrize("way", WAYS)
def test_a_chain_of_recipes_for_pictures_can_be_planned(way: Way, tmp_path: Path) -> None:
    planned = plan(
        HOME, Workspace(tmp_path).create(), chain("starter-vision-lora", "starter-vision-lora"), Choice(way=way)
    )
    assert [one.start for one in planned.request.stages] == ["base", way]
    assert planned.request.model.kind == "vision"


@pytest.mark.parametrize(
    ("recipes", "words"),
    [
        (("starter-lora", "starter-vision-lora"), "sees no pictures"),
        (("starter-vision-lora", "starter-lora"), "reads pictures, and this recipe does not"),
    ],
)
def test_words_and_pictures_in_one_chain_are_refused_at_the_stage(
    recipes: tuple[str, str], words: str, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError) as refused:
        plan(HOME, Workspace(tmp_path).create(), chain(*recipes), Choice())
    assert words in str(refused.value)
    assert "2" in str(refused.value)


def chain(*recipes: str) -> ChainFile:
    return ChainFile("two", Chain.model_validate({"stages": [{"recipe": one} for one in recipes]}))
