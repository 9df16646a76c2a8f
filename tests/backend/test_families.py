"""Every family trains, goes on after an interruption, chats and is merged: tiny models of their own classes."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from torch.nn.functional import cross_entropy
from transformers import AutoConfig, AutoModelForCausalLM

from backend.errors import ModelError
from backend.export.merge import merged
from backend.inference.ask import Ask
from backend.inference.decoding.batch import Batch, Size
from backend.inference.decoding.loaded import Loaded
from backend.inference.decoding.run import made_row
from backend.inference.sampling import Sampling
from backend.inference.shelf import Quantised, Target
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode
from backend.models import adapters
from backend.models.catalogue import Model
from backend.models.facts import facts
from backend.training.network import attention
from backend.training.network.load import inspect
from backend.training.network.measure import batch_loss
from backend.training.network.targets import linears, targets
from backend.training.text.batches import Document, collate
from backend.training.text.chat import ChatFormat
from tests import families, tiny
from tests.backend.test_inference_decoding import CPU, Recorded, turns

STEPS = 3
TALK = [{"role": "user", "content": "Câte picioare are șarpele?"}]
LATER = [*TALK, {"role": "assistant", "content": "Nu are."}, {"role": "user", "content": "Cât face doi plus doi?"}]
# How far a logit may be off, as a share of the largest: the sum itself is exact but for rounding, and 16 bits keep 11
# or 8 bits of each number. Measured over all sixteen families: 2e-6, 0.0055 and 0.046.
MERGED_WITHIN = {torch.float32: 1e-5, torch.float16: 0.01, torch.bfloat16: 0.08}


@dataclass(frozen=True)
class Trained:
    """A model and two run folders: one that ran to its end, and one that was stopped after a step and went on."""

    name: str
    model: Path
    whole: RunFolder
    resumed: RunFolder
    losses: tuple[list[float], list[float]]


def asked(folder: Path, name: str, model: Path, **more: Any) -> dict[str, Any]:
    chat = families.FAMILIES[name].template is not None
    rows = families.chats(8) if chat else [{"text": f"{families.TEXT} {at}"} for at in range(8)]
    values = {
        "objective": "chat" if chat else "text",
        "schedule": {"max_steps": STEPS, "learning_rate": 1e-2},
        "batch": {"size": 3, "max_length": 160},
        "watching": {"eval_share": 0.0, "save_every": 1, "keep_checkpoints": 9},
    }
    return tiny.request(folder, model, rows, **{**values, **more})


@pytest.fixture(scope="module", params=families.FAMILIES)
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    name, folder = request.param, tmp_path_factory.mktemp(request.param)
    model = families.make(name, folder / "model")
    wanted = asked(folder, name, model)
    whole, resumed = RunFolder(folder / "whole"), RunFolder(folder / "resumed")
    code, said = tiny.run(whole.path, wanted)
    assert code == ExitCode.DONE
    resumed.path.mkdir()
    resumed.write(resumed.stop, {"save": True})
    assert tiny.run(resumed.path, wanted)[0] == ExitCode.STOPPED
    resumed.stop.unlink()
    code, again = tiny.run(resumed.path, wanted, attempt=2)
    assert code == ExitCode.DONE
    losses = [[event.loss for event in events if event.type == "step"] for events in (said, again)]
    return Trained(name, model, whole, resumed, (losses[0], losses[1]))


def test_it_trains_and_goes_on_after_a_stop_as_if_there_had_been_none(trained: Trained) -> None:
    first, again = trained.losses
    assert first[-1] < first[0]
    assert again == first
    assert tiny.same_adapters(trained.whole.path, trained.resumed.path)


def test_the_manifest_says_which_way_it_was_trained(trained: Trained) -> None:
    record = json.loads((trained.whole.adapter / "studio.json").read_text(encoding="utf-8"))
    assert record["way"] == {"documents": "packed", "loss": "in chunks", "quantised_layers": 0}


def test_the_adapter_is_one_for_this_base_and_no_other(trained: Trained) -> None:
    adapters.check(trained.whole.adapter, Model(id="tiny", name="tiny", location=str(trained.model)))
    found = facts(trained.model)
    figures = trained.whole.read(trained.whole.result)
    assert figures["trainable_parameters"] == found.lora_parameters(4)


def test_what_is_learned_are_the_answers_and_their_ends(trained: Trained) -> None:
    words = families.tokenizer(trained.name)
    if words.chat_template is None:
        pytest.skip("a family without chats")
    chat, end = ChatFormat.of(words, "tiny"), families.FAMILIES[trained.name].end
    for number, row in enumerate(families.chats(4), start=1):
        document = chat.document(row["messages"], row=number)
        learned = words.decode(document.tokens[document.learned])
        answers = [message["content"] for message in row["messages"] if message["role"] == "assistant"]
        assert [part.strip() for part in learned.split(end)] == [*answers, ""]


def test_the_prompt_of_a_question_is_how_its_conversation_begins(trained: Trained) -> None:
    words = families.tokenizer(trained.name)
    if words.chat_template is None:
        pytest.skip("a family without chats")
    chat = ChatFormat.of(words, "tiny")
    messages = families.chats(1)[0]["messages"]
    document = chat.document(messages, row=1)
    prompt, first = chat.prompt(messages[:1]), int(document.learned.nonzero()[0])
    assert words.decode(prompt).rstrip() == words.decode(document.tokens[:first]).rstrip()


def documents(vocabulary: int, *lengths: int) -> list[Document]:
    torch.manual_seed(1)
    return [
        Document(torch.randint(0, vocabulary, (n,), dtype=torch.int32), torch.arange(n) >= n // 3 + 1) for n in lengths
    ]


def test_a_packed_row_has_the_loss_and_the_gradients_of_its_documents_alone(trained: Trained) -> None:
    """The reference is transformers' eager attention, one document at a time; windows are shorter than a document."""
    attention.register()
    model = AutoModelForCausalLM.from_pretrained(trained.model, attn_implementation=attention.NAME).eval()
    head, parts = inspect(model), documents(model.config.vocab_size, 41, 6, 30)
    assert head.packed
    assert head.plain
    row = batch_loss(model, collate(parts), head)
    row.backward()
    ours = {path: parameter.grad.clone() for path, parameter in model.named_parameters()}
    model.zero_grad()
    model.set_attn_implementation("eager")
    total = torch.zeros(())
    for part in parts:
        logits = model(input_ids=part.tokens[None].long(), use_cache=False).logits[0, :-1]
        total = total + cross_entropy(
            logits, part.tokens[1:].long().masked_fill(~part.learned[1:], -100), reduction="sum"
        )
    total.backward()
    torch.testing.assert_close(row, total, rtol=1e-5, atol=1e-4)
    for path, parameter in model.named_parameters():
        torch.testing.assert_close(ours[path], parameter.grad, rtol=1e-3, atol=1e-3)


