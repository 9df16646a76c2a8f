"""The health of a data set as the scripts are told it: asked for, worked on, found with examples, mended, refused."""

from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backend.data import datasets
from backend.data import rows as stored
from backend.data.datasets import Dataset, Step
from backend.data.doctor import fixing, report
from backend.data.doctor.check import check
from backend.data.preparing.plan import Split
from backend.data.preparing.request import Prepare
from backend.data.versions.deriving import derive
from backend.jobs import rows
from backend.jobs.folder import RunFolder
from backend.messages import LANGUAGES
from backend.models import catalogue, reader
from backend.people import HOME
from studio.routes.doctor import add_doctor_routes
from tests.fakes import FakeServices


class Asked:
    """The routes, as the scripts ask them."""

    def __init__(self, services: FakeServices) -> None:
        app = FastAPI()
        add_doctor_routes(app, services.doctor)
        self.client = TestClient(app)

    def look(self, status: int = 200, /, **values: str) -> Any:
        answer = self.client.get("/doctor/look", params={"language": "en", **values})
        assert answer.status_code == status, answer.text
        return answer.json()

    def post(self, path: str, status: int = 200, /, **values: Any) -> Any:
        answer = self.client.post(f"/doctor/{path}?language=en", json=values)
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture
def asked(services: FakeServices) -> Asked:
    return Asked(services)


