"""The recipes of the papers: every value against what was published, every card, and two real steps of each."""

import hashlib
import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from backend.errors import RecipeError
from backend.forecast import prior
from backend.forecast.estimate import estimate
from backend.forecast.lengths import Lengths
from backend.hardware import Gpu, Machine
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode
from backend.models.facts import ModelFacts, of_config
from backend.paths import RECIPES
from backend.recipes import cards, load, provenance
from backend.recipes.leaves import value
from backend.recipes.schema import Recipe
from tests import families, tiny

FAMILIES = ("roqllama", "llamantino", "anita", "extremita", "openllm-ro")
PAPERS = {path.stem: path for family in FAMILIES for path in sorted((RECIPES / family).glob("*.yaml"))}
STAGE = {
    "method": "qlora", "lora.rank": 64, "lora.alpha": 16, "quantisation.kind": "nf4", "schedule.max_grad_norm": 0.3,
    "schedule.weight_decay": 0.001, "schedule.learning_rate": 2e-4, "schedule.max_steps": 25_000,
    "schedule.warmup_ratio": 0.03,
}  # fmt: skip
STAGE_NULL = {
    "lora.dropout", "lora.target_modules", "schedule.optimizer", "schedule.scheduler", "batch.size",
    "batch.accumulation", "batch.max_length", "quantisation.double",
}  # fmt: skip
THIRD = {"lora.dropout", "lora.rank", "lora.alpha", "lora.target_modules", "quantisation.kind", "quantisation.double"}
THIRD_ALL = {
    "schedule.max_steps", "schedule.learning_rate", "schedule.optimizer", "schedule.scheduler", "schedule.warmup_ratio",
    "schedule.weight_decay", "schedule.max_grad_norm", "batch.size", "batch.accumulation", "batch.max_length",
}  # fmt: skip
ROQLLAMA = {
    "defaults.model": "meta-llama/Llama-2-7b-hf", "method": "qlora", "objective": "text", "quantisation.kind": "nf4",
    "lora.rank": 8, "lora.alpha": 8, "lora.dropout": 0.05, "schedule.optimizer": "paged_adamw",
    "schedule.learning_rate": 1e-5, "schedule.weight_decay": 0.001, "schedule.max_grad_norm": 0.01, "batch.size": 2,
    "schedule.max_steps": 900_000,
}  # fmt: skip
# What was published, written by hand from the papers' digests, cards and repositories; and what nobody published.
PUBLISHED: dict[str, dict[str, Any]] = {
    "roqllama": ROQLLAMA,
    "roqllama-short": {name: known for name, known in ROQLLAMA.items() if name != "schedule.max_steps"},
    "llamantino-1": {**STAGE, "objective": "text", "defaults.data": "gsarti/clean_mc4_it"},
    "llamantino-2": {
        **STAGE, "objective": "chat", "template": "llama2-it",
        "defaults.model": "swap-uniba/LLaMAntino-2-chat-7b-hf-ITA",
    },
    "llamantino-3": {
        "method": "qlora", "objective": "chat", "template": "alpaca-it", "defaults.data": "basilepp19/dolly-15k-it",
    },
    "llamantino-3-full": {
        "method": "full", "objective": "chat", "template": "alpaca-it", "defaults.data": "basilepp19/dolly-15k-it",
    },
    "anita-sft": {
        "defaults.model": "meta-llama/Meta-Llama-3-8B-Instruct", "defaults.data": "Chat-Error/wizard_alpaca_dolly_orca",
        "method": "qlora", "lora.rank": 16, "lora.alpha": 8, "lora.dropout": 0.0, "lora.target_modules": "all-linear",
        "batch.size": 16, "batch.accumulation": 8, "schedule.learning_rate": 2e-4, "schedule.scheduler": "linear",
        "schedule.warmup_steps": 100, "schedule.optimizer": "paged_adamw_8bit", "schedule.weight_decay": 0.01,
        "schedule.epochs": 1.0, "compute.seed": 42, "batch.max_length": 8192,
    },
    "anita-dpo": {
        "defaults.data": "mlabonne/orpo-dpo-mix-40k", "method": "qlora", "objective": "preference", "lora.rank": 64,
        "lora.alpha": 16, "lora.dropout": 0.0, "lora.rslora": True, "batch.size": 8, "batch.accumulation": 12,
        "schedule.learning_rate": 5e-5, "schedule.scheduler": "linear", "schedule.warmup_ratio": 0.1,
        "schedule.optimizer": "adamw_8bit", "schedule.weight_decay": 0.0, "batch.max_length": 1024,
        "preference.beta": 0.1, "compute.seed": 42, "watching.eval_share": 0.01,
    },
    "extremita": {
        "defaults.model": "sag-uniroma2/extremITA-Camoscio-7b", "quantisation.kind": "int8", "lora.rank": 8,
        "lora.alpha": 16, "lora.dropout": 0.05, "lora.target_modules": "attention", "schedule.learning_rate": 3e-4,
        "batch.size": 16, "batch.accumulation": 2, "schedule.epochs": 2.0, "batch.max_length": 512,
        "schedule.warmup_ratio": 0.1, "objective": "chat", "watching.eval_share": 0.05, "template": "alpaca-it-dense",
    },
    "camoscio": {
        "lora.rank": 8, "lora.alpha": 16, "lora.dropout": 0.05, "schedule.learning_rate": 3e-4, "schedule.epochs": 3.0,
        "batch.max_length": 256, "batch.size": 4, "batch.accumulation": 32, "defaults.data": "teelinsan/camoscio",
    },
    "openllm-ro-sft": {
        "schedule.learning_rate": 5e-5, "batch.max_length": 1024, "watching.eval_share": 0.05, "compute.seed": 1238,
        "objective": "chat", "template": "llama2-ro",
    },
}  # fmt: skip
NULL: dict[str, set[str]] = {
    "roqllama": {"batch.accumulation", "schedule.scheduler", "schedule.warmup_ratio"},
    "roqllama-short": {"batch.accumulation", "schedule.scheduler", "schedule.warmup_ratio"},
    "llamantino-1": STAGE_NULL,
    "llamantino-2": STAGE_NULL,
    "llamantino-3": THIRD | THIRD_ALL,
    "llamantino-3-full": THIRD_ALL,
    "anita-sft": {"quantisation.double"},
    "anita-dpo": {"quantisation.double"},
    "extremita": {"schedule.scheduler"},
    "camoscio": {"schedule.scheduler"},
    "openllm-ro-sft": {"schedule.scheduler"},
}
# The sizes of these models: LlamaConfig as it is, and Llama 3 of 8 billion as the arithmetic of its card needs it.
LLAMA_2: dict[str, Any] = {
    "model_type": "llama", "hidden_size": 4096, "intermediate_size": 11_008, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 32, "vocab_size": 32_000, "torch_dtype": "float16",
}  # fmt: skip
LLAMA_3 = LLAMA_2 | {"intermediate_size": 14_336, "num_key_value_heads": 8, "vocab_size": 128_256}
OF_SIZE = [(name, size) for name in PAPERS for size in cards.SIZES]


