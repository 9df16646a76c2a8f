"""What a chain has made, in another program's form: checked against the chat as that of any other run."""

import shutil

import pytest

from backend.errors import ModelError
from backend.export import run as export
from backend.export import submit
from backend.export.request import Choice, ExportRequest
from backend.inference.shelf import Shelf
from backend.jobs.context import JobContext
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode, NewJob
from backend.jobs.service import Jobs
from backend.ledger.store import Ledger
from backend.models import catalogue
from backend.people import HOME
from tests import chain_folders, tiny


@pytest.mark.parametrize("way", ["stacked", "merged"])
def test_what_a_chain_made_is_asked_and_exported_on_the_weights_that_it_is_for(way, workspace):
    model = tiny.make_model(workspace.root / "base")
    request = chain_folders.asked(workspace.root, model, {}, {}, way=way) | {"job": {"owner": HOME.id}}
    code, _ = chain_folders.run(workspace.runs / "aa", request)
    assert code == ExitCode.DONE
    target = Shelf(workspace).find(HOME, "run:aa")
    target.check()
    own = str(workspace.runs / "aa" / "stages" / "1" / "merged")
    assert target.location == (own if way == "merged" else str(model))
    folder = RunFolder(workspace.runs / "bb")
    folder.path.mkdir()
    choice = Choice(to="merged", dtype="float32")
    asked = ExportRequest(run="aa", run_name="mine", choice=choice).model_dump(mode="json")
    folder.write(folder.request, asked | {"job": {"owner": HOME.id}})
    assert export.run(JobContext(folder, asked)) == ExitCode.DONE
    assert folder.read(folder.result)["parity"]["verdict"] != "differs"
    assert catalogue.find(HOME, workspace, "bb").name == "mine"


def test_a_capsule_is_refused_for_it_holds_one_recipe(workspace):
    jobs = Jobs(Ledger.of(workspace), workspace)
    model = tiny.make_model(workspace.root / "base")
    request = chain_folders.asked(workspace.root, model, {}, {})
    made = chain_folders.run(workspace.runs / "cc", request | {"job": {"owner": HOME.id}})[0]
    assert made == ExitCode.DONE
    job = jobs.keep(HOME, NewJob("chain", "mine", request), lambda folder: _copied(workspace.runs / "cc", folder.path))
    with pytest.raises(ModelError, match="several stages"):
        submit.prepare(HOME, jobs, job.id, Choice(to="capsule"))


def _copied(source, target):
    shutil.copytree(source / "adapter", target / "adapter")
