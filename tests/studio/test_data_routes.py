"""What the scripts of the Data tab are answered: lists, looks at what was brought, choices, imports, rows; refusals."""

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backend.data import datasets
from backend.data.datasets import Dataset, Step
from backend.data.versions.deriving import derive
from backend.jobs import rows as ledger_rows
from backend.jobs.folder import RunFolder
from backend.jobs.model import NewJob
from backend.messages import LANGUAGES
from backend.people import HOME
from studio.routes.data import add_data_routes
from studio.text import Words
from studio.views.data import rows as row_views
from studio.views.data import sets as set_views
from tests.fakes import FakeServices

TABLE = "întrebare;răspuns;nr\r\n" + "".join(f"Ce oraş e {n}?;Oraşul ţării {n}.;{n}\r\n" for n in range(15))


class Asked:
    """The routes, as the scripts ask them."""

    def __init__(self, services: FakeServices) -> None:
        app = FastAPI()
        add_data_routes(app, services.my_data, services.bringing)
        self.client = TestClient(app)

    def get(self, path: str, status: int = 200, /, *, language: str = "en", **values: Any) -> Any:
        answer = self.client.get(f"/data/{path}", params={"language": language, **values})
        assert answer.status_code == status, answer.text
        return answer.json()

    def post(self, path: str, status: int = 200, /, *, language: str = "en", **values: Any) -> Any:
        answer = self.client.post(f"/data/{path}?language={language}", json=values)
        assert answer.status_code == status, answer.text
        return answer.json()

    def send(self, upload: str, name: str, content: bytes, status: int = 200) -> Any:
        answer = self.client.post("/data/upload", params={"upload": upload, "name": name}, content=content)
        assert answer.status_code == status, answer.text
        return answer.json()

    def brought(self, name: str, content: bytes) -> str:
        upload: str = self.post("begin")["upload"]
        self.send(upload, name, content)
        return upload


@pytest.fixture
def asked(services: FakeServices, monkeypatch: pytest.MonkeyPatch) -> Asked:
    monkeypatch.setenv("STUDIO_DISK_FLOOR_BYTES", "0")
    return Asked(services)


@pytest.fixture
def mine(services: FakeServices, asked: Asked, tmp_path: Path) -> Dataset:
    lines = "".join(f'{{"question": "Cât fac {n} și 1?", "answer": "{n + 1}."}}\n' for n in range(25))
    (tmp_path / "sume.jsonl").write_text(lines, encoding="utf-8")
    return datasets.add(HOME, services.my_data.workspace, tmp_path / "sume.jsonl", "sume")


def values_of(look: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["value"] for one in look["fields"]}


def roles_of(look: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["role"] for one in look["columns"]}


def again(asked: Asked, upload: str, look: dict[str, Any], **more: Any) -> Any:
    columns = [one["name"] for one in look["columns"]]
    return asked.post("look", upload=upload, mapping=look["mapping"], columns=columns, **more)


# What is brought


def test_a_table_in_windows_1250_is_read_with_its_letters_and_says_how(asked: Asked) -> None:
    upload = asked.brought("exam română.csv", TABLE.encode("cp1250"))
    look = asked.post("look", upload=upload)
    assert values_of(look) == {"encoding": "cp1250", "separator": ";", "header": "yes", "shape": "chat"}
    assert roles_of(look) == {"întrebare": "question", "răspuns": "answer", "nr": ""}
    assert look["records"][0]["values"] == ["Ce oraş e 0?", "Oraşul ţării 0.", "0"]
    assert [turn["text"] for turn in look["rows"][0]["turns"]] == ["Ce oraş e 0?", "Oraşul ţării 0."]
    assert (look["can"], look["chosen"], look["name"]) == (True, False, "exam română")
    assert look["files"] == ["exam română.csv"]


def test_each_choice_is_looked_at_anew(asked: Asked) -> None:
    upload = asked.brought("t.csv", TABLE.encode("cp1250"))
    look = asked.post("look", upload=upload)
    wrong = asked.post("look", upload=upload, choices={"encoding": "cp1252"})
    assert wrong["records"][0]["values"][1] == "Oraºul þãrii 0."
    one = asked.post("look", upload=upload, choices={"separator": ","})
    assert len(one["columns"]) == 1
    as_data = asked.post("look", upload=upload, choices={"header": "no"})
    assert as_data["records"][0]["values"][0] == "întrebare"
    moved = again(asked, upload, look, change={"column": "nr", "role": "context"})
    assert roles_of(moved)["nr"] == "context"
    assert moved["chosen"] is True
    assert "0" in moved["rows"][0]["turns"][0]["text"]
    texts = again(asked, upload, look, change={"shape": "label"})
    assert values_of(texts)["shape"] == "label"
    assert texts["can"] is False
    assert any("label" in one["said"] for one in texts["findings"])


