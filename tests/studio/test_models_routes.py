"""What the scripts of the Models tab are answered: lists, filters, one model, downloads, the token; refusals."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backend.errors import ModelError
from backend.hub.offer import Cached, Found, HubFile, Said
from backend.jobs import rows
from backend.jobs.model import JobState, NewJob
from backend.messages import LANGUAGES, catalogue
from backend.people import HOME
from studio.routes.models import add_model_routes
from studio.routes.models import within as within_size
from studio.services.models import PAGE
from studio.text import Words
from studio.views.models import found as views
from tests.fake_models import CONFIG, FakeModels, offer
from tests.fakes import FakeServices, machine
from tests.tiny_llama import write_model


class Asked:
    """The routes, as the scripts ask them."""

    def __init__(self, models: FakeModels) -> None:
        app = FastAPI()
        add_model_routes(app, models)
        self.client = TestClient(app)

    def get(self, name: str, language: str = "en", **values: str) -> Any:
        answer = self.client.get(f"/models/{name}", params={"language": language, **values})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, name: str, language: str = "en", **values: str) -> Any:
        answer = self.client.post(f"/models/{name}?language={language}", json=values)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, method: str, name: str, language: str = "en", **values: str) -> Any:
        answer = (
            self.client.get(f"/models/{name}", params={"language": language, **values})
            if method == "get"
            else self.client.post(f"/models/{name}?language={language}", json=values)
        )
        assert answer.status_code == 422, answer.text
        return answer.json()


@pytest.fixture
def models(services: FakeServices, monkeypatch: pytest.MonkeyPatch) -> FakeModels:
    monkeypatch.setenv("STUDIO_DISK_FLOOR_BYTES", "0")
    monkeypatch.setattr(FakeModels, "machine", lambda _: machine())
    return services.my_models


@pytest.fixture
def asked(models: FakeModels) -> Asked:
    return Asked(models)


def downloads(models: FakeModels, asked: Asked) -> str:
    """The id of a download that waits."""
    asked.get("look", id="ana/good")
    asked.post("download", id="ana/good", digest="d1")
    return models.coming()[0].job.id


def becomes(models: FakeModels, job: str, state: str, **values: Any) -> None:
    with models.jobs.ledger.write() as opened:
        rows.change(opened, job, state=state, **values)


# On this computer


def test_what_ships_is_listed_and_stays(asked: Asked) -> None:
    lines = asked.get("here")["lines"]
    names = ["Starter, 2 million", "Starter without Romanian, 2 million", "Vision starter, 1.7 million"]
    assert [line["name"] for line in lines] == names
    assert {(line["shipped"], line["train"], line["chat"], line["own"]) for line in lines} == {
        ("comes with the studio", True, True, False)
    }
    assert asked.refused("post", "delete", model="starter")["said"].startswith('"Starter, 2 million" comes with')


def test_a_folder_is_used_where_it_is_and_taken_off_the_list_only(
    asked: Asked, models: FakeModels, tmp_path: Path
) -> None:
    folder = write_model(tmp_path / "own")
    assert asked.post("folder", folder=str(folder)) == {"said": "“own” is here now."}
    (line,) = [line for line in asked.get("here")["lines"] if line["own"]]
    assert (line["name"], line["train"], line["source"]) == ("own", True, str(folder))
    weighed = asked.get("weigh", model=line["id"])
    assert (str(folder) in weighed["said"], weighed["busy"]) == (True, "")
    again = asked.refused("post", "folder", folder=str(folder))
    assert again == {"field": "", "said": f'"{folder}" is already here, as "own".'}
    assert asked.post("delete", model=line["id"])["said"] == "“own” is no longer here."
    assert (folder / "config.json").is_file()
    assert not [one for one in models.models() if not one.shipped]


def test_what_needs_a_model_is_named_before_it_goes_and_keeps_it_while_it_runs(
    asked: Asked, models: FakeModels, tmp_path: Path
) -> None:
    asked.post("folder", folder=str(write_model(tmp_path / "own")))
    (model,) = [one for one in models.models() if not one.shipped]
    for name in ("unu", "doi"):
        models.jobs.submit(HOME, NewJob("train", name, {"model": {"id": model.id, "name": model.name}}))
    weighed = asked.get("weigh", "ro", model=model.id)
    assert "2 rulări au nevoie de el" in weighed["said"]
    assert "doi, unu" in weighed["said"]
    assert "Oprește-o" in weighed["busy"]
    assert asked.get("here")["lines"][-1]["detail"].endswith("2 runs need it")
    assert "has not ended" in asked.refused("post", "delete", model=model.id)["said"]
    for job in models.jobs.all(HOME):
        models.jobs.stop(HOME, job.id)
    assert asked.get("weigh", model=model.id)["busy"] == ""
    asked.post("delete", model=model.id)


def test_a_model_of_pictures_and_one_of_an_unknown_type_are_kept_and_not_trained(
    asked: Asked, models: FakeModels, tmp_path: Path
) -> None:
    folder = write_model(tmp_path / "own")
    asked.post("folder", folder=str(folder))
    (folder / "config.json").write_text('{"model_type": "mamba"}')
    (line,) = [line for line in asked.get("here")["lines"] if line["own"]]
    assert (line["train"], line["chat"]) == (False, True)
    assert 'Model type "mamba" is not supported' in line["note"]
    record = models.workspace.models / line["id"] / "model.json"
    record.write_text(record.read_text().replace('"kind": "text"', '"kind": "vision"'))
    (line,) = [line for line in asked.get("here")["lines"] if line["own"]]
    assert (line["train"], line["chat"], line["vision"]) == (False, False, "reads pictures")
    text = {"model_type": "llama", "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2}
    sees = {
        "model_type": "llava",
        "vision_config": {},
        "text_config": text | {"num_attention_heads": 2, "vocab_size": 9},
    }
    (folder / "config.json").write_text(json.dumps(sees))
    (line,) = [line for line in asked.get("here")["lines"] if line["own"]]
    assert (line["train"], line["chat"], line["see"], line["note"]) == (True, True, True, "")


def test_what_other_programs_have_fetched_is_used_where_it_lies(
    asked: Asked, models: FakeModels, tmp_path: Path
) -> None:
    folder = write_model(tmp_path / "cache")
    models.hub.cached.append(Cached(hub_id="ana/good", folder=str(folder), size=462_000))
    assert asked.get("cached")["lines"] == [{"id": "ana/good", "size": "462 kB", "folder": str(folder)}]
    assert "not on this machine" in asked.refused("post", "use", id="ana/other")["said"]
    assert asked.post("use", id="ana/good")["said"] == "“good” is here now."
    assert asked.get("cached")["lines"] == []
    assert asked.get("look", id="ana/good")["here"] == "It is on this computer already, as “good”."


@pytest.mark.parametrize("typed", ["", "/nowhere/at/all", "a\0b", "../../etc", "x" * 5000, "~nobody-at-all/x"])
def test_a_folder_without_a_model_is_refused_in_one_sentence(asked: Asked, typed: str) -> None:
    said = asked.refused("post", "folder", folder=typed)
    assert said["field"] == ""
    assert len(said["said"]) > 20


# The chosen ones


def test_the_chosen_models_are_filtered_by_everything_at_once(asked: Asked) -> None:
    every = asked.get("curated")
    assert len(every["rows"]) == every["total"] >= 40
    found = asked.get("curated", text="italiana", speaks="it", size="tiny", kind="text", licence="apache-2.0")
    assert [row["id"] for row in found["rows"]] == ["sapienzanlp/Minerva-350M-base-v1.0"]
    assert {row["vision"] for row in asked.get("curated", kind="vision")["rows"]} == {"reads pictures"}
    assert [row["id"] for row in asked.get("curated", family="RoQLlama")["rows"]] == [
        "andreidima/Llama-2-7b-Romanian-qlora"
    ]
    assert asked.get("curated", text="nothing like it")["rows"] == []


def test_a_chosen_model_says_whether_it_fits(asked: Asked) -> None:
    rows = {row["id"]: row for row in asked.get("curated", "ro")["rows"]}
    seven = {mark["way"]: mark["answer"] for mark in rows["meta-llama/Llama-2-7b-hf"]["fits"]}
    assert seven == {"LoRA": "no", "QLoRA": "yes", "Chat": "no"}
    assert {mark["answer"] for mark in rows["readerbench/RoGPT2-base"]["fits"]} == {"yes"}
    assert [mark["way"] for mark in rows["Qwen/Qwen2-VL-2B-Instruct"]["fits"]] == ["LoRA", "QLoRA", "Chat"]
    assert rows["andreidima/Llama-2-7b-Romanian-qlora"]["rounded"] == "deja pe 4 biți"
    assert "română" in rows["utter-project/EuroLLM-1.7B"]["detail"]
    assert "licența e pe pagina lui" in rows["faur-ai/LLMic"]["detail"]


@pytest.mark.parametrize(
    ("size", "parameters", "within"),
    [("", None, True), ("tiny", 999_999_999, True), ("tiny", 10**9, False), ("small", 10**9, True),
     ("large", 400 * 10**9, True), ("middle", None, False), ("of my own", 5, True)],
)  # fmt: skip
def test_sizes_have_no_gaps(size: str, parameters: float | None, within: bool) -> None:
    assert within_size(parameters, size) == within


# The whole Hub


def test_a_search_of_the_whole_hub_goes_page_by_page(asked: Asked, models: FakeModels) -> None:
    big = Found(hub_id="big/one", parameters=400 * 10**9, gated=True, languages=tuple("abcdef"), downloads=1234567)
    models.hub.found, models.hub.more = (big, Found(hub_id="no/facts")), True
    found = asked.get("search", text="one", speaks="ro", size="large", page="3")
    (query,) = models.hub.asked
    assert (query.text, query.language, query.least_parameters, query.most_parameters, query.page) == (
        "one", "ro", 10**10, None, 3,
    )  # fmt: skip
    first, second = found["rows"]
    assert (found["more"], first["gated"], second["detail"]) == (True, "behind an agreement", "no licence stated")
    assert first["detail"] == "400 billion parameters · no licence stated · a, b, c, d and 2 more · 1,234,567 downloads"
    assert ({mark["answer"] for mark in first["fits"]}, second["fits"]) == ({"no"}, [])


@pytest.mark.parametrize("page", ["50", "-1", "x", "9" * 400, "１"])
def test_a_page_that_there_is_none_of_is_refused(asked: Asked, page: str) -> None:
    assert asked.refused("get", "search", page=page)["said"] == "At most 50 pages are shown. Search more exactly."


@pytest.mark.parametrize("key", ["hub.offline", "hub.strange_answer", "hub.busy"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_hub_that_does_not_answer_is_said_in_the_pages_language(
    asked: Asked, models: FakeModels, key: str, language: str
) -> None:
    models.hub.error = ModelError(key)
    for name in ("search", "look"):
        assert asked.refused("get", name, language, id="a/b") == {"field": "", "said": catalogue(language)[key]}


# One of them


def test_one_model_is_told_before_it_is_fetched(asked: Asked) -> None:
    found = asked.get("look", "it", id="ana/good")
    assert found["facts"][0] == {"what": "Da scaricare", "value": "2 file, 1 MB"}
    assert found["licence"] == {"title": "Apache License 2.0", "link": "", "text": "Do with it what you like."}
    assert (found["can"], found["digest"], found["problem"], found["gated"]) == (True, "d1", "", "")
    assert [one["word"] for one in found["fits"]] == ["ci sta"] * 3
    assert "circa" not in found["fits"][0]["figures"]
    assert found["link"] == "https://huggingface.co/ana/good"


def test_what_is_too_large_for_the_disk_is_said_with_both_figures(asked: Asked, models: FakeModels) -> None:
    huge = HubFile(path="model.safetensors", size=400 * 10**12, sha256="s")
    models.hub.offers["ana/good"] = offer(files=(huge,))
    found = asked.get("look", id="ana/good")
    assert found["problem"].startswith("The download needs 400 TB, and ")
    assert found["can"] is False
    assert "400 TB" in asked.refused("post", "download", id="ana/good", digest="d1")["said"]


def test_what_is_behind_an_agreement_says_so_once(asked: Asked, models: FakeModels) -> None:
    behind = Said(key="hub.gated", values={"name": "ana/good"})
    models.hub.offers["ana/good"] = offer(gated=True, problem=behind, config={}, parameters=10**9)
    found = asked.get("look", id="ana/good")
    assert (found["problem"], found["can"]) == ("", False)
    assert found["gated"].startswith('"ana/good" is behind an agreement.')
    assert found["fits"][0]["figures"].startswith("needs at least about ")


def test_models_that_see_are_weighed_with_what_sees_and_other_families_are_said_not_to_be_trained(
    asked: Asked, models: FakeModels
) -> None:
    config = {"model_type": "llava", "vision_config": {}, "text_config": CONFIG}
    models.hub.offers["ana/good"] = offer(kind="vision", model_type="llava", config=config, parameters=5 * 10**12)
    found = asked.get("look", id="ana/good")
    assert (found["warning"], found["can"]) == ("", True)
    assert [one["answer"] for one in found["fits"]] == ["no"] * 3
    assert "about" in found["fits"][0]["figures"]
    models.hub.offers["ana/good"] = offer(kind="vision", model_type="paligemma", config={"model_type": "paligemma"})
    found = asked.get("look", id="ana/good")
    assert found["warning"].startswith("The studio does not train vision models of this family")
    assert (found["fits"], found["can"]) == ([], True)


def test_a_model_that_cannot_be_is_refused_with_its_sentence_and_not_fetched(asked: Asked, models: FakeModels) -> None:
    models.hub.offers["ana/good"] = offer(problem=Said(key="hub.no_safetensors", values={"name": "ana/good"}))
    assert "no safetensors files" in asked.get("look", id="ana/good")["problem"]
    assert "no safetensors files" in asked.refused("post", "download", id="ana/good", digest="d1")["said"]
    assert "nothing called" in asked.refused("get", "look", id="no/such")["said"]
    assert models.coming() == []


@pytest.mark.parametrize("typed", ["https://huggingface.co/ana/good", "huggingface.co/ana/good/tree/main?x=1",
                                   " https://hf.co/ana/good#card "])  # fmt: skip
def test_the_address_of_a_page_is_as_good_as_the_name(typed: str) -> None:
    found = PAGE.match(typed.strip())
    assert found
    assert found[1] == "ana/good"


# Downloads


def test_only_the_licence_that_was_shown_can_be_accepted(asked: Asked, models: FakeModels) -> None:
    asked.get("look", id="ana/good")
    for digest in ("", "d2"):
        assert "accept the licence" in asked.refused("post", "download", id="ana/good", digest=digest)["said"]
    assert models.coming() == []
    (line,) = asked.post("download", id="ana/good", digest="d1")["lines"]
    assert (line["name"], line["word"], line["detail"]) == ("ana/good", "waits for its turn", "1 MB to fetch")
    assert "already being downloaded" in asked.refused("post", "download", id="ana/good", digest="d1")["said"]
    assert asked.get("look", id="ana/good", again="yes")["coming"] == "It is on its way."


def test_what_was_looked_at_before_a_restart_is_looked_at_again(asked: Asked, models: FakeModels) -> None:
    assert models.offers.of("ana/good") is None
    asked.post("download", id="ana/good", digest="d1")
    assert [one.hub_id for one in models.coming()] == ["ana/good"]


def test_a_download_tells_how_far_it_is_and_what_went_wrong(asked: Asked, models: FakeModels) -> None:
    job = downloads(models, asked)
    folder = models.jobs.folder(models.jobs.get(HOME, job))
    status = {"file": "model.safetensors", "done": 250_125, "total": 1_000_500, "bytes_per_second": 50_000.0}
    folder.write(folder.status, {**status, "eta_seconds": 15.0, "phase": "downloading"})
    becomes(models, job, "running", attempt=1)
    (line,) = asked.get("coming")["lines"]
    assert line["detail"] == "250 kB of 1 MB · 50 kB/s · about 15 s left · model.safetensors"
    assert (line["share"], line["active"]) == (0.25, True)
    folder.write(folder.status, {**status, "done": 1_000_500, "phase": "checking"})
    assert asked.get("coming", "it")["lines"][0]["detail"] == "1 MB di 1 MB · controllo di ogni file"
    becomes(models, job, "failed", reason_key="hub.wrong_hash", reason_values={"file": "model.safetensors"})
    (line,) = asked.get("coming", "ro")["lines"]
    assert (line["word"], "model.safetensors" in line["reason"]) == ("nu a ajuns", True)
    asked.post("resume", job=job)
    assert models.coming()[0].job.state is JobState.QUEUED


def test_a_download_is_stopped_resumed_and_thrown_away(asked: Asked, models: FakeModels) -> None:
    job = downloads(models, asked)
    assert [line["state"] for line in asked.post("stop", job=job)["lines"]] == ["stopped"]
    assert [line["waiting"] for line in asked.post("resume", job=job)["lines"]] == [True]
    asked.post("stop", job=job)
    assert asked.post("forget", job=job)["lines"] == []
    assert not models.workspace.run(job).exists()
    for act in ("stop", "resume", "forget"):
        assert asked.refused("post", act, job=job)["said"]


def test_a_run_is_no_download(asked: Asked, models: FakeModels) -> None:
    run = models.jobs.submit(HOME, NewJob("train", "a run", {}))
    for act in ("stop", "resume", "forget"):
        assert "no model" in asked.refused("post", act, job=run.id)["said"]
    assert models.jobs.get(HOME, run.id).state is JobState.QUEUED
    assert models.coming() == []


def test_a_status_that_is_being_replaced_is_none(asked: Asked, models: FakeModels) -> None:
    job = downloads(models, asked)
    models.jobs.folder(models.jobs.get(HOME, job)).status.write_text('{"done": 5')
    assert asked.get("coming")["lines"][0]["detail"] == "1 MB to fetch"


# The token


def test_only_that_there_is_a_token_is_ever_told(asked: Asked, models: FakeModels) -> None:
    token = "hf_" + "Abcdefghij0123456789"
    assert asked.get("token") == {"origin": "", "said": "No token is kept."}
    refusal = asked.refused("post", "keep_token", token="secret!")
    assert "secret" not in str(refusal)
    assert asked.post("keep_token", token=token) == {"origin": "file", "said": "A token is kept."}
    assert models.hub.token == token
    assert token not in str([asked.get(name, id="ana/good") for name in ("token", "here", "coming", "look")])
    assert asked.post("forget_token")["origin"] == ""


# What is sent by others than the page


@pytest.mark.parametrize("name", ["delete", "use", "folder", "download", "stop", "resume", "forget", "keep_token"])
def test_values_of_another_kind_are_refused_and_break_nothing(asked: Asked, name: str) -> None:
    for value in (None, 3, ["x"], {"a": 1}, "x" * 5000, "\ud800", "\0"):
        form = dict.fromkeys(("model", "id", "folder", "digest", "job", "token"), value)
        answer = asked.client.post(f"/models/{name}?language=en", content=json.dumps(form))
        assert answer.status_code == 422, value
        assert answer.json()["said"]


def test_every_word_of_the_views_exists() -> None:
    for language in LANGUAGES:
        words = Words(language)
        for state in JobState:
            words.t(f"models.state.{state.value}")
        for count in (1, 3, 20, 1_000_000):
            words.count("models.files", count, size="1 MB")
            words.count("models.needed", count)
            words.count("models.remove.needed", count, names="a")
        assert views.parameters(0.35e9, words)


def test_the_real_machine_is_asked_once_for_a_whole_list(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    monkeypatch.setattr(FakeModels, "machine", lambda _: looks.append(1) or replace(machine(), cores=4))
    assert asked.get("curated")["rows"]
    assert len(looks) == 1