def test_no_document_of_a_row_hangs_on_another(trained: Trained) -> None:
    attention.register()
    model = AutoModelForCausalLM.from_pretrained(trained.model, attn_implementation=attention.NAME).eval()
    batch = collate(documents(model.config.vocab_size, 12, 9))
    inputs = {name: value for name, value in batch.items() if name not in ("positions", "targets", "input_ids")}
    embedded = model.get_input_embeddings()(batch["input_ids"]).detach().requires_grad_()
    model(inputs_embeds=embedded, **inputs, use_cache=False).logits[0, 12:].square().sum().backward()
    assert embedded.grad is not None
    assert not embedded.grad[0, :12].any()
    assert embedded.grad[0, 12:].any()


def test_it_answers_in_company_with_the_tokens_of_generate(trained: Trained) -> None:
    target = Target("tiny", "tiny", str(trained.model), trained.whole.adapter, stamp=1)
    loaded = Loaded(target, CPU)
    talks = [(TALK, target), (LATER, target), (LATER, Target("tiny", "tiny", str(trained.model), stamp=1))]
    rows = [made_row(Ask(one, messages, Sampling(max_tokens=12)), loaded) for messages, one in talks]
    for row in rows:
        row.__class__ = Recorded
    batch = Batch(loaded, Size(rows=3, chunk=40, cells=4096))
    batch.waiting.extend(rows)
    list(turns(batch))
    base = AutoModelForCausalLM.from_pretrained(trained.model).eval()
    adapted = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(trained.model), trained.whole.adapter)
    for row in rows:
        network = adapted.eval() if row.ask.target.adapter else base
        prompt = torch.tensor([row.prompt])
        found = network.generate(
            input_ids=prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=12, do_sample=False,
            eos_token_id=sorted(loaded.ends), pad_token_id=0,
        )  # fmt: skip
        said = [token for token in row.__dict__["tokens"] if token not in loaded.ends]
        assert said == [token for token in found[0, len(row.prompt) :].tolist() if token not in loaded.ends]