def test_what_was_chosen_for_columns_that_are_gone_is_left_aside(asked: Asked) -> None:
    upload = asked.brought("t.csv", TABLE.encode("cp1250"))
    look = asked.post("look", upload=upload)
    moved = again(asked, upload, look, change={"column": "nr", "role": "context"})
    other = again(asked, upload, moved, choices={"header": "no"})
    assert other["chosen"] is False
    assert [one["name"] for one in other["columns"]] == ["column_1", "column_2", "column_3"]


def test_a_file_that_cannot_be_read_says_so_in_every_language(asked: Asked) -> None:
    upload = asked.brought("stricat.xlsx", b"PK\x03\x04 nothing of a workbook")
    said = {asked.post("look", upload=upload, language=one)["findings"][0]["said"] for one in LANGUAGES}
    assert len(said) == 3
    assert asked.post("look", upload=upload)["can"] is False


def test_several_files_with_folders_are_read_as_one(asked: Asked) -> None:
    upload = asked.post("begin")["upload"]
    for number in range(3):
        asked.send(upload, f"an/{number}.csv", TABLE.encode())
    look = asked.post("look", upload=upload)
    assert (look["count"], look["files"][0]) == (3, "an/0.csv")
    assert look["can"] is True


def test_what_is_no_choice_and_no_upload_is_refused(asked: Asked) -> None:
    upload = asked.brought("t.csv", TABLE.encode())
    for wrong in ({"separator": "ab"}, {"nothing": "x"}, {"encoding": ["a"]}):
        assert asked.post("look", 422, upload=upload, choices=wrong)["said"]
    assert asked.post("look", 422, upload=upload, mapping={"shape": "song"})["said"]
    assert "no longer here" in asked.post("look", 422, upload="0" * 32)["said"]
    assert asked.send("0" * 32, "a.csv", b"a", 422)["said"]
    assert "unsafe" in asked.send(upload, "../../a.csv", b"a", 422)["said"]
    asked.post("discard", upload=upload)
    assert asked.post("look", 422, upload=upload)["said"]


def test_another_shape_keeps_what_fits_and_finds_the_rest(asked: Asked) -> None:
    upload = asked.brought("q.csv", b"question,A,B,answer\n" + b"One?,yes,no,A\n" * 5)
    look = asked.post("look", upload=upload)
    exam = again(asked, upload, look, change={"shape": "exam"})
    roles = roles_of(exam)
    assert roles["question"] == "question"
    assert (roles["A"], roles["B"]) == ("options", "options")


def test_markup_in_a_file_is_only_text(asked: Asked) -> None:
    table = "question,answer\n" + "".join(f"<b>{n}</b>,<script>alert({n})</script>\n" for n in range(12))
    look = asked.post("look", upload=asked.brought("x.csv", table.encode()))
    assert look["rows"][0]["turns"][1]["text"] == "<script>alert(0)</script>"


# The import


def test_an_import_waits_is_told_and_leaves_nothing_when_it_is_forgotten(services: FakeServices, asked: Asked) -> None:
    upload = asked.brought("exam.csv", TABLE.encode("cp1250"))
    begun = asked.post("start", upload=upload, choices={"encoding": "cp1250"}, name="Examen", skip=True)
    (line,) = begun["lines"]
    assert (line["name"], line["upload"], line["waiting"]) == ("Examen", upload, True)
    assert "Examen" in asked.post("start", 422, upload=upload)["said"]
    assert "Examen" in asked.post("discard", 422, upload=upload)["said"]
    assert asked.post("done", job=begun["job"]) == {"id": ""}
    (stopped,) = asked.post("stop", job=begun["job"])["lines"]
    assert stopped["state"] == "stopped"
    assert asked.post("forget", job=begun["job"])["lines"] == []
    asked.post("discard", upload=upload)
    assert list(services.my_data.workspace.uploads.iterdir()) == []


