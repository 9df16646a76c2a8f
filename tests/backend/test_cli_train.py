"""What `launch.py train` may name as its recipe, and how it calls the run."""

from datetime import date

import pytest

from backend.cli import train
from backend.errors import AccessError
from backend.jobs import recorded
from backend.jobs.model import NewJob
from backend.jobs.service import Jobs
from backend.ledger.store import Ledger
from backend.paths import Workspace
from backend.people import HOME
from backend.recipes import load


def test_a_recipe_is_named_by_its_id_or_by_the_run_that_was_started_with_it(workspace: Workspace) -> None:
    jobs = Jobs(Ledger(workspace.ledger), workspace)
    shipped = load.find(HOME, workspace, "starter-lora")
    assert train.recipe_of(jobs, "starter-lora") == ("starter-lora", shipped.recipe)
    run = recorded.every()[0]
    folder = jobs.folder(run)
    meant = load.parse(folder.read(folder.request)["recipe"])
    assert train.recipe_of(jobs, f"run:{run.id}") == train.recipe_of(jobs, f"run:{run.name}") == (run.name, meant)
    for gone in ("run:nobody", "run:", "run:../../etc"):
        with pytest.raises(AccessError):
            train.recipe_of(jobs, gone)


def test_a_run_without_a_name_is_called_after_its_recipe_and_the_day_whoever_has_that_name_in_capitals(
    workspace: Workspace,
) -> None:
    jobs = Jobs(Ledger.of(workspace), workspace)
    day = date.today().isoformat()
    assert train.free_name(jobs, "starter-lora") == f"starter-lora {day}"
    jobs.submit(HOME, NewJob("train", f"STARTER-lora {day}", {}))
    assert train.free_name(jobs, "starter-lora") == f"starter-lora {day} 2"
    assert train.free_name(jobs, "x" * 64) == f"{'x' * 53} {day}"
