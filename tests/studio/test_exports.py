"""The section of a run's exports: what is offered, what is refused in words, what is told of what was made."""

import io
import json
import shutil
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from fastapi import FastAPI
from starlette.testclient import TestClient

from backend.export import capsule, source
from backend.export.gguf import llama_cpp, writing
from backend.export.parity.figures import Parity
from backend.export.request import Choice, ExportRequest
from backend.jobs.folder import RunFolder
from backend.jobs.model import NewJob
from backend.people import HOME, Person
from studio.downloads import add_downloads, add_exports
from studio.services.door import Services
from studio.tabs.runs import Handlers
from studio.text import Words
from studio.views.sharing import exports as views

RUN = "recorded-romanian-demo"
TOKEN = "hf_" + "b" * 30


@pytest.fixture(autouse=True)
def no_token(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return Services.at(tmp_path / "workspace")


@pytest.fixture
def client(services: Services) -> TestClient:
    app = FastAPI()
    add_downloads(app, services)
    add_exports(app, services)
    return TestClient(app)


def offered(client: TestClient, run: str = RUN, language: str = "en") -> dict[str, Any]:
    found: dict[str, Any] = client.get("/exports", params={"run": run, "language": language}).json()
    return found


def pressed(services: Services, action: str, run: str, value: Any) -> dict[str, Any]:
    event = SimpleNamespace(action=action, run=run, value=value)
    found: dict[str, Any] = json.loads(Handlers(services, Words("en")).act(event))
    return found


def kept(services: Services, choice: Choice, told: dict[str, Any], files: dict[str, bytes]) -> str:
    """An export that is done, as its job would have left it."""
    request = ExportRequest(run=RUN, run_name="romanian-demo", choice=choice).model_dump(mode="json")

    def fill(folder: RunFolder) -> None:
        place = folder.path / "export"
        place.mkdir()
        for name, raw in files.items():
            (place / name).write_bytes(raw)
        folder.write(folder.result, told | {"folder": str(place)})

    return services.jobs.keep(HOME, NewJob("export", f"made {choice.to}", request), fill).id


def figures(**changed: Any) -> dict[str, Any]:
    known: dict[str, Any] = {"precision": "q8_0", "questions": 4, "tokens": 40, "kl_mean": 1e-4, "kl_max": 2e-3}
    known |= {"ends_agree": 40, "same_texts": 4, "prompts_same": True}
    return Parity(**known | changed).told()


def test_every_form_says_what_it_is_for_and_what_it_takes(client: TestClient) -> None:
    for language in ("en", "ro", "it"):
        found = offered(client, language=language)
        names = [one["name"] for one in found["forms"]]
        assert names == ["merged", "gguf_q8", "gguf_f16", "capsule", "hub"]
        assert [one["name"] for one in found["forms"] if one["wrong"]] == []
        assert all(one["title"] and one["about"] and one["takes"] for one in found["forms"])
        assert found["free"].endswith("B")
    assert "memory" in offered(client)["forms"][0]["takes"]
    assert [one["program"] for one in found["use"]] == ["transformers", "vLLM"]
    assert "PeftModel.from_pretrained" in found["use"][0]["text"]


def test_what_cannot_be_had_says_why_beside_its_form(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llama_cpp, "OURS", ("qwen2",))
    monkeypatch.setattr(llama_cpp, "converter", lambda: None)
    wrong = {one["name"]: one["wrong"] for one in offered(client)["forms"] if one["wrong"]}
    assert wrong.keys() == {"gguf_q8", "gguf_f16"}
    assert wrong["gguf_q8"].startswith('Models of type "llama" become GGUF only through llama.cpp')
    usage = shutil.disk_usage("/")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage._replace(free=10**6))
    assert "are free" in {one["name"]: one["wrong"] for one in offered(client)["forms"]}["merged"]


def test_the_families_that_need_no_converter_are_those_that_are_written_here() -> None:
    assert set(llama_cpp.OURS) == set(writing.FAMILIES)


def test_an_export_that_is_asked_for_waits_in_the_list(services: Services, client: TestClient) -> None:
    line = pressed(services, "export", RUN, {"to": "merged", "dtype": "bfloat16"})["line"]
    assert (line["kind"], line["state"], line["name"]) == ("export", "queued", "romanian-demo merged")
    request = services.my_runs.request(line["id"])
    assert (request["run"], request["choice"]["dtype"]) == (RUN, "bfloat16")
    assert [one["id"] for one in offered(client)["made"]] == [line["id"]]
    assert offered(client, line["id"])["forms"] == []


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"to": "hub", "hub": "romana"}, '"romana" is not a Hub id'),
        ({"to": "hub", "hub": "a/" + "b" * 5000}, "is not a Hub id"),
        ({"to": "hub", "hub": "ana/romana", "card": "no head"}, "The card must begin with its head"),
        ({"to": "hub", "hub": "ana/romana", "card": "---\na: [1\n---\nx"}, "The card must begin with its head"),
        ({"to": "hub", "hub": "ana/romana"}, "a token that may write"),
        ({"to": "merged", "rounded": True}, "was not trained by QLoRA"),
    ],
)
def test_a_wrong_choice_is_refused_where_it_was_made(services: Services, asked: dict[str, Any], said: str) -> None:
    assert said in pressed(services, "export", RUN, asked)["wrong"]
    assert services.jobs.all(HOME) == []


