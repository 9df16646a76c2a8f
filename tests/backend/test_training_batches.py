"""Which documents a step sees: each once an epoch, the same ones for every micro-batch, rank and starting point."""

import random
from collections import Counter
from dataclasses import replace

import pytest
import torch

from backend.forecast.work import planned
from backend.recipes.schema import Recipe
from backend.training.text.batches import NOTHING, Document, Plan, Stream, collate

PLAN = Plan(documents=23, effective=8, micro=4, epochs=2, seed=3)


def _seen(plan: Plan, number: int) -> list[int]:
    return [place for micro in plan.step(number) for place in micro]


def test_every_document_is_seen_once_in_each_epoch():
    seen = [place for number in range(PLAN.steps) for place in _seen(PLAN, number)]
    assert Counter(seen[:23]) == Counter(seen[23:]) == Counter(range(23))
    assert seen[:23] != seen[23:]


@pytest.mark.parametrize(("epochs", "steps", "last"), [(1, 3, 7), (2, 6, 6), (0.5, 2, 4), (0.01, 1, 1)])
def test_epochs_may_be_fractions_and_the_last_step_takes_what_is_left(epochs, steps, last):
    plan = replace(PLAN, epochs=epochs)
    assert plan.steps == steps
    assert len(_seen(plan, steps - 1)) == last


def test_max_steps_overrules_epochs():
    plan = replace(PLAN, max_steps=50)
    assert plan.steps == 50
    assert len(_seen(plan, 49)) == 8


@pytest.mark.parametrize("micro", [8, 3, 2, 1])
def test_a_smaller_micro_batch_sees_the_same_documents_in_each_step(micro):
    smaller = replace(PLAN, micro=micro)
    assert smaller.accumulation == -(-8 // micro)
    for number in range(PLAN.steps):
        assert _seen(smaller, number) == _seen(PLAN, number)
        assert all(len(part) <= micro for part in smaller.step(number))


def test_two_ranks_share_each_step_between_them():
    ranks = [replace(PLAN, ranks=2, rank=rank) for rank in range(2)]
    for number in range(PLAN.steps):
        assert sorted(_seen(ranks[0], number) + _seen(ranks[1], number)) == sorted(_seen(PLAN, number))


@pytest.mark.parametrize("ranks", [2, 3, 5, 8])
@pytest.mark.parametrize("micro", [1, 2, 3])
def test_all_ranks_have_as_many_batches_whatever_they_share(ranks, micro):
    """Eight documents, the last step fewer; who has nothing left computes what counts for nothing."""
    plans = [replace(PLAN, micro=micro, ranks=ranks, rank=rank) for rank in range(ranks)]
    documents = _documents([3 + at % 5 for at in range(23)])
    streams = [list(Stream(plan, documents)) for plan in plans]
    assert {len(stream) for stream in streams} == {len(Stream(plans[0], documents))}
    for number in range(PLAN.steps):
        assert sorted(place for plan in plans for place in _seen(plan, number)) == sorted(_seen(PLAN, number))
        assert {len(plan.step(number)) for plan in plans} <= {plans[0].accumulation, len(plans[0].step(PLAN.steps - 1))}
    real = [batch for stream in streams for batch in stream if NOTHING not in batch]
    alone = list(Stream(PLAN, documents))
    assert sum(batch["targets"].numel() for batch in real) == sum(batch["targets"].numel() for batch in alone)


def test_another_seed_gives_another_order():
    assert _seen(replace(PLAN, seed=4), 0) != _seen(PLAN, 0)


def _documents(lengths):
    tokens = torch.arange(sum(lengths), dtype=torch.int32).split(lengths)
    return [Document(part, torch.arange(len(part)) >= 2) for part in tokens]


def test_a_stream_that_starts_later_gives_what_the_whole_one_gives_from_there():
    documents = _documents([3 + at % 5 for at in range(23)])
    whole, later = list(Stream(PLAN, documents)), list(Stream(PLAN, documents, first=4))
    assert len(Stream(PLAN, documents)) == len(whole) == 12
    assert len(Stream(PLAN, documents, first=4)) == len(later) == 4
    for one, other in zip(whole[8:], later, strict=True):
        assert torch.equal(one["input_ids"], other["input_ids"])


def test_a_row_holds_whole_documents_and_no_padding():
    batch = collate(_documents([3, 5, 4]))
    assert batch["input_ids"].tolist() == [list(range(12))]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 0, 1, 2, 3, 4, 0, 1, 2, 3]]
    assert batch["cu_seq_lens_q"].tolist() == [0, 3, 8, 12]
    assert batch["max_length_q"] == 5


def test_each_learned_token_is_predicted_from_the_one_before_it_in_its_own_document():
    batch = collate(_documents([3, 5, 4]))
    assert batch["targets"].tolist() == [2, 5, 6, 7, 10, 11]
    assert batch["positions"].tolist() == [1, 4, 5, 6, 9, 10]


@pytest.mark.parametrize(("objective", "most"), [("chat", 90), ("preference", 45)])
def test_the_forecast_counts_the_very_batches_of_a_run(objective: str, most: int) -> None:
    trained = tuple(2 * random.Random(at).randrange(3, 60) for at in range(57))
    values = {"objective": objective, "batch": {"size": 4, "accumulation": 3, "max_length": most}}
    recipe = Recipe.model_validate({**values, "schedule": {"epochs": 2.5}, "compute": {"seed": 7}})
    plan = Plan(len(trained), 12, 4, recipe.schedule.epochs, recipe.compute.seed)
    cut = [min(size, 90) for size in trained]
    batches = [micro for step in range(plan.steps) for micro in plan.step(step) if micro]
    if objective == "preference":
        made = [[max(cut[at] for at in micro) // 2] * 2 * len(micro) for micro in batches]
    else:
        made = [[cut[at] for at in micro] for micro in batches]
    assert planned(trained, recipe, plan.seen) == [(sum(one), sum(size * size for size in one)) for one in made]
    assert planned((), recipe, plan.seen) == []
