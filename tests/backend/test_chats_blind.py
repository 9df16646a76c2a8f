"""Answers compared without their names: mixed, chosen once, counted, and forgotten when that is wanted."""

from itertools import pairwise
from pathlib import Path

import pytest

from backend.chats.blind.tally import Tallies, Tally
from backend.chats.desk import Desk
from backend.chats.model import TIE, UNCOUNTED, Answer, Choices, Turn
from backend.chats.pictures.kept import Pictures
from backend.chats.store import Chats
from backend.errors import AccessError
from backend.ledger.store import Ledger
from backend.paths import Workspace
from backend.people import HOME, Person
from tests.fake_chats import FakeEngine

MODELS = ("starter", "run:a", "run:b")


def turn(preferred: str, models: tuple[str, ...] = ("starter", "run:a")) -> Turn:
    answers = tuple(Answer(model=model, id=f"by {model}") for model in models)
    choices = Choices(base=models[0], adapters=models[1:], blind=True)
    return Turn(question="Ce?", choices=choices, answers=answers, preferred=preferred)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    workspace = Workspace(tmp_path).create()
    return Desk(Chats(Ledger(workspace.ledger)), Pictures(workspace), lambda _: FakeEngine(), lambda _: None)


def test_the_order_is_mixed_and_each_model_hears_its_own_answers(desk: Desk) -> None:
    choices, orders = Choices(base=MODELS[0], adapters=MODELS[1:], blind=True), set()
    made = None
    for _ in range(12):
        made = desk.ask(HOME, made.id if made else None, Turn(question="Ce?", choices=choices), {})
        if running := desk.running(made.id):
            assert running.settled.wait(30)
        orders.add(tuple(one.model for one in made.turns[-1].answers))
    assert len(orders) > 1
    assert all(sorted(order) == sorted(MODELS) for order in orders)
    assert made is not None
    heard = made.heard(11, "run:b")
    assert all(before["role"] != after["role"] for before, after in pairwise(heard))


def test_what_is_better_is_said_once_and_only_of_a_blind_comparison(desk: Desk) -> None:
    made = desk.ask(
        HOME, None, Turn(question="Ce?", choices=Choices(base="starter", adapters=("run:a",), blind=True)), {}
    )
    if running := desk.running(made.id):
        assert running.settled.wait(30)
    assert made.turns[0].secret
    with pytest.raises(AccessError):
        desk.prefer(HOME, made.id, 0, "another")
    chosen = made.turns[0].answers[1].id
    assert not desk.prefer(HOME, made.id, 0, chosen).secret
    for again in (TIE, chosen):
        with pytest.raises(AccessError):
            desk.prefer(HOME, made.id, 0, again)
    assert not turn("", ("starter",)).secret


def test_comparisons_of_the_same_models_are_counted_whatever_their_order(tmp_path: Path) -> None:
    tallies, models = Tallies(Ledger(Workspace(tmp_path).create().ledger)), ("run:a", "starter")
    for preferred in ("by run:a", "by run:a", TIE, UNCOUNTED, "by starter"):
        tallies.add(HOME, turn(preferred))
    tallies.add(HOME, turn("by run:b", MODELS))
    said = turn("by starter")
    for _ in range(2):
        tallies.add(HOME, said)
    assert tallies.of(HOME, models) == Tally({"run:a": 2, "starter": 2}, 1)
    other = Person(id="another", name="Another")
    assert tallies.of(other, models) == Tally({"run:a": 0, "starter": 0}, 0)
    tallies.clear(other, models)
    assert tallies.of(HOME, models).ties == 1
    tallies.clear(HOME, models)
    assert tallies.of(HOME, models) == Tally({"run:a": 0, "starter": 0}, 0)
    assert tallies.of(HOME, MODELS).wins["run:b"] == 1


@pytest.mark.parametrize(
    ("wins", "chance"),
    [((0, 0), None), ((1, 0), 1.0), ((3, 0), 0.25), ((8, 2), 0.109375), ((10, 0), 0.001953125), ((2, 2), 1.0)],
)
def test_how_likely_a_result_is_by_chance(wins: tuple[int, int], chance: float | None) -> None:
    """Two-sided probabilities of the binomial distribution with one half, as in any table."""
    assert Tally({"a": wins[0], "b": wins[1]}, 5).chance == chance
    assert Tally({"a": 1, "b": 1, "c": 0}, 0).chance is None
