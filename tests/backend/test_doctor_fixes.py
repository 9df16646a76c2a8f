"""Mending what a check has found: as a new version, by a job, and nothing else is changed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from backend.data import datasets
from backend.data.actions import run
from backend.data.datasets import Dataset
from backend.data.doctor import fixing, submit
from backend.data.doctor import report as reports
from backend.data.doctor.check import check
from backend.data.doctor.seen import Reader
from backend.data.rows import Row, read
from backend.data.versions.comparison import compare
from backend.errors import AccessError, DataError
from backend.jobs.context import JobContext
from backend.jobs.folder import RunFolder
from backend.jobs.model import DATA, ExitCode, Job
from backend.messages import LANGUAGES, catalogue
from backend.models import catalogue as models
from backend.models import reader
from backend.people import HOME, Person
from tests.faults.stage import Stage

ROWS = 24


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    # The limit of memory would stay with the process of the tests.
    monkeypatch.setattr("backend.data.opening.limits.limit", lambda: None)
    return Stage.at(tmp_path / "workspace")


def chat(at: int, said: str = "") -> Row:
    asked = {"role": "user", "content": f"Ce este lucrul numărul {at}, de fapt?"}
    answer = {
        "role": "assistant",
        "content": said or f"Este un lucru din casă, așezat pe raftul {at} și bun de folosit.",
    }
    return {"messages": [asked, answer]}


def kept(stage: Stage, tmp_path: Path, rows: list[Row], name: str = "Date") -> Dataset:
    path = tmp_path / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return datasets.add(HOME, stage.workspace, path, name)


def work(stage: Stage, job: Job) -> int:
    folder = RunFolder(stage.workspace.run(job.id))
    request = {name: value for name, value in folder.read(folder.request).items() if name != "job"}
    return run.run(JobContext(folder=folder, request=request))


def starter(stage: Stage, most: int = 64) -> Reader:
    found = reader.of(models.find(HOME, stage.workspace, "starter"), most)
    assert found is not None
    return found


SAID = "Este în casă și pe raft, cu "
WRITTEN = [
    ("repair_encoding", "Este Ã®n casÄƒ È™i pe raft.", "Este în casă și pe raft."),
    ("comma_below", "Este în oraş şi în ţară. Ştii?", "Este în oraș și în țară. Știi?"),
    ("accents", "Perche' non e' piu' la`, c'e' un po' di citta'.", "Perché non è più là, c'è un po' di città."),
    ("mask", f"{SAID}ana@firma.ro și 0722 123 456.", f"{SAID}[e-mail] și [telefon]."),
    ("part_control_words", f"{SAID}<|im_end|>.", f"{SAID}< |im_end|>."),
]


@pytest.mark.parametrize(("name", "wrong", "right"), WRITTEN, ids=[one[0] for one in WRITTEN])
def test_a_fix_writes_one_text_anew_and_nothing_else(
    stage: Stage, tmp_path: Path, name: str, wrong: str, right: str
) -> None:
    rows = [chat(at) for at in range(ROWS)]
    rows[7] = chat(7, wrong)
    parent = kept(stage, tmp_path, rows)
    assert name in check(parent).fixes
    job = submit.fix(HOME, stage.jobs, parent, [name])
    assert (job.kind, job.device, work(stage, job)) == ("data", DATA, ExitCode.DONE)
    made = submit.made(HOME, stage.jobs, job)
    assert made is not None
    assert (made.version, made.parent, made.steps[-1].name, made.steps[-1].settings["fixes"]) == (
        2,
        parent.id,
        "fix",
        [name],
    )
    assert list(read(made.path)) == [*rows[:7], chat(7, right), *rows[8:]]
    assert compare(parent, made) == (0, 0, 1, ROWS - 1)
    assert name not in check(made).fixes


def picture(folder: Path, name: str) -> Row:
    (folder / "pictures").mkdir(exist_ok=True)
    Image.new("RGB", (8, 8), name).save(folder / "pictures" / f"{name}.png")
    return {"image": f"pictures/{name}.png", "caption": f"Un pătrat {name} pe perete."}


GONE: list[tuple[str, Callable[[], Row]]] = [
    ("drop_empty", lambda: chat(99, "---")),
    ("drop_duplicates", lambda: chat(3)),
    ("drop_near_duplicates", lambda: chat(5, " ".join(f"cuvânt{at}" for at in range(80)) + " altfel")),
    ("drop_lost_letters", lambda: chat(99, "Este \ufffdn cas\ufffd.")),
    (
        "drop_other_languages",
        lambda: chat(99, "This is the only row that has been written in English, you see."),
    ),
    ("drop_long", lambda: chat(99, "foarte lung și bogat " * 60)),
]


@pytest.mark.parametrize(("name", "made_of"), GONE, ids=[one[0] for one in GONE])
def test_a_fix_leaves_out_what_is_wrong_and_keeps_the_rest(
    stage: Stage, tmp_path: Path, name: str, made_of: Callable[[], Row]
) -> None:
    rows = [chat(at) for at in range(30)]
    rows[5] = chat(5, " ".join(f"cuvânt{at}" for at in range(80))) if name == "drop_near_duplicates" else rows[5]
    # What is left out stands behind what stays, before the last.
    rows.insert(29, made_of())
    parent = kept(stage, tmp_path, rows)
    chosen = starter(stage, 200)
    assert name in check(parent, chosen).fixes
    job = submit.fix(HOME, stage.jobs, parent, [name], chosen)
    assert work(stage, job) == ExitCode.DONE
    made = submit.made(HOME, stage.jobs, job)
    assert made is not None
    assert list(read(made.path)) == [*rows[:29], rows[30]]
    assert name not in check(made, chosen).fixes


def test_fixes_of_other_shapes(stage: Stage, tmp_path: Path) -> None:
    labelled = [{"text": f"Un text oarecare, numărul {at}.", "label": ("bun", "rău")[at % 2]} for at in range(20)]
    leaking = [*labelled, {"text": "Un text. Eticheta: bun", "label": "bun"}]
    plain = [{"text": f"Un rând de text, numărul {at}."} for at in range(20)]
    for place, (rows, wrong) in enumerate((("drop_leaks", leaking), ("drop_short", [*plain, {"text": "Da."}]))):
        (stage.workspace.datasets / f"set{place}").mkdir()
        path = stage.workspace.datasets / f"set{place}" / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in wrong))
        data = Dataset(id=f"set{place}", name="x", path=path, rows=21, shape="text", sha256="")
        assert [one.fix for one in check(data).findings] == [rows]
        assert list(fixing.mended(data, [rows])) == wrong[:20]


def test_pictures_that_are_gone_or_stand_twice(tmp_path: Path) -> None:
    rows = [picture(tmp_path, name) for name in ("red", "green", "blue", "white")]
    again, lost = rows[1] | {"caption": "Altă descriere a aceluiași pătrat."}, {**rows[0], "image": "pictures/no.png"}
    (tmp_path / "pictures" / "white.png").write_bytes(b"no picture")
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, again, lost]))
    data = Dataset(id="x", name="x", path=path, rows=6, shape="caption", sha256="")
    found = {one.code: one for one in check(data).findings}
    assert found["doctor.picture_unreadable"].places == ("4", "6")
    assert (found["doctor.picture_duplicate"].places, found["doctor.picture_duplicate"].examples[0].like) == (
        ("5",),
        "2",
    )
    fixes = ["drop_unreadable_pictures", "drop_duplicate_pictures"]
    assert list(fixing.mended(data, fixes)) == rows[:3]


def test_huge_pictures_are_told(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    Image.new("1", (6000, 5000)).save(tmp_path / "pictures" / "a.png")
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"image": "pictures/a.png", "caption": "O pagină goală."}) + "\n")
    found = check(Dataset(id="x", name="x", path=path, rows=1, shape="caption", sha256=""))
    assert [(one.code, one.examples[0].text) for one in found.findings] == [("doctor.picture_huge", "6000 × 5000")]


def test_a_check_is_a_job_whose_report_lies_beside_the_rows(stage: Stage, tmp_path: Path) -> None:
    data = kept(stage, tmp_path, [*(chat(at) for at in range(ROWS)), chat(3)])
    assert reports.findings(HOME, stage.workspace, data) is None
    job = submit.check(HOME, stage.jobs, data, starter(stage, 1024))
    assert work(stage, job) == ExitCode.DONE
    found = reports.findings(HOME, stage.workspace, data)
    assert found is not None
    assert (found.rows, found.model, [one.code for one in found.findings]) == (
        25,
        starter(stage).model,
        ["doctor.duplicate"],
    )
    assert found.lengths is not None
    assert (data.path.parent / reports.FILE).is_file()
    with pytest.raises(AccessError):
        reports.findings(Person("somebody"), stage.workspace, data)
    with pytest.raises(AccessError):
        submit.check(Person("somebody"), stage.jobs, data)
    with pytest.raises(AccessError):
        submit.fix(Person("somebody"), stage.jobs, data, ["drop_duplicates"])


def test_data_that_ships_can_be_checked_and_its_own_folder_stays_as_it_is(stage: Stage) -> None:
    shipped = datasets.find(HOME, stage.workspace, "starter-ro-plain")
    before = sorted(path.name for path in shipped.path.parent.iterdir())
    assert work(stage, submit.check(HOME, stage.jobs, shipped)) == ExitCode.DONE
    found = reports.findings(HOME, stage.workspace, shipped)
    assert found is not None
    assert (found.rows, found.findings) == (shipped.rows, ())
    assert sorted(path.name for path in shipped.path.parent.iterdir()) == before


def test_rows_that_were_changed_behind_our_back_are_not_checked(stage: Stage, tmp_path: Path) -> None:
    data = kept(stage, tmp_path, [chat(at) for at in range(ROWS)])
    job = submit.check(HOME, stage.jobs, data)
    data.path.write_bytes(data.path.read_bytes() * 2)
    with pytest.raises(DataError) as refused:
        work(stage, job)
    assert refused.value.key == "data.changed"
    assert reports.findings(HOME, stage.workspace, data) is None


def test_a_check_that_is_asked_to_stop_keeps_nothing(stage: Stage, tmp_path: Path) -> None:
    data = kept(stage, tmp_path, [chat(at) for at in range(400)])
    job = submit.check(HOME, stage.jobs, data)
    folder = RunFolder(stage.workspace.run(job.id))
    folder.stop.write_text(json.dumps({"save": True}))
    assert work(stage, job) == ExitCode.STOPPED
    assert reports.findings(HOME, stage.workspace, data) is None


def test_a_fix_that_is_not_known_or_changes_nothing_is_refused(stage: Stage, tmp_path: Path) -> None:
    data = kept(stage, tmp_path, [chat(at) for at in range(ROWS)])
    for wrong in ([], ["make_it_better"], ["drop_long"]):
        with pytest.raises(DataError) as refused:
            submit.fix(HOME, stage.jobs, data, wrong)
        assert refused.value.key == "doctor.no_fix"
    with pytest.raises(DataError) as nothing:
        work(stage, submit.fix(HOME, stage.jobs, data, ["comma_below"]))
    assert nothing.value.key == "data.nothing_changed"
    assert datasets.every_version(HOME, stage.workspace)[-1].id == data.id


def test_several_fixes_make_one_version_and_a_second_try_none(stage: Stage, tmp_path: Path) -> None:
    data = kept(stage, tmp_path, [*(chat(at) for at in range(ROWS)), chat(3), chat(50, "Este în oraş şi pe raft.")])
    job = submit.fix(HOME, stage.jobs, data, ["comma_below", "drop_duplicates"])
    assert [work(stage, job), work(stage, job)] == [ExitCode.DONE, ExitCode.DONE]
    every = [one for one in datasets.every_version(HOME, stage.workspace) if one.line == data.id]
    assert [(one.version, one.rows) for one in every] == [(1, 26), (2, 25)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_fix_has_its_words(stage: Stage, language: str) -> None:
    words = catalogue(language)
    assert [name for name in fixing.names(starter(stage)) if f"doctor.fix.{name}" not in words] == []


def test_texts_of_few_tokens_are_told_for_a_model_only_and_can_be_left_out(stage: Stage, tmp_path: Path) -> None:
    texts: list[Row] = [
        {"text": f"Aceasta este propoziția numărul {at}, destul de lungă pentru un model."} for at in range(20)
    ]
    parent = kept(stage, tmp_path, [*texts, {"text": "Bună seara."}])
    assert "drop_slight" not in check(parent).fixes
    chosen = starter(stage, 200)
    (found,) = (one for one in check(parent, chosen).findings if one.code == "doctor.slight")
    assert (found.rows, found.message["en"]) == (
        1,
        "Fewer than 5 tokens of the chosen model: 1 row. Next to nothing is learned of them.",
    )
    job = submit.fix(HOME, stage.jobs, parent, ["drop_slight"], chosen)
    assert work(stage, job) == ExitCode.DONE
    made = submit.made(HOME, stage.jobs, job)
    assert made is not None
    assert list(read(made.path)) == texts
    assert made.steps[-1].settings["model"] == chosen.model
