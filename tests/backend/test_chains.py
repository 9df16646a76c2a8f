"""A chain before it starts: what is in its file, what is forecast for it, what it is refused for, how it is named."""

import pytest

from backend.chains import submit
from backend.chains.request import ChainRequest
from backend.chains.submit import Choice
from backend.cli import chain as cli
from backend.cli import train
from backend.errors import AccessError, JobError, RecipeError
from backend.jobs.service import Jobs
from backend.ledger.store import Ledger
from backend.messages import LANGUAGES
from backend.models import catalogue
from backend.people import HOME
from backend.recipes import chains, load
from backend.recipes.chains import ChainFile

SHIPPED = [file.id for file in chains.shipped()]


@pytest.fixture
def jobs(workspace):
    return Jobs(Ledger.of(workspace), workspace)


def starter(**changes):
    file = chains.find("starter-chain")
    return ChainFile(file.id, file.chain.model_copy(update=changes))


def test_a_chain_ships_and_no_chain_is_taken_for_a_recipe(workspace):
    assert "starter-chain" in SHIPPED
    assert not {file.id for file in load.available(HOME, workspace)} & set(SHIPPED)


@pytest.mark.parametrize("ref", SHIPPED)
def test_a_shipped_chain_says_what_it_is_in_three_languages_and_its_recipes_exist(ref, workspace):
    chain = chains.find(ref).chain
    for said in (chain.title, chain.about, *(stage.title for stage in chain.stages)):
        assert set(said) == set(LANGUAGES)
    for stage in chain.stages:
        load.with_changes(load.find(HOME, workspace, stage.recipe).recipe, stage.changes)


def test_the_whole_needs_the_memory_of_its_largest_stage_and_the_time_of_all(workspace):
    planned = submit.plan(HOME, workspace, starter(), Choice())
    assert [stage.start for stage in planned.request.stages] == ["base", "stacked", "stacked"]
    assert planned.whole.needs == max(one.needs for one in planned.forecasts)
    assert planned.whole.steps == sum(one.steps for one in planned.forecasts)
    assert planned.whole.seconds == pytest.approx(sum(one.seconds for one in planned.forecasts))
    # What lies under a stage is in memory too.
    adapters = [one.parts["adapter"] for one in planned.forecasts]
    assert adapters == [adapters[0], 2 * adapters[0], 3 * adapters[0]]
    assert sum(planned.whole.parts.values()) == planned.whole.total_bytes


def test_merged_models_are_counted_on_the_disk(workspace):
    stacked, merged = (submit.plan(HOME, workspace, starter(), Choice(way=way)).whole for way in ("stacked", "merged"))
    model = (catalogue.find(HOME, workspace, "starter").folder / "model.safetensors").stat().st_size
    # Two merged models at once; a stacked adapter is larger than one alone.
    assert model < merged.disk_bytes - stacked.disk_bytes < 2 * model


def test_it_is_one_job_with_all_its_stages_in_the_request(jobs):
    job = submit.start_chain(HOME, jobs, starter(), Choice(data={3: "starter-en-it"}), "three")
    assert [one.id for one in jobs.all(HOME)] == [job.id]
    assert job.kind == "chain"
    request = ChainRequest.model_validate(jobs.folder(job).read(jobs.folder(job).request))
    assert [one.train.data.id for one in request.stages] == ["starter-ro-plain", "starter-ro", "starter-en-it"]
    assert request.data.id == "starter-en-it"
    again = submit.repeat(HOME, jobs, request, "again")
    second = ChainRequest.model_validate(jobs.folder(again).read(jobs.folder(again).request))
    for one, other in zip(request.stages, second.stages, strict=True):
        assert (one.train.recipe, one.train.data, one.start) == (other.train.recipe, other.train.data, other.start)


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (Choice(data={2: "starter-ro-plain"}), ["Stage 2 of 3", "chats in Romanian", "plain text"]),
        (Choice(data={3: "nobody"}), ["Stage 3 of 3", "nobody"]),
        (Choice(changes={1: {"lora.rank": "0"}}), ["Stage 1 of 3", "256"]),
        (Choice(changes={3: {"compute.devices": 2}}), ["Stage 3 of 3", "one device"]),
        (Choice(changes={2: {"lora.dora": True}}), ["Stage 2 of 3", "DoRA"]),
        (Choice(changes={2: {"lora.new_tokens": ["ăăă"]}}), ["Stage 2 of 3", "new tokens"]),
    ],
)
def test_what_cannot_be_trained_is_refused_with_its_stage_before_anything_exists(choice, words, jobs):
    with pytest.raises(RecipeError) as fault:
        submit.start_chain(HOME, jobs, starter(), choice, "three")
    assert [word for word in words if word not in str(fault.value)] == []
    for language in LANGUAGES:
        assert "{" not in fault.value.say(language)
    assert jobs.all(HOME) == []


def test_dora_may_be_merged(workspace):
    changes = {2: {"lora.dora": True}}
    planned = submit.plan(HOME, workspace, starter(), Choice(way="merged", changes=changes))
    assert [stage.start for stage in planned.request.stages] == ["base", "merged", "merged"]


def test_a_model_that_is_not_there_is_refused(jobs):
    with pytest.raises(AccessError):
        submit.start_chain(HOME, jobs, starter(), Choice(model="nobody's"), "three")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("stages: [{recipe: starter-lora}]", "stages"),
        ("stages: [{recipe: a}, {recipe: b, colour: red}]", "colour"),
        ("way: glued\nstages: [{recipe: a}, {recipe: b}]", "way"),
        ("stages: &a [{recipe: a}]", "alias"),
    ],
)
def test_a_file_that_is_no_chain_is_refused_with_the_place(text, words, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError, match=words):
        chains.bring(str(path))


def test_a_recipe_in_a_file_is_no_chain(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("method: lora", encoding="utf-8")
    assert chains.bring(str(path)) is None
    assert chains.bring("starter-lora") is None


def test_by_command_settings_are_of_one_stage_or_of_all(jobs):
    sets = ["way=merged", "2.data=starter-en-it", "3.lora.rank=8", "schedule.max_steps=5"]
    found = cli.choice(jobs, starter(), None, None, sets)
    assert (found.way, found.data) == ("merged", {2: "starter-en-it"})
    assert found.changes[1] == {"schedule.max_steps": "5"}
    assert found.changes[3] == {"lora.rank": "8", "schedule.max_steps": "5"}
    planned = submit.plan(HOME, jobs.workspace, starter(), found)
    assert planned.whole.steps == 15


@pytest.mark.parametrize(("change", "words"), [("way=glued", "stacked"), ("4.lora.rank=8", "has 3")])
def test_a_command_that_no_chain_knows_is_refused(change, words, jobs):
    with pytest.raises(RecipeError, match=words):
        cli.choice(jobs, starter(), None, None, [change])
    with pytest.raises(RecipeError, match=r"2\.data"):
        cli.choice(jobs, starter(), None, "starter-ro", [])


def test_the_settings_of_one_stage_are_not_taken_for_those_of_the_chain(jobs):
    submit.start_chain(HOME, jobs, starter(), Choice(), "three")
    with pytest.raises(JobError, match="starter-chain"):
        train.recipe_of(jobs, "run:three")