@cache
def recipe(name: str) -> Recipe:
    return load.read(PAPERS[name])


def known(found: Recipe, name: str) -> provenance.Provenance:
    there = provenance.of(found.provenance, name)
    assert there is not None, name
    return there


def acting(found: Recipe) -> list[str]:
    """The settings that have an effect under the values of the others."""
    return [
        leaf.name
        for leaf in load.leaves()
        if all(value(found, other) in allowed for other, allowed in leaf.when.items())
    ]


def facts(found: Recipe) -> ModelFacts:
    return of_config(LLAMA_3 if "Llama-3" in found.defaults.model else LLAMA_2)


def machine(gigabytes: int) -> Machine:
    """One card that has as little free as one that is sold under this size may have."""
    card = Gpu(0, "card", gigabytes * 2**30, int(gigabytes * 2**30 * cards.SHORT_OF))
    return Machine(
        cpu_name="cpu", cores=16, memory_bytes=2**37, memory_free_bytes=2**36, bf16_cpu=True, gpus=(card,),
        disk_bytes=2**41, disk_free_bytes=2**41,
    )  # fmt: skip


def test_every_recipe_that_the_papers_need_is_there() -> None:
    assert set(PAPERS) == set(PUBLISHED) == set(NULL)


@pytest.mark.parametrize("name", PAPERS)
def test_every_value_that_acts_says_where_it_is_from(name: str) -> None:
    found = recipe(name)
    assert all(known(found, leaf).note for leaf in acting(found))
    assert all(one.note for one in found.provenance.values())


