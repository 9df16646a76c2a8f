"""What is said before a start: work, lengths, fit, refusal, advice, disk."""

import json
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any

import pytest

from backend.data import rows
from backend.data.split import Sizes, sizes, split
from backend.data.tokens.counting import Vocabulary
from backend.errors import RecipeError
from backend.forecast import calibration, facade, lengths, prior
from backend.forecast.estimate import ADVISED, estimate, refuse_too_big, too_big
from backend.forecast.lengths import Lengths
from backend.forecast.model import Forecast
from backend.forecast.size import size
from backend.forecast.work import EVALUATION_TOKENS, documents, drawn, work
from backend.hardware import Gpu, Machine, this_machine
from backend.messages import catalogue, sentence
from backend.models.facts import ModelFacts, facts
from backend.paths import SAMPLE_DATA, SHIPPED_MODELS, Workspace
from backend.people import HOME
from backend.recipes import load
from backend.recipes.leaves import by_name
from backend.recipes.schema import Recipe

GB = 10**9
LAPTOP = Machine(
    "processor", cores=2, memory_bytes=24 * GB, memory_free_bytes=20 * GB, bf16_cpu=False, gpus=(), disk_bytes=100 * GB,
    disk_free_bytes=50 * GB,
)  # fmt: skip
STARTER = SHIPPED_MODELS / "starter"
CHATS = SAMPLE_DATA / "chats" / "starter-ro.jsonl"
SHORT = Lengths(1000, tuple(range(20, 60)), 0.4)


@pytest.fixture
def starter() -> ModelFacts:
    return facts(STARTER)


def recipe(**values: Any) -> Recipe:
    return Recipe.model_validate(values)


def told(known: ModelFacts, machine: Machine = LAPTOP, data: Lengths = SHORT, **values: Any) -> Forecast:
    return estimate(known, recipe(**values), data, machine, None)


def test_a_setting_beyond_any_machine_is_refused_with_both_numbers(starter: ModelFacts) -> None:
    endless = Lengths(10**12, (10**9,) * 50, 0.5)
    largest_batch = {"size": 4096, "max_length": 131_072}
    forecast = told(starter, data=endless, batch=largest_batch, compute={"gradient_checkpointing": "off"})
    with pytest.raises(RecipeError) as refused:
        refuse_too_big(forecast)
    assert refused.value.key == "forecast.too_big"
    assert str(refused.value) == f"Estimated memory {size(forecast.total_bytes)}; this machine has 24 GB."
    assert size(forecast.total_bytes).endswith(" TB")


@pytest.mark.parametrize(
    ("values", "at"),
    [
        ({"batch": {"size": 4096, "max_length": 131_072}}, "batch.size"),
        ({"batch": {"size": 1, "max_length": 131_072}}, "batch.max_length"),
        ({"method": "full", "batch": {"size": 1}}, "method"),
        ({"method": "lora", "batch": {"size": 1}}, "method"),
        ({"method": "qlora", "batch": {"size": 1}}, "model"),
    ],
)
def test_what_is_too_big_is_said_at_the_choice_that_helps_most(
    starter: ModelFacts, values: dict[str, Any], at: str
) -> None:
    tiny = replace(LAPTOP, memory_bytes=10**6, memory_free_bytes=10**6)
    found = too_big(
        told(starter, tiny, Lengths(1000, (10**6,) * 50 if "length" in str(values) else (1,) * 50, 0.5), **values)
    )
    assert [(name, error.key) for name, error in found.items()] == [(at, "forecast.too_big")]
    assert too_big(told(starter)) == {}


def test_a_full_disk_is_said_at_the_checkpoints(starter: ModelFacts) -> None:
    found = too_big(told(starter, replace(LAPTOP, disk_free_bytes=10**6)))
    assert [(name, error.key) for name, error in found.items()] == [("watching.keep_checkpoints", "forecast.no_disk")]
    assert "1,0 MB" in found["watching.keep_checkpoints"].say("ro")


def test_every_advice_belongs_to_a_choice_of_the_form() -> None:
    known = {key for key in catalogue("en") if key.startswith("forecast.advice_")}
    assert known == set(ADVISED)
    assert set(ADVISED.values()) <= {"model", *by_name()}


def test_the_refusal_reads_as_in_the_table_of_bad_input() -> None:
    values = {"needed": size(4_100 * GB), "has": size(24 * GB)}
    assert sentence("forecast.too_big", **values) == "Estimated memory 4.1 TB; this machine has 24 GB."


def test_a_run_that_would_fill_the_disk_is_refused(starter: ModelFacts) -> None:
    forecast = told(starter, replace(LAPTOP, disk_free_bytes=10**6), method="full")
    with pytest.raises(RecipeError, match=r"needs 99? MB|needs \d+ MB on the disk; 1\.0 MB are free"):
        refuse_too_big(forecast)


