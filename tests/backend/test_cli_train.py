"""What `launch.py train` may name as its recipe."""

import pytest

from backend.cli import train
from backend.errors import AccessError
from backend.jobs import recorded
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
