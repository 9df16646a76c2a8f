"""A run on two devices, here two processes that talk by gloo: it learns what one process learns from the same steps.

Numbers are added up in another order, so they agree to rounding: losses to 1e-5, and adapters, whose rounding Adam
makes larger where a gradient is nearly nothing, to a thousandth of their length after eleven steps.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file
from torch import nn

from backend.errors import JobError, StudioError
from backend.jobs.context import JobContext
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode
from backend.training import run as training
from backend.training.checkpoints import flaw
from backend.training.loop.fit import Fit, fit
from backend.training.loop.group import Group
from backend.training.loop.sharing import require
from backend.training.ranks import ends, launch
from backend.training.ranks.ends import ALONE, CRASHED, End
from backend.training.request import TrainRequest
from tests import tiny

NEAR = 1e-5
ADAPTERS_NEAR = 1e-3
Told = tuple[int, list[Any]]


# Memory runs out in the second process, at its third step; one more is tried before the first.
FULL = """
import os

if os.environ.get("RANK") == "1":
    import torch
    from torch.optim import AdamW

    real, calls = AdamW.step, []

    def step(self, *positional, **named):
        calls.append(self)
        if len(calls) > 3:
            raise torch.OutOfMemoryError("out of memory")
        return real(self, *positional, **named)

    AdamW.step = step
"""


class World:
    """Runs on the same model and rows; `alone` by one process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        torch.manual_seed(0)
        self.model = tiny.make_model(folder / "model")
        self.alone = self.run("alone")

    def asked(self, devices: int = 1, sharding: str = "ddp", **recipe: Any) -> dict[str, Any]:
        # 21 rows are learned from, so the last of the eleven steps has two, and one of two processes has one of them.
        values: dict[str, Any] = {"schedule": {"epochs": 2}, "watching": {"save_every": 4, "eval_every": 5}}
        shared = {"compute": {"devices": devices, "sharding": sharding}}
        return tiny.request(self.folder, self.model, tiny.chats(23), **values | shared | recipe)

    def run(self, name: str, attempt: int = 1, **asked: Any) -> Told:
        return tiny.run(self.folder / name, self.asked(**asked), attempt=attempt)

    def at(self, name: str) -> RunFolder:
        return RunFolder(self.folder / name)

    def adapter(self, name: str) -> dict[str, torch.Tensor]:
        return load_file(self.at(name).adapter / "adapter_model.safetensors")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("devices"))


def numbers(said: list[Any], kind: str) -> list[float]:
    """Of each step the last that was said: attempts begin again at their checkpoint."""
    return list({event.step: event.loss for event in said if event.type == kind}.values())


def require_same(world: World, name: str, said: list[Any]) -> None:
    alone = world.alone[1]
    for kind in ("step", "eval"):
        assert numbers(alone, kind)
        assert numbers(said, kind) == pytest.approx(numbers(alone, kind), abs=NEAR)
    one, other = world.adapter("alone"), world.adapter(name)
    assert one.keys() == other.keys()
    apart = torch.cat([(one[key] - other[key]).flatten() for key in one]).norm()
    assert float(apart / torch.cat([value.flatten() for value in one.values()]).norm()) < ADAPTERS_NEAR
    figures = [world.at(run).read(world.at(run).result) for run in ("alone", name)]
    assert figures[0]["tokens"] == figures[1]["tokens"]
    assert figures[0]["trainable_parameters"] == figures[1]["trainable_parameters"]


def test_two_processes_take_the_steps_of_one_to_the_last_which_is_not_full(world: World) -> None:
    code, said = world.run("ddp", devices=2)
    assert code == ExitCode.DONE
    require_same(world, "ddp", said)
    # One of them speaks: nothing is said twice.
    steps = [event.step for event in said if event.type == "step"]
    assert steps == sorted(set(steps))
    saved = sorted(world.at("ddp").checkpoints.glob("checkpoint-*"))
    assert all(flaw(path) is None for path in saved)
    kept = json.loads((saved[-1] / "MANIFEST.json").read_text(encoding="utf-8"))["files"]
    assert {"rng_state_0.pth", "rng_state_1.pth"} <= set(kept)
    assert not (world.at("ddp").path / launch.PLACE).exists()