def test_a_failed_try_says_why_and_the_next_takes_its_place(services: FakeServices, asked: Asked) -> None:
    upload = asked.brought("exam.csv", TABLE.encode())
    first = asked.post("start", upload=upload)
    with services.bringing.jobs.ledger.write() as opened:
        values = {"line": 3, "affected": 1, "total": 15, "values": 2, "header": 3}
        ledger_rows.change(opened, first["job"], state="failed", reason_key="opening.ragged", reason_values=values)
    (line,) = asked.get("coming")["lines"]
    assert line["reason"].startswith("Line 3 has 2 values")
    second = asked.post("start", upload=upload, skip=True)
    assert [one["id"] for one in second["lines"]] == [second["job"]]


def test_a_name_that_is_taken_is_refused_at_its_field(asked: Asked, mine: Dataset) -> None:
    refused = asked.post("start", 422, upload=asked.brought("a.csv", TABLE.encode()), name="Sume")
    assert refused["field"] == "name"
    assert "sume" in refused["said"]


def test_only_imports_are_stopped_here(services: FakeServices, asked: Asked) -> None:
    run = services.bringing.jobs.submit(HOME, NewJob("train", "una", {}))
    for act in ("stop", "forget", "done"):
        assert asked.post(act, 422, job=run.id)["said"]


# Those that are here


def test_the_list_says_what_each_is(asked: Asked, mine: Dataset) -> None:
    lines = {one["name"]: one for one in asked.get("sets", language="ro")["lines"]}
    assert lines["sume"]["detail"] == "conversații · 25 de rânduri · română"
    assert lines["sume"]["own"] is True
    assert any(one["shipped"] for one in lines.values())


def test_rows_come_page_by_page(asked: Asked, mine: Dataset) -> None:
    first, second = (asked.get("rows", id=mine.id, first=at) for at in (0, 20))
    assert (len(first["rows"]), len(second["rows"])) == (20, 5)
    assert second["rows"][0]["turns"][0]["text"] == "Cât fac 20 și 1?"
    assert asked.get("rows", id=mine.id, first="-3")["first"] == 0
    assert asked.get("rows", id=mine.id, first=10**10)["rows"] == []


def test_versions_say_what_was_done_and_are_compared(services: FakeServices, asked: Asked, mine: Dataset) -> None:
    kept = [{"messages": [{"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": "Da."}]}
            for n in range(12)]  # fmt: skip
    step = Step(name="filter", settings={"shortest": 3})
    newer = derive(HOME, services.my_data.workspace, mine, step, kept)
    found = asked.get("one", id=newer.id)
    assert [(one["name"], one["current"]) for one in found["versions"]] == [("Version 2", True), ("Version 1", False)]
    assert "shortest: 3" in found["versions"][0]["did"]
    assert asked.get("compared", id=newer.id)["said"] == "13 rows went · 12 rows changed"
    assert asked.get("compared", id=mine.id)["said"]
    said = asked.get("weigh", id=newer.id)["said"]
    assert "2 versions" in said
    asked.post("delete", id=newer.id, only="yes")
    assert asked.get("one", id=mine.id)["versions"] == []


def test_a_deletion_tells_which_runs_lose_their_source(services: FakeServices, asked: Asked, mine: Dataset) -> None:
    assert "No run" in asked.get("weigh", id=mine.id)["said"]
    services.bringing.jobs.submit(HOME, NewJob("train", "una", {"data": {"id": mine.id}}))
    assert "una" in asked.get("weigh", id=mine.id)["said"]
    assert "used" in next(one["detail"] for one in asked.get("sets")["lines"] if one["id"] == mine.id)
    assert "verdict" not in asked.get("weigh", id=mine.id)["said"]
    services.reviews.begin(mine.id, "")
    services.reviews.join(mine.id, "Ana")
    for row in range(3):
        services.reviews.require(mine.id).judge("Ana", row, "approve")
    assert "3 verdicts" in asked.get("weigh", id=mine.id)["said"]
    assert "sume" in asked.post("delete", id=mine.id)["said"]
    assert asked.get("one", 422, id=mine.id)["said"]
    assert asked.post("delete", 422, id="starter-ro")["said"]


def test_a_new_name_is_checked(asked: Asked, mine: Dataset) -> None:
    assert asked.post("rename", id=mine.id, name="Sume mici")["name"] == "Sume mici"
    assert asked.post("rename", 422, id=mine.id, name="a/b")["field"] == "name"


