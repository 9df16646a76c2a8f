"""New tokens: words that become one token each, whose rows of the embeddings and of the head are trained."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from backend.errors import ModelError, RecipeError
from backend.export.merge import merged
from backend.inference.decoding.loaded import Loaded
from backend.inference.shelf import Quantised, Target, mixable
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode
from backend.models import adapters, vocabulary
from backend.models.catalogue import Model
from backend.models.packing import load_adapter
from backend.recipes.changes import checked, parse, with_changes
from backend.recipes.schema import Recipe
from backend.training.network.adapter import prepare
from backend.training.network.load import load_base, load_tokenizer
from backend.training.text.tokens import NewTokens
from tests import families, tiny
from tests.backend.test_inference_decoding import CPU

WORDS = ("<capitala>", "șarpele", "a")
TIED, UNTIED, SCALED = "llama-3", "phi-4", "gemma-3"
FAMILIES = (TIED, UNTIED, SCALED, "rogpt-2")
ROWS = [
    {
        "messages": [
            {"role": "user", "content": f"Care este <capitala> {at}?"},
            {"role": "assistant", "content": f"Nu șarpele, <capitala> {at}."},
        ]
    }
    for at in range(12)
]


@pytest.fixture(autouse=True)
def gradients() -> Iterator[None]:
    yield
    torch.set_grad_enabled(mode=True)


def learning(folder: Path, name: str, **recipe: Any) -> tuple[Any, NewTokens, Recipe]:
    families.make(name, folder)
    wanted = parse({"lora": {"rank": 4, "new_tokens": WORDS}, **recipe})
    new = NewTokens.of(load_tokenizer(str(folder)), WORDS)
    base = load_base(str(folder), wanted, CPU)
    new.grow(base)
    return prepare(base, wanted, str(folder), new).eval(), new, wanted


@pytest.mark.parametrize("name", FAMILIES)
@torch.no_grad()
def test_a_new_row_begins_as_the_mean_of_its_pieces_and_no_other_changes(name: str, tmp_path: Path) -> None:
    model, new, _ = learning(tmp_path, name)
    before = AutoModelForCausalLM.from_pretrained(tmp_path)
    table, grown = before.get_input_embeddings().weight, model.get_input_embeddings().weight
    assert torch.equal(grown[: len(table)], table)
    # "a" is a token already.
    assert [len(pieces) > 1 for pieces in new.pieces] == [True, True, False]
    assert new.ids[2] == new.pieces[2][0] < len(table)
    for row, pieces in zip(new.ids[:2], new.pieces[:2], strict=True):
        assert row >= len(table)
        torch.testing.assert_close(grown[row], table[list(pieces)].mean(0))
    ids = torch.tensor([[3, 9, 20]])
    torch.testing.assert_close(model(input_ids=ids).logits[..., : len(table)], before(input_ids=ids).logits)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_short_way_to_the_trained_rows_is_that_of_peft(name: str, tmp_path: Path) -> None:
    model, new, _ = learning(tmp_path, name)
    layers = [module.token_adapter for module in model.modules() if hasattr(module, "token_adapter")]
    rows = [p for path, p in model.named_parameters() if "trainable_tokens_delta" in path and p.requires_grad]
    assert len(rows) == (2 if name == UNTIED else 1)
    torch.manual_seed(0)
    with torch.no_grad():
        for row in rows:
            row.add_(torch.randn_like(row))
    ids = torch.tensor([[5, new.ids[0], 20, new.ids[1]]])
    found = model(input_ids=ids).logits
    ours = torch.autograd.grad(found.square().mean(), rows)
    for layer in layers:
        del layer.forward
    wanted = model(input_ids=ids).logits
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    for one, other in zip(ours, torch.autograd.grad(wanted.square().mean(), rows), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def trained(folder: Path, name: str, **recipe: Any) -> tuple[Path, RunFolder, dict[str, Any]]:
    """A model, a run that ended, and what it was asked."""
    model = families.make(name, folder / "model")
    chat = families.FAMILIES[name].template is not None
    rows = ROWS if chat else [{"text": f"Care este <capitala> {at}? Nu șarpele."} for at in range(12)]
    values: dict[str, Any] = {
        "objective": "chat" if chat else "text",
        "lora": {"rank": 4, "new_tokens": WORDS},
        "schedule": {"max_steps": 4, "learning_rate": 1e-2},
        "batch": {"size": 3, "max_length": 160},
        "watching": {"eval_share": 0.0, "save_every": 1, "keep_checkpoints": 9},
    }
    asked = tiny.request(folder, model, rows, **{**values, **recipe})
    code, _ = tiny.run(folder / "run", asked)
    assert code == ExitCode.DONE
    return model, RunFolder(folder / "run"), asked


@pytest.mark.parametrize("name", FAMILIES)
def test_what_was_learned_is_asked_and_merged_with_its_own_tokens(name: str, tmp_path: Path) -> None:
    model, run, _ = trained(tmp_path, name)
    words = AutoTokenizer.from_pretrained(run.adapter)
    known = words.convert_tokens_to_ids(list(WORDS[:2]))
    torch.set_grad_enabled(mode=False)
    ids = torch.tensor([[*words("Care este", add_special_tokens=False)["input_ids"], *known]])
    base = AutoModelForCausalLM.from_pretrained(model)
    vocabulary.enlarge(base, len(words))
    network = PeftModel.from_pretrained(base, run.adapter).eval()
    wanted = network(input_ids=ids).logits
    with network.disable_adapter():
        assert (network(input_ids=ids).logits - wanted).abs().max() > 0.01

    assert not mixable(run.read(run.adapter / "adapter_config.json"))
    loaded = Loaded(Target("run", "tiny", str(model), run.adapter, alone=True), CPU)
    torch.testing.assert_close(loaded.model(input_ids=ids).logits, wanted, rtol=1e-3, atol=1e-3)
    assert known[0] in loaded.voice.tokenizer("Care este <capitala>?")["input_ids"]

    made = merged(model, run.adapter, dtype=torch.float32)
    torch.testing.assert_close(made(input_ids=ids).logits, wanted, rtol=1e-3, atol=1e-3)
    adapters.check(run.adapter, Model(id="tiny", name="tiny", location=str(model)))


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    _, run, asked = trained(tmp_path, UNTIED)
    again = RunFolder(tmp_path / "again")
    again.path.mkdir()
    again.write(again.stop, {"save": True})
    assert tiny.run(again.path, asked)[0] == ExitCode.STOPPED
    again.stop.unlink()
    assert tiny.run(again.path, asked, attempt=2)[0] == ExitCode.DONE
    assert tiny.same_adapters(run.path, again.path)


@pytest.mark.parametrize("changes", [{"method": "qlora"}, {"lora": {"rank": 4, "new_tokens": WORDS, "start": "pissa"}}])
def test_on_rounded_weights_and_from_pissa_the_tokens_are_learned_too(changes: Any, tmp_path: Path) -> None:
    model, run, _ = trained(tmp_path, UNTIED, **changes)
    quantised = Quantised("nf4", double=True) if changes.get("method") == "qlora" else None
    loaded = Loaded(Target("run", "tiny", str(model), run.adapter, quantised, alone=True), CPU)
    torch.set_grad_enabled(mode=False)
    ids = torch.tensor([loaded.voice.tokenizer("<capitala> șarpele")["input_ids"]])
    made = merged(model, run.adapter, dtype=torch.float32, rounded=quantised)
    torch.testing.assert_close(loaded.model(input_ids=ids).logits, made(input_ids=ids).logits, rtol=1e-3, atol=1e-3)
    figures = run.read(run.result)
    tables = 2 * len(WORDS) * made.config.hidden_size
    lora = sum(p.numel() for p in prepared(model, changes).parameters() if p.requires_grad)
    assert figures["trainable_parameters"] == lora + tables


def prepared(model: Path, changes: Any) -> Any:
    recipe = parse({**changes, "lora": {"rank": 4}})
    return prepare(load_base(str(model), recipe, CPU), recipe, str(model))


def test_an_adapter_whose_tokens_are_not_there_is_refused(tmp_path: Path) -> None:
    model, run, _ = trained(tmp_path, TIED)
    path = run.adapter / "adapter_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    name, places = next(iter(config["trainable_token_indices"].items()))
    for wrong in ([*places[:-1], 10**9], [*places, 1]):
        path.write_text(json.dumps({**config, "trainable_token_indices": {name: wrong}}), encoding="utf-8")
        with pytest.raises(ModelError) as caught:
            adapters.check(run.adapter, Model(id="tiny", name="tiny", location=str(model)))
        assert caught.value.key == "models.other_tokens"


def test_the_program_for_others_makes_room_for_the_tokens() -> None:
    assert "resize_token_embeddings" in load_adapter("o/base", tokens=True)
    assert "resize_token_embeddings" not in load_adapter("o/base", tokens=False)


def test_words_are_typed_with_spaces_between_them() -> None:
    recipe = with_changes(Recipe.model_validate({}), {"lora.new_tokens": " <a>  <b> <a> "})
    assert recipe.lora.new_tokens == ("<a>", "<b>")
    assert with_changes(recipe, {"new_tokens": ""}).lora.new_tokens == ()
    assert parse({"lora": {"new_tokens": ["<a>"]}}).lora.new_tokens == ("<a>",)


@pytest.mark.parametrize("given", ["x" * 51, " ".join(map(str, range(101))), ["a b"], "a\u202eb", "\u200b", 7])
def test_what_cannot_be_tokens_is_said_at_the_field(given: Any) -> None:
    found = checked(Recipe.model_validate({}), {"lora.new_tokens": given}).faults
    assert [fault.key for fault in found.values()] == ["recipes.words"]
    assert list(found) == ["lora.new_tokens"]
    with pytest.raises(RecipeError, match="100 words"):
        parse({"lora": {"new_tokens": given}})
