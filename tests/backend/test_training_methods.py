"""Every setting of the training does what it says: in the network, in the optimizer, or in what is kept."""

import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import bitsandbytes
import pytest
import torch
from peft import LoraConfig, PeftModel
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file
from transformers import Adafactor, AutoModelForCausalLM

from backend.errors import JobError, ModelError, RecipeError
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode
from backend.recipes.changes import checked, parse
from backend.recipes.schema import Recipe
from backend.training.checkpoints import Checkpoints, Identity
from backend.training.loop.arguments import arguments
from backend.training.loop.course import Course
from backend.training.loop.trainer import StudioTrainer
from backend.training.network import optimizer, start
from backend.training.network.adapter import prepare
from backend.training.network.load import Head, inspect, load_base, precision, quantised
from backend.training.network.measure import batch_loss
from backend.training.network.noise import Noise
from backend.training.text.batches import Document, Plan, collate
from backend.training.watch import Watch
from tests import tiny

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.make_model(tmp_path_factory.mktemp("model"))


def recipe(**values: Any) -> Recipe:
    return Recipe.model_validate(values)


def network(model: Path, **values: Any) -> PeftModel:
    chosen = recipe(**{"lora": {"rank": 4}, **values})
    made = prepare(load_base(str(model), chosen, CPU), chosen, str(model))
    assert isinstance(made, PeftModel)
    return made


def layers(made: PeftModel) -> list[LoraLayer]:
    return [layer for layer in made.modules() if isinstance(layer, LoraLayer)]