@pytest.mark.parametrize("name", PAPERS)
def test_what_was_published_stands_in_the_recipe_and_nothing_else_says_it_was(name: str) -> None:
    found, expected = recipe(name), PUBLISHED[name]
    assert {leaf: value(found, leaf) for leaf in expected} == expected
    assert {leaf for leaf in expected if known(found, leaf).source not in provenance.PUBLISHED} == set()
    numbers = {leaf for leaf in acting(found) if isinstance(value(found, leaf), int | float)}
    claimed = {
        leaf for leaf in numbers if known(found, leaf).source == "paper" and not isinstance(value(found, leaf), bool)
    }
    assert claimed <= set(expected), "These say that a paper has them."


@pytest.mark.parametrize("name", PAPERS)
def test_what_nobody_published_is_marked_so_and_has_no_published_value(name: str) -> None:
    found = recipe(name)
    missing = {leaf for leaf in NULL[name] if known(found, leaf).source != "not published"}
    assert missing == set()
    assert all(one.published is None for one in found.provenance.values() if one.source == "not published")


def test_what_departs_from_the_publication_says_what_was_published() -> None:
    short = known(recipe("roqllama-short"), "schedule.max_steps")
    assert (short.source, short.published, short.departs) == ("ours", 900_000, True)
    assert "not the paper's budget" in short.note
    assert "not the paper's budget" in recipe("roqllama-short").title["en"]
    assert known(recipe("camoscio"), "lora.target_modules").published == "q_proj, v_proj"


def test_the_corpora_of_roqllama_weigh_as_much_as_they_were_big() -> None:
    found = recipe("roqllama")
    assert [(one.data, one.weight) for one in found.corpora] == [
        ("RoWiki", 0.3), ("RoTex", 1.5), ("OSCAR-ro", 45.6), ("CC-100-ro", 61.4),
    ]  # fmt: skip
    assert known(found, "corpora").source == "inferred"
    assert found.effective_batch * found.batch.max_length == 8192


# Cards


@pytest.mark.parametrize("name", PAPERS)
def test_every_recipe_has_a_word_for_every_card(name: str) -> None:
    assert tuple(recipe(name).cards) == cards.SIZES


@pytest.mark.parametrize(("name", "size"), OF_SIZE)
def test_a_variant_fits_its_card_with_rows_as_long_as_they_may_be_and_a_card_without_one_says_so(
    name: str, size: int
) -> None:
    found = recipe(name)
    if found.cards[size] is None:
        with pytest.raises(RecipeError, match=f"A card of {size} GB is too small for this recipe"):
            cards.on_card(found, size)
        return
    made = cards.on_card(found, size)
    lengths = Lengths(100_000, (made.batch.max_length,), learned=1.0)
    forecast = estimate(facts(made), made, lengths, machine(size), None)
    assert forecast.needs <= forecast.free_bytes
    before, after = (one.effective_batch * one.batch.max_length for one in (found, made))
    shorter = made.batch.max_length < found.batch.max_length
    assert after == before or (shorter and made.effective_batch == found.effective_batch)
    assert made.cards == {}


def test_a_variant_marks_what_it_changes_and_keeps_what_was_published() -> None:
    made = cards.on_card(recipe("extremita"), 6)
    assert known(made, "batch.size") == provenance.Provenance(source="ours", note="for a card of 6 GB", published=16)
    assert known(made, "quantisation.kind").published == "int8"
    assert known(made, "lora.rank") == known(recipe("extremita"), "lora.rank")
    assert known(cards.on_card(recipe("llamantino-1"), 8), "batch.size").published is None
    assert cards.on_card(recipe("extremita"), 16).provenance == recipe("extremita").provenance


def test_the_card_of_a_machine_counts_as_the_size_it_is_sold_as() -> None:
    memory = [gigabytes * 2**30 for gigabytes in (0, 4, 5.8, 11.6, 23.6, 44.9, 79.2, 140)]
    assert [cards.of_machine([int(one)]) for one in memory] == [None, None, 6, 12, 24, 24, 80, 80]
    assert cards.of_machine([]) is None
    assert cards.of_machine([int(memory[2]), int(memory[4])]) == 24


