"""Learning preferences: what the answers are compared with, what is said of it, and that nothing of it is chance."""

from math import exp, log
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from backend.jobs import events
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode
from backend.training.network.load import load_tokenizer
from backend.training.preference.trainer import PreferenceTrainer
from backend.training.request import TrainRequest
from backend.training.text.chat import ChatFormat
from backend.training.text.documents import material
from backend.training.text.pairs import pairs
from tests import tiny

PREFER: dict[str, Any] = {
    "objective": "preference",
    "schedule": {"epochs": 2, "learning_rate": 5e-3},
    "batch": {"size": 4, "max_length": 256},
    "watching": {"eval_share": 0.1, "eval_every": 4, "save_every": 3},
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.make_model(tmp_path_factory.mktemp("model"))


def prefer(folder: Path, model: Path, rows: list[dict[str, Any]] | None = None, **recipe: Any) -> dict[str, Any]:
    values = {name: dict(part) if isinstance(part, dict) else part for name, part in PREFER.items()}
    for name, part in recipe.items():
        values[name] = {**values.get(name, {}), **part} if isinstance(part, dict) else part
    return tiny.request(folder, model, rows or tiny.pairs(40), **values)


def steps(said: list[Any]) -> list[events.Step]:
    return [one for one in said if isinstance(one, events.Step)]


@pytest.mark.parametrize("method", ["lora", "qlora", "full"])
def test_the_first_loss_is_that_of_a_coin(model: Path, tmp_path: Path, method: str) -> None:
    """Nothing is preferred by a model that is compared with itself: -log(1/2)."""
    asked = prefer(tmp_path, model, method=method, schedule={"max_steps": 6})
    code, said = tiny.run(tmp_path / "run", asked)
    assert code == ExitCode.DONE
    first = steps(said)[0]
    assert first.loss == pytest.approx(log(2), abs=1e-6)
    assert first.rewards is not None
    assert (first.rewards.chosen, first.rewards.rejected) == pytest.approx((0, 0), abs=1e-6)


def test_the_better_answers_win_and_the_reference_stays_where_it_was(model: Path, tmp_path: Path) -> None:
    code, said = tiny.run(tmp_path / "run", prefer(tmp_path, model))
    assert code == ExitCode.DONE
    told = [one.rewards for one in steps(said)]
    assert told[-1].chosen > 0 > told[-1].rejected
    assert told[-1].accuracy == 1
    evaluations = [one for one in said if isinstance(one, events.Evaluation)]
    assert evaluations[0].loss == pytest.approx(log(2), abs=1e-6)
    assert evaluations[0].each == pytest.approx([log(2)] * 4, abs=1e-5)
    assert evaluations[0].rewards.margin == pytest.approx(0, abs=1e-6)
    assert evaluations[-1].loss < 0.5
    assert evaluations[-1].rewards.margin > 1


def test_a_reward_is_beta_times_how_much_likelier_an_answer_became(model: Path, tmp_path: Path) -> None:
    """Counted again without TRL: the probability of each held-out answer with the adapter, and without it."""
    asked = prefer(tmp_path, model, preference={"beta": 0.3})
    tiny.run(tmp_path / "run", asked)
    said = [one for one in RunFolder(tmp_path / "run").said() if isinstance(one, events.Evaluation)]
    request = TrainRequest.model_validate(asked)
    held_out = material(request, load_tokenizer(str(model))).held_out
    base = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    trained = PeftModel.from_pretrained(base, str(tmp_path / "run" / "adapter"))
    rewards = []
    for pair in held_out:
        now = [likelihood(trained, pair.prompt, answer) for answer in (pair.chosen, pair.rejected)]
        with trained.disable_adapter():
            before = [likelihood(trained, pair.prompt, answer) for answer in (pair.chosen, pair.rejected)]
        rewards.append([0.3 * (a - b) for a, b in zip(now, before, strict=True)])
    chosen, rejected = (sum(side) / len(rewards) for side in zip(*rewards, strict=True))
    assert said[-1].rewards.chosen == pytest.approx(chosen, abs=1e-4)
    assert said[-1].rewards.rejected == pytest.approx(rejected, abs=1e-4)
    losses = [-log(1 / (1 + exp(worse - better))) for better, worse in rewards]
    assert said[-1].each == pytest.approx(losses, abs=1e-4)


@torch.no_grad()
def likelihood(model: Any, prompt: list[int], answer: list[int]) -> float:
    """Logarithm of the probability of an answer to a prompt."""
    logits = model(input_ids=torch.tensor([prompt + answer])).logits[0].log_softmax(-1)
    return sum(float(logits[len(prompt) + at - 1, token]) for at, token in enumerate(answer))


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_resumed_run_ends_in_the_same_bits(model: Path, tmp_path: Path, method: str) -> None:
    asked = prefer(tmp_path, model, method=method, schedule={"learning_rate": 1e-3})
    assert tiny.run(tmp_path / "whole", asked)[0] == ExitCode.DONE
    stopped = RunFolder(tmp_path / "stopped")
    stopped.path.mkdir()

    take = PreferenceTrainer._save_checkpoint

    def stop(self: Any, *rest: Any) -> None:
        take(self, *rest)
        if self.state.global_step == 6:
            stopped.write(stopped.stop, {"save": False})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PreferenceTrainer, "_save_checkpoint", stop)
        assert tiny.run(stopped.path, asked)[0] == ExitCode.STOPPED
    stopped.stop.unlink()
    assert tiny.run(stopped.path, asked, attempt=2)[0] == ExitCode.DONE
    name = "model/model.safetensors" if method == "full" else "adapter/adapter_model.safetensors"
    one, other = (load_file(tmp_path / run / name) for run in ("whole", "stopped"))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)
    losses = [
        [one.loss for one in steps(events.settled(RunFolder(tmp_path / run).said()))] for run in ("whole", "stopped")
    ]
    assert losses[0] == losses[1]