def documents(*lengths: int) -> list[Document]:
    torch.manual_seed(3)
    return [Document(torch.randint(0, 250, (n,), dtype=torch.int32), torch.arange(n) > n // 3) for n in lengths]


def loss(made: Any) -> torch.Tensor:
    return batch_loss(made, collate(documents(20, 12)), Head(made.get_output_embeddings(), plain=True))


def trainer(model: Path, tmp_path: Path, **values: Any) -> StudioTrainer:
    chosen = recipe(**{"lora": {"rank": 4}, **values})
    plan = Plan(documents=8, effective=2, micro=2, epochs=1, seed=0, max_steps=20)
    base = load_base(str(model), chosen, CPU)
    kept = Checkpoints(tmp_path / "checkpoints", Identity({}, {}), 1)
    course = Course(
        plan=plan, documents=documents(*[12] * 8), held_out=[], head=inspect(base), watching=chosen.watching,
        checkpoints=kept, watch=Watch(lambda said: None, CPU), answer=lambda step: None,
        stop_requested=lambda: None, recipe=chosen,
    )  # fmt: skip
    asked = arguments(chosen, plan, precision(chosen, CPU), CPU, checkpointing=False)
    return StudioTrainer(prepare(base, chosen, str(model)), asked, course)


def ran(folder: Path, model: Path, **values: Any) -> tuple[RunFolder, list[Any]]:
    folder.mkdir(exist_ok=True)
    code, said = tiny.run(folder / "run", tiny.request(folder, model, tiny.chats(24), **values))
    assert code == ExitCode.DONE
    return RunFolder(folder / "run"), said


def losses(said: list[Any]) -> list[float]:
    return [event.loss for event in said if event.type == "step"]


# The adapter


def test_rank_stabilised_adapters_act_with_alpha_over_the_root_of_the_rank(model: Path) -> None:
    wanted = {"rank": 16, "alpha": 24}
    plain, stable = (network(model, lora={**wanted, "rslora": on}) for on in (False, True))
    assert {layer.scaling["default"] for layer in layers(plain)} == {24 / 16}
    assert {layer.scaling["default"] for layer in layers(stable)} == {24 / math.sqrt(16)}
    assert recipe(lora={**wanted, "rslora": True}).lora.scaling == 6.0


@pytest.mark.parametrize("values", [{}, {"method": "qlora"}], ids=["lora", "qlora"])
def test_dora_trains_the_length_of_every_column_apart(model: Path, tmp_path: Path, values: Any) -> None:
    folder, said = ran(tmp_path, model, lora={"dora": True}, schedule={"max_steps": 4}, **values)
    found = load_file(folder.adapter / "adapter_model.safetensors")
    lengths = {name: value for name, value in found.items() if "magnitude" in name}
    assert len(lengths) == 14
    fresh = network(model, lora={"rank": 4, "dora": True}, **values)
    before = {n: p.detach() for n, p in fresh.named_parameters() if "magnitude" in n}
    for name, one in before.items():
        assert not torch.equal(one, lengths[name.removesuffix(".default.weight")])
    assert losses(said)[-1] < losses(said)[0]


def test_lora_plus_lets_b_learn_faster_and_nothing_else(model: Path, tmp_path: Path) -> None:
    made = trainer(model, tmp_path, lora={"rank": 4, "rate_ratio": 16}, schedule={"learning_rate": 1e-3})
    names = {id(parameter): name for name, parameter in made.network.named_parameters()}
    rates: dict[str, set[float]] = {"lora_A": set(), "lora_B": set()}
    for group in made.create_optimizer().param_groups:
        for parameter in group["params"]:
            rates["lora_A" if "lora_A" in names[id(parameter)] else "lora_B"].add(group["lr"])
    assert rates == {"lora_A": {1e-3}, "lora_B": {16e-3}}
    (plain,) = {group["lr"] for group in trainer(model, tmp_path).create_optimizer().param_groups}
    assert plain == 2e-4


def test_lora_plus_trains_and_goes_on_after_a_stop(model: Path, tmp_path: Path) -> None:
    assert_resumes(model, tmp_path, lora={"rate_ratio": 4})


def test_pissa_begins_with_the_strongest_part_and_changes_nothing_at_first(model: Path) -> None:
    made, plain = network(model, lora={"rank": 4, "start": "pissa"}), network(model)
    torch.testing.assert_close(loss(made), loss(plain), rtol=1e-4, atol=1e-4)
    original = plain.get_submodule("base_model.model.model.layers.0.mlp.up_proj.base_layer").weight
    layer: Any = made.get_submodule("base_model.model.model.layers.0.mlp.up_proj")
    taken = layer.scaling["default"] * layer.lora_B["default"].weight @ layer.lora_A["default"].weight
    best = torch.linalg.svdvals(original)[:4].square().sum().sqrt()
    torch.testing.assert_close(taken.norm(), best, rtol=1e-2, atol=1e-2)


@torch.no_grad()
@pytest.mark.parametrize("rslora", [False, True])
def test_what_pissa_learned_is_kept_as_an_adapter_for_the_model_as_it_was(
    model: Path, tmp_path: Path, rslora: bool
) -> None:
    made = network(model, lora={"rank": 4, "start": "pissa", "rslora": rslora})
    begun = start.first(made)
    for name, parameter in made.named_parameters():
        if "lora_" in name:
            parameter.add_(torch.randn_like(parameter) * 0.05)
    start.save_as_lora(made, begun, tmp_path)
    opened = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(model), tmp_path).eval()
    tokens = torch.arange(30)[None]
    torch.testing.assert_close(opened(tokens).logits, made.eval()(tokens).logits, rtol=1e-3, atol=1e-3)
    assert LoraConfig.from_pretrained(tmp_path).init_lora_weights is True


def test_pissa_trains_and_goes_on_after_a_stop(model: Path, tmp_path: Path) -> None:
    folder = assert_resumes(model, tmp_path, lora={"start": "pissa"})
    assert LoraConfig.from_pretrained(folder.adapter).r == 8


def test_eva_begins_with_what_goes_into_each_layer(model: Path, tmp_path: Path) -> None:
    made = network(model, lora={"rank": 4, "start": "eva"})
    rows, head = documents(*[40] * 6), inspect(network(model).get_base_model())
    start.look_at(made, rows, 4, head, autocast=False)
    seen = []
    layer: Any = made.get_submodule("base_model.model.model.layers.0.self_attn.q_proj")
    layer.register_forward_hook(lambda _, given, __: seen.append(given[0][0]))
    with torch.no_grad():
        made(torch.cat([row.tokens for row in rows[:1]])[None].long())
    share = (seen[0] @ layer.lora_A["default"].weight.T).norm() / seen[0].norm()
    chance = (seen[0] @ torch.linalg.qr(torch.randn(32, 4))[0]).norm() / seen[0].norm()
    assert share > 1.3 * chance
    assert not layer.lora_B["default"].weight.any()


def test_eva_trains_and_goes_on_after_a_stop(model: Path, tmp_path: Path) -> None:
    assert_resumes(model, tmp_path, lora={"start": "eva"})


def test_eva_says_when_there_is_too_little_to_look_at(model: Path) -> None:
    with pytest.raises(JobError, match="EVA needs more"):
        start.look_at(
            network(model, lora={"start": "eva", "rank": 8}), documents(9), 8, Head(None, plain=True), autocast=False
        )


@pytest.mark.parametrize("kind", ["pissa", "eva"])
def test_a_rank_beyond_the_directions_of_a_layer_is_refused(model: Path, kind: str) -> None:
    with pytest.raises(ModelError, match="at most 16"):
        network(model, lora={"rank": 17, "start": kind})


def assert_resumes(model: Path, place: Path, **values: Any) -> RunFolder:
    """Stopped after a step and resumed, a run has the losses and the adapter of one that was not."""
    asked = tiny.request(
        place, model, tiny.chats(24), schedule={"max_steps": 4, **values.pop("schedule", {})}, **values
    )
    whole, resumed = RunFolder(place / "whole"), RunFolder(place / "resumed")
    code, said = tiny.run(whole.path, asked)
    assert code == ExitCode.DONE
    resumed.path.mkdir()
    resumed.write(resumed.stop, {"save": True})
    assert tiny.run(resumed.path, asked)[0] == ExitCode.STOPPED
    resumed.stop.unlink()
    code, again = tiny.run(resumed.path, asked, attempt=2)
    assert code == ExitCode.DONE
    assert losses(again) == losses(said)
    assert losses(said)[-1] < losses(said)[0]
    assert tiny.same_adapters(whole.path, resumed.path)
    return whole


# Numbers of few bits


@pytest.mark.parametrize(
    ("wanted", "kind"),
    [({"kind": "nf4", "double": True}, "nf4"), ({"kind": "fp4", "double": False}, "fp4"), ({"kind": "int8"}, "int8")],
    ids=["nf4", "fp4", "int8"],
)
def test_frozen_weights_are_kept_in_the_numbers_asked_for(model: Path, wanted: dict[str, Any], kind: str) -> None:
    found = quantised(load_base(str(model), recipe(method="qlora", quantisation=wanted), CPU))
    assert len(found) == 14
    for layer in found:
        if kind == "int8":
            assert isinstance(layer, bitsandbytes.nn.Linear8bitLt)
            assert layer.weight.dtype is torch.int8
        else:
            state = layer.weight.quant_state
            assert (state.quant_type, state.nested) == (kind, wanted["double"])


def test_int8_trains_evaluates_and_goes_on_after_a_stop(model: Path, tmp_path: Path) -> None:
    changes = {"method": "qlora", "quantisation": {"kind": "int8"}, "watching": {"eval_every": 2}}
    folder = assert_resumes(model, tmp_path, **changes)
    assert folder.read(folder.result)["quantised_layers"] == 14


# The optimizer


@pytest.mark.parametrize("name", ["adamw", "paged_adamw", "adamw_8bit", "paged_adamw_8bit", "adafactor"])
def test_every_optimizer_is_the_one_asked_for_and_resumes(model: Path, tmp_path: Path, name: str) -> None:
    made = trainer(model, tmp_path, schedule={"optimizer": name})
    said = optimizer.require(recipe(schedule={"optimizer": name}), made.args, CPU)
    assert said == (["Paged optimizers are not supported on CPU"] if "paged" in name else [])
    inner = made.create_optimizer()
    assert isinstance(inner, {"adamw": torch.optim.AdamW, "adafactor": Adafactor}.get(name, bitsandbytes.optim.AdamW))
    if "8bit" in name or "paged" in name:
        settings = (inner.args.optim_bits, inner.is_paged)
        assert settings == (8 if "8bit" in name else 32, "paged" in name)
    (tmp_path / "runs").mkdir()
    assert_resumes(model, tmp_path / "runs", schedule={"optimizer": name})


def test_an_optimizer_that_does_not_run_here_is_refused_in_one_sentence(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Any, *_: Any, **__: Any) -> None:
        raise NotImplementedError("no such kernel on this device")

    monkeypatch.setattr(bitsandbytes.optim.AdamW, "step", fail)
    chosen = recipe(schedule={"optimizer": "adamw_8bit"})
    with pytest.raises(JobError, match='"adamw_8bit" does not run on this machine\'s CPU'):
        optimizer.require(chosen, trainer(model, tmp_path, schedule={"optimizer": "adamw_8bit"}).args, CPU)


def rates(model: Path, place: Path, name: str, **more: Any) -> list[float]:
    """The learning rates of 20 steps, 4 of them warm-up, as a share of the highest."""
    made = trainer(model, place, schedule={"scheduler": name, "warmup_ratio": 0.2, "learning_rate": 1.0, **more})
    made.create_optimizer_and_scheduler(20)
    found = []
    for _ in range(20):
        found.append(made.lr_scheduler.get_last_lr()[0])
        made.optimizer.step()
        made.lr_scheduler.step()
    return found


def test_every_scheduler_has_the_shape_that_its_name_says(model: Path, tmp_path: Path) -> None:
    def of(name: str, **more: Any) -> list[float]:
        return rates(model, tmp_path, name, **more)

    assert of("constant") == [1.0] * 20
    warm = of("constant_with_warmup")
    assert warm[:5] == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert set(warm[4:]) == {1.0}
    assert of("linear")[12] == pytest.approx(0.5)
    assert of("cosine")[12] == pytest.approx(0.5)
    assert of("cosine")[8] > of("linear")[8]
    assert min(of("polynomial", lowest_rate=0.4)[4:]) > 0.4
    assert of("polynomial", lowest_rate=0.4)[12] == pytest.approx(0.7)
    assert of("cosine_with_min_lr", lowest_rate=0.4)[19] == pytest.approx(0.4, abs=0.02)
    assert of("cosine_with_restarts", cycles=2)[12] == pytest.approx(1.0)
    assert of("inverse_sqrt")[16] == pytest.approx(0.5, abs=0.01)
    held = of("warmup_stable_decay", decay_share=0.25)
    assert set(held[4:16]) == {1.0}
    assert held[19] < 0.5


# Noise


def test_noise_is_added_while_training_only_and_by_the_length_of_each_document(model: Path) -> None:
    made = network(model)
    table = made.get_input_embeddings()
    tokens = torch.zeros(1, 1100, dtype=torch.long)
    clean = table(tokens)
    noise = Noise(made, alpha=5.0)
    noise.bounds = torch.tensor([0, 100, 1100], dtype=torch.int32)
    made.eval()
    assert torch.equal(table(tokens), clean)
    made.train()
    added = (table(tokens) - clean)[0]
    for begin, end in ((0, 100), (100, 1100)):
        strongest = 5.0 / math.sqrt((end - begin) * 32)
        assert 0.9 * strongest < float(added[begin:end].abs().max()) <= strongest
    assert float(added.mean().abs()) < 0.01


def test_noise_changes_the_training_and_not_the_first_evaluation(model: Path, tmp_path: Path) -> None:
    _, plain = ran(tmp_path / "plain", model, schedule={"max_steps": 3})
    _, noisy = ran(tmp_path / "noisy", model, schedule={"max_steps": 3, "neftune": 5.0})
    assert losses(noisy) != losses(plain)
    first = [next(event.loss for event in said if event.type == "eval") for said in (plain, noisy)]
    assert first[0] == first[1]


def test_noise_comes_again_the_same_after_a_stop(model: Path, tmp_path: Path) -> None:
    assert_resumes(model, tmp_path, schedule={"neftune": 5.0})


# What is kept

WORSE = {
    "schedule": {"epochs": 30, "learning_rate": 0.05, "scheduler": "constant"},
    "watching": {"eval_share": 0.3, "eval_every": 4, "save_every": 3},
}


def merged(*parts: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in parts:
        for name, value in part.items():
            found[name] = {**found.get(name, {}), **value}
    return found


@pytest.fixture(scope="module")
def best(model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, list[Any], dict[str, Any]]:
    """A run that over-fits, ends early and keeps its best state."""
    folder = tmp_path_factory.mktemp("best")
    wanted = merged(WORSE, {"watching": {"keep": "best", "patience": 3}})
    asked = tiny.request(folder, model, tiny.chats(24), **wanted)
    code, said = tiny.run(folder / "run", asked)
    assert code == ExitCode.DONE
    return RunFolder(folder / "run"), said, asked


def test_a_run_without_progress_ends_and_says_why(best: Any) -> None:
    folder, said, _ = best
    steps = [event for event in said if event.type == "step"]
    measured = {event.step: event.loss for event in said if event.type == "eval" and event.step}
    at = min(measured, key=lambda step: measured[step])
    assert steps[-1].step == at + 3 * 4 < steps[-1].total
    notes = {event.key: event.values for event in said if event.type == "note"}
    assert notes["training.patience"] == {"step": at + 12, "patience": 3, "best": at}
    assert notes["training.best_kept"]["step"] == at
    figures = folder.read(folder.result)
    assert (figures["steps"], figures["kept_step"]) == (at + 12, at)
    assert figures["eval_loss"] == measured[at]


def test_the_adapter_of_such_a_run_is_the_best_one(best: Any, model: Path, tmp_path: Path) -> None:
    folder, _, asked = best
    kept = folder.read(folder.result)["kept_step"]
    record = json.loads((folder.adapter / "studio.json").read_text(encoding="utf-8"))
    assert record["steps"] == kept
    # The same run, ended where that one was best.
    asked["recipe"]["schedule"] |= {"max_steps": kept}
    asked["recipe"]["watching"] |= {"keep": "last"}
    assert tiny.run(tmp_path / "run", asked)[0] == ExitCode.DONE
    assert tiny.same_adapters(folder.path, tmp_path / "run")


def test_without_patience_it_goes_to_the_end_and_still_keeps_the_best(model: Path, tmp_path: Path, best: Any) -> None:
    before = best[0].read(best[0].result)
    wanted = merged(WORSE, {"watching": {"keep": "best"}, "schedule": {"max_steps": before["steps"] - 1}})
    folder, _ = ran(tmp_path, model, **wanted)
    figures = folder.read(folder.result)
    assert (figures["steps"], figures["kept_step"]) == (before["steps"] - 1, before["kept_step"])
    assert tiny.same_adapters(folder.path, best[0].path)


def test_stopped_behind_the_best_step_and_resumed_it_keeps_the_same(best: Any, tmp_path: Path) -> None:
    folder, _, asked = best
    asked = json.loads(json.dumps(asked))
    asked["recipe"]["schedule"].pop("max_steps", None)
    asked["recipe"]["watching"] |= {"keep": "best"}
    resumed = RunFolder(tmp_path / "run")
    resumed.path.mkdir()
    kept = folder.read(folder.result)["kept_step"]
    behind = kept - kept % 3
    stopper = StudioTrainer._save_checkpoint

    def stop(self: Any, *rest: Any) -> None:
        stopper(self, *rest)
        if self.state.global_step > kept:
            resumed.write(resumed.stop, {"save": False})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StudioTrainer, "_save_checkpoint", stop)
        assert tiny.run(resumed.path, asked)[0] == ExitCode.STOPPED
    resumed.stop.unlink()
    for path in resumed.checkpoints.glob("checkpoint-*"):
        if int(path.name.rpartition("-")[2]) > behind:
            path.rename(path.with_name(f"gone-{path.name}"))
    assert tiny.run(resumed.path, asked, attempt=2)[0] == ExitCode.DONE
    assert resumed.read(resumed.result)["kept_step"] == kept
    assert tiny.same_adapters(folder.path, resumed.path)


def test_a_model_trained_whole_keeps_its_best_state_too(model: Path, tmp_path: Path) -> None:
    def whole(name: str, steps: int, **watching: str) -> tuple[RunFolder, dict[int, float]]:
        schedule = {"max_steps": steps, "learning_rate": 0.03}
        folder, said = ran(
            tmp_path / name, model, method="full", **merged(WORSE, {"schedule": schedule, "watching": watching})
        )
        return folder, {event.step: event.loss for event in said if event.type == "eval" and event.step}

    _, measured = whole("to the end", 80)
    steps = sorted(measured)
    # The first time that it was worse than before, which differs from processor to processor.
    best, worse = next((one, two) for one, two in pairwise(steps) if measured[two] > measured[one])
    folder, _ = whole("best", worse, keep="best")
    assert folder.read(folder.result)["kept_step"] == best
    other, _ = whole("again", best)
    opened, expected = (AutoModelForCausalLM.from_pretrained(one.model) for one in (folder, other))
    for one, two in zip(opened.parameters(), expected.parameters(), strict=True):
        assert torch.equal(one, two)


# What does not go together


@pytest.mark.parametrize(
    ("values", "at", "words"),
    [
        ({"watching": {"eval_share": 0, "keep": "best"}}, "watching.eval_share", "evaluation share above 0"),
        ({"watching": {"eval_share": 0, "patience": 2}}, "watching.eval_share", "evaluation share above 0"),
        ({"method": "qlora", "lora": {"start": "pissa"}}, "lora.start", "rounded"),
        ({"lora": {"start": "pissa", "dora": True}}, "lora.start", "cannot be combined"),
        ({"method": "qlora", "lora": {"dora": True}, "quantisation": {"kind": "int8"}}, "lora.dora", "in 8 bits"),
    ],
)
def test_settings_that_exclude_each_other_are_refused_at_their_field(
    values: dict[str, Any], at: str, words: str
) -> None:
    with pytest.raises(RecipeError, match=words):
        parse(values)
    changes = {f"{part}.{name}" if isinstance(value, dict) else part: inner
               for part, value in values.items()
               for name, inner in (value.items() if isinstance(value, dict) else [("", value)])}  # fmt: skip
    found = checked(recipe(), changes)
    assert list(found.faults) == [at]


def test_a_checkpoint_from_before_a_setting_existed_is_gone_on_with(tmp_path: Path) -> None:
    before = Checkpoints(tmp_path, Identity({"recipe": {"lora.rank": "4"}}, {}), 2)
    before.save(3, lambda folder: (folder / "one").write_text("1"))
    now = Identity({"recipe": {"lora.rank": "4", "lora.dora": "false"}}, {})
    found, _ = Checkpoints(tmp_path, now, 2).newest()
    assert found is not None
    with pytest.raises(JobError, match=r"lora\.rank"):
        Checkpoints(tmp_path, Identity({"recipe": {"lora.rank": "8"}}, {}), 2).newest()
