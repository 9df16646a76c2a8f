"""The padded batch against transformers' own `generate`: the same tokens, whoever else is in the batch."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM

from backend.errors import ChatError
from backend.inference.ask import Ask, Piece
from backend.inference.decoding import choose, loaded
from backend.inference.decoding.batch import Batch, Size
from backend.inference.decoding.cache import visible
from backend.inference.decoding.loaded import Loaded
from backend.inference.decoding.row import Row
from backend.inference.decoding.run import made_row
from backend.inference.sampling import Sampling
from backend.inference.shelf import Quantised, Target
from tests.tiny_llama import CONTEXT, write_adapter, write_model, write_tokenizer

CPU = torch.device("cpu")
WORDS = ("Care", "este", "capitala", "Irlandei", "șarpele", "țară", "picioare")


@dataclass(frozen=True)
class Place:
    model: Path
    adapters: tuple[Path, ...]

    def target(self, adapter: Path | None = None, quantised: Quantised | None = None) -> Target:
        return Target("tiny", "tiny", str(self.model), adapter, quantised, stamp=1)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    root = tmp_path_factory.mktemp("decoding")
    adapters = [
        write_adapter(root / "all" / "adapter", seed=1),
        write_adapter(root / "attention" / "adapter", seed=2, rank=8, modules=("self_attn.q_proj", "self_attn.v_proj")),
        write_adapter(root / "mlp" / "adapter", seed=3, modules=("mlp.up_proj",)),
    ]
    return Place(write_model(root / "model"), tuple(adapters))


@pytest.fixture(scope="module")
def model(place: Place) -> Loaded:
    return Loaded(place.target(), CPU)


def plain_answer(place: Place, model: Loaded, row: Row) -> list[int]:
    """What plain transformers and peft say, one question alone."""
    network = AutoModelForCausalLM.from_pretrained(place.model)
    if row.ask.target.adapter:
        network = PeftModel.from_pretrained(network, str(row.ask.target.adapter))
    prompt = torch.tensor([row.prompt])
    found = network.generate(
        input_ids=prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=row.limit, do_sample=False,
        eos_token_id=sorted(model.ends),
    )  # fmt: skip
    return [token for token in found[0, len(row.prompt) :].tolist() if token not in model.ends]


class Recorded(Row):
    """A row that also keeps its tokens."""

    def take(self, token: int) -> Piece:
        self.__dict__.setdefault("tokens", []).append(token)
        return super().take(token)


def recorded(ask: Ask, model: Loaded) -> Row:
    row = made_row(ask, model)
    row.__class__ = Recorded
    return row


def questions(place: Place, count: int, chance: random.Random) -> list[Ask]:
    def one() -> Ask:
        text = " ".join(chance.choice(WORDS) for _ in range(chance.randint(1, 20)))
        settings = Sampling(max_tokens=chance.randint(1, 30))
        return Ask(place.target(chance.choice((None, *place.adapters))), [{"role": "user", "content": text}], settings)

    return [one() for _ in range(count)]


def turns(batch: Batch) -> Iterator[tuple[Ask, Piece]]:
    with torch.inference_mode():
        while batch.busy:
            yield from batch.turn()


@pytest.mark.parametrize("chunk", [24, 4096], ids=["prompts in pieces", "prompts at once"])
def test_answers_in_company_have_exactly_the_tokens_of_answers_alone(place: Place, model: Loaded, chunk: int) -> None:
    chance = random.Random(chunk)
    rows = [recorded(ask, model) for ask in questions(place, 16, chance)]
    coming, together = list(rows), 0
    batch = Batch(model, Size(rows=6, chunk=chunk, cells=4096))
    with torch.inference_mode():
        while coming or batch.busy:
            for _ in range(chance.randint(0, 2)):
                if coming:
                    batch.waiting.append(coming.pop())
            batch.turn()
            together = max(together, len({row.adapter for row in batch.rows}))
    assert together == 4, "base and all adapters were never in one batch"
    for row in rows:
        said = [token for token in row.__dict__["tokens"] if token not in model.ends]
        assert said == plain_answer(place, model, row)


def test_a_person_who_left_frees_a_place_and_the_others_go_on(place: Place, model: Loaded) -> None:
    asks = [Ask(place.target(), [{"role": "user", "content": "Care"}], Sampling(max_tokens=20)) for _ in range(3)]
    batch = Batch(model, Size(rows=2, chunk=4096, cells=4096))
    rows = [recorded(ask, model) for ask in asks]
    batch.waiting.extend(rows)
    with torch.inference_mode():
        batch.turn()
        assert [len(batch.rows), len(batch.waiting)] == [2, 1]
        asks[0].cancelled = True
        batch.turn()
        assert [len(batch.rows), len(batch.waiting)] == [2, 0]
    list(turns(batch))
    assert rows[1].__dict__["tokens"] == rows[2].__dict__["tokens"]
    assert len(rows[0].__dict__["tokens"]) < len(rows[1].__dict__["tokens"])


def test_the_least_used_adapter_leaves_when_there_are_too_many(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaded, "MAX_ADAPTERS", 2)
    model = Loaded(place.target(), CPU)
    names = [model.attach(place.target(folder), set()) for folder in place.adapters[:2]]
    model.attach(place.target(place.adapters[0]), set())
    newest = model.attach(place.target(place.adapters[2]), set())
    assert model.adapters() == [names[0], newest]
    row = recorded(Ask(place.target(place.adapters[1]), [{"role": "user", "content": "Care"}], Sampling()), model)
    batch = Batch(model, Size(rows=2, chunk=4096, cells=4096))
    batch.waiting.append(row)
    list(turns(batch))
    said = [token for token in row.__dict__["tokens"] if token not in model.ends]
    assert said == plain_answer(place, model, row)


def test_an_adapter_that_is_more_than_lora_is_merged_into_a_base_of_its_own(place: Place, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = get_peft_model(
        AutoModelForCausalLM.from_pretrained(place.model),
        LoraConfig(r=4, target_modules=["q_proj", "up_proj"], use_dora=True, init_lora_weights=False),
    )
    folder = tmp_path / "dora" / "adapter"
    network.save_pretrained(str(folder))
    target = Target("run:dora", "tiny", str(place.model), folder, stamp=1, alone=True)
    model = Loaded(target, CPU)
    row = recorded(Ask(target, [{"role": "user", "content": "Care este"}], Sampling(max_tokens=20)), model)
    batch = Batch(model, Size(rows=2, chunk=4096, cells=4096))
    batch.waiting.append(row)
    list(turns(batch))
    said = [token for token in row.__dict__["tokens"] if token not in model.ends]
    assert said == plain_answer(place, model, row)


@pytest.mark.parametrize("family", ["mistral", "gemma3_text", "gpt_oss"])
def test_sliding_windows_and_models_without_sdpa_have_the_tokens_of_generate(family: str, tmp_path: Path) -> None:
    """Windows of 16 tokens: in all layers, in some of them, and in eager attention, whose mask is a number to add."""
    size = write_tokenizer(tmp_path)
    config = AutoConfig.for_model(
        family, vocab_size=size, hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=8, max_position_embeddings=CONTEXT, eos_token_id=4, pad_token_id=0,
        bos_token_id=None, sliding_window=16, initializer_range=0.3, num_local_experts=2, num_experts_per_tok=1,
        layer_types=["sliding_attention", "sliding_attention" if family == "mistral" else "full_attention"],
    )  # fmt: skip
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).float().save_pretrained(tmp_path)
    place = Place(tmp_path, ())
    model = Loaded(place.target(), CPU)
    rows = [recorded(ask, model) for ask in questions(place, 5, random.Random(0))]
    batch = Batch(model, Size(rows=3, chunk=40, cells=4096))
    batch.waiting.extend(rows)
    list(turns(batch))
    assert max(len(row.prompt) for row in rows) > 32
    for row in rows:
        said = [token for token in row.__dict__["tokens"] if token not in model.ends]
        assert said == plain_answer(place, model, row)


def test_a_kind_of_attention_that_cannot_be_batched_is_named(place: Place) -> None:
    config = AutoConfig.from_pretrained(place.model)
    assert loaded.attention_kinds(config) == (None, frozenset({"full_attention"}))
    config.layer_types = ["linear_attention", "full_attention"]
    with pytest.raises(ChatError, match='attention of the kind "linear_attention"'):
        loaded.attention_kinds(config)


def test_a_qlora_adapter_is_asked_on_the_rounded_weights_it_was_trained_on(place: Place, model: Loaded) -> None:
    rounded = Loaded(place.target(quantised=Quantised("nf4", double=True)), CPU)
    exact = model.model.get_submodule("model.layers.0.mlp.up_proj").weight
    weight = rounded.model.get_submodule("model.layers.0.mlp.up_proj").weight
    assert weight.dtype == torch.float32
    assert not torch.equal(weight, exact)
    # NF4 has 16 values for each block of 64 weights.
    assert max(len(block.unique()) for block in weight.flatten().split(64)) <= 16


def test_a_conversation_longer_than_the_model_reads_is_refused_with_both_numbers(place: Place, model: Loaded) -> None:
    ask = Ask(place.target(), [{"role": "user", "content": "Care " * 400}], Sampling())
    with pytest.raises(ChatError, match=rf"The text has \d+ tokens; the model reads at most {CONTEXT}\."):
        made_row(ask, model)


def test_an_answer_ends_where_the_context_does(place: Place, model: Loaded) -> None:
    ask = Ask(place.target(), [{"role": "user", "content": "Care este " * 60}], Sampling(max_tokens=1000))
    row = made_row(ask, model)
    assert row.limit == CONTEXT - len(row.prompt)


def test_padding_is_never_seen_and_sees_only_itself() -> None:
    mask = visible(torch.tensor([0, 2]), first=1, width=4)[:, 0].int().tolist()
    assert mask[0] == [[1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]]
    assert mask[1] == [[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1]]
    windowed = visible(torch.tensor([0]), first=3, width=4, window=2)[0, 0].int().tolist()
    assert windowed == [[0, 0, 1, 1]]


def test_draws_follow_the_probabilities_and_stay_within_the_nucleus() -> None:
    logits = torch.tensor([0.5, 0.3, 0.15, 0.05]).log()
    sampling = Sampling(temperature=1, top_p=0.8)
    chance = random.Random(0)
    drawn = [choose.drawn(logits, sampling, chance.random()) for _ in range(2000)]
    assert set(drawn) == {0, 1}
    assert drawn.count(0) / len(drawn) == pytest.approx(0.5 / 0.8, abs=0.04)
    everything = [choose.drawn(logits, Sampling(temperature=1), n / 1000) for n in range(1000)]
    assert [round(everything.count(token) / 1000, 2) for token in range(4)] == [0.5, 0.3, 0.15, 0.05]


def test_the_same_seed_draws_the_same_tokens_in_any_row() -> None:
    logits = torch.randn(3, 50, generator=torch.Generator().manual_seed(0))[:1].expand(3, 50)
    sampling = Sampling(temperature=1.5, seed=7)
    alone = choose.tokens(logits[:1], [choose.Draw.of(sampling)])
    company = choose.tokens(
        logits, [choose.Draw.of(Sampling(temperature=1)), choose.Draw.of(Sampling()), choose.Draw.of(sampling)]
    )
    assert company[2] == alone[0]
    assert company[1] == int(logits[1].argmax())