def test_pages_that_the_system_takes_back_need_not_be_free(starter: ModelFacts) -> None:
    squeezed = told(starter, method="qlora")
    assert squeezed.parts["loading"] > 0
    assert squeezed.needs == squeezed.total_bytes - squeezed.parts["loading"]
    assert told(starter, replace(LAPTOP, memory_free_bytes=squeezed.needs), method="qlora").fits
    whole = told(starter, method="lora")
    assert whole.needs == whole.total_bytes


def test_until_the_machine_is_measured_the_time_is_a_rough_one(workspace: Workspace) -> None:
    def asked() -> Forecast:
        return facade.of(HOME, workspace, recipe(), model="starter", data="starter-ro")

    before = asked()
    assert before.seconds is not None
    assert not before.measured
    machine = this_machine(workspace.root)
    known = prior.guess(replace(machine, gpus=()))
    assert known is not None
    calibration.save(workspace, machine, known.model_copy(update={"rough": False}))
    assert asked().measured


def test_a_run_that_fits_is_not_refused_and_gets_no_advice(starter: ModelFacts) -> None:
    forecast = told(starter)
    refuse_too_big(forecast)
    assert (forecast.fits, forecast.advice, forecast.gradient_checkpointing) == (True, "", False)


def test_the_parts_add_up_to_the_total(starter: ModelFacts) -> None:
    for method in ("lora", "qlora", "full"):
        forecast = told(starter, method=method)
        assert sum(forecast.parts.values()) == forecast.total_bytes


def test_checkpointing_comes_on_by_itself_only_where_memory_needs_it(starter: ModelFacts) -> None:
    batch = {"size": 64, "max_length": 256}
    wide = told(starter, batch=batch)
    need = wide.total_bytes - 10**6
    narrow = told(starter, replace(LAPTOP, memory_free_bytes=need), batch=batch)
    assert not wide.gradient_checkpointing
    assert narrow.gradient_checkpointing
    assert narrow.total_bytes < wide.total_bytes
    asked_off = told(
        starter, replace(LAPTOP, memory_free_bytes=need), batch=batch, compute={"gradient_checkpointing": "off"}
    )
    assert not asked_off.gradient_checkpointing
    assert not asked_off.fits
    assert asked_off.advice == "forecast.advice_batch"