def test_a_token_is_kept_and_never_shown(services: Services, client: TestClient, tmp_path: Path) -> None:
    assert (offered(client)["kept"], "None yet" in offered(client)["token"]) == (False, True)
    assert "begins with hf_" in pressed(services, "token", RUN, "secret words")["wrong"]
    answer = pressed(services, "token", RUN, f" {TOKEN} ")
    shown = offered(client)
    assert (shown["kept"], shown["token"]) == (True, "A token is kept on this computer.")
    assert TOKEN not in json.dumps([answer, shown])
    assert [path.name for path in tmp_path.rglob("hub-token")] == ["hub-token"]
    assert not list((tmp_path / "workspace").rglob("hub-token"))
    assert "wrong" not in pressed(services, "export", RUN, {"to": "hub", "hub": "ana/romana"})


def test_the_card_is_read_before_it_is_pushed(client: TestClient) -> None:
    text = client.get("/exports/card", params={"run": RUN, "language": "en"}).text
    head = yaml.safe_load(text.split("---\n")[1])
    assert (head["library_name"], head["language"]) == ("peft", ["en", "it", "ro"]) or "ro" in head["language"]
    for part in ("## What it was trained on", "## Recipe", "## What it has shown", "## Licences", "SHA-256"):
        assert part in text
    whole = client.get("/exports/card", params={"run": RUN, "language": "en", "merged": True}).text
    assert yaml.safe_load(whole.split("---\n")[1])["library_name"] == "transformers"


def test_what_was_made_is_told_in_words_and_given_as_a_file(services: Services, client: TestClient) -> None:
    told = {"form": "gguf", "precision": "q8_0", "by": "gguf", "file": "x.gguf", "parity": figures(same_texts=3)}
    told["use"] = {"ollama": "ollama run it\n", "llama.cpp": "llama-server -m x.gguf\n"}
    made = kept(services, Choice(to="gguf"), told, {"x.gguf": b"GGUF" * 100, "Modelfile": b"FROM x"})
    (one,) = offered(client)["made"]
    assert one["what"].startswith("GGUF Q8_0. The file was written by the studio with the gguf package")
    assert (one["parity"]["verdict"], one["parity"]["said"][:11]) == ("close", "As close to")
    assert [row["value"] for row in one["parity"]["figures"]] == ["3 of 4", "40 of 40", "1.0e-04", "2e-03", "2.0e-03"]
    assert [use["program"] for use in one["use"]] == ["Ollama", "llama.cpp"]
    answer = client.get("/exports/files", params={"run": made, "language": "en"})
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == ["made-gguf/Modelfile", "made-gguf/x.gguf"]
    shutil.rmtree(services.folder(made).path / "export")
    assert offered(client, made)["made"][0]["there"] is False
    assert client.get("/exports/files", params={"run": made, "language": "en"}).status_code == 404


def test_a_capsule_is_given_as_the_one_file_that_it_is(services: Services, client: TestClient) -> None:
    told = {"form": "capsule", "file": "/somewhere/demo.capsule.zip"}
    made = kept(services, Choice(to="capsule"), told, {"demo.capsule.zip": b"PK"})
    answer = client.get("/exports/files", params={"run": made, "language": "ro"})
    assert (answer.content, "demo.capsule.zip" in answer.headers["content-disposition"]) == (b"PK", True)


@pytest.mark.parametrize(
    ("changed", "begins"),
    [
        ({}, "It says what the chat says here"),
        ({"ends_agree": 39}, "As close to the chat"),
        ({"kl_mean": 1.0}, "It does not say what the chat says"),
        ({"prompts_same": False}, "It reads the questions as other tokens"),
    ],
)
def test_each_verdict_has_its_plain_words(changed: dict[str, Any], begins: str) -> None:
    assert views.parity(figures(**changed), Words("en"))["said"].startswith(begins)


def test_the_run_of_somebody_else_is_not_found(services: Services, client: TestClient) -> None:
    hers = services.jobs.keep(Person("ana"), NewJob("train", "hers", {}), lambda folder: None).id
    for place in ("/exports", "/exports/card", "/exports/files"):
        assert client.get(place, params={"run": hers, "language": "en"}).status_code == 404
    assert "wrong" in pressed(services, "export", hers, {"to": "capsule"})


def test_a_run_out_of_a_capsule_says_what_of_it_is_here(services: Services, client: TestClient, tmp_path: Path) -> None:
    found = source.of(services.workspace, RUN, "romanian-demo")
    capsule.write(tmp_path / "whole.zip", found, texts=False, weights_too=False)
    changed_capsule(tmp_path / "whole.zip", tmp_path / "other.zip")
    here, other = (services.my_runs.import_zip(tmp_path / name, "").id for name in ("whole.zip", "other.zip"))

    def needs(run: str) -> dict[str, Any]:
        said = client.get("/details", params={"run": run, "language": "en"}).json()["needs"]
        return {one["part"]: (one["here"], one["said"], one["known"]) for one in said}

    assert needs(here)["model"] == ("starter", "here, the same bytes", "")
    assert needs(here)["data"] == ("starter-ro", "here, the same bytes", "")
    assert needs(other)["data"] == ("", "not here", f"SHA-256 {'0' * 64}")
    assert needs(other)["versions"][1].startswith("the figures may differ")
    assert client.get("/details", params={"run": RUN, "language": "en"}).json()["needs"] == []
    assert services.cookbook.find(f"run:{here}").lora.rank == 16


def changed_capsule(path: Path, into: Path) -> None:
    """The same of other data and an older torch."""
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(into, "w") as changed:
        for name in archive.namelist():
            raw = archive.read(name)
            if name == capsule.INDEX:
                index = json.loads(raw)
                index["sets"]["data"]["sha256"] = "0" * 64
                index["versions"] = {"torch": "1.0"}
                raw = json.dumps(index).encode()
            changed.writestr(name, raw)
