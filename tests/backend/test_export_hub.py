"""Pushing to the Hub: a card that is made of the run, and a repository that nobody else sees unless it was said."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from backend.errors import ModelError
from backend.export import card, source
from backend.export import run as export
from backend.export.request import Choice, ExportRequest
from backend.hub import credentials
from backend.jobs import recorded
from backend.jobs.context import JobContext
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode
from backend.ledger.store import Ledger
from backend.paths import ROOT, Workspace
from backend.people import HOME
from tests.hubserver.taking import TOKEN, Taken, taking

RECORDED = "recorded-romanian-demo"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Any:
    with taking() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        # The Hub's own storage speaks a protocol of its own; without its library, files go over plain HTTP.
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
        yield server


def pushed(place: Path, **choice: Any) -> tuple[int, RunFolder]:
    workspace = Workspace(place / "workspace").create()
    Ledger(workspace.ledger).close()
    folder = RunFolder(workspace.runs / "0123")
    folder.path.mkdir(exist_ok=True)
    chosen = Choice(to="hub", hub="ana/romana", **choice)
    request = ExportRequest(run=RECORDED, run_name="romanian-demo", choice=chosen).model_dump(mode="json")
    folder.write(folder.request, request | {"job": {"owner": HOME.id}})
    return export.run(JobContext(folder, request)), folder


def test_an_adapter_goes_to_a_private_repository_with_its_card(hub: Taken, tmp_path: Path) -> None:
    code, folder = pushed(tmp_path)
    assert (code, hub.private) == (ExitCode.DONE, {"ana/romana": True})
    adapter = ROOT / "sample_data" / "runs" / RECORDED / "adapter"
    assert hub.files.keys() >= {"README.md", "DATA.md", "adapter_config.json", "adapter_model.safetensors"}
    assert hub.files["adapter_model.safetensors"] == (adapter / "adapter_model.safetensors").read_bytes()
    assert json.loads(hub.files["adapter_config.json"])["base_model_name_or_path"] == "starter"
    assert folder.read(folder.result)["address"] == f"{hub.url}/ana/romana/commit/{'c' * 40}"
    assert (hub.tokens, hub.stored_with) == ({TOKEN}, {""})
    everything = b"".join(path.read_bytes() for path in folder.path.rglob("*") if path.is_file())
    assert TOKEN.encode() not in everything
    assert str(tmp_path).encode() not in b"".join(hub.files.values())


def test_a_merged_model_goes_whole(hub: Taken, tmp_path: Path) -> None:
    code, folder = pushed(tmp_path, what="merged", private=False)
    assert (code, hub.private) == (ExitCode.DONE, {"ana/romana": False})
    assert hub.files.keys() >= {
        "README.md",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "generation_config.json",
    }
    assert folder.read(folder.result)["parity"]["verdict"] == "same"
    assert "says what the chat says" in hub.files["README.md"].decode()


def test_what_was_to_be_private_does_not_go_where_everybody_looks(hub: Taken, tmp_path: Path) -> None:
    hub.private["ana/romana"] = False
    with pytest.raises(ModelError) as refused:
        pushed(tmp_path)
    assert refused.value.key == "export.public_already"
    assert hub.files == {}


@pytest.mark.parametrize(("status", "key"), [(401, "hub.token_refused"), (403, "hub.gated_not_let_in")])
def test_a_token_that_may_not_write_is_said(hub: Taken, tmp_path: Path, status: int, key: str) -> None:
    hub.refuse = status
    with pytest.raises(ModelError) as refused:
        pushed(tmp_path)
    assert refused.value.key == key
    assert hub.files == {}


def test_without_a_token_nothing_is_sent(hub: Taken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(credentials, "place", lambda: tmp_path / "none")
    with pytest.raises(ModelError) as refused:
        pushed(tmp_path)
    assert refused.value.key == "export.no_token"
    assert (hub.private, hub.tokens) == ({}, set())


def facts(**changes: Any) -> card.Facts:
    found = source.of(Workspace(Path("/nowhere")), RECORDED, "romanian-demo")
    return card.Facts(**{**card.gather(recorded.every()[0], found, merged=False).__dict__, **changes})


def test_the_card_says_what_the_hub_reads() -> None:
    _, head, body = card.written(facts()).split("---\n", 2)
    assert yaml.safe_load(head) == {
        "library_name": "peft",
        "pipeline_tag": "text-generation",
        "tags": ["romanza-studio", "lora"],
        "license": "apache-2.0",
        "language": ["ro"],
    }
    assert "| `schedule.learning_rate` | 0.006 | ours:" in body
    assert "Romanian: 0 of 30 right before, 29 of 30 after: learned." in body
    assert "2976 rows, SHA-256 `c6a7dbd0" in body
    assert "English: 30 of 30 right before" in body
    assert "Câte picioare" not in body, "a question is a row of somebody's data"


def test_a_base_of_the_hub_is_named_as_the_hub_names_it() -> None:
    base = {"id": "x", "name": "Llama", "source": "meta-llama/Llama-2-7b-hf"}
    found = card.metadata(facts(base=base, licence="llama2"))
    assert (found["base_model"], found["base_model_relation"], found["license"]) == (
        base["source"],
        "adapter",
        "llama2",
    )
    assert card.metadata(facts(base=base, adapter=False))["base_model_relation"] == "finetune"
    text = card.written(facts(base=base, licence=""))
    assert "nobody wrote its licence down" in text
    assert "license:" not in text


def test_names_cannot_write_the_card() -> None:
    text = card.written(facts(name="x](javascript:alert(1)) <img src=x>\n# Big", data={"name": "a`b\n## c", "rows": 1}))
    assert "<img" not in text.replace("\\<img", "")
    assert "\n# Big" not in text
    assert "\n## c" not in text
    assert "\\]\\(" in text or "\\](" in text


def test_a_licence_is_read_from_the_page_beside_the_weights(tmp_path: Path) -> None:
    found = source.of(Workspace(Path("/nowhere")), RECORDED, "romanian-demo")
    (tmp_path / "README.md").write_text("---\nlanguage: it\nlicense: llama3\n---\n# Model\nlicense: mit\n")
    own = {**found.request, "model": {**found.request["model"], "shipped": False}}
    other = source.Source("x", "x", found.folder, own, tmp_path, found.adapter, None)
    assert card.licence(other) == "llama3"
    named = source.Source("x", "x", found.folder, {"model": {**own["model"], "licence": "gemma"}}, tmp_path, None, None)
    assert card.licence(named) == "gemma"
