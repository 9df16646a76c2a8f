"""What the page fetches of one run: its settings, its files, its adapter."""

import io
import zipfile
from pathlib import Path
from urllib.parse import unquote

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from backend.jobs import recorded
from backend.models.imports import from_folder
from backend.people import HOME
from studio.downloads import add_downloads, add_pictures, attachment
from studio.services.door import Services
from studio.text import Words
from studio.views import details

SHIPPED = recorded.every()[0]


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return Services.at(tmp_path / "workspace")


@pytest.fixture
def client(services: Services) -> TestClient:
    app = FastAPI()
    add_downloads(app, services)
    add_pictures(app, services)
    return TestClient(app)


def test_a_finished_run_shows_its_forecast_beside_what_was_measured(client: TestClient) -> None:
    said = client.get("/details", params={"run": SHIPPED.id, "language": "ro"}).json()
    assert [(one["key"], one["what"]) for one in said["beside"]] == [("memory", "Memoria maximă"), ("time", "Timp")]
    assert all(one["forecast"] and one["measured"] for one in said["beside"])
    assert (said["made"], said["sees"]) == ("adapter", False)
    assert [one["what"] for one in said["from"]] == ["Model de bază", "Set de date", "Numere antrenate"]
    assert "GB" in said["beside"][0]["measured"]
    assert {row["what"] for row in said["files"]["rows"]} >= {"Adaptor", "Jurnal"}


def test_layers_that_were_really_rounded_and_a_state_that_is_not_the_last_are_shown() -> None:
    result = {"trainable_parameters": 12000, "quantised_layers": 14, "kept_step": 40, "steps": 60}
    said = [(one["what"], one["value"]) for one in details.made_of(result, Words("it"))]
    assert said == [("Numeri addestrati", "12.000"), ("Strati a pochi bit", "14"), ("Tenuto: lo stato del passo", "40")]
    plain = details.made_of({**result, "quantised_layers": 0, "kept_step": 60}, Words("it"))
    assert [one["value"] for one in plain] == ["12.000"]


def test_changed_settings_come_first_beside_what_the_recipe_has(services: Services, client: TestClient) -> None:
    recipe = services.recipe("starter-lora", {"lora.rank": "8", "schedule.learning_rate": "0,002"})
    usual = services.recipe("starter-lora").schedule.learning_rate
    run = services.start(recipe, "starter", "starter-ro", "a").id
    said = client.get("/details", params={"run": run, "language": "it"}).json()
    assert said["changed"] == "2 modificate"
    assert said["recipe"] == "Rumeno con LoRA"
    assert [(one["value"], one["before"]) for one in said["settings"][:3]] == [
        ("8", "16"),
        ("0,002", Words("it").number(usual, 10)),
        ("LoRA", None),
    ]
    labels = [one["label"] for one in said["settings"]]
    assert len(labels) == len(set(labels))
    plain = services.start(services.recipe("starter-lora"), "starter", "starter-ro", "b").id
    assert client.get("/details", params={"run": plain, "language": "it"}).json()["changed"] == ""


def test_settings_without_an_effect_are_left_out(services: Services) -> None:
    def labels(recipe: str) -> int:
        return len(details.settings(services.recipe(recipe), None, Words("en")))

    assert labels("starter-qlora") > labels("starter-lora")


def test_the_adapter_comes_as_a_zip_with_the_name_of_the_run(services: Services, client: TestClient) -> None:
    shipped = services.folder(SHIPPED.id).adapter
    run = from_folder(HOME, services.jobs, str(shipped), "prima încercare ș.1")
    answer = client.get("/adapter", params={"run": run.id, "language": "en"})
    assert answer.headers["content-type"] == "application/zip"
    said = answer.headers["content-disposition"]
    assert 'filename="prima-_ncercare-_.1.zip"' in said
    assert unquote(said.partition("UTF-8''")[2]) == "prima-încercare-ș.1.zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert "prima-încercare-ș.1/adapter_model.safetensors" in archive.namelist()


def test_no_name_ends_a_header_early() -> None:
    said = attachment('a"b\r\nx: y\\.zip')
    assert "\r" not in said.partition("filename*")[2]
    assert said.partition("filename*")[2].isprintable()
    assert "\n" not in said
    assert "\r" not in said


@pytest.mark.parametrize("route", ["/details", "/adapter"])
@pytest.mark.parametrize(("run", "language"), [("../../etc", "en"), ("", "en"), (SHIPPED.id, "xx"), ("f" * 20, "ro")])
def test_what_is_not_there_is_not_found(client: TestClient, route: str, run: str, language: str) -> None:
    assert client.get(route, params={"run": run, "language": language}).status_code == 404


def test_a_run_without_an_adapter_says_so(services: Services, client: TestClient) -> None:
    run = services.start(services.recipe("starter-lora"), "starter", "starter-ro", "a").id
    answer = client.get("/adapter", params={"run": run, "language": "it"})
    assert (answer.status_code, answer.text) == (404, "Questa esecuzione non ha ancora prodotto nulla.")


def test_a_picture_of_a_test_question_is_served_and_nothing_else_of_the_run(
    services: Services, client: TestClient
) -> None:
    run = services.start(services.recipe("starter-lora"), "starter", "starter-ro", "a").id
    folder = services.folder(run)
    for place in (folder.pictures, folder.stages / "1" / "pictures"):
        place.mkdir(parents=True)
        (place / "a.png").write_bytes(b"seen")
    for name in ("pictures/a.png", "stages/1/pictures/a.png"):
        assert client.get("/probe", params={"run": run, "name": name}).content == b"seen"
    for name in ("request.json", "pictures/../request.json", "../x.png", "pictures/b.png", "/etc/passwd", "a\0b"):
        assert client.get("/probe", params={"run": run, "name": name}).status_code == 404, name
    assert client.get("/probe", params={"run": "gone", "name": "pictures/a.png"}).status_code == 404
