"""The forecast of time, what is remembered of a machine, and the measuring beside a waiting worker."""

from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

import pytest

from backend.forecast import calibration, prior
from backend.forecast.calibration import MOST_RATIOS, Calibration, learn, load, machine_id, save
from backend.forecast.duration import read, seconds, training_flops
from backend.forecast.lengths import Lengths
from backend.forecast.load import Load
from backend.forecast.work import Work, work
from backend.hardware import Gpu, Machine
from backend.models.facts import facts
from backend.paths import SHIPPED_MODELS, Workspace
from backend.recipes.schema import Recipe

HERE = Machine(
    "processor", cores=2,
    memory_bytes=24 * 10**9, memory_free_bytes=20 * 10**9, bf16_cpu=False, gpus=(), disk_bytes=10**11,
    disk_free_bytes=10**11,
)  # fmt: skip
KNOWN = Calibration(
    runtime_bytes=10**9, seconds_per_flop=((192, 1e-10), (1024, 4e-11)), seconds_per_quantised_flop=((192, 1e-10),),
    seconds_per_layer=1e-3, seconds_per_weight=1e-9, seconds_per_number=1e-9, seconds_per_trained=1e-9,
)  # fmt: skip
DATA = Lengths(1000, (40,) * 10, 0.5)


def job(**values: object) -> tuple[Load, Work]:
    recipe = Recipe.model_validate(values)
    todo = work(DATA, recipe)
    sizes = facts(SHIPPED_MODELS / "starter")
    return Load(sizes, recipe, tokens=todo.largest, learned=todo.largest // 2, evaluated=0, runtime=0), todo


def test_twice_the_epochs_take_nearly_twice_the_time() -> None:
    once, twice = (seconds(*job(schedule={"epochs": epochs}), KNOWN) for epochs in (10, 20))
    assert twice / once == pytest.approx(2, rel=0.1)


def test_a_small_batch_pays_for_every_pass_through_the_layers() -> None:
    load_small, small = job(batch={"size": 1})
    load_large, large = job(batch={"size": 32})
    layers = load_small.facts.layers
    apart = seconds(load_small, small, KNOWN) - seconds(load_large, large, KNOWN)
    once = layers * KNOWN.seconds_per_layer + read(load_small) * KNOWN.seconds_per_weight
    passes = (small.micro_batches - large.micro_batches) * once
    assert apart >= 0.95 * passes


def test_operations_per_token_are_those_of_the_matrices() -> None:
    """Full training costs about six operations per parameter and token, a frozen model four (arXiv 2001.08361, 2.1)."""
    full, todo = job(method="full")
    frozen, _ = job(method="lora", lora={"rank": 1})
    everything = replace(todo, learned=1.0, length=0.0)
    matrices = full.facts.parameters - full.facts.parts["norms"]
    assert training_flops(full, everything) == pytest.approx(6 * matrices, rel=1e-6)
    assert training_flops(frozen, everything) == pytest.approx(4 * matrices + 6 * frozen.trained, rel=1e-6)


def test_recomputing_activations_costs_a_third_pass() -> None:
    at, todo = job()
    again = replace(at, checkpointing=True)
    assert 1.2 < training_flops(again, todo) / training_flops(at, todo) < 1.6


def test_four_bits_cost_unpacking_twice_a_pass() -> None:
    slow = KNOWN.model_copy(update={"seconds_per_number": 1e-6})
    at, todo = job(method="qlora")
    inside = at.facts.parts["attention"] + at.facts.parts["mlp"]
    apart = seconds(at, todo, slow) - seconds(at, todo, KNOWN)
    assert apart >= todo.micro_batches * 2 * inside * (1e-6 - 1e-9) * 0.99


def test_questions_and_evaluations_take_time() -> None:
    asked = {"questions": [{"question": "Ce faci?"}], "answer_every": 1, "eval_every": 1}
    assert seconds(*job(watching=asked), KNOWN) > 1.2 * seconds(*job(), KNOWN)


def test_the_wider_a_model_is_the_less_an_operation_takes_between_the_widths_that_were_measured() -> None:
    widths = (64, 192, 256, 512, 1024, 4096)
    rates = [KNOWN.per_flop(width, quantised=False) for width in widths]
    assert rates == sorted(rates, reverse=True)
    assert (rates[0], rates[-1]) == (1e-10, 4e-11)
    # As much again besides the products for each number of the hidden state: linear in one over the width.
    assert rates[3] - rates[4] == pytest.approx((rates[1] - rates[4]) * (1 / 512 - 1 / 1024) / (1 / 192 - 1 / 1024))
    assert KNOWN.per_flop(1024, quantised=True) == 1e-10
    three = KNOWN.model_copy(update={"seconds_per_flop": ((192, 1e-10), (512, 6e-11), (1024, 4e-11))})
    assert three.per_flop(512, quantised=False) == pytest.approx(6e-11)


def test_full_training_pays_for_the_optimizer_of_every_weight_at_each_step() -> None:
    slow = KNOWN.model_copy(update={"seconds_per_trained": 1e-6})
    at, todo = job(method="full")
    apart = seconds(at, todo, slow) - seconds(at, todo, KNOWN)
    assert apart == pytest.approx(todo.steps * at.facts.parameters * (1e-6 - 1e-9))


# Before the machine has been measured


def test_a_rough_guess_takes_a_moment_and_is_named_one() -> None:
    found = prior.guess(HERE)
    assert found is not None
    assert found.rough
    assert 1e-13 < found.per_flop(512, quantised=False) < 1e-8
    assert found.per_flop(192, quantised=False) > found.per_flop(1024, quantised=False)


def test_more_threads_are_guessed_to_be_faster_but_not_as_many_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prior, "_usual", lambda work: 1e-3)
    monkeypatch.setattr(prior, "_guess", prior._guess.__wrapped__)
    guessed = []
    for count in ("1", "4"):
        monkeypatch.setenv("OMP_NUM_THREADS", count)
        guessed.append(prior.guess(HERE))
    one, four = guessed
    assert one is not None
    assert four is not None
    assert 1.5 < one.per_flop(512, quantised=True) / four.per_flop(512, quantised=True) < 4
    assert one.seconds_per_layer == four.seconds_per_layer
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert 1 <= prior.threads(HERE) <= HERE.cores


