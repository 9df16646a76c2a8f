"""Packed documents do not see each other; adapters are fp32; the layers adapted are those asked for."""

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM as Models
from transformers import Gemma2Config, LlamaConfig, MistralConfig, PreTrainedModel, Qwen2Config

from backend.recipes.schema import Recipe
from backend.training.network import attention
from backend.training.network.adapter import prepare, targets
from backend.training.network.load import Head, inspect
from backend.training.network.measure import batch_loss, document_losses
from backend.training.text.batches import Document, collate

SIZES = {
    "vocab_size": 90,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 128,
    "initializer_range": 0.2,
}
CONFIGS = {
    "llama": LlamaConfig(**SIZES),
    "tied": LlamaConfig(**SIZES, tie_word_embeddings=True),
    "qwen2 with biases": Qwen2Config(**{name: value for name, value in SIZES.items() if name != "head_dim"}),
    "mistral with a window of 5": MistralConfig(**SIZES, sliding_window=5),
}


def _model(config) -> PreTrainedModel:
    attention.register()
    torch.manual_seed(0)
    return Models.from_config(config, attn_implementation=attention.NAME).eval()


def _documents(*lengths: int) -> list[Document]:
    torch.manual_seed(1)
    return [Document(torch.randint(0, 90, (n,), dtype=torch.int32), torch.arange(n) >= n // 3 + 1) for n in lengths]


def _inputs(batch):
    return {name: value for name, value in batch.items() if name not in ("positions", "targets")}


@pytest.mark.parametrize("name", CONFIGS)
@torch.no_grad()
def test_the_logits_of_packed_documents_are_those_of_each_document_alone(name):
    model, documents = _model(CONFIGS[name]), _documents(17, 3, 9)
    packed = model(**_inputs(collate(documents)), use_cache=False).logits[0]
    model.set_attn_implementation("eager")
    alone = [model(input_ids=document.tokens[None].long(), use_cache=False).logits[0] for document in documents]
    torch.testing.assert_close(packed, torch.cat(alone), rtol=1e-4, atol=1e-4)


def test_a_changed_document_changes_no_gradient_of_its_neighbour():
    model, documents = _model(CONFIGS["llama"]), _documents(12, 8)
    slopes = []
    for second in (documents[1], Document(documents[1].tokens.flip(0), documents[1].learned)):
        batch = collate([documents[0], second])
        embedded = model.get_input_embeddings()(batch["input_ids"]).detach().requires_grad_()
        inputs = {**_inputs(batch), "input_ids": None, "inputs_embeds": embedded}
        model(**inputs, use_cache=False).logits[0, :12].square().sum().backward()
        slopes.append(embedded.grad[0])
    assert torch.equal(slopes[0][:12], slopes[1][:12])
    assert not slopes[0][12:].any()


@pytest.mark.parametrize("name", CONFIGS)
def test_the_loss_of_a_row_is_the_mean_that_transformers_gives_each_document(name):
    model, documents = _model(CONFIGS[name]), _documents(14, 6, 11)
    head = inspect(model)
    assert head.plain
    row = batch_loss(model, collate(documents), head)
    row.backward()
    ours = {path: parameter.grad.clone() for path, parameter in model.named_parameters()}
    model.zero_grad()
    total = torch.zeros(())
    for document in documents:
        logits = model(input_ids=document.tokens[None].long(), use_cache=False).logits[0, :-1]
        wanted = document.tokens[1:].long().masked_fill(~document.learned[1:], -100)
        total = total + cross_entropy(logits, wanted, reduction="sum")
    total.backward()
    torch.testing.assert_close(row, total, rtol=1e-5, atol=1e-5)
    for path, parameter in model.named_parameters():
        torch.testing.assert_close(ours[path], parameter.grad, rtol=1e-4, atol=1e-4)


def test_a_model_that_bends_its_logits_is_trained_on_those_logits():
    config = Gemma2Config(**SIZES, final_logit_softcapping=2.0, attn_logit_softcapping=None)
    model, documents = _model(config), _documents(7, 5)
    head = inspect(model)
    assert (head.plain, head.cap) == (True, 2.0)
    logits = model(**_inputs(collate(documents)), use_cache=False).logits[0]
    batch = collate(documents)
    wanted = cross_entropy(logits[batch["positions"]], batch["targets"], reduction="sum")
    torch.testing.assert_close(batch_loss(model, batch, head), wanted, rtol=1e-5, atol=1e-5)


def test_a_model_that_does_more_to_its_logits_is_trained_on_all_of_them():
    model, documents = _model(CONFIGS["llama"]), _documents(7, 5)
    before = model.forward
    model.forward = lambda **inputs: replace_logits(before(**inputs))
    head = inspect(model)
    assert not head.plain
    logits = model(**_inputs(collate(documents)), use_cache=False).logits[0]
    batch = collate(documents)
    wanted = cross_entropy(logits[batch["positions"]], batch["targets"], reduction="sum")
    torch.testing.assert_close(batch_loss(model, batch, head), wanted, rtol=1e-5, atol=1e-5)


def replace_logits(found):
    found.logits = found.logits.abs()
    return found


def test_a_model_in_which_documents_would_mix_reads_them_one_by_one():
    model, documents = _model(CONFIGS["llama"]), _documents(9, 4, 6)
    model.set_attn_implementation("sdpa")
    layer = model.model.layers[0]
    before = layer.forward

    def leaking(hidden_states, **options):
        return before(hidden_states, **options) + hidden_states.cumsum(1)

    layer.forward = leaking
    head = inspect(model)
    assert not head.packed
    alone = []
    for document in documents:
        logits = model(input_ids=document.tokens[None].long(), use_cache=False).logits[0, :-1]
        wanted = document.tokens[1:].long().masked_fill(~document.learned[1:], -100)
        alone.append(cross_entropy(logits, wanted, reduction="sum"))
    torch.testing.assert_close(batch_loss(model, collate(documents), head), sum(alone), rtol=1e-5, atol=1e-5)
    sizes = [int(document.learned.sum()) for document in documents]
    each = document_losses(model, collate(documents), sizes, head)
    torch.testing.assert_close(each, torch.stack(alone), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("attention", {"q_proj", "k_proj", "v_proj", "o_proj"}),
        ("mlp", {"gate_proj", "up_proj", "down_proj"}),
        ("all-linear", {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}),
    ],
)
def test_layers_to_adapt_are_found_by_structure_and_the_head_is_not_among_them(kind, names):
    assert set(targets(_model(CONFIGS["llama"]), kind)) == names


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_adapters_are_fp32_whatever_the_base_is(dtype):
    model = prepare(_model(CONFIGS["llama"]).to(dtype), Recipe(), "here")
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    assert trained
    assert {parameter.dtype for parameter in trained} == {torch.float32}


def test_the_shorter_way_through_an_adapter_is_that_of_peft():
    recipe = Recipe.model_validate({"lora": {"rank": 4, "alpha": 12}})
    ours = prepare(_model(CONFIGS["llama"]), recipe, "here")
    settings = LoraConfig(r=4, lora_alpha=12, target_modules=targets(_model(CONFIGS["llama"]), "all-linear"))
    theirs = get_peft_model(_model(CONFIGS["llama"]), settings)
    state = {
        name: torch.randn_like(value) * 0.3 if "lora_" in name else value for name, value in theirs.state_dict().items()
    }
    for model in (ours, theirs):
        model.load_state_dict(state)
    found = []
    for model in (ours, theirs):
        value = batch_loss(model, collate(_documents(9, 6)), Head(model.get_output_embeddings(), plain=True))
        value.backward()
        found.append([value, *(p.grad for p in model.parameters() if p.requires_grad)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
