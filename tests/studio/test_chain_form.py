"""Training in several stages from the page: what a chain brings, what it costs, what it is refused for, its start."""

import json
from pathlib import Path
from typing import Any

import pytest

from backend.chains import submit
from backend.jobs import events
from backend.jobs.model import Job, JobState
from studio.downloads import described
from studio.framework import gr
from studio.services.door import Services
from studio.text import Words
from studio.views import runs as run_views
from studio.views.curves import charts
from studio.views.curves.series import Curves
from studio.widgets.chain_form import FIRST_CHAIN, Handlers


@pytest.fixture
def handlers(tmp_path: Path) -> Handlers:
    return Handlers(Services.at(tmp_path / "workspace"), Words("ro"))


def choice(handlers: Handlers, **changes: Any) -> list[Any]:
    """The starter's chain as it is brought, with other values."""
    brought = handlers.chosen("starter-chain")
    values = {"chain": "starter-chain", "model": brought.model["value"], "way": brought.way["value"]}
    values["name"] = brought.name
    for number in (1, 2, 3):
        values[f"data_{number}"] = handlers.filled(number, "starter-chain").data["value"]
        values[f"steps_{number}"] = ""
    return list((values | changes).values())


def test_a_chain_brings_its_model_its_stages_and_what_each_can_learn_from(handlers: Handlers) -> None:
    brought = handlers.chosen("starter-chain")
    assert "O singură antrenare, trei etape" in brought.about
    assert (brought.model["value"], brought.way["value"], brought.name) == ("starter", "stacked", "starter-chain")
    stages = [handlers.filled(number, "starter-chain") for number in (1, 2, 3)]
    assert [stage.data["value"] for stage in stages] == ["starter-ro-plain", "starter-ro", "starter-ro"]
    # A stage on text offers texts, one on chats offers chats.
    assert "starter-ro" not in [key for _, key in stages[0].data["choices"]]
    assert "starter-ro-plain" not in [key for _, key in stages[1].data["choices"]]


def test_a_chain_that_is_not_here_any_more_gives_way_to_the_first(handlers: Handlers) -> None:
    assert handlers.chosen("gone") == handlers.chosen(FIRST_CHAIN)
    assert handlers.chosen("gone").chain == FIRST_CHAIN


def test_a_chain_of_fewer_stages_hides_the_rest(handlers: Handlers) -> None:
    assert handlers.filled(4, "starter-chain").data["visible"] is False


def test_what_all_of_it_costs_is_told_stage_by_stage(handlers: Handlers) -> None:
    card, start = handlers.review(*choice(handlers))
    assert start["interactive"] is True
    assert card.count("<li><b>") >= 3
    assert "suprapusă peste etapa dinainte" in card
    merged, _ = handlers.review(*choice(handlers, way="merged"))
    assert "contopită cu etapa dinainte" in merged


@pytest.mark.parametrize(
    ("changes", "at", "words"),
    [
        ({"steps_2": "0"}, "chain-data-2", "Etapa 2 din 3"),
        ({"data_3": "nobody"}, "chain-data-3", "Etapa 3 din 3"),
        ({"name": "a/b"}, "chain-name", "/"),
        ({"model": "nobody"}, "chain", "nobody"),
    ],
)
def test_what_is_wrong_is_said_with_its_stage_and_nothing_is_started(
    handlers: Handlers, changes: dict[str, str], at: str, words: str
) -> None:
    card, start = handlers.review(*choice(handlers, **changes))
    assert start["interactive"] is False
    assert f'data-at="{at}"' in card
    assert words in card
    run, _, said = handlers.start(*choice(handlers, **changes))
    assert (run, words in said) == ("", True)
    assert handlers.services.runs()[0].recorded