def test_a_model_in_parts_learns_the_same_also_when_it_was_stopped_and_goes_on(world: World) -> None:
    folder = world.at("fsdp2")
    folder.path.mkdir()
    folder.write(folder.stop, {"save": True})
    assert world.run("fsdp2", devices=2, sharding="fsdp2")[0] == ExitCode.STOPPED
    assert world.adapter("fsdp2").keys() == world.adapter("alone").keys()
    folder.stop.unlink()
    code, said = world.run("fsdp2", devices=2, sharding="fsdp2", attempt=2)
    assert code == ExitCode.DONE
    assert [event.from_step for event in said if event.type == "attempt"] == [0, 1]
    require_same(world, "fsdp2", said)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "after"), [((1, "ddp"), (2, "fsdp2")), ((2, "fsdp2"), (1, "ddp")), ((2, "ddp"), (3, "fsdp2"))]
)
def test_a_run_goes_on_with_another_number_of_processes_and_says_so(world: World, before: Any, after: Any) -> None:
    name = f"{before}-{after}"
    folder = world.at(name)
    folder.path.mkdir()
    folder.write(folder.stop, {"save": True})
    assert world.run(name, devices=before[0], sharding=before[1])[0] == ExitCode.STOPPED
    folder.stop.unlink()
    code, said = world.run(name, devices=after[0], sharding=after[1], attempt=2)
    assert code == ExitCode.DONE
    require_same(world, name, said)
    (note,) = [event for event in said if event.type == "note"]
    assert (note.key, note.values) == ("training.other_ranks", {"step": 1, "before": before[0], "now": after[0]})


def test_what_stands_beside_the_blocks_of_a_model_in_parts_learns_too(world: World) -> None:
    """Words, head and last norm stay whole after an evaluation: the optimizer must not be made of them as they are."""
    assert world.run("all-alone", method="full")[0] == ExitCode.DONE
    assert world.run("all-parts", method="full", devices=2, sharding="fsdp2")[0] == ExitCode.DONE
    alone, together = (
        load_file(world.at(name).path / "model/model.safetensors") for name in ("all-alone", "all-parts")
    )
    assert alone.keys() == together.keys()
    first = load_file(world.model / "model.safetensors")
    for name, weight in alone.items():
        torch.testing.assert_close(together[name], weight, atol=ADAPTERS_NEAR, rtol=0)
        assert not torch.equal(weight.float(), first[name])


WHOLE_ONLY = [{"lora": {"new_tokens": ["<nou>", "<nuovo>"]}}, {"lora": {"start": "pissa"}}, {"method": "qlora"}]
EITHER_WAY: list[dict[str, Any]] = [
    {"method": "full"},
    {"lora": {"rate_ratio": 4.0}},
    {"batch": {"size": 1, "accumulation": 4}},
    {"watching": {"keep": "best", "eval_every": 3}},
    {"lora": {"dora": True}},
    {"schedule": {"neftune": 5.0, "epochs": 1}},
    {"compute": {"gradient_checkpointing": "on"}},
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sharding", "recipe"),
    [*(("ddp", one) for one in WHOLE_ONLY), *((way, one) for one in EITHER_WAY for way in ("ddp", "fsdp2"))],
    ids=str,
)
def test_everything_a_recipe_can_say_works_on_two(world: World, tmp_path: Path, sharding: str, recipe: Any) -> None:
    compute = recipe.get("compute", {})
    told = []
    for devices in (1, 2):
        values = {**recipe, "compute": {**compute, "devices": devices, "sharding": sharding}}
        code, said = tiny.run(tmp_path / str(devices), world.asked(**values))
        assert code == ExitCode.DONE
        told.append(numbers(said, "step"))
    # Noise is drawn by every process on its own.
    near = 0.2 if "schedule" in recipe else 1e-3
    assert told[1] == pytest.approx(told[0], abs=near)


