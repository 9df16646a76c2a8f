"""Whether a model fits this machine, from its config.json or from nothing but its number of parameters."""

from dataclasses import replace
from typing import Any

import pytest

from backend.forecast.unseen.fits import WAYS, Fit, fits, typical
from backend.hardware import Gpu, Machine
from backend.models.facts import ModelFacts, of_config

COMPUTER = Machine(
    "Some CPU", 8, 32 * 10**9, 24 * 10**9, bf16_cpu=False, gpus=(), disk_bytes=10**12, disk_free_bytes=10**12
)
CARD = replace(COMPUTER, gpus=(Gpu(0, "Some card", 24 * 10**9, 23 * 10**9),))
LLAMA_2_7B: dict[str, Any] = {
    "model_type": "llama", "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
    "num_attention_heads": 32, "vocab_size": 32000, "torch_dtype": "float16",
}  # fmt: skip
SMALL_WITH_MANY_WORDS: dict[str, Any] = {
    "model_type": "qwen3", "hidden_size": 1024, "intermediate_size": 3072, "num_hidden_layers": 28,
    "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151_936,
    "tie_word_embeddings": True, "torch_dtype": "bfloat16",
}  # fmt: skip
DEEP: dict[str, Any] = {
    "model_type": "smollm3", "hidden_size": 2048, "intermediate_size": 11008, "num_hidden_layers": 36,
    "num_attention_heads": 16, "num_key_value_heads": 4, "vocab_size": 128_256, "torch_dtype": "bfloat16",
}  # fmt: skip
SHAPES = {"7B": LLAMA_2_7B, "many words": SMALL_WITH_MANY_WORDS, "deep": DEEP}


@pytest.fixture
def seven() -> ModelFacts:
    return of_config(LLAMA_2_7B)


def test_seven_billion_fit_a_card_of_24_gb_in_every_way_and_a_computer_only_rounded(seven: ModelFacts) -> None:
    on_card, on_computer = fits(seven, CARD, None), fits(seven, COMPUTER, None)
    assert {way: on_card[way].answer for way in WAYS} == dict.fromkeys(WAYS, "yes")
    assert {way: on_computer[way].answer for way in WAYS} == {"lora": "later", "qlora": "yes", "chat": "later"}
    # 16 bits of 6.74 billion weights, and a conversation of 1,024 tokens: 0.54 GB.
    assert 13.4e9 + 0.5e9 < on_card["chat"].needs < 15.5e9


def test_what_is_rounded_already_is_trained_as_qlora_does_and_chats_in_four_bits_on_a_card(seven: ModelFacts) -> None:
    whole, rounded = fits(seven, CARD, None), fits(seven, CARD, None, rounded=True)
    assert rounded["lora"] == rounded["qlora"] == whole["qlora"]
    assert rounded["chat"].needs < 0.4 * whole["chat"].needs
    assert fits(seven, COMPUTER, None, rounded=True)["chat"] == fits(seven, COMPUTER, None)["chat"]


def test_what_is_more_than_all_the_memory_does_not_fit() -> None:
    assert (Fit(30, 20, 40).answer, Fit(20, 20, 40).answer, Fit(41, 20, 40).answer) == ("later", "yes", "no")
    seventy = of_config(LLAMA_2_7B | {"hidden_size": 8192, "intermediate_size": 28672, "num_hidden_layers": 80})
    assert {fit.answer for fit in fits(seventy, COMPUTER, None).values()} == {"no"}


@pytest.mark.parametrize("machine", [COMPUTER, CARD], ids=["computer", "card"])
@pytest.mark.parametrize("name", SHAPES)
def test_from_the_number_of_parameters_alone_it_is_about_right(name: str, machine: Machine) -> None:
    exact = of_config(SHAPES[name])
    about = typical(exact.parameters)
    assert abs(about.parameters - exact.parameters) < 10
    known, guessed = fits(exact, machine, None), fits(about, machine, None)
    for way in WAYS:
        assert 0.85 < guessed[way].needs / known[way].needs < 1.2, way
