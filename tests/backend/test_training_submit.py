"""What of a person's choices does not go together, said before a start and refused at it, alike."""

import json
from pathlib import Path

import pytest

from backend.data import datasets
from backend.errors import DataError, StudioError
from backend.hardware import Gpu, Machine
from backend.jobs.service import Jobs
from backend.ledger.store import Ledger
from backend.paths import Workspace
from backend.people import HOME
from backend.recipes import load
from backend.recipes.schema import Recipe
from backend.training import submit

CHOICE = {"model": "starter", "data": "starter-ro"}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace").create()


def unfit(workspace: Workspace, recipe: Recipe, **others: str) -> dict[str, str]:
    found = submit.unfit(HOME, workspace, recipe, **CHOICE | others)
    if found:
        with pytest.raises(StudioError) as refused:
            submit.prepare(HOME, workspace, recipe, **CHOICE | others, forecast={})
        assert refused.value.key == next(iter(found.values())).key
    return {name: fault.key for name, fault in found.items()}


def chats(workspace: Workspace, tmp_path: Path, *questions: str) -> str:
    """A data set of one's own that asks these."""
    file = tmp_path / f"{len(list(tmp_path.iterdir()))}.jsonl"
    every = [*(f"{n}?" for n in range(20)), *questions]
    rows = [[{"role": "user", "content": asked}, {"role": "assistant", "content": "Da."}] for asked in every]
    file.write_text("".join(json.dumps({"messages": row}) + "\n" for row in rows))
    return datasets.bring(HOME, workspace, str(file)).id


def test_the_shipped_choice_fits_and_everything_that_is_missing_is_said_at_once(workspace: Workspace) -> None:
    recipe = load.find(HOME, workspace, "starter-lora").recipe
    assert unfit(workspace, recipe) == {}
    wrong = load.with_changes(
        recipe, {"watching.check": "gone", "replay.share": "0.5", "replay.data": "starter-ro-plain"}
    )
    assert unfit(workspace, wrong, model="gone", data="gone") == {
        "model": "models.not_found",
        "data": "data.not_here",
        "replay.data": "training.other_shape",
        "watching.check": "data.not_here",
    }


def test_a_check_set_is_looked_for_only_where_it_is_asked(workspace: Workspace) -> None:
    recipe = load.with_changes(Recipe(), {"watching.check": "starter-ro-plain"})
    assert unfit(workspace, recipe) == {"watching.check": "data.no_check"}
    text = load.with_changes(recipe, {"objective": "text"})
    assert unfit(workspace, text, data="starter-ro-plain") == {}


def test_rows_that_hold_a_test_question_or_a_control_word_are_said_at_their_set(
    workspace: Workspace, tmp_path: Path
) -> None:
    recipe = load.parse({"watching": {"questions": [{"question": "Știi asta?"}], "eval_share": 0.0}})
    knows, commands = chats(workspace, tmp_path, "știi  asta?"), chats(workspace, tmp_path, "<|im_end|> da?")
    assert unfit(workspace, recipe, data=knows) == {"data": "data.question_in_training"}
    mixed = load.with_changes(recipe, {"replay.data": commands, "replay.share": "0.5"})
    assert unfit(workspace, mixed) == {"replay.data": "data.control_word"}
    assert unfit(workspace, load.with_changes(mixed, {"replay.share": "0"})) == {}


def test_rows_are_looked_through_once_for_the_same_choice(workspace: Workspace, tmp_path: Path) -> None:
    recipe, mine = Recipe(), chats(workspace, tmp_path)
    assert unfit(workspace, recipe, data=mine) == {}
    datasets.find(HOME, workspace, mine).path.write_text("no row", encoding="utf-8")
    assert unfit(workspace, load.with_changes(recipe, {"lora.rank": "8"}), data=mine) == {}


def test_the_kinds_of_rows_are_said_in_the_readers_words(workspace: Workspace) -> None:
    found = submit.unfit(HOME, workspace, Recipe(objective="text"), **CHOICE)["data"]
    assert isinstance(found, DataError)
    assert "text simplu" in found.say("ro")
    assert "conversazione" in found.say("it")
    assert datasets.find(HOME, workspace, "starter-ro").title("ro") in found.say("ro")


def test_the_forecast_of_now_is_kept_with_a_run_and_what_cannot_be_is_not_queued(workspace: Workspace) -> None:
    jobs = Jobs(Ledger(workspace.ledger), workspace)
    started = submit.start_training(HOME, jobs, workspace, Recipe(), **CHOICE, name="small")
    folder = jobs.folder(started)
    assert folder.read(folder.request)["forecast"]["total_bytes"] == started.forecast_bytes
    with pytest.raises(StudioError):
        submit.start_training(HOME, jobs, workspace, Recipe(), model="gone", data="starter-ro", name="other")
    assert [job.name for job in jobs.all(HOME)] == ["small"]


def machine(*free: int, cores: int = 2) -> Machine:
    """One with cards that have so many bytes free."""
    cards = tuple(Gpu(index, f"Card {index}", 100, bytes_) for index, bytes_ in enumerate(free))
    return Machine("a processor", cores, 100, 100, bf16_cpu=False, gpus=cards, disk_bytes=100, disk_free_bytes=100)


def test_a_run_gets_the_cards_with_most_free_memory_or_the_processor() -> None:
    one, two = Recipe(), load.with_changes(Recipe(), {"compute.devices": "2"})
    assert [submit.pick(recipe, machine()) for recipe in (one, two)] == ["cpu", "cpu"]
    assert [submit.pick(recipe, machine(10, 50, 70)) for recipe in (one, two)] == ["gpu:0", "gpu:1,2"]


def test_more_devices_than_there_are_is_said_at_their_field(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    three = load.with_changes(Recipe(), {"compute.devices": "3"})
    for there, fault in (
        (machine(cores=2), {"compute.devices": "training.few_cores"}),
        (machine(cores=3), {}),
        (machine(1, 1), {"compute.devices": "training.few_cards"}),
        (machine(1, 1, 1), {}),
    ):
        monkeypatch.setattr(submit, "this_machine", lambda _, there=there: there)
        assert unfit(workspace, three) == fault


def test_a_run_on_several_cards_is_queued_for_all_of_them(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submit, "this_machine", lambda _: machine(10, 50, 70))
    two = load.with_changes(Recipe(), {"compute.devices": "2"})
    request = submit.prepare(HOME, workspace, two, **CHOICE, forecast={})
    assert request.device == "gpu:1,2"
