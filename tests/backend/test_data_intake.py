"""Importing as a job: what becomes of files, what is refused, and that one is made once."""

import json
import os
import zipfile
from pathlib import Path

import pytest

from backend.data import datasets, rows
from backend.data.intake import run, submit
from backend.data.intake.run import STAGING
from backend.data.mapping.mapping import Mapping
from backend.data.opening.opened import Choices
from backend.errors import AccessError, DataError, JobError
from backend.jobs.context import JobContext
from backend.jobs.folder import RunFolder
from backend.jobs.model import CHORES, ExitCode, Job
from backend.people import HOME, Person
from backend.worker import RUNNERS
from tests.faults.stage import Stage
from tests.workbooks import xlsx

CSV = "intrebare;raspuns\n" + "".join(f"Întrebarea {at}, nu?;Răspunsul {at} în faţă\n" for at in range(12))


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    # The limit of memory would stay with the process of the tests.
    monkeypatch.setattr("backend.data.opening.limits.limit", lambda: None)
    return Stage.at(tmp_path / "workspace")


def start(stage: Stage, *paths: Path, **how: object) -> Job:
    return submit.start(HOME, stage.jobs, [(path.name, path) for path in paths], **how)


def context(stage: Stage, job: Job) -> JobContext:
    folder = RunFolder(stage.workspace.run(job.id))
    request = {name: value for name, value in folder.read(folder.request).items() if name != "job"}
    return JobContext(folder=folder, request=request)


def work(stage: Stage, job: Job) -> int:
    return run.run(context(stage, job))


def imported(stage: Stage, *paths: Path, **how: object) -> tuple[datasets.Dataset, list[dict[str, object]]]:
    job = start(stage, *paths, **how)
    assert work(stage, job) == ExitCode.DONE
    made = submit.made(HOME, stage.jobs, job)
    assert made is not None
    assert not (stage.workspace.run(job.id) / STAGING).exists()
    return made, list(rows.read(made.path))


def test_an_import_is_a_job_that_waits_for_no_training_and_is_no_run(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV)
    job = start(stage, tmp_path / "a.csv")
    assert (RUNNERS[job.kind], job.device, job.kind in CHORES) == ("backend.data.actions.run", "data", True)
    stage.submit("a training")
    first, second = stage.claims.take(lambda job: True), stage.claims.take(lambda job: True)
    assert {first.job.kind, second.job.kind} == {"data", "count"}


