"""The check: asked before and after a training, marked letter for letter, and without any effect on what is learned."""

import json
import os
import signal

import pytest

from backend.data import checks
from backend.errors import AccessError, JobError
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode
from backend.people import HOME
from backend.recipes import load
from backend.training import submit
from backend.training.loop.check import Check, figures
from backend.training.loop.trainer import StudioTrainer
from tests import tiny

QUESTION = "Cât face 100 plus 1?"


def _row(question, answer, language=None):
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"messages": turns} if language is None else {"messages": turns, "language": language}


def _check(folder, rows):
    """A check set as a request names it."""
    path = folder / "check.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return {"id": "c", "name": "c", "path": str(path), "rows": len(rows), "shape": "chat", "sha256": "0" * 64}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A request that teaches one answer to every question, the same with a check, and runs of both to their end."""
    folder = tmp_path_factory.mktemp("check")
    model = tiny.make_model(folder / "model")
    rows = [_row(f"Cât face {at} plus 1?", "Da.") for at in range(40)]
    asked = tiny.request(
        folder, model, rows, lora={"dropout": 0.1, "rank": 16}, schedule={"epochs": 6, "learning_rate": 2e-2}
    )
    right, wrong = _row(QUESTION, "Da.", "ro"), _row("Quanto fa 7 più 7?", "Non è questo.", "it")
    checked = asked | {"check": _check(folder, [right, _row("Cât face 200 plus 1?", "Da.", "ro"), wrong])}
    assert tiny.run(folder / "plain", asked)[0] == ExitCode.DONE
    code, said = tiny.run(folder / "checked", checked)
    assert code == ExitCode.DONE
    return folder, checked, said


def test_what_was_learned_is_scored_by_language_before_and_after(world):
    folder, _, said = world
    run = RunFolder(folder / "checked")
    assert run.read(run.result)["checks"] == {
        "ro": {"before": 0, "after": 2, "count": 2, "gained": 2, "lost": 0},
        "it": {"before": 0, "after": 0, "count": 1, "gained": 0, "lost": 0},
    }
    told = [(one.step, one.group, one.right, one.count) for one in said if one.type == "check"]
    assert told == [(0, "ro", 0, 2), (0, "it", 0, 1), (54, "ro", 2, 2), (54, "it", 0, 1)]
    phases = [one.name for one in said if one.type == "phase"]
    assert phases.index("evaluating") < phases.index("training")


def test_asking_changes_not_one_bit_of_what_is_learned(world):
    folder, _, _ = world
    assert tiny.same_adapters(folder / "plain", folder / "checked")


def test_a_run_that_goes_on_is_compared_with_what_its_first_attempt_found(world):
    folder, asked, _ = world
    run = folder / "resumed"

    def die():
        step = StudioTrainer.training_step

        def dying(self, *arguments, **named):
            if self.state.global_step == 20:
                os.kill(os.getpid(), signal.SIGKILL)
            return step(self, *arguments, **named)

        StudioTrainer.training_step = dying
        return tiny.run(run, asked)[0]

    assert tiny.fork(die) == -signal.SIGKILL
    before = RunFolder(run).read(RunFolder(run).check)["before"]
    code, said = tiny.run(run, asked, attempt=2)
    assert code == ExitCode.DONE
    assert tiny.same_adapters(folder / "checked", run)
    found, whole = (RunFolder(folder / name) for name in ("resumed", "checked"))
    assert found.read(found.result)["checks"] == whole.read(whole.result)["checks"]
    assert found.read(found.check)["before"] == before
    assert [one.step for one in said if one.type == "check"] == [0, 0, 54, 54]


def test_a_run_whose_check_set_has_changed_meanwhile_compares_nothing(world, tmp_path):
    _, asked, _ = world
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    run.write(run.stop, {"save": True})
    assert tiny.run(run.path, asked)[0] == ExitCode.STOPPED
    run.stop.unlink()
    other = asked | {"check": _check(tmp_path, [_row("Quanto fa 9 più 9?", "18", "it")])}
    assert tiny.run(run.path, other, attempt=2)[0] == ExitCode.DONE
    assert run.read(run.result)["checks"] == {}


def test_questions_that_are_trained_on_are_not_asked_and_this_is_said(world, tmp_path):
    _, asked, _ = world
    rows = [_row("cât face 3  PLUS 1?", "Da."), _row(QUESTION, "Da.")]
    asked = json.loads(json.dumps(asked)) | {"check": _check(tmp_path, rows)}
    asked["recipe"]["schedule"]["max_steps"] = 2
    asked["recipe"]["watching"]["eval_share"] = 0
    code, said = tiny.run(tmp_path / "run", asked)
    assert code == ExitCode.DONE
    (note,) = (one for one in said if one.type == "note")
    assert str(JobError(note.key, **note.values)).startswith("1 of 2 check questions are in the training data.")
    run = RunFolder(tmp_path / "run")
    assert [(name, one["count"]) for name, one in run.read(run.result)["checks"].items()] == [("", 1)]


def test_only_so_many_questions_of_a_language_are_asked(tmp_path):
    rows = [_row(f"{at}?", "a", language) for at in range(5) for language in ("en", "ro")]
    found = checks.grouped(_path(tmp_path, rows), 3)
    assert {name: [row["messages"][0]["content"] for row in group] for name, group in found.items()} == {
        "en": ["0?", "1?", "2?"],
        "ro": ["0?", "1?", "2?"],
    }


def _path(folder, rows):
    return folder / _check(folder, rows)["path"]


def test_questions_asked_together_fit_into_the_memory_that_is_left():
    check = Check({}, None, None, None, None, tokens_at_once=100)
    batches = list(check._batches([10, 30, 20, 90, 10], [10, 10, 10, 10, 30]))
    assert sorted(at for batch in batches for at in batch) == [0, 1, 2, 3, 4]
    assert all(
        len(batch) == 1 or len(batch) * max([20, 40, 30, 100, 40][at] for at in batch) <= 100 for batch in batches
    )


def test_figures_tell_gained_and_lost_answers_apart():
    assert figures([True, True, False, False], [True, False, True, False]) == {
        "before": 2, "after": 2, "count": 4, "gained": 1, "lost": 1,
    }  # fmt: skip


def test_the_shipped_check_set_has_thirty_questions_in_each_language_and_none_of_them_is_trained_on():
    (found,) = checks.shipped()
    groups = checks.grouped(found.path, 1000)
    assert (found.id, {name: len(group) for name, group in groups.items()}) == (
        "starter-dev",
        {"en": 30, "it": 30, "ro": 30},
    )


def test_every_starter_recipe_brings_its_check_into_the_request(workspace):
    recipe = load.find(HOME, workspace, "starter-lora").recipe
    request = submit.prepare(HOME, workspace, recipe, model="starter", data="starter-ro", forecast={})
    assert request.check is not None
    assert request.check.id == "starter-dev"


def test_a_check_set_that_is_not_there_or_holds_no_chats_is_refused(workspace):
    for ref in ("nothing", "starter-ro-plain"):
        with pytest.raises(AccessError):
            checks.find(HOME, workspace, ref)
    assert checks.find(HOME, workspace, "starter-en-it").shape == "chat"
