"""The forecast's arithmetic of memory against published figures and against what autograd keeps."""

import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.forecast import calibration, memory
from backend.forecast.besides.departures import quantised_bytes
from backend.forecast.calibration import Calibration
from backend.forecast.estimate import estimate
from backend.forecast.lengths import Lengths
from backend.forecast.load import Load
from backend.forecast.memory import parts, weights
from backend.hardware import Machine
from backend.models.facts import ModelFacts, facts
from backend.paths import SHIPPED_MODELS, Workspace
from backend.recipes.schema import Recipe

LLAMA_2_7B = {
    "model_type": "llama", "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
    "num_attention_heads": 32, "vocab_size": 32000, "max_position_embeddings": 4096, "dtype": "float32",
}  # fmt: skip


def sizes(folder: Path, config: dict[str, Any]) -> ModelFacts:
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return facts(folder)


@pytest.fixture
def llama(tmp_path: Path) -> ModelFacts:
    return sizes(tmp_path, LLAMA_2_7B)


def load(known: ModelFacts, tokens: int = 1000, **recipe: Any) -> Load:
    chosen = Recipe.model_validate(recipe)
    return Load(known, chosen, tokens=tokens, learned=tokens // 2, evaluated=100, runtime=10**9)


def test_an_adapter_of_rank_8_on_every_matrix_of_llama_2_7b_has_the_known_number_of_parameters(
    llama: ModelFacts,
) -> None:
    assert load(llama, method="lora", lora={"rank": 8}).trained == 19_988_480
    only_mlp = load(llama, method="lora", lora={"rank": 8, "target_modules": "mlp"})
    assert only_mlp.trained == pytest.approx(11.60e6, rel=1e-3)


def test_weights_of_llama_2_7b_take_what_is_known_in_16_and_in_4_bits(llama: ModelFacts) -> None:
    on_gpu = {"gpu": True}
    assert weights(replace(load(llama, method="lora"), **on_gpu)) / 1e9 == pytest.approx(13.48, abs=0.01)
    plain = load(llama, method="qlora", quantisation={"double": False})
    assert weights(replace(plain, **on_gpu)) / 1e9 == pytest.approx(4.167, abs=0.002)
    assert weights(replace(load(llama, method="qlora"), **on_gpu)) / 1e9 == pytest.approx(3.86, abs=0.01)


def test_four_bits_cost_half_a_byte_and_the_scales_of_blocks_of_64() -> None:
    assert quantised_bytes(64 * 256, double=False) == 32 * 256 + 4 * 256
    assert quantised_bytes(64 * 256, double=True) == 32 * 256 + 256 + 4


def test_a_processor_keeps_every_frozen_weight_in_32_bits(llama: ModelFacts) -> None:
    assert weights(load(llama, method="lora")) == 4 * llama.parameters


def test_full_training_keeps_two_moments_of_every_weight(llama: ModelFacts) -> None:
    found = parts(load(llama, method="full"))
    assert found["optimizer"] == 8 * llama.parameters
    assert found["adapter"] == 0
    assert found["weights"] == 4 * llama.parameters


def test_what_pissa_begins_from_stays_in_memory_with_the_file_that_it_was_read_from(llama: ModelFacts) -> None:
    assert parts(load(llama, method="lora"))["loading"] == 0
    inside = llama.parts["attention"] + llama.parts["mlp"]
    norms = 2 * llama.layers * llama.hidden_size
    with_file = replace(load(llama, method="lora", lora={"start": "pissa"}), facts=replace(llama, dtype="float32"))
    assert parts(with_file)["loading"] == pytest.approx(4 * (inside - norms), rel=0.001)
    assert memory.needed(with_file) == sum(parts(with_file).values()) - parts(with_file)["loading"]


def test_new_tokens_make_all_logits_at_once(llama: ModelFacts) -> None:
    without, added = (load(llama, tokens=4000, method="lora", lora={"new_tokens": words}) for words in ((), ("<a>",)))
    assert parts(added)["logits"] - parts(without)["logits"] == pytest.approx(
        3 * 4 * added.learned * llama.vocab_size - 32 * 2**20
    )
    assert added.trained - without.trained == 2 * llama.hidden_size


def test_the_end_of_the_backward_pass_is_the_peak_of_full_training_on_few_tokens(llama: ModelFacts) -> None:
    assert parts(load(llama, tokens=10, method="full"))["gradients"] == 4 * llama.parameters
    at_the_beginning = parts(load(llama, tokens=100_000, method="full"))["gradients"]
    assert memory.MEETING < at_the_beginning / (4 * llama.parameters) < memory.MEETING + 0.1


@pytest.mark.parametrize("method", ["lora", "qlora", "full"])
@pytest.mark.parametrize("change", ["tokens", "rank", "checkpointing"])
def test_more_of_anything_never_needs_less(llama: ModelFacts, method: str, change: str) -> None:
    totals = []
    for factor in (1, 2, 4, 8):
        rank = {"rank": 8 * factor} if change == "rank" else {}
        tokens = 500 * factor if change == "tokens" else 500
        at = load(llama, tokens=tokens, method=method, lora=rank)
        totals.append(sum(parts(replace(at, checkpointing=change == "checkpointing" and factor == 1)).values()))
    assert totals == sorted(totals)
    if change == "tokens" or (change == "rank" and method != "full"):
        assert totals[0] < totals[-1]


def test_checkpointing_keeps_one_layer_instead_of_all(llama: ModelFacts) -> None:
    at = load(llama, tokens=4000, method="lora")
    with_it = replace(at, checkpointing=True)
    assert memory.activations(with_it) < memory.activations(at) / 8
    there = replace(with_it, gpu=True)
    assert memory.activations(there) < memory.activations(replace(there, checkpointing=False)) / 10


def test_gradients_wait_only_when_several_batches_make_a_step(llama: ModelFacts) -> None:
    one, two = (load(llama, method="lora", batch={"accumulation": count}) for count in (1, 2))
    assert parts(one)["gradients"] == 0
    assert parts(two)["gradients"] == 4 * two.trained


def test_no_more_than_a_chunk_of_logits_is_ever_there(llama: ModelFacts) -> None:
    many = load(llama, tokens=100_000, method="lora")
    hidden = 2 * 4 * many.learned * llama.hidden_size
    assert memory.logits(many) == 32 * 2**20 + hidden


def test_reading_a_half_precision_file_is_the_peak_of_a_run_on_very_few_tokens(llama: ModelFacts) -> None:
    few = load(llama, tokens=1, method="lora")
    assert parts(few)["loading"] == 0
    assert parts(replace(few, facts=replace(llama, dtype="float16")))["loading"] == 2 * llama.parameters


def test_quantised_weights_leave_the_pages_they_were_read_from(llama: ModelFacts) -> None:
    inside = llama.parts["attention"] + llama.parts["mlp"]
    found = load(llama, method="qlora")
    assert parts(found)["loading"] == 4 * inside
    assert parts(replace(found, gpu=True))["loading"] == 0


def test_processes_on_one_processor_need_the_memory_of_all_and_of_the_one_that_waits(llama: ModelFacts) -> None:
    one, two = (load(llama, method="lora", compute={"devices": devices}) for devices in (1, 2))
    buckets = memory.FP32 * two.trained
    assert sum(parts(two).values()) == 2 * (sum(parts(one).values()) + buckets) + two.runtime
    assert memory.needed(two) > 2 * memory.needed(one)


def test_each_card_needs_the_whole_model_or_its_part_of_it(llama: ModelFacts) -> None:
    alone, whole, in_parts = (
        replace(load(llama, method="full", compute={"devices": devices, "sharding": sharding}), gpu=True)
        for devices, sharding in ((1, "ddp"), (4, "ddp"), (4, "fsdp2"))
    )
    assert parts(whole) == parts(alone) | {"gradients": parts(alone)["gradients"] + memory.FP32 * alone.trained}
    cut = parts(in_parts)
    assert cut["optimizer"] == parts(alone)["optimizer"] / 4
    # Two blocks of 32 and what is besides them are whole.
    assert parts(alone)["weights"] / 4 < cut["weights"] < parts(alone)["weights"] * 0.36
    assert cut["activations"] == parts(alone)["activations"]


# What runs teach


MACHINE = Machine(
    "processor", cores=2, memory_bytes=24 * 10**9, memory_free_bytes=20 * 10**9, bf16_cpu=False, gpus=(),
    disk_bytes=10**11, disk_free_bytes=10**11,
)  # fmt: skip
KNOWN = Calibration(
    runtime_bytes=10**9, seconds_per_flop=((192, 1e-10),), seconds_per_quantised_flop=((192, 1e-10),),
    seconds_per_layer=1e-3, seconds_per_weight=1e-9, seconds_per_number=1e-9, seconds_per_trained=1e-9,
)  # fmt: skip


def forecast_here(workspace: Workspace) -> dict[str, Any]:
    """Of the same run, with what is known of this machine by now."""
    sizes_of = facts(SHIPPED_MODELS / "starter")
    recipe = Recipe.model_validate({"batch": {"size": 64}})
    lengths = Lengths(1000, (200,) * 100, 0.5)
    found = estimate(sizes_of, recipe, lengths, MACHINE, calibration.load(workspace, MACHINE))
    return found.model_dump(mode="json")


@settings(max_examples=25, deadline=None)
@given(bias=st.floats(0.75, 1.45), odd=st.floats(0.01, 50), at=st.integers(0, 7))
def test_after_runs_that_all_take_more_or_less_the_next_forecast_is_nearer_whatever_one_odd_run_did(
    bias: float, odd: float, at: int
) -> None:
    with TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder)).create()
        calibration.save(workspace, MACHINE, KNOWN)
        first = forecast_here(workspace)
        fixed = first["total_bytes"] - first["parts"]["activations"]
        truth = fixed + round(bias * first["parts"]["activations"])
        errors = [abs(first["total_bytes"] - truth)]
        for run in range(8):
            said = forecast_here(workspace)
            peak = fixed + round(odd * first["parts"]["activations"]) if run == at else truth
            calibration.learn_memory(workspace, MACHINE, "lora", said, peak)
            errors.append(abs(forecast_here(workspace)["total_bytes"] - truth))
        assert errors[-1] <= 0.01 * truth
        assert max(errors) <= errors[0] + 0.01 * truth