def test_it_starts_as_one_run_and_can_be_repeated(handlers: Handlers) -> None:
    run, name, _ = handlers.start(*choice(handlers, steps_1="5", steps_2="5", steps_3="5"))
    job = handlers.services.run(run)
    assert (job.kind, job.name, name) == ("chain", "starter-chain", "starter-chain 2")
    told = handlers.services.my_runs.request(run)
    assert [stage["train"]["recipe"]["schedule"]["max_steps"] for stage in told["stages"]] == [5, 5, 5]
    again = handlers.services.my_runs.repeat(run, "again")
    assert again.kind == submit.KIND
    steps = handlers.services.my_runs.request(again.id)["forecast"]["steps"]
    assert steps == told["forecast"]["steps"] == 15


def test_the_details_name_every_stage(handlers: Handlers) -> None:
    run, *_ = handlers.start(*choice(handlers))
    rows = described(handlers.services, run, Words("ro"))["from"]
    stages = {row["what"]: row["value"] for row in rows if row["what"].startswith("Etapa")}
    assert list(stages) == [
        "Etapa 1: text simplu",
        "Etapa 2: conversații în română",
        "Etapa 3: toate cele trei limbi",
    ]
    assert "de la modelul de bază" in stages["Etapa 1: text simplu"]


def stage(number: int, step: int) -> events.Stage:
    return events.Stage(t=float(step), number=number, count=3, step=step, title={"en": f"part {number}"})


def test_the_curves_know_the_stages_and_the_line_names_the_one_it_is_in() -> None:
    curves = Curves()
    for said in (stage(1, 0), stage(2, 10), stage(3, 20)):
        curves.fold(said)
    assert [row[1:3] for row in charts.whole(curves, None)["stages"]] == [(0, "1"), (10, "2"), (20, "3")]
    job = Job("run1", "home", "chain", "three", JobState.RUNNING, 1, 1.0, "cpu", 0.0)
    assert run_views.stage(job, curves, Words("en")) == ["stage 3 of 3: part 3"]
    # The second was lost, so the third has yet to come.
    curves.fold(stage(2, 10))
    assert [row[1] for row in charts.whole(curves, None)["stages"]] == [0, 10]
    assert run_views.stage(job, curves, Words("en")) == ["stage 2 of 3: part 2"]


def test_what_a_chain_is_meant_for_and_is_not_there_is_said_and_not_chosen(handlers: Handlers) -> None:
    brought = handlers.chosen("llamantino")
    slots = [handlers.filled(number, "llamantino") for number in (1, 2, 3)]
    assert (brought.model["value"], brought.way["value"]) == (None, "merged")
    assert [slot.data["value"] for slot in slots] == [None, None, None]
    card, start = handlers.review("llamantino", "", "merged", "lung", *("", "") * 3)
    assert start["interactive"] is False
    assert "meta-llama/Llama-2-7b-hf" in card
    card, _ = handlers.review("llamantino", "starter", "merged", "lung", *("", "") * 3)
    assert "Etapa 1 din 3" in card
    assert "gsarti/clean_mc4_it" in card


def test_what_was_left_in_the_panel_is_there_again_and_what_is_gone_is_not(handlers: Handlers) -> None:
    fields = {"chain-name": "a mea", "chain-steps-2": "0", "chain-data-1": "gone", "chain-way": "merged", "other": None}
    draft = json.dumps({"chain": "starter-chain", "fields": {"starter-chain": fields}})
    model, way, name, *stages = handlers.restored(draft, "starter-chain")
    assert (way["value"], name["value"], stages[3]["value"]) == ("merged", "a mea", "0")
    assert model == stages[0] == stages[1] == gr.skip()
    assert handlers.restored(draft, "llamantino") == [gr.skip()] * (3 + 2 * handlers.slots())


@pytest.mark.parametrize("draft", ["", "{", "[]", '{"chain": 3}', '{"chain": "none"}', '{"fields": {"a": 1}}'])
def test_a_draft_that_says_nothing_leaves_the_panel_as_it_begins(handlers: Handlers, draft: str) -> None:
    assert handlers.restored(draft, FIRST_CHAIN) == [gr.skip()] * (3 + 2 * handlers.slots())
