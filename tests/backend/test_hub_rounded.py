"""A model whose weights were saved in four bits, as RoQLlama's are: downloaded, trained, chatted with, evaluated."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from bitsandbytes.nn import Linear4bit
from peft import PeftModel
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, PreTrainedModel

from backend.hub import bringing
from backend.inference.decoding.loaded import Loaded
from backend.inference.shelf import Quantised, Target
from backend.jobs.events import Evaluation, Step
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode
from backend.people import HOME
from backend.recipes.schema import Recipe
from backend.training.submit import unfit
from tests import tiny
from tests.hubserver import world
from tests.hubserver.server import Repository, files_of, running
from tests.hubserver.world import World

CPU = torch.device("cpu")
QUESTION = torch.tensor([[5, 6, 7, 8]])


@dataclass
class Rounded:
    """`network`: the model as bitsandbytes had it in memory when it was saved."""

    folder: Path
    network: PreTrainedModel


@pytest.fixture(scope="module")
def rounded(tmp_path_factory: pytest.TempPathFactory) -> Rounded:
    root = tmp_path_factory.mktemp("rounded")
    base = tiny.make_model(root / "base", hidden_size=64, intermediate_size=128)
    settings = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=False, bnb_4bit_compute_dtype="float32"
    )
    network = AutoModelForCausalLM.from_pretrained(
        base, quantization_config=settings, dtype=torch.float32, trust_remote_code=False, use_safetensors=True
    )
    for module in network.modules():
        if isinstance(module, Linear4bit):
            module.support_avx512bf16_for_cpu = False
    network.save_pretrained(root / "four bits")
    tiny.make_tokenizer().save_pretrained(root / "four bits")
    return Rounded(root / "four bits", network)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rounded: Rounded) -> Iterator[World]:
    made = world.make(tmp_path, monkeypatch)
    made.hub.repositories["ana/four-bits"] = Repository(files_of(rounded.folder))
    with running(made.hub) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield made


def test_it_is_downloaded_and_known_for_what_it_is(here: World) -> None:
    offer = here.offer("ana/four-bits")
    assert (offer.problem, offer.quantised) == (None, "bitsandbytes-4bit")
    assert here.work(here.submit("ana/four-bits")) == ExitCode.DONE
    (model,) = here.models()
    assert model.quantised == "bitsandbytes-4bit"
    full = unfit(HOME, here.stage.workspace, Recipe(method="full"), model=model.id, data="starter-ro")
    assert "rounded to 4 bits already" in full["model"].say()
    lora = unfit(HOME, here.stage.workspace, Recipe(method="lora"), model=model.id, data="starter-ro")
    assert "model" not in lora


def test_another_rounding_is_told_at_the_model(here: World, rounded: Rounded, tmp_path: Path) -> None:
    config = json.loads((rounded.folder / "config.json").read_text())
    files = files_of(rounded.folder) | {
        "config.json": json.dumps(config | {"quantization_config": {"quant_method": "gptq"}}).encode()
    }
    place = tmp_path / "gptq"
    place.mkdir()
    for name, content in files.items():
        (place / name).write_bytes(content)
    said = world.refusal(lambda: bringing.from_folder(HOME, here.stage.workspace, str(place)))
    assert "already rounded by gptq" in said


def test_it_answers_as_the_weights_that_were_saved(rounded: Rounded) -> None:
    loaded = Loaded(Target("four", "four", str(rounded.folder), stamp=1), CPU)
    assert sum(isinstance(module, Linear4bit) for module in loaded.model.modules()) == 14
    with torch.inference_mode():
        assert torch.equal(loaded.model(QUESTION).logits, rounded.network(QUESTION).logits)


def test_it_is_trained_in_either_way_and_what_it_learned_is_asked_on_the_same_weights(
    rounded: Rounded, tmp_path: Path
) -> None:
    ends = {}
    for method in ("lora", "qlora"):
        asked = tiny.request(tmp_path, rounded.folder, tiny.chats(40), method=method)
        code, said = tiny.run(tmp_path / method, asked)
        assert code == ExitCode.DONE
        losses = [event.loss for event in said if isinstance(event, Step)]
        checked = [event.loss for event in said if isinstance(event, Evaluation)]
        assert losses[-1] < losses[0] / 2
        assert checked[-1] < checked[0] / 2
        ends[method] = losses
    # Rounding what is rounded changes nothing.
    assert ends["lora"] == ends["qlora"]
    answers = []
    for method, quantised in (("lora", None), ("qlora", Quantised("nf4", double=True))):
        adapter = RunFolder(tmp_path / method).adapter
        target = Target(method, "four", str(rounded.folder), adapter, quantised, stamp=1)
        loaded = Loaded(target, CPU)
        name = loaded.attach(target, set())
        for asked_with in ([None], [name]):
            loaded.mixer.use(asked_with, CPU)
            with torch.inference_mode():
                answers.append(loaded.model(QUESTION).logits)
    with torch.inference_mode():
        before = rounded.network(QUESTION).logits
        after = PeftModel.from_pretrained(rounded.network, str(RunFolder(tmp_path / "lora").adapter))(QUESTION).logits
    assert (before - after).abs().max() > 0.5
    for untouched, changed in (answers[:2], answers[2:]):
        assert torch.allclose(untouched, before, atol=1e-4)
        assert torch.allclose(changed, after, atol=1e-4)