def test_a_graphics_card_is_not_guessed_from_the_processor() -> None:
    assert prior.guess(replace(HERE, gpus=(Gpu(0, "card", 24 * 10**9, 23 * 10**9),))) is None


# What is remembered


def test_what_was_measured_is_found_again(workspace: Workspace) -> None:
    assert load(workspace, HERE) is None
    save(workspace, HERE, KNOWN)
    assert load(workspace, HERE) == KNOWN
    assert load(workspace, replace(HERE, cpu_name="another")) is None


def test_other_library_versions_are_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    before = machine_id(HERE)
    monkeypatch.setattr(calibration, "version", lambda name: "999")
    assert machine_id(HERE) != before


@pytest.mark.parametrize("text", ["", "{", "[]", '{"runtime_bytes": -1}', '{"runtime_bytes": "\\u0000"}'])
def test_a_damaged_file_counts_as_not_measured(workspace: Workspace, text: str) -> None:
    save(workspace, HERE, KNOWN)
    (workspace.calibration / f"{machine_id(HERE)}.json").write_text(text, encoding="utf-8")
    assert load(workspace, HERE) is None


def test_a_finished_run_corrects_the_time_of_its_method_alone(workspace: Workspace) -> None:
    save(workspace, HERE, KNOWN)
    for ratio in (1.5, 2.0):  # half the way after one run, the whole after a second one like it
        known = load(workspace, HERE)
        assert known is not None
        learn(workspace, HERE, "lora", {"seconds": 50.0 * known.ratio("lora"), "measured": True}, {"seconds": 100.0})
        known = load(workspace, HERE)
        assert known is not None
        assert known.ratio("lora") == ratio
    assert known.ratio("full") == 1.0
    assert known.runtime_bytes == KNOWN.runtime_bytes
    assert seconds(*job(), known) == pytest.approx(2 * seconds(*job(), KNOWN))


@pytest.mark.parametrize(("took", "ratio"), [(1e6, 2.5), (1.5, 0.625)])
def test_one_odd_run_moves_the_time_half_the_way_at_most(workspace: Workspace, took: float, ratio: float) -> None:
    save(workspace, HERE, KNOWN)
    learn(workspace, HERE, "lora", {"seconds": 50.0, "measured": True}, {"seconds": took})
    known = load(workspace, HERE)
    assert known is not None
    assert known.ratio("lora") == ratio


def test_runs_forecast_with_a_correction_do_not_correct_twice(workspace: Workspace) -> None:
    save(workspace, HERE, KNOWN)
    for _ in range(MOST_RATIOS + 3):
        known = load(workspace, HERE)
        assert known is not None
        learn(workspace, HERE, "lora", {"seconds": 50.0 * known.ratio("lora"), "measured": True}, {"seconds": 100.0})
    known = load(workspace, HERE)
    assert known is not None
    assert known.ratio("lora") == pytest.approx(2.0)
    assert len(known.ratios["lora"]) == MOST_RATIOS


@pytest.mark.parametrize(
    ("said", "took"),
    [
        ({"measured": True}, {"seconds": 9.0}),
        ({"measured": True, "seconds": None}, {"seconds": 9.0}),
        ({"measured": True, "seconds": 5.0}, {}),
        ({"measured": True, "seconds": 5.0}, {"seconds": 0.2}),
        ({"measured": False, "seconds": 5.0}, {"seconds": 9.0}),
    ],
)
def test_a_run_without_both_times_or_with_a_rough_one_teaches_nothing(
    workspace: Workspace, said: dict[str, Any], took: dict[str, float]
) -> None:
    save(workspace, HERE, KNOWN)
    learn(workspace, HERE, "lora", said, took)
    assert load(workspace, HERE) == KNOWN


@pytest.mark.slow
def test_a_waiting_worker_measures_its_machine_once(tmp_path: Path) -> None:
    from time import monotonic, sleep

    from backend.hardware import this_machine
    from backend.training.calibrate import beside

    until = monotonic() + 90
    with beside(tmp_path):
        while (known := load(Workspace(tmp_path), this_machine(tmp_path))) is None and monotonic() < until:
            sleep(0.2)
    assert known is not None
    assert all(0 < seconds < 1e-6 for _, seconds in known.seconds_per_flop + known.seconds_per_quantised_flop)
    assert not known.rough
    assert known.seconds_per_layer < inf
    assert known.runtime_bytes > 200 * 2**20