@pytest.fixture
def mine(services: FakeServices, tmp_path: Path) -> Dataset:
    """Chats of which two are the same, and one has cedillas."""
    lines = [f'{{"question": "Cât fac {n} și 1?", "answer": "Suma este {n + 1}, așa e."}}' for n in range(20)]
    lines += [lines[3], '{"question": "Ce oraş este în ţara aceasta?", "answer": "Oraşul şi judeţul sunt în ţară."}']
    (tmp_path / "sume.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return datasets.add(HOME, services.doctor.workspace, tmp_path / "sume.jsonl", "sume")


def looked_through(services: FakeServices, mine: Dataset, model: str = "") -> None:
    """What the job of a check would have kept."""
    found = next((one for one in catalogue.available(HOME, services.doctor.workspace) if one.id == model), None)
    report.keep(services.doctor.workspace, mine, check(mine, reader.of(found) if found else None))


def test_before_the_first_check_nothing_is_known(asked: Asked, mine: Dataset) -> None:
    found = asked.look(id=mine.id)
    assert (found["report"], found["work"], found["made"]) == (None, None, "")
    assert "starter" in [one["value"] for one in found["models"]]


def test_a_check_waits_is_stopped_and_refused_twice(asked: Asked, mine: Dataset) -> None:
    work = asked.post("check", id=mine.id, model="starter")["work"]
    assert (work["busy"], work["action"], work["said"]) == (True, "check", "Waits for its turn")
    assert "worked on" in asked.post("check", 422, id=mine.id)["said"]
    assert "worked on" in asked.post("fix", 422, id=mine.id, fixes=["drop_duplicates"])["said"]
    assert asked.post("stop", id=mine.id)["work"]["busy"] is False


def test_what_was_found_is_told_with_examples_and_what_mends_it(
    services: FakeServices, asked: Asked, mine: Dataset
) -> None:
    looked_through(services, mine)
    found = asked.look(id=mine.id)["report"]
    by_fix = {one["fix"]: one for one in found["findings"]}
    same = by_fix["drop_duplicates"]
    assert (same["rows"], same["mends"]) == ("one row", "Keep each row once")
    assert "row 4" in same["examples"][0]["like"]
    cedilla = by_fix["comma_below"]["examples"][0]
    assert cedilla["mark"]
    assert any(letter in cedilla["mark"] for letter in "şţ")
    assert set(found["fixes"]) >= {"drop_duplicates", "comma_below"}
    assert found["said"].startswith("22 rows were looked at · Romanian")
    said = {asked.look(id=mine.id, language=one)["report"]["findings"][0]["said"] for one in LANGUAGES}
    assert len(said) == 3


def test_for_a_model_the_lengths_are_told(services: FakeServices, asked: Asked, mine: Dataset) -> None:
    looked_through(services, mine, "starter")
    lengths = asked.look(id=mine.id)["report"]["lengths"]
    assert sum(int(bar["rows"]) for bar in lengths["bars"]) == 22
    assert max(bar["share"] for bar in lengths["bars"]) == 1


def test_a_fix_becomes_a_version_that_is_led_to(services: FakeServices, asked: Asked, mine: Dataset) -> None:
    looked_through(services, mine)
    work = asked.post("fix", id=mine.id, fixes=["drop_duplicates"])["work"]
    assert work["action"] == "fix"
    step = fixing.step(["drop_duplicates"], None, work["job"])
    newer = derive(HOME, services.doctor.workspace, mine, step, fixing.mended(mine, ["drop_duplicates"]))
    with services.doctor.jobs.ledger.write() as opened:
        rows.change(opened, work["job"], state="done")
    found = asked.look(id=mine.id, job=work["job"])
    assert (found["made"], found["work"]) == (newer.id, None)


def test_why_a_check_failed_is_said(services: FakeServices, asked: Asked, mine: Dataset) -> None:
    work = asked.post("check", id=mine.id)["work"]
    with services.doctor.jobs.ledger.write() as opened:
        rows.change(opened, work["job"], state="failed", reason_key="data.nothing_left", reason_values={})
    assert "Nothing is left" in asked.look(id=mine.id)["work"]["reason"]


def test_what_is_not_there_is_refused(asked: Asked, mine: Dataset) -> None:
    assert asked.look(422, id="nobody")["said"]
    assert asked.post("check", 422, id="nobody")["said"]
    for fixes in ([], ["nothing"], "drop_duplicates", [3]):
        assert asked.post("fix", 422, id=mine.id, fixes=fixes)["said"]


def test_a_form_of_steps_that_fit_the_rows_makes_a_job(asked: Asked, mine: Dataset, services: FakeServices) -> None:
    steps = asked.look(id=mine.id)["steps"]
    assert [one["name"] for one in steps] == ["split", "filter", "mix"]
    assert {one["value"] for one in steps[2]["fields"][0]["options"]} == {"starter-ro", "starter-en-it"}
    values = {"dev": "20", "test": "0,5", "by": "nothing"}
    work = asked.post("prepare", id=mine.id, step="split", values=values)["work"]
    assert (work["action"], work["busy"]) == ("prepare", True)
    (job,) = services.doctor.jobs.all(HOME)
    folder = RunFolder(services.doctor.workspace.run(job.id))
    (step,) = Prepare(**folder.read(folder.request)["prepare"]).plan.steps
    assert step == Split(step="split", dev=0.2, test=0.005, by="nothing")
    assert "worked on" in asked.post("prepare", 422, id=mine.id, step="split", values=values)["said"]


@pytest.mark.parametrize(
    ("step", "values", "said"),
    [
        ("split", {"dev": "mult"}, '"mult"'),
        ("split", {"dev": "120"}, '"120"'),
        ("split", {"dev": "60", "test": "40"}, "cannot be used"),
        ("mix", {"others": "nobody"}, "nobody"),
        ("fold", {}, "fold"),
        ("clean", {}, "plain texts"),
    ],
)
def test_a_step_that_cannot_be_done_is_said_in_one_sentence(
    asked: Asked, mine: Dataset, step: str, values: dict[str, str], said: str
) -> None:
    assert said in asked.post("prepare", 422, id=mine.id, step=step, values=values)["said"]
    assert asked.look(id=mine.id)["work"] is None


def test_the_steps_of_another_data_set_are_done_again(
    asked: Asked, mine: Dataset, services: FakeServices, tmp_path: Path
) -> None:
    workspace = services.doctor.workspace
    (tmp_path / "alte.jsonl").write_text(
        "".join(f'{{"question": "Ce oraș e {n}?", "answer": "Orașul {n}."}}\n' for n in range(12)), encoding="utf-8"
    )
    other = datasets.add(HOME, workspace, tmp_path / "alte.jsonl", "alte")
    steps = [{"step": "filter", "contains": "oraș"}, {"step": "split", "dev": 0.2}]
    prepared = derive(
        HOME, workspace, other, Step(name="prepare", settings={"steps": steps}), list(stored.read(other.path))[1:]
    )
    assert asked.look(id=other.id)["steps"][-1]["name"] != "like"
    like = asked.look(id=mine.id)["steps"][-1]
    assert (like["name"], like["fields"][0]["options"]) == ("like", [{"value": prepared.id, "title": "alte"}])
    assert asked.post("prepare", 422, id=mine.id, step="like", values={"like": "nobody"})["said"]
    assert asked.post("prepare", 422, id=mine.id, step="like", values={"like": mine.id})["said"]
    asked.post("prepare", id=mine.id, step="like", values={"like": prepared.id})
    (job,) = services.doctor.jobs.all(HOME)
    folder = RunFolder(workspace.run(job.id))
    plan = Prepare(**folder.read(folder.request)["prepare"]).plan
    assert [one.step for one in plan.steps] == ["filter", "split"]


def test_what_ships_has_no_form(asked: Asked) -> None:
    assert asked.look(id="starter-ro")["steps"] == []