def test_between_two_sizes_the_smaller_one_holds() -> None:
    assert cards.on_card(recipe("roqllama"), 10) == cards.on_card(recipe("roqllama"), 8).model_copy(
        update={"provenance": cards.on_card(recipe("roqllama"), 10).provenance}
    )
    with pytest.raises(RecipeError, match="has no variants"):
        cards.on_card(Recipe(title={}, about={}, provenance={}, cards={}), 12)


# The budget


def test_the_published_budget_of_roqllama_is_forecast_in_days_and_the_short_one_is_not() -> None:
    """On a processor, which can be guessed without a training, and a model of half a million numbers."""
    small = {"hidden_size": 64, "intermediate_size": 172, "num_hidden_layers": 2, "vocab_size": 3200}
    tiny_facts = of_config(LLAMA_2 | small | {"num_attention_heads": 4, "num_key_value_heads": 4})
    processor = replace(machine(24), gpus=())

    def days(name: str) -> float:
        found = recipe(name)
        lengths = Lengths(1_000_000, (found.batch.max_length,), learned=1.0)
        forecast = estimate(tiny_facts, found, lengths, processor, prior.guess(processor))
        assert forecast.steps == found.schedule.max_steps
        assert forecast.seconds is not None
        return forecast.seconds / 86_400

    assert days("roqllama") > 1
    assert days("roqllama-short") < days("roqllama") / 100


# Two steps


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A tiny model of each architecture, with a tokenizer of its kind."""
    return {name: families.make(name, tmp_path_factory.mktemp(name)) for name in ("llama-2", "llama-3")}


def rows(found: Recipe) -> list[dict[str, Any]]:
    if found.objective == "text":
        return [{"text": f"Textul {at} despre orașe și râuri, destul de lung. " * 3} for at in range(12)]
    if found.objective == "preference":
        return tiny.pairs(12)
    given = {"role": "user", "content": "Traduci.\n\nBuongiorno.", "input": "Buongiorno."}
    return [*families.chats(11), {"messages": [given, {"role": "assistant", "content": "Bună ziua."}]}]


def corpora(found: Recipe, folder: Path) -> list[dict[str, Any]]:
    made = []
    for one in found.corpora:
        path = folder / f"{one.data}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows(found)), encoding="utf-8")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        made.append(
            {"id": one.data, "name": one.data, "path": str(path), "rows": 12, "shape": "text", "sha256": digest}
        )
    return made


@pytest.mark.parametrize("name", PAPERS)
def test_the_recipe_takes_two_real_steps_on_a_tiny_model_of_its_architecture(
    name: str, bases: dict[str, Path], tmp_path: Path
) -> None:
    found = recipe(name)
    base = bases["llama-3" if "Llama-3" in found.defaults.model else "llama-2"]
    # Of the recipe only the number of steps, and the length and the number of examples behind one, are made small.
    short = load.with_changes(
        found, {"schedule.max_steps": 2, "schedule.warmup_steps": None, "batch.max_length": 256, "batch.size": 2,
                "batch.accumulation": 2, "watching.eval_share": 0.1}
    )  # fmt: skip
    asked = tiny.request(tmp_path, base, rows(found))
    asked |= {"recipe": short.model_dump(mode="json"), "corpora": corpora(found, tmp_path)}
    asked["data"] = asked["corpora"][0] if found.corpora else asked["data"]
    code, said = tiny.run(tmp_path / "run", asked)
    assert code == ExitCode.DONE
    losses = [event.loss for event in said if event.type == "step"]
    assert len(losses) == 2
    assert all(0 < loss < 20 for loss in losses)
    run = RunFolder(tmp_path / "run")
    made = run.model if found.method == "full" else run.adapter
    assert (made / ("model.safetensors" if found.method == "full" else "adapter_model.safetensors")).is_file()
    assert (made / "chat_template.jinja").is_file() == (found.objective != "text")
    rounded = run.read(run.result)["quantised_layers"]
    assert rounded == (14 if found.method == "qlora" else 0)