@pytest.mark.parametrize("encoding", ["cp1250", "utf-8", "utf-16", "cp852"])
def test_a_romanian_table_becomes_chats(stage: Stage, tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "Întrebări de probă.csv"
    path.write_bytes(CSV.encode(encoding))
    made, found = imported(stage, path)
    assert (made.shape, made.rows, made.skipped, made.owner) == ("chat", 12, 0, HOME.id)
    assert found[3]["messages"][1] == {"role": "assistant", "content": "Răspunsul 3 în faţă"}


def test_a_workbook_and_lines_of_json_become_the_same_chats(stage: Stage, tmp_path: Path) -> None:
    pairs = [(f"Domanda {at}?", f"Così {at}.") for at in range(10)]
    book = xlsx(tmp_path / "a.xlsx", {"Foglio": [["domanda", "risposta"], *map(list, pairs)]})
    lines = tmp_path / "b.jsonl"
    lines.write_text("".join(json.dumps({"question": asked, "answer": said}) + "\n" for asked, said in pairs))
    (_, first), (_, second) = imported(stage, book), imported(stage, lines)
    assert first == second


def test_a_mapping_and_choices_are_followed(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\n".join(f"x{at},y{at}" for at in range(12)))
    mapping = Mapping(shape="chat", fields={"question": "column_2", "answer": "column_1"})
    made, found = imported(stage, path, mapping=mapping, choices=Choices(header=False), name="A mea")
    assert (made.name, made.rows) == ("A mea", 12)
    assert [said["content"] for said in found[0]["messages"]] == ["y0", "x0"]


def test_faulty_rows_are_refused_or_left_out(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(CSV + "una;due;tre\n")
    job = start(stage, path)
    with pytest.raises(DataError, match=r"Line 14 has 3 values, the header has 2\."):
        work(stage, job)
    assert submit.made(HOME, stage.jobs, job) is None
    assert list(stage.workspace.datasets.iterdir()) == []
    made, _ = imported(stage, path, skip_bad=True)
    assert (made.rows, made.skipped) == (12, 1)


def test_a_second_attempt_makes_no_second_data_set(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV)
    job = start(stage, tmp_path / "a.csv")
    (stage.workspace.run(job.id) / STAGING / "whole").mkdir(parents=True)
    assert [work(stage, job), work(stage, job)] == [ExitCode.DONE, ExitCode.DONE]
    assert [path.name for path in stage.workspace.datasets.iterdir()] == [job.id]


def test_an_import_stops_when_it_is_asked_to(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV + "da;nu\n" * 1000)
    job = start(stage, tmp_path / "a.csv")
    asked = context(stage, job)
    asked.signal.asked = True
    assert run.run(asked) == ExitCode.STOPPED
    assert list(stage.workspace.datasets.iterdir()) == []
    assert work(stage, job) == ExitCode.DONE


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.json", "a.txt", "a.zip"])
def test_how_far_it_is_stands_in_the_status(stage: Stage, tmp_path: Path, name: str) -> None:
    lines = [json.dumps({"question": f"Ce e {at}?", "answer": f"{at} " * 100}) for at in range(9000)]
    content = {
        ".csv": CSV + "da;nu\n" * 100_000,
        ".jsonl": "\n".join(lines),
        ".json": f"[{','.join(lines)}]",
        ".txt": "Un rând.\n\n" * 50_000,
    }
    path = tmp_path / name
    if name == "a.zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.jsonl", content[".jsonl"])
            archive.writestr("b.jsonl", content[".jsonl"])
    else:
        path.write_text(content[path.suffix])
    asked = context(stage, start(stage, path))
    shown: list[dict[str, int]] = []
    show = asked.show

    def noted(**said: int) -> None:
        shown.append(said)
        show(**said)

    asked.show = noted  # type: ignore[method-assign] # the one that shows, and notes what
    assert run.run(asked) == ExitCode.DONE
    first = next(said for said in shown if "done" in said)
    assert first["rows"] < 10_000
    assert 0 < first["done"] < first["total"]
    assert first["total"] == (2 * len(content[".jsonl"]) if name == "a.zip" else path.stat().st_size)
    assert {"rows", "done", "total"} <= asked.folder.read(asked.folder.status).keys()


def test_what_cannot_be_imported_is_refused_at_once(stage: Stage, tmp_path: Path) -> None:
    with pytest.raises(AccessError):
        start(stage, tmp_path / "no.csv")
    (tmp_path / "a.csv").write_text(CSV)
    imported(stage, tmp_path / "a.csv", name="date")
    with pytest.raises(JobError, match="already exists"):
        start(stage, tmp_path / "a.csv", name="Date")


def test_only_the_owner_sees_what_an_import_made(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV)
    made, _ = imported(stage, tmp_path / "a.csv")
    assert made not in datasets.available(Person("other"), stage.workspace)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the limit is set in a fork")
def test_a_file_that_needs_too_much_memory_is_refused_in_one_sentence(tmp_path: Path) -> None:
    from backend.data.opening import limits
    from tests import tiny

    stage = Stage.at(tmp_path / "workspace")
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"a": {"b": ["x" * 100] * 400_000}}))
    job = start(stage, path)

    def attempt() -> int:
        real = limits.limit
        limits.limit = lambda: real(64 << 20)
        try:
            run.run(context(stage, job))
        except DataError as error:
            return 42 if error.key == "opening.too_big_to_read" else 43
        return 44

    assert tiny.fork(attempt) == 42
    assert list(stage.workspace.datasets.iterdir()) == []


def test_what_was_unsure_is_said_with_what_was_made(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    call = {"type": "function", "function": {"name": "vremea", "arguments": "{}"}}
    talk = [{"role": "assistant", "tool_calls": [call]}, {"role": "tool", "content": "22"}]
    end = {"role": "assistant", "content": "22 de grade."}
    rows_of = ([{"role": "user", "content": f"Cum e vremea {at}?"}, *talk, end] for at in range(12))
    path.write_text("\n".join(json.dumps({"messages": messages}) for messages in rows_of))
    job = start(stage, path)
    assert work(stage, job) == ExitCode.DONE
    folder = RunFolder(stage.workspace.run(job.id))
    assert [one["code"] for one in folder.read(folder.result)["findings"]] == ["mapping.tools"]
