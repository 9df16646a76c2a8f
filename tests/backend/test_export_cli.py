"""`launch.py export` and `import` from the command line to the result, through ledger and supervisor."""

import json
from pathlib import Path

import pytest

from backend.cli.__main__ import main
from backend.cli.chat import named
from backend.cli.export import story, summary
from backend.errors import AccessError
from backend.jobs.model import JobState, NewJob
from backend.jobs.service import Jobs
from backend.ledger.store import Ledger
from backend.models.catalogue import RECORD, Model
from backend.paths import Workspace
from backend.people import HOME
from backend.setup import commands

KEPT = (("train", "mine"), ("export", "mine merged"))


@pytest.mark.slow
def test_a_run_goes_out_as_a_capsule_and_comes_in_elsewhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here, there = str(tmp_path / "here"), str(tmp_path / "there")
    assert main(["export", "romanian-demo", "--to", "capsule", "--with-adapter", "--workspace", here, "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["form"], told["state"], told["export"]) == ("capsule", "done", "romanian-demo capsule")
    assert main(["import", told["file"], "--name", "taken", "--workspace", there, "--json"]) == 0
    taken = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert taken["run"] == "taken"
    assert (Path(taken["folder"]) / "adapter" / "adapter_model.safetensors").is_file()


def test_what_cannot_be_exported_is_said_with_a_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = ["--workspace", str(tmp_path / "w"), "--json"]
    assert main(["export", "romanian-demo", "--to", "merged", "--rounded", *place]) == commands.FAILED
    assert json.loads(capsys.readouterr().out)["key"] == "export.not_rounded"
    assert main(["export", "no such run", "--to", "gguf", *place]) == commands.FAILED
    assert json.loads(capsys.readouterr().out)["key"] == "not found"
    assert main(["import", str(tmp_path / "none.zip"), *place]) == commands.FAILED
    with pytest.raises(SystemExit) as wrong:
        main(["export", "romanian-demo", "--to", "exe", *place])
    assert wrong.value.code == commands.USAGE


def test_what_was_exported_is_told_with_its_verdict(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w").create()
    jobs = Jobs(Ledger(workspace.ledger), workspace)
    parity = {
        "questions": 4, "tokens": 40, "same_texts": 4, "ends_agree": 40, "kl_mean": 1e-7, "bound": 4e-6,
        "verdict": "same", "prompts_same": True,
    }  # fmt: skip
    job = jobs.keep(
        HOME,
        NewJob("export", "mine merged", {}),
        lambda folder: folder.write(folder.result, {"folder": "/m/1", "parity": parity}),
    )
    assert job.state is JobState.DONE
    assert story(job, summary(jobs, job)) == (
        "mine merged: done. /m/1\nThe exported model says what the chat says: 4 of 4 answers are the same text "
        "(divergence 1.0e-07 per token, at most 4e-06 allowed)."
    )


def test_nobody_exports_the_run_of_somebody_else(tmp_path: Path) -> None:
    from backend.export import submit
    from backend.export.request import Choice
    from backend.people import Person

    workspace = Workspace(tmp_path / "w").create()
    jobs = Jobs(Ledger(workspace.ledger), workspace)
    jobs.keep(Person("ana"), NewJob("train", "hers", {}), lambda folder: None)
    with pytest.raises(AccessError):
        submit.start_export(HOME, jobs, "hers", Choice(to="capsule"))


def test_a_merged_model_is_asked_by_the_id_or_the_name_of_its_export(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w").create()
    jobs = Jobs(Ledger(workspace.ledger), workspace)
    run, export = (jobs.keep(HOME, NewJob(kind, name, {}), lambda _: None) for kind, name in KEPT)
    made = workspace.models / export.id
    made.mkdir()
    record = Model(id=export.id, name="mine", location="", owner=HOME.id)
    (made / RECORD).write_text(record.model_dump_json(exclude={"shipped", "location"}), encoding="utf-8")
    assert {named(jobs, ref) for ref in (export.id, "mine merged")} == {export.id}
    assert {named(jobs, ref) for ref in (run.id, "mine")} == {f"run:{run.id}"}