def test_the_rows_can_be_had_as_a_file(asked: Asked, mine: Dataset) -> None:
    answer = asked.client.get("/data/file", params={"id": mine.id, "language": "en"})
    assert answer.content == mine.path.read_bytes()
    assert "sume.jsonl" in answer.headers["content-disposition"]
    assert asked.client.get("/data/file", params={"id": "nobody"}).status_code == 404


def test_only_stored_pictures_are_shown(services: FakeServices, asked: Asked, mine: Dataset) -> None:
    name = f"pictures/{'a' * 64}.jpg"
    (mine.path.parent / "pictures").mkdir()
    (mine.path.parent / name).write_bytes(b"\xff\xd8\xff")
    shown = asked.client.get("/data/picture", params={"id": mine.id, "name": name, "small": "yes"})
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
    for wrong in ("dataset.json", "../../ledger.sqlite", f"pictures/{'b' * 64}.jpg", f"{name}/../../dataset.json"):
        assert asked.client.get("/data/picture", params={"id": mine.id, "name": wrong}).status_code == 404


def test_what_an_import_found_stays_with_its_data_set(services: FakeServices, asked: Asked, mine: Dataset) -> None:
    folder = RunFolder(services.my_data.workspace.run(mine.id))
    folder.path.mkdir(parents=True)
    said = {"code": "x", "severity": "error", "rows": 2, "places": ["3", "7"], "message": {"en": "Two were empty."}}
    folder.write(folder.result, {"data": mine.id, "findings": [said]})
    (found,) = asked.get("one", id=mine.id)["findings"]
    assert (found["said"], found["rows"], found["places"]) == ("Two were empty.", "2 rows", "3, 7")


ROWS: list[dict[str, Any]] = [
    {"text": "Text."},
    {"prompt": [{"role": "user", "content": "?"}], "chosen": "a", "rejected": "b"},
    {"text": "Text.", "label": "bun, rar"},
    {"first": "a", "second": "b", "score": 0.5},
    {"question": "?", "options": ["a", "b"], "answers": [2]},
    {"image": "pictures/x.jpg", "caption": "O poză."},
    {"messages": [{"role": "user", "content": [{"type": "image", "image": "p.jpg"}, {"type": "text", "text": "?"}]},
                  {"role": "assistant", "content": "Da."}]},
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: "-".join(row))
def test_every_shape_is_drawn(row: dict[str, Any]) -> None:
    found = row_views.shown(row, Words("it"))
    assert found["shape"]
    assert len(found) > 1


def test_a_zip_is_looked_at_like_its_files(asked: Asked) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.csv", TABLE)
        archive.writestr("b.csv", TABLE)
    look = asked.post("look", upload=asked.brought("două.zip", packed.getvalue()))
    assert look["can"] is True


def test_what_a_step_did_is_said_in_words() -> None:
    words = Words("ro")
    fixed = Step(name="fix", settings={"fixes": ["drop_duplicates", "comma_below"], "job": "x1"})
    assert set_views.step(fixed, words) == "Păstrează fiecare rând o dată, Scrie ș și ț cu virgulă"
    made = Step(name="filter", settings={"step": "filter", "language": ["ro", "it"], "job": "x1", "text": ""})
    assert set_views.step(made, words) == "filtrat (limba: ro, it)"
    assert set_views.step(Step(name="of_old"), words) == "of old"
    parts = [{"step": "filter", "shortest": 3}, {"step": "as_chat"}]
    several = Step(name="prepare", settings={"steps": parts, "job": "x1"})
    assert set_views.step(several, words) == "filtrat (shortest: 3), transformat în conversații"


def test_how_far_an_import_is_is_told_while_it_is_known(services: FakeServices, asked: Asked) -> None:
    begun = asked.post("start", upload=asked.brought("a.csv", TABLE.encode()))
    with services.bringing.jobs.ledger.write() as opened:
        ledger_rows.change(opened, begun["job"], state="running")
    folder = RunFolder(services.my_data.workspace.run(begun["job"]))
    folder.write(folder.status, {"rows": 7, "done": 50, "total": 200})
    (line,) = asked.get("coming")["lines"]
    assert (line["share"], line["detail"]) == (0.25, "7 rows so far")