@pytest.mark.parametrize(
    ("values", "advice"),
    [
        ({"method": "full", "batch": {"size": 1, "max_length": 16}}, "forecast.advice_lora"),
        ({"method": "lora", "batch": {"size": 1, "max_length": 16}}, "forecast.advice_qlora"),
        ({"method": "qlora", "batch": {"size": 1, "max_length": 16}}, "forecast.advice_model"),
        ({"method": "lora", "batch": {"size": 1, "max_length": 131_072}}, "forecast.advice_length"),
        ({"method": "lora", "batch": {"size": 512, "max_length": 512}}, "forecast.advice_batch"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_advice_names_what_would_help_most(tmp_path: Path, values: dict[str, Any], advice: str) -> None:
    config = json.loads((STARTER / "config.json").read_text(encoding="utf-8"))
    config |= {"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "vocab_size": 32000}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    long = Lengths(1000, (200_000,) * 10, 0.5)
    forecast = told(facts(tmp_path), replace(LAPTOP, memory_free_bytes=GB), long, **values)
    assert forecast.advice == advice
    assert sentence(advice)


def test_on_a_card_its_memory_counts_and_weights_are_halves(starter: ModelFacts) -> None:
    card = Gpu(0, "card", 24 * GB, 23 * GB)
    forecast = told(starter, replace(LAPTOP, gpus=(card,)))
    assert (forecast.device_bytes, forecast.free_bytes) == (24 * GB, 23 * GB)
    assert forecast.parts["weights"] == 2 * starter.parameters


# Work


def test_steps_and_tokens_follow_epochs_and_batch() -> None:
    done = work(Lengths(1000, (40,) * 10, 0.5), recipe(schedule={"epochs": 2}, batch={"size": 32}))
    assert done.steps == 62  # 2 x 980 documents, 32 a step
    assert done.tokens == 2 * 980 * 40
    assert done.tokens_per_step == pytest.approx(1265, abs=1)
    assert done.largest == 32 * 40
    assert done.held_out == 20 * 40


def test_the_largest_batch_comes_from_the_long_tail_and_never_exceeds_it() -> None:
    sample = [20] * 95 + [500] * 5
    few, many = (max(drawn(sample, 4, batches, padded=False))[0] for batches in (2, 1000))
    assert few <= many <= 4 * 500
    assert many >= 3 * 500


def test_conversations_are_cut_at_the_maximum_length_and_texts_make_windows() -> None:
    chat = recipe(batch={"max_length": 100})
    text = recipe(objective="text", batch={"max_length": 100})
    assert documents((50, 250), chat) == [50, 100]
    assert documents((50, 250), text) == [50, 50, 100, 100]
    assert work(Lengths(10, (250,), 1.0), text).steps == work(Lengths(30, (84,), 1.0), chat).steps


def test_replayed_rows_lengthen_the_run() -> None:
    alone = work(SHORT, recipe())
    mixed = work(SHORT, recipe(replay={"data": "other", "share": 0.5}))
    assert mixed.steps == pytest.approx(2 * alone.steps, abs=1)


def test_held_out_rows_are_measured_in_groups() -> None:
    many = work(Lengths(100_000, (50,), 0.5), recipe())
    assert many.evaluated == EVALUATION_TOKENS
    assert many.held_out == 100_000


# Lengths


def test_tokens_are_counted_within_a_few_percent_of_the_tokenizer() -> None:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(STARTER / "tokenizer.json"))
    vocabulary = Vocabulary(json.loads((STARTER / "tokenizer.json").read_text(encoding="utf-8")))
    lines = CHATS.read_text(encoding="utf-8").splitlines()[:200]
    texts = [message["content"] for line in lines for message in json.loads(line)["messages"]]
    real = sum(len(tokenizer.encode(text).ids) for text in texts)
    assert sum(map(vocabulary.tokens, texts)) == pytest.approx(real, rel=0.05)


def test_pieces_of_a_sentencepiece_vocabulary_are_matched_with_their_mark() -> None:
    pieces = [["▁ciao", 0.0], ["▁mon", 0.0], ["do", 0.0], ["▁", 0.0]]
    vocabulary = Vocabulary({"model": {"type": "Unigram", "vocab": pieces}, "pre_tokenizer": {"type": "Metaspace"}})
    assert vocabulary.tokens("ciao mondo") == 3


def test_a_model_without_a_readable_tokenizer_is_counted_by_characters(tmp_path: Path) -> None:
    found = lengths.measured(CHATS, 1000, tmp_path / "tokenizer.json")
    real = lengths.measured(CHATS, 1000, STARTER / "tokenizer.json")
    assert found.mean == pytest.approx(real.mean, rel=0.5)


def test_only_answers_count_as_learned_in_a_chat_and_everything_in_a_text() -> None:
    chat = lengths.of(
        [{"messages": [{"role": "user", "content": "abc" * 30}, {"role": "assistant", "content": "abc"}]}], 1, None
    )
    assert 0 < chat.learned < 0.2
    text = lengths.of([{"text": "abc" * 100}], 1, None)
    assert text.tokens == (101,)
    assert text.learned == pytest.approx(100 / 101)


def test_held_out_rows_are_as_many_as_the_run_will_keep_apart(tmp_path: Path) -> None:
    found = [{"messages": [{"role": "user", "content": str(n // 3)}]} for n in range(300)]
    for share, seed in ((0.02, 0), (0.02, 5), (0.5, 1), (0.0, 0)):
        assert sizes(found, share, seed) == Sizes(len(split(found, share, seed)[1]), 0)


def test_the_steps_of_a_shipped_recipe_are_those_of_the_run(workspace: Workspace) -> None:
    wanted = load.find(HOME, workspace, "starter-mixed").recipe
    forecast = facade.of(HOME, workspace, wanted, model="starter", data="starter-ro")
    learned, _ = split(rows.read(CHATS), wanted.watching.eval_share, wanted.compute.seed)
    both = len(learned) + round(len(learned) * wanted.replay.share / (1 - wanted.replay.share))
    assert forecast.steps == ceil(round(both * wanted.schedule.epochs) / wanted.batch.size)


def test_rows_that_are_mixed_in_bring_their_own_lengths() -> None:
    mixed = replace(Lengths(1000, (40,) * 10, 0.5), replayed=(80, 120))
    done = work(mixed, recipe(replay={"data": "other", "share": 0.5}))
    assert done.length == pytest.approx(70)
    assert done.largest == 4 * 120
    assert done.held_out == 20 * 40


# Everything together


def test_the_facade_forecasts_the_shipped_starter_on_its_chats(workspace: Workspace) -> None:
    forecast = facade.of(HOME, workspace, recipe(batch={"size": 32}), model="starter", data="starter-ro")
    assert forecast.steps > 50
    assert forecast.parts["adapter"] == 4 * facts(STARTER).lora_parameters(16)
    assert Forecast.model_validate(forecast.model_dump(mode="json")) == forecast


@pytest.mark.parametrize(
    ("count", "text"),
    [(999, "999 B"), (1000, "1.0 kB"), (24 * GB, "24 GB"), (4_100 * GB, "4.1 TB"), (9_960_000, "10 MB")],
)
def test_bytes_are_written_in_decimal_units(count: int, text: str) -> None:
    assert size(count) == text
