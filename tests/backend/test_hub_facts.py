"""What is known of a model before it is fetched, and what stands against it: the real client, a Hub on loopback."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from backend.hub import architectures, desk, selection
from backend.hub.offer import Offer, Query
from backend.hub.online.client import Hub
from backend.models.facts import FAMILIES
from backend.paths import ROOT
from backend.people import HOME
from tests.hubserver import world
from tests.hubserver.server import Repository, conversion, running
from tests.hubserver.world import GOOD, LICENCE, TOKEN, World, config_with, refusal


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = world.make(tmp_path, monkeypatch)
    with running(made.hub) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield made


def looked(here: World, files: dict[str, bytes], **more: object) -> Offer:
    here.hub.repositories["ana/other"] = Repository(files, **more)
    return Hub().look("ana/other")


def problem(here: World, files: dict[str, bytes], **more: object) -> str:
    found = looked(here, files, **more).problem
    assert found is not None
    assert len({found.say(language) for language in ("en", "ro", "it")}) == 3
    return found.say()


def test_the_page_loads_nothing_that_could_go_online() -> None:
    names = ("bringing", "credentials", "curated", "desk", "removal", "submit")
    code = ";".join(f"import backend.hub.{name}" for name in names)
    code += "; import sys; print([m for m in ('huggingface_hub', 'torch', 'transformers') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_a_good_model_is_described_whole_by_the_process_that_asks(here: World) -> None:
    offer = desk.look(HOME, GOOD)
    files = here.good.files
    assert (offer.problem, offer.kind, offer.model_type, offer.quantised) == (None, "text", "llama", None)
    assert {file.path for file in offer.files} == set(files) - {"README.md"}
    assert offer.bytes == sum(len(content) for name, content in files.items() if name != "README.md")
    assert offer.config["hidden_size"] == json.loads(files["config.json"])["hidden_size"]
    assert (offer.licence.id, offer.licence.text, offer.languages) == ("apache-2.0", LICENCE.decode(), ("ro", "it"))
    assert len(offer.licence.digest) == 64
    assert offer.revision
    assert not offer.gated


def test_only_what_makes_a_model_is_chosen(here: World) -> None:
    files = here.good.files
    extra = {
        "pytorch_model.bin": b"pickle",
        "optimizer.pt": b"x",
        "model.fp16.safetensors": b"x",
        "consolidated.safetensors": b"x",
        "onnx/model.onnx": b"x",
        "../evil": b"x",
        "modeling_evil.py": b"print('hello')",
        "model.gguf": b"x",
    }
    offer = looked(here, files | extra)
    assert {file.path for file in offer.files} == set(files) - {"README.md"}


def test_a_model_in_several_files_is_chosen_with_its_index() -> None:
    shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    assert selection.weights_of([*shards, selection.INDEX, "model.bin"]) == [selection.INDEX, *shards]
    assert selection.weights_of([*shards, selection.INDEX, selection.WHOLE]) == [selection.WHOLE]
    assert selection.weights_of(shards) == []


def test_what_cannot_be_used_says_why_in_one_sentence(here: World) -> None:
    files = {name: content for name, content in here.good.files.items() if name != "LICENSE"}
    bare = {name: content for name, content in files.items() if not name.endswith(".safetensors")}
    assert "own program code" in problem(here, config_with(files, auto_map={"AutoModel": "x.Y"}))
    code = {"tokenizer_config.json": b'{"auto_map": {"AutoTokenizer": ["x.Y", null]}}'}
    assert "own program code" in problem(here, files | code)
    assert 'Model type "gpt9" is not supported' in problem(here, config_with(files, model_type="gpt9"))
    assert "no safetensors files" in problem(here, bare | {"pytorch_model.bin": b"pickle"})
    assert "only GGUF" in problem(here, bare | {"m.Q8_0.gguf": b"x"})
    assert "is an adapter" in problem(here, bare | {"adapter_config.json": b"{}"})
    assert "no weights" in problem(here, bare)
    without = {name: content for name, content in files.items() if name != "tokenizer.json"}
    assert "no tokenizer" in problem(here, without)
    assert "not valid JSON" in problem(here, files | {"config.json": b"{oops"})
    assert "config.json" in problem(here, {name: text for name, text in files.items() if name != "config.json"})


def test_weights_that_are_rounded_already(here: World) -> None:
    files = here.good.files
    four = {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}
    assert looked(here, config_with(files, quantization_config=four)).quantised == selection.FOUR_BITS
    assert "by gptq" in problem(here, config_with(files, quantization_config={"quant_method": "gptq", "bits": 4}))
    assert "by awq" in problem(here, config_with(files, quantization_config={"quant_method": "awq"}))
    eight = {"quant_method": "bitsandbytes", "load_in_8bit": True}
    assert "bitsandbytes 8-bit" in problem(here, config_with(files, quantization_config=eight))


def test_pickled_weights_are_taken_from_the_conversion_of_the_hubs_own_robot(here: World) -> None:
    good = here.good.files
    olds = {name: content for name, content in good.items() if not name.endswith(".safetensors")}
    olds["pytorch_model.bin"] = b"pickle" * 1000
    converted = olds | {"model.safetensors": good["model.safetensors"]}
    offer = looked(here, olds, branches={"refs/pr/1": converted}, discussions=[conversion()])
    assert (offer.problem, offer.branch) == (None, "refs/pr/1")
    assert "pytorch_model.bin" not in {file.path for file in offer.files}
    assert offer.revision == here.hub.repositories["ana/other"].revision("refs/pr/1")[0]
    # Somebody else's branch, and the conversion of weights that have changed since, are not taken.
    stranger = {"branches": {"refs/pr/1": converted}, "discussions": [conversion(author="mallory")]}
    assert "no safetensors files" in problem(here, olds, **stranger)
    stale = {"branches": {"refs/pr/1": converted}, "discussions": [conversion()]}
    assert "no safetensors files" in problem(here, olds | {"pytorch_model.bin": b"newer" * 1000}, **stale)


def test_a_model_that_transformers_knows_and_the_studio_does_not_train_is_said_so(here: World) -> None:
    offer = looked(here, config_with(here.good.files, model_type="mpt"))
    assert offer.problem is None
    assert offer.warning is not None
    assert 'does not train models of type "mpt"' in offer.warning.say()
    assert looked(here, config_with(here.good.files, model_type="qwen2_vl")).kind == "vision"


def test_every_family_of_the_studio_is_known_to_the_installed_transformers() -> None:
    assert {architectures.kind_of(name) for name in FAMILIES} == {"text"}


def test_the_types_read_from_the_source_are_those_of_transformers() -> None:
    from transformers.models.auto import modeling_auto as auto

    assert architectures._table("text") == set(auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)
    assert architectures._table("vision") == set(auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES)


def test_behind_an_agreement_the_listing_is_seen_and_the_way_in_is_said(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {name: content for name, content in here.good.files.items() if name != "LICENSE"}
    closed = {"gated": "manual", "let_in": frozenset({"hf_other"})}
    assert "enter a token" in problem(here, files, **closed)
    assert looked(here, files, **closed).bytes > 0
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert "has not been let in" in problem(here, files, **closed)
    opened = looked(here, files, gated="auto", let_in=frozenset({TOKEN}))
    assert (opened.problem, opened.gated) == (None, True)
    monkeypatch.setenv("HF_TOKEN", world.WRONG_TOKEN)
    assert "does not accept this token" in refusal(lambda: Hub().look("ana/other"))


def test_a_private_model_is_there_for_whoever_may_see_it(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    here.good.private, here.good.let_in = True, frozenset({TOKEN})
    assert "or it is private" in refusal(lambda: Hub().look(GOOD))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert Hub().look(GOOD).private


def test_what_is_not_there_or_not_reached_is_said(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "nothing called" in refusal(lambda: desk.look(HOME, "ana/absent"))
    assert "is not a Hub id" in refusal(lambda: desk.look(HOME, "../../etc/passwd"))
    for code, said in ((429, "asks for a pause"), (503, "error of its own (503)")):
        here.hub.faults.api_code = code
        assert said in refusal(lambda: Hub().look(GOOD))
    here.hub.faults.api_code, here.hub.faults.api_page = None, True
    assert "page to log in" in refusal(lambda: Hub().look(GOOD))
    assert "page to log in" in refusal(lambda: Hub().search(Query()))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert "could not be reached" in refusal(lambda: desk.look(HOME, GOOD))
    assert "could not be reached" in refusal(lambda: desk.search(HOME, Query(text="good")))


def test_a_studio_that_was_told_to_stay_offline_says_so(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "HF_HUB_OFFLINE" in refusal(lambda: desk.look(HOME, GOOD))
    # The page switches its own library off; what counts is what the person had said.
    monkeypatch.setenv(desk.PERSON_SAID, "")
    assert desk.look(HOME, GOOD).hub_id == GOOD
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE" in refusal(lambda: Hub().search(Query()))


def test_the_whole_hub_is_searched_page_by_page_with_filters(here: World) -> None:
    files = here.good.files
    for number in range(5):
        here.hub.repositories[f"ana/model-{number}"] = Repository(files, downloads=100 - number)
    pickled = {"config.json": files["config.json"], "pytorch_model.bin": b"x"}
    here.hub.repositories["ana/model-pickled"] = Repository(pickled, downloads=1000)
    here.hub.repositories["ana/model-sees"] = Repository(
        files, card={"license": "mit", "language": ["en"], "pipeline_tag": "image-text-to-text"}
    )
    first = desk.search(HOME, Query(text="model", size=3))
    assert [one.hub_id for one in first.found] == ["ana/model-0", "ana/model-1", "ana/model-2"]
    assert first.more
    second = desk.search(HOME, Query(text="model", size=3, page=1))
    assert [one.hub_id for one in second.found] == ["ana/model-3", "ana/model-4"]
    assert not second.more
    one = first.found[0]
    assert (one.licence, one.languages, one.parameters, one.model_type) == ("apache-2.0", ("ro", "it"), 1000, "llama")
    assert (one.downloads, one.gated, one.updated) == (100, False, "2026-11-01")
    assert [one.hub_id for one in Hub().search(Query(text="model", kind="vision")).found] == ["ana/model-sees"]
    assert not Hub().search(Query(text="model", language="en")).found
    assert len(Hub().search(Query(text="model", language="ro")).found) == 5
    assert not Hub().search(Query(text="model", least_parameters=2000)).found
    assert len(Hub().search(Query(text="model", most_parameters=2000)).found) == 5
