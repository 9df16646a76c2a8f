"""The run that ships: a real training, still of the model and the data that ship beside it."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from backend.cli import record
from backend.data import datasets
from backend.errors import JobError
from backend.inference.shelf import Shelf
from backend.jobs import recorded
from backend.jobs.events import Evaluation, Sample, Step
from backend.jobs.folder import RunFolder
from backend.jobs.model import Job, JobState
from backend.models import adapters, catalogue, packing
from backend.paths import ROOT, Workspace
from backend.people import HOME, Person
from backend.recipes import load
from tests.faults.stage import Stage

RUNS = recorded.every()
FIXED = "Say `python -m backend.cli.record`: the starter, its chats or the recipe have changed since."


def folder(job: Job) -> RunFolder:
    return RunFolder(Workspace(ROOT / "nowhere").run(job.id))


def test_there_is_one() -> None:
    assert [job.state for job in RUNS] == [JobState.DONE]


@pytest.mark.parametrize("job", RUNS, ids=lambda job: job.name)
def test_it_is_whole_small_and_names_no_place_of_the_computer_it_was_made_on(job: Job) -> None:
    files = [path for path in folder(job).path.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < record.LARGEST
    assert [path.name for path in files if b"/home/" in path.read_bytes() or b"/tmp/" in path.read_bytes()] == []
    said = list(folder(job).said())
    steps = [one for one in said if isinstance(one, Step)]
    assert steps[-1].step == steps[-1].total == folder(job).read(folder(job).result)["steps"]
    assert {Evaluation, Sample} <= {type(one) for one in said}


@pytest.mark.parametrize("job", RUNS, ids=lambda job: job.name)
def test_it_belongs_to_what_ships_now(job: Job, workspace: Workspace) -> None:
    request = folder(job).read(folder(job).request)
    model = catalogue.find(HOME, workspace, request["model"]["id"])
    adapters.check(folder(job).adapter, model)
    meant = load.find(HOME, workspace, record.RECIPE).recipe
    assert load.compare(meant, load.parse(request["recipe"])) == [], FIXED
    assert request["data"]["sha256"] == datasets.find(HOME, workspace, request["data"]["id"]).sha256, FIXED


def test_everybody_may_chat_with_it(workspace: Workspace) -> None:
    for person in (HOME, Person("ana")):
        target = Shelf(workspace).find(person, f"run:{RUNS[0].id}")
        assert Path(target.location, "config.json").is_file()
        target.check()
    assert f"run:{RUNS[0].id}" in Shelf(workspace).names(HOME)


def test_everybody_finds_it_and_nobody_changes_it(tmp_path: Path) -> None:
    stage, shipped = Stage.at(tmp_path), RUNS[0]
    assert stage.jobs.find(HOME, shipped.name.upper()) == stage.jobs.get(Person("ana"), shipped.id) == shipped
    assert (stage.jobs.all(HOME), stage.jobs.shown(HOME)) == ([], list(RUNS))
    with pytest.raises(JobError, match="ships with the studio"):
        stage.jobs.delete(HOME, shipped.id)
    assert folder(shipped).path.is_dir()
    own = stage.submit(shipped.name)
    assert stage.jobs.find(HOME, shipped.name) == own


def finished(path: Path, text: str = "all well\n") -> RunFolder:
    """A run as a worker leaves it."""
    run = RunFolder(path)
    run.adapter.mkdir(parents=True)
    shipped = folder(RUNS[0])
    for name in record.TEXTS:
        (run.path / name).write_text(text)
    for file in shipped.adapter.iterdir():
        (run.adapter / file.name).write_bytes(file.read_bytes())
    request = shipped.read(shipped.request)
    location = str(ROOT / "sample_data" / "models" / "starter")
    run.write(run.request, {**request, "model": {**request["model"], "location": location}})
    run.write(run.status, {"state": "ended", "attempt": 1, "exit_code": 0, "at": 5.0, "pid": 77, "step": 3})
    return run


def test_recording_leaves_out_places_and_processes(tmp_path: Path) -> None:
    final = ROOT / "sample_data" / "runs" / ".trial"
    try:
        record.keep(finished(tmp_path / "run", f"{ROOT}/backend/x.py: warning\n"), final)
        kept = RunFolder(final)
        assert kept.log.read_text() == "backend/x.py: warning\n"
        assert kept.read(kept.request)["model"]["location"] == "sample_data/models/starter"
        assert kept.read(kept.request)["job"]["owner"] == ""
        assert kept.read(kept.status) == {"state": "ended", "attempt": 1, "exit_code": 0, "at": 5.0}
        run = finished(tmp_path / "other", f"{tmp_path}/other/x\n")
        with pytest.raises(ValueError, match="names a place of this computer"):
            record.keep(run, final)
    finally:
        for path in final.parent.glob(".*trial"):
            record.shutil.rmtree(path)


@pytest.mark.slow
def test_what_the_readme_of_a_downloaded_adapter_says_works(tmp_path: Path, workspace: Workspace) -> None:
    job = RUNS[0]
    (tmp_path / "a.zip").write_bytes(b"".join(packing.packed(job, folder(job), "en")))
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        archive.extractall(tmp_path)
    here = tmp_path / packing.file_name(job)
    code = (here / packing.README).read_text().partition("```python\n")[2].partition("```")[0]
    model = catalogue.find(HOME, workspace, "starter")
    asked = folder(job).read(folder(job).request)["recipe"]["watching"]["questions"][0]["question"]
    assert 'base = "starter"' in code
    code = code.replace('base = "starter"', f"base = {json.dumps(model.location)}").replace('"..."', json.dumps(asked))
    done = subprocess.run([sys.executable, "-c", code], cwd=here, capture_output=True, text=True, check=True)
    last = [one for one in folder(job).said() if isinstance(one, Sample) and one.index == 0][-1]
    assert done.stdout.strip().splitlines()[-1] == last.answer
