"""A capsule that is chosen in the page's import becomes a run like an adapter that is."""

from pathlib import Path

from backend.export import capsule, source
from backend.jobs.service import Jobs
from backend.ledger.store import Ledger
from backend.paths import Workspace
from backend.people import HOME
from studio.services.runs import MyRuns
from studio.text import Words
from studio.views import details


def test_a_zip_that_is_a_capsule_becomes_the_run_that_it_holds(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace").create()
    found = source.of(workspace, "recorded-romanian-demo", "romanian-demo")
    capsule.write(tmp_path / "sent.zip", found, texts=False, weights_too=True)
    runs = MyRuns(workspace, Jobs(Ledger(workspace.ledger), workspace), HOME)
    job = runs.import_zip(tmp_path / "sent.zip", "")
    assert (job.kind, job.name, runs.made(job.id)) == ("import", "romanian-demo 2", "adapter")
    assert runs.result(job.id)["checks"]["ro"]["after"] == 29
    settings = runs.settings(job.id)
    assert settings is not None
    assert settings.recipe.lora.rank == 16
    said = details.made_from(runs.request(job.id), Words("en"))
    assert {one["value"] for one in said} >= {"Starter, 2 million", "romanian-demo"}
    assert runs.repeat(job.id, "again").kind == "train"