@torch.no_grad()
def test_merged_into_16_bits_it_says_what_the_adapter_says(trained: Trained, tmp_path: Path) -> None:
    base = AutoModelForCausalLM.from_pretrained(trained.model)
    tokens = documents(base.config.vocab_size, 40)[0].tokens[None].long()
    before = base(tokens).logits
    adapted = PeftModel.from_pretrained(base, trained.whole.adapter).eval()(tokens).logits
    assert (before - adapted).abs().max() / adapted.abs().max() > 0.1
    for dtype, within in MERGED_WITHIN.items():
        merged(trained.model, trained.whole.adapter, dtype=dtype).save_pretrained(tmp_path / str(dtype))
        made = AutoModelForCausalLM.from_pretrained(tmp_path / str(dtype))
        assert made.dtype is dtype
        # The weights are rounded, the sums are not: what is compared is the file, not the arithmetic of this processor.
        after = made.float()(tokens).logits
        off = float((after - adapted).abs().max() / adapted.abs().max())
        assert off < within


@pytest.mark.parametrize(("kind", "parts"), [("attention", ("attn", "attention")), ("mlp", ("mlp",))])
@pytest.mark.parametrize("name", families.FAMILIES)
def test_attention_and_mlp_are_told_apart_and_head_and_embeddings_left_out(
    name: str, kind: Any, parts: tuple[str, ...]
) -> None:
    model = families.network(families.FAMILIES[name], vocab_size=400, pad_token_id=0)
    wanted = targets(model, kind)
    hit = [path for path, _ in model.named_modules() if any(f".{path}".endswith(f".{name}") for name in wanted)]
    assert hit
    assert all(any(part in path for part in parts) for path in hit)
    every = targets(model, "all-linear")
    all_hit = [path for path, _ in model.named_modules() if any(f".{path}".endswith(f".{name}") for name in every)]
    assert sorted(all_hit) == sorted(linears(model))
    assert not [path for path in all_hit if "head" in path or "embed" in path or "wte" in path]


@pytest.mark.parametrize("name", ["llama-3", "gemma-2", "phi-4", "rogpt-2"])
def test_on_four_bits_every_adapted_layer_is_really_quantised(name: str, tmp_path: Path) -> None:
    model = families.make(name, tmp_path / "model")
    code, said = tiny.run(tmp_path / "run", asked(tmp_path, name, model, method="qlora"))
    assert code == ExitCode.DONE
    folder = RunFolder(tmp_path / "run")
    linear = sum(1 for _ in linears(AutoModelForCausalLM.from_pretrained(model)))
    assert folder.read(folder.result)["quantised_layers"] == linear
    record = json.loads((folder.adapter / "studio.json").read_text(encoding="utf-8"))
    assert record["way"]["quantised_layers"] == linear
    losses = [event.loss for event in said if event.type == "step"]
    assert losses[-1] < losses[0]


EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2, "num_experts": 4, "moe_intermediate_size": 32}


@pytest.mark.parametrize("kind", ["mixtral", "qwen2_moe", "qwen3_moe", "olmoe", "gpt_oss"])
def test_a_mixture_of_experts_is_refused_in_one_sentence(kind: str, tmp_path: Path) -> None:
    AutoConfig.for_model(kind, **families.SIZES, **EXPERTS).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="mixture of experts") as caught:
        facts(tmp_path)
    assert kind in str(caught.value)


@torch.no_grad()
def test_an_adapter_learned_on_eight_bits_is_asked_on_those_weights(tmp_path: Path) -> None:
    model = families.make("llama-3", tmp_path)
    target = Target("tiny", "tiny", str(model), quantised=Quantised("int8", double=False))
    weight = Loaded(target, CPU).model.get_submodule("model.layers.0.mlp.up_proj").weight
    exact = AutoModelForCausalLM.from_pretrained(model).get_submodule("model.layers.0.mlp.up_proj").weight
    assert weight.dtype is torch.float32
    assert not torch.equal(weight, exact)
    # LLM.int8 keeps 255 values for each row, of which the largest is exact.
    torch.testing.assert_close(weight, exact, rtol=0, atol=float(exact.abs().max()) / 127)
    assert max(len(row.unique()) for row in weight) <= 255