@pytest.mark.slow
def test_memory_that_runs_out_in_one_process_ends_the_attempt_of_all(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second process alone has no room: what it cannot say itself is said for it."""
    monkeypatch.setenv("PYTHONPATH", str(world.folder))
    (world.folder / "sitecustomize.py").write_text(FULL)
    code, said = world.run("memory", devices=2)
    assert code == ExitCode.OUT_OF_MEMORY
    (note,) = [event for event in said if event.type == "note"]
    assert (note.key, note.values) == ("training.out_of_memory", {"size": 2})


@pytest.mark.slow
def test_what_a_person_has_to_change_is_said_as_by_one_process(world: World) -> None:
    asked = world.asked(devices=2)
    gone = asked | {"data": asked["data"] | {"path": str(world.folder / "gone.jsonl")}}
    with pytest.raises(StudioError) as alone:
        tiny.run(world.folder / "gone-1", gone | {"recipe": gone["recipe"] | {"compute": {"devices": 1}}})
    with pytest.raises(StudioError) as together:
        tiny.run(world.folder / "gone-2", gone)
    assert (together.value.key, together.value.values) == (
        alone.value.key,
        {k: str(v) for k, v in alone.value.values.items()},
    )


def test_what_the_libraries_made_of_the_group_is_looked_at_before_the_first_step() -> None:
    """accelerate, asked for FSDP on a processor, makes something else of it and says nothing."""
    model = nn.Linear(2, 2)
    with pytest.raises(JobError) as world:
        require(model, 1, Group(0, 2))
    assert (world.value.key, world.value.values) == ("training.not_together", {"wanted": 2, "found": 1})
    with pytest.raises(JobError) as alone:
        Group.joined(2, "ddp")
    assert alone.value.key == "training.not_together"
    made = Accelerator(cpu=True).prepare_model(model)
    with pytest.raises(JobError) as wrapper:
        require(made, 2, Group(0, 2, "fsdp2"))
    assert (wrapper.value.key, wrapper.value.values) == ("training.not_wrapped", {"wanted": "FSDP2", "found": "Linear"})


@pytest.mark.parametrize(
    ("written", "statuses", "code"),
    [
        ([End(0, 0), End(0, 1)], {}, ExitCode.DONE),
        ([End(77, 0), End(77, 1)], {}, ExitCode.STOPPED),
        ([End(ALONE, 0)], {0: ALONE, 1: -9}, -9),
        ([End(CRASHED, 0)], {0: CRASHED, 1: -11}, -11),
        ([End(CRASHED, 0), End(79, 1)], {0: CRASHED, 1: 79}, ExitCode.OUT_OF_MEMORY),
        ([End(78, 1)], {0: -15, 1: 78}, ExitCode.CANNOT_RUN),
        ([End(ALONE, 0), End(CRASHED, 1)], {0: ALONE, 1: CRASHED}, CRASHED),
        ([], {0: -15, 1: -15}, -15),
        ([End(ALONE, 0)], {0: ALONE, 1: -15}, -15),
        ([End(ALONE, 0), End(ALONE, 1)], {0: ALONE, 1: ALONE}, -15),
    ],
)
def test_the_cause_decides_how_a_group_ended_not_who_fell_first(
    written: list[End], statuses: dict[int, int], code: int
) -> None:
    assert ends.verdict(written, statuses).code == code


def test_a_step_is_halved_from_the_share_of_one_process(world: World) -> None:
    request = TrainRequest.model_validate(world.asked(devices=2))
    cpu = torch.device("cpu")
    assert [fit(request, failures, cpu).micro for failures in range(2)] == [2, 1]
    assert fit(request, 2, cpu) == Fit(1, checkpointing=True)
    with pytest.raises(JobError):
        fit(request, 3, cpu)


def test_the_environment_of_the_job_is_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = dict(os.environ)
    with launch._surroundings(2, cards=False):
        assert int(os.environ["OMP_NUM_THREADS"]) >= 1
    assert dict(os.environ) == before


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two NVIDIA cards")
@pytest.mark.parametrize("sharding", ["ddp", "fsdp2"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_two_cards_take_the_steps_of_one(world: World, tmp_path: Path, sharding: str, precision: str) -> None:
    told = []
    for name, device, devices in (("one", "gpu:0", 1), ("two", "gpu:0,1", 2)):
        compute = {"devices": devices, "sharding": sharding, "precision": precision}
        folder = RunFolder(tmp_path / name)
        folder.path.mkdir()
        job = JobContext(folder, world.asked(compute=compute), device=device)
        assert training.run(job) == ExitCode.DONE
        told.append(numbers(list(folder.said()), "step"))
    assert told[1] == pytest.approx(told[0], rel=1e-4 if precision == "fp32" else 2e-2)
