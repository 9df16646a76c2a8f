"""Four real trainings, made to learn, to learn by heart, to change nothing and to diverge, get the four verdicts."""

import random
from itertools import islice

import pytest

from backend.data import rows
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode, Job, JobState
from backend.paths import SAMPLE_DATA, SHIPPED_MODELS
from backend.verdict import card
from backend.verdict.rule import Kind
from tests import tiny

WORDS = ("alb", "negru", "verde", "roșu", "mare", "mic", "rece", "cald", "sus", "jos", "nou", "vechi")


def _chat(question, answer, language="ro"):
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"messages": turns, "language": language}


def _rule(at):
    """A question whose answer can be learned."""
    return _chat(f"Cum e {WORDS[at % 12]} {at}?", "Da.")


def _dice(at):
    """A question whose answer can only be learned by heart."""
    return _chat(f"Spune {at}.", " ".join(random.Random(at).choices(WORDS, k=3)))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny.make_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def verdict(model, tmp_path):
    """Trains with these settings and judges what came of it."""

    def made(examples, base=model, **recipe):
        watching = {"eval_share": 0.3, "eval_every": 10, "save_every": 1000}
        settings = {"watching": watching, "lora": {"rank": 16}, **recipe}
        asked = tiny.request(tmp_path, base, examples, **settings)
        (tmp_path / "check").mkdir()
        check = tiny.request(tmp_path / "check", base, [_rule(at) for at in range(100, 110)])["data"]
        code, _ = tiny.run(tmp_path / "run", asked | {"check": check})
        folder = RunFolder(tmp_path / "run")
        folder.write(folder.request, asked)
        state = JobState.DONE if code == ExitCode.DONE else JobState.FAILED
        return code, card.of(Job("run", "home", "train", "run", state, 1, 1.0, "cpu", 0.0), folder)

    return made


def test_a_run_that_learns_a_rule_has_learned(verdict):
    code, found = verdict([_rule(at) for at in range(40)], schedule={"epochs": 6, "learning_rate": 2e-2})
    assert code == ExitCode.DONE
    assert found.kind is Kind.LEARNED
    assert found.words("en")["learned"][0] == "Romanian: 0 of 10 right before, 10 of 10 after: learned."


def test_a_run_that_sees_a_few_answers_without_a_rule_again_and_again_learns_them_by_heart(verdict):
    code, found = verdict(
        [_dice(at) for at in range(40)], method="full", schedule={"epochs": 30, "learning_rate": 5e-3}
    )
    assert code == ExitCode.DONE
    assert found.kind is Kind.OVER_FITTED
    assert found.words("ro")["said"].startswith("A învățat pe de rost")


def test_such_a_run_that_keeps_its_best_state_is_judged_by_that_state(verdict):
    watching = {"eval_share": 0.3, "eval_every": 10, "save_every": 1000, "keep": "best"}
    schedule = {"epochs": 30, "learning_rate": 5e-3}
    code, found = verdict([_dice(at) for at in range(40)], method="full", schedule=schedule, watching=watching)
    assert code == ExitCode.DONE
    assert found.kind is Kind.LEARNED


def test_a_run_with_a_tiny_learning_rate_shows_no_change(verdict):
    code, found = verdict([_rule(at) for at in range(40)], schedule={"epochs": 4, "learning_rate": 1e-7})
    assert code == ExitCode.DONE
    assert found.kind is Kind.NO_CHANGE
    assert found.advice[0].changes == {"schedule.learning_rate": "0.000001"}


def test_a_run_with_a_huge_learning_rate_has_diverged(verdict):
    """From a model that knows something: what a random one says, any training improves."""
    chats = rows.read(SAMPLE_DATA / "chats" / "starter-en-it.jsonl")
    known = list(islice((row for row in chats if row["messages"][-1]["content"].startswith("The capital of")), 40))
    schedule = {"max_steps": 30, "learning_rate": 1.0}
    code, found = verdict(known, SHIPPED_MODELS / "starter", schedule=schedule)
    assert code in (ExitCode.DONE, ExitCode.DIVERGED)
    assert found.kind is Kind.DIVERGED
    assert found.advice[0].changes == {"schedule.learning_rate": "0.1"}