def test_after_memory_ran_out_the_next_forecast_is_no_lower_until_a_run_ends_well(workspace: Workspace) -> None:
    calibration.save(workspace, MACHINE, KNOWN)
    said = forecast_here(workspace)
    whole, activations = said["total_bytes"], said["parts"]["activations"]
    calibration.learn_ran_out(workspace, MACHINE, "lora", said, whole - activations // 4)  # others had taken it
    assert calibration.load(workspace, MACHINE) == KNOWN
    ran_out = whole + activations // 4
    calibration.learn_ran_out(workspace, MACHINE, "lora", said, ran_out)
    corrected = forecast_here(workspace)
    assert corrected["total_bytes"] == pytest.approx(ran_out, rel=0.001)
    calibration.learn_memory(workspace, MACHINE, "lora", corrected, whole)
    assert forecast_here(workspace)["total_bytes"] == pytest.approx(whole, rel=0.001)


def test_a_run_whose_activations_were_little_of_it_teaches_nothing_and_neither_does_one_on_an_unmeasured_machine(
    workspace: Workspace,
) -> None:
    said = {"parts": {"runtime": 10**9, "weights": 10**9, "activations": 10**8}}
    calibration.learn_memory(workspace, MACHINE, "lora", said, 10**10)
    assert calibration.load(workspace, MACHINE) is None
    calibration.save(workspace, MACHINE, KNOWN)
    calibration.learn_memory(workspace, MACHINE, "lora", said, 10**10)
    calibration.learn_memory(workspace, MACHINE, "lora", {}, 10**10)
    assert calibration.load(workspace, MACHINE) == KNOWN


def test_eight_bits_leave_the_moments_of_embeddings_in_32_bits_as_the_trainer_does(llama: ModelFacts) -> None:
    table = llama.parts["embeddings"]
    # On a processor five tensors as large as the head are there while it is stepped.
    found = parts(load(llama, method="full", schedule={"optimizer": "adamw_8bit"}))["optimizer"]
    assert found == pytest.approx(2.1 * (llama.parameters - table) + 8 * table + 5 * 4 * table)
    adapter = load(llama, method="lora", schedule={"optimizer": "adamw_8bit"})
    assert parts(adapter)["optimizer"] == pytest.approx(2.1 * adapter.trained)