def test_memory_that_ran_out_changes_nothing_of_the_mathematics(model: Path, tmp_path: Path) -> None:
    """Half the pairs at once, twice as often: the same steps but for rounding, though the last one is not full."""
    asked = prefer(tmp_path, model, tiny.pairs(43), schedule={"epochs": 1})
    runs = [tiny.run(tmp_path / str(failures), asked, memory_failures=failures)[1] for failures in (0, 1)]
    whole, halved = ([(one.loss, one.rewards.chosen, one.tokens) for one in steps(said)] for said in runs)
    assert len(whole) == 10
    for one, other in zip(whole, halved, strict=True):
        assert one == pytest.approx(other, abs=1e-4)


@pytest.mark.parametrize("start", ["pissa", "eva"])
def test_an_adapter_that_begins_elsewhere_is_compared_with_its_beginning(
    model: Path, tmp_path: Path, start: str
) -> None:
    code, said = tiny.run(tmp_path / "run", prefer(tmp_path, model, lora={"start": start}, schedule={"max_steps": 6}))
    assert code == ExitCode.DONE
    assert steps(said)[0].loss == pytest.approx(log(2), abs=1e-6)
    assert steps(said)[-1].loss < 0.6
    assert [path.name for path in (tmp_path / "run" / "adapter").iterdir() if path.is_dir()] == []


def test_adapters_stay_fp32_on_a_quantised_model(model: Path, tmp_path: Path) -> None:
    """TRL rounds them to bf16."""
    seen = {}
    go = PreferenceTrainer.go

    def look(self: Any, checkpoint: Any) -> None:
        seen["before"] = {name: p.detach().clone() for name, p in self.network.named_parameters() if p.requires_grad}
        seen["adapters"] = list(self.network.peft_config)
        go(self, checkpoint)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PreferenceTrainer, "go", look)
        tiny.run(tmp_path / "run", prefer(tmp_path, model, method="qlora", schedule={"max_steps": 4}))
    assert {value.dtype for value in seen["before"].values()} == {torch.float32}
    assert any((value != value.bfloat16().float()).any() for value in seen["before"].values())
    assert seen["adapters"] == ["default"]
    kept = load_file(tmp_path / "run" / "adapter" / "adapter_model.safetensors")
    assert {value.dtype for value in kept.values()} == {torch.float32}
    assert RunFolder(tmp_path / "run").read(RunFolder(tmp_path / "run").result)["quantised_layers"] == 14


@pytest.mark.parametrize(("loss", "first"), [("robust", log(2)), ("ipo", 25.0)])
def test_other_losses_begin_where_their_papers_say(model: Path, tmp_path: Path, loss: str, first: float) -> None:
    _, said = tiny.run(tmp_path / "run", prefer(tmp_path, model, preference={"loss": loss}, schedule={"max_steps": 2}))
    assert steps(said)[0].loss == pytest.approx(first, abs=1e-5)


def test_what_does_not_fit_is_said(model: Path, tmp_path: Path) -> None:
    rows = tiny.pairs(30)
    long = {"prompt": [{"role": "user", "content": "x" * 90}], "chosen": "a", "rejected": "b"}
    alike = {"prompt": [{"role": "user", "content": "ok"}], "chosen": "y" * 90 + "a", "rejected": "y" * 90 + "b"}
    cut = {"prompt": [{"role": "user", "content": "ok?"}], "chosen": "da", "rejected": "nu " * 40}
    asked = prefer(tmp_path, model, [*rows, long, alike, cut], batch={"max_length": 64}, watching={"eval_share": 0})
    _, said = tiny.run(tmp_path / "run", asked)
    notes = {one.key: one.values for one in said if isinstance(one, events.Note)}
    assert notes["training.pairs_dropped"] == {"length": 64, "dropped": 2, "total": 33}
    assert notes["training.pairs_cut"] == {"length": 64, "cut": 1, "total": 31}


def test_only_the_answers_and_the_ends_of_their_turns_are_compared(model: Path) -> None:
    chat = ChatFormat.of(tiny.make_tokenizer(), "tiny")
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    (pair,) = pairs([{"prompt": turns, "chosen": "da", "rejected": "nu"}], chat, 100)
    said = [chat.tokenizer.decode(part) for part in (pair.prompt, pair.chosen, pair.rejected)]
    assert said == ["<|user|>a<|end|><|assistant|>b<|end|><|user|>c<|end|><|assistant|>", "da<|end|>", "nu<|end|>"]
    assert pair.document.learned.sum() == len(pair.chosen)
