"""A run from its folder to its adapter: every method, what it says and keeps, and every way in which it can end."""

import errno
import json
import math
import shutil

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from backend.errors import DataError, JobError
from backend.inference.shelf import askable
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode
from backend.models import adapters
from backend.models.catalogue import Model
from backend.training import run as training
from backend.training.loop.course import DivergedError
from backend.training.loop.trainer import StudioTrainer
from backend.training.request import TrainRequest
from backend.training.text.documents import material
from tests import tiny

QUESTIONS = ({"question": "Cât face 100 plus 1?", "expected": "Face 101."},)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny.make_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def done(model, tmp_path_factory):
    """A finished LoRA run: its folder and what it said."""
    folder = tmp_path_factory.mktemp("done")
    watching = {"eval_every": 6, "answer_every": 6, "questions": QUESTIONS}
    asked = tiny.request(folder, model, tiny.chats(40), watching=watching, schedule={"epochs": 6})
    code, said = tiny.run(folder / "run", asked)
    assert code == ExitCode.DONE
    return RunFolder(folder / "run"), said


def _of(said, kind):
    return [event for event in said if event.type == kind]


def test_every_step_is_told_and_the_loss_falls(done):
    _, said = done
    steps = _of(said, "step")
    assert [event.step for event in steps] == list(range(1, 55))
    assert {event.total for event in steps} == {54}
    assert steps[-1].loss < steps[0].loss * 0.7
    assert steps[-1].eta_seconds == 0
    assert all(event.grad_norm > 0 and event.tokens_per_second > 0 for event in steps[1:])
    assert steps[0].learning_rate < steps[1].learning_rate


def test_the_phases_come_in_order_and_the_held_out_loss_falls(done):
    _, said = done
    phases = [event.name for event in _of(said, "phase")]
    assert phases[:5] == ["loading", "checking", "evaluating", "answering", "training"]
    assert phases[-3:] == ["saving", "evaluating", "answering"]
    measured = _of(said, "eval")
    assert [event.step for event in measured] == [*range(0, 54, 6), 54]
    assert measured[-1].loss < measured[0].loss * 0.7
    assert _of(said, "memory")


def test_the_test_questions_are_answered_before_during_and_after(done):
    _, said = done
    samples = _of(said, "sample")
    assert [event.step for event in samples] == [*range(0, 54, 6), 54]
    assert samples[-1].answer.startswith("Face ")
    assert not samples[0].answer.startswith("Face ")


def test_the_adapter_opens_in_plain_peft_and_changes_the_model(done, model):
    folder, _ = done
    base = AutoModelForCausalLM.from_pretrained(model)
    tokens = torch.tensor([[65, 66, 67]])
    before = base(tokens).logits
    adapted = PeftModel.from_pretrained(base, folder.adapter).eval()
    assert not torch.allclose(adapted(tokens).logits, before)
    assert all(
        value.dtype is torch.float32 for value in load_file(folder.adapter / "adapter_model.safetensors").values()
    )
    config = json.loads((folder.adapter / "adapter_config.json").read_text(encoding="utf-8"))
    assert config["base_model_name_or_path"] == str(model)
    adapters.check(folder.adapter, Model(id="tiny", name="tiny", location=str(model)))


def test_the_figures_are_kept(done, model):
    folder, said = done
    figures = folder.read(folder.result)
    assert figures["steps"] == 54
    assert figures["tokens"] == _of(said, "step")[-1].tokens
    assert figures["eval_loss"] == _of(said, "eval")[-1].loss
    assert figures["peak_memory_bytes"] >= figures["imports_memory_bytes"] > 100 * 2**20
    assert figures["adapter"] == "adapter"
    assert figures["quantised_layers"] == 0
    assert figures["trainable_parameters"] == sum(
        value.numel() for value in load_file(folder.adapter / "adapter_model.safetensors").values()
    )
    record = json.loads((folder.adapter / "studio.json").read_text(encoding="utf-8"))
    assert (record["base"]["id"], record["steps"]) == ("tiny", 54)


def test_qlora_trains_fp32_adapters_on_four_bits_and_evaluation_does_not_end_the_learning(model, tmp_path):
    asked = tiny.request(
        tmp_path, model, tiny.chats(40), method="qlora", watching={"eval_every": 3}, schedule={"epochs": 4}
    )
    code, said = tiny.run(tmp_path / "run", asked)
    assert code == ExitCode.DONE
    folder = RunFolder(tmp_path / "run")
    assert folder.read(folder.result)["quantised_layers"] == 14
    weights = load_file(folder.adapter / "adapter_model.safetensors")
    assert {value.dtype for value in weights.values()} == {torch.float32}
    assert all(value.any() for name, value in weights.items() if "lora_B" in name)
    assert "quantising" in [event.name for event in _of(said, "phase")]
    assert _of(said, "eval")[-1].loss < _of(said, "eval")[0].loss - 1


def test_full_training_keeps_a_whole_model_with_its_tokenizer(model, tmp_path):
    code, said = tiny.run(tmp_path / "run", tiny.request(tmp_path, model, tiny.chats(40), method="full"))
    assert code == ExitCode.DONE
    folder = RunFolder(tmp_path / "run")
    trained = AutoModelForCausalLM.from_pretrained(folder.model)
    assert folder.read(folder.result)["trainable_parameters"] == sum(p.numel() for p in trained.parameters())
    assert (folder.model / "tokenizer.json").is_file()
    assert _of(said, "eval")[-1].loss < _of(said, "eval")[0].loss


def test_plain_text_is_trained_on_without_a_chat_template(tmp_path):
    bare = tiny.make_model(tmp_path / "bare", template=None)
    rows = [{"text": f"Unu, doi, trei, {at}. " * 3} for at in range(20)]
    asked = tiny.request(tmp_path, bare, rows, objective="text", batch={"max_length": 32})
    code, said = tiny.run(tmp_path / "run", asked)
    assert code == ExitCode.DONE
    assert _of(said, "eval")[-1].loss < _of(said, "eval")[0].loss


def test_half_the_batch_with_twice_the_accumulation_gives_the_same_adapter(model, tmp_path):
    """The first steps only: Adam divides by the size of a gradient, so rounding grows where gradients are near 0."""
    found = []
    for failures in range(3):
        folder = tmp_path / str(failures)
        folder.mkdir()
        asked = tiny.request(folder, model, tiny.chats(40), batch={"size": 8}, schedule={"max_steps": 3})
        code, said = tiny.run(folder / "run", asked, memory_failures=failures)
        assert code == ExitCode.DONE
        found.append([(event.loss, event.grad_norm, event.tokens) for event in _of(said, "step")])
    for other in found[1:]:
        for wanted, got in zip(found[0], other, strict=True):
            assert got == pytest.approx(wanted, rel=1e-3)


def test_recomputing_activations_changes_nothing(model, tmp_path):
    losses = []
    for choice in ("off", "on"):
        folder = tmp_path / choice
        folder.mkdir()
        asked = tiny.request(folder, model, tiny.chats(40), compute={"gradient_checkpointing": choice})
        losses.append([event.loss for event in _of(tiny.run(folder / "run", asked)[1], "step")])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_when_not_even_one_document_fits_the_run_says_so(model, tmp_path):
    asked = tiny.request(tmp_path, model, tiny.chats(40), batch={"size": 2})
    code, _ = tiny.run(tmp_path / "last", asked, memory_failures=2)
    assert code == ExitCode.DONE
    with pytest.raises(JobError, match="not enough even for one"):
        tiny.run(tmp_path / "none", asked, memory_failures=3)


@pytest.mark.parametrize(
    ("failure", "code", "key"),
    [
        (MemoryError(), ExitCode.OUT_OF_MEMORY, "training.out_of_memory"),
        (torch.OutOfMemoryError("CUDA out of memory"), ExitCode.OUT_OF_MEMORY, "training.out_of_memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), ExitCode.OUT_OF_MEMORY, None),
        (OSError(errno.ENOSPC, "No space left"), ExitCode.DISK_FULL, "training.disk_full"),
        (DivergedError(3), ExitCode.DIVERGED, "training.diverged"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_failure_has_its_exit_code_and_its_sentence(model, tmp_path, monkeypatch, failure, code, key):
    def fail(self, checkpoint):
        raise failure

    monkeypatch.setattr(StudioTrainer, "go", fail)
    found, said = tiny.run(tmp_path / "run", tiny.request(tmp_path, model, tiny.chats(20)))
    assert found == code
    (note,) = _of(said, "note")
    assert key in (None, note.key)
    assert not RunFolder(tmp_path / "run").adapter.exists()


def test_a_program_error_is_not_taken_for_a_lack_of_memory(model, tmp_path, monkeypatch):
    def fail(self, checkpoint):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(StudioTrainer, "go", fail)
    with pytest.raises(RuntimeError, match="multiplied"):
        tiny.run(tmp_path / "run", tiny.request(tmp_path, model, tiny.chats(20)))


def test_a_run_that_diverges_ends_within_three_steps_and_keeps_nothing_of_it(model, tmp_path, monkeypatch):
    poisoned = 7
    before = StudioTrainer.training_step

    def step(self, network, inputs, num_items_in_batch=None):
        if self.state.global_step == poisoned:
            with torch.no_grad():
                next(p for p in network.parameters() if p.requires_grad).fill_(math.nan)
        return before(self, network, inputs, num_items_in_batch)

    monkeypatch.setattr(StudioTrainer, "training_step", step)
    asked = tiny.request(tmp_path, model, tiny.chats(40), schedule={"epochs": 4})
    code, said = tiny.run(tmp_path / "run", asked)
    assert code == ExitCode.DIVERGED
    assert _of(said, "step")[-1].step <= poisoned + 3
    assert _of(said, "step")[-1].loss is None
    assert "learning rate" in str(JobError(_of(said, "note")[-1].key, **_of(said, "note")[-1].values))
    folder = RunFolder(tmp_path / "run")
    assert [path.name for path in folder.checkpoints.glob("checkpoint-*")] == ["checkpoint-5"]
    assert not folder.adapter.exists()


@pytest.mark.parametrize("save", [True, False])
def test_a_run_that_is_asked_to_stop_is_stopped_and_not_done(model, tmp_path, save):
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    folder.write(folder.stop, {"save": save})
    code, said = tiny.run(folder.path, tiny.request(tmp_path, model, tiny.chats(40)))
    assert code == ExitCode.STOPPED
    assert [event.step for event in _of(said, "step")] == [1]
    assert [path.name for path in folder.checkpoints.glob("*")] == (["checkpoint-1"] if save else [])
    assert folder.adapter.exists() is save
    assert not folder.result.exists()


def test_what_a_run_saved_when_it_was_stopped_can_be_asked_and_is_replaced_at_its_end(model, tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    folder.write(folder.stop, {"save": True})
    asked = tiny.request(tmp_path, model, tiny.chats(40))
    tiny.run(folder.path, asked)
    assert askable(folder)
    assert folder.read(folder.adapter / "studio.json")["steps"] == 1
    saved, kept = (load_file(folder.path / place / "adapter_model.safetensors") for place in
                   ("checkpoints/checkpoint-1", "adapter"))  # fmt: skip
    assert saved.keys() == kept.keys()
    assert all(torch.equal(saved[name], kept[name]) for name in saved)
    folder.stop.unlink()
    code, said = tiny.run(folder.path, asked, attempt=2)
    assert code == ExitCode.DONE
    assert folder.read(folder.adapter / "studio.json")["steps"] == _of(said, "step")[-1].step > 1


def test_a_full_disk_is_said_before_the_first_step(model, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(training.shutil, "disk_usage", lambda path: usage)
    code, said = tiny.run(tmp_path / "run", tiny.request(tmp_path, model, tiny.chats(20)))
    assert code == ExitCode.DISK_FULL
    assert not _of(said, "step")


def test_a_disk_that_fills_up_while_saving_leaves_the_last_checkpoint(model, tmp_path, monkeypatch):
    def sync(path):
        if any(event.type == "checkpoint" for event in RunFolder(tmp_path / "run").said()):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("backend.training.checkpoints.sync_file", sync)
    asked = tiny.request(tmp_path, model, tiny.chats(40), schedule={"epochs": 4})
    code, _ = tiny.run(tmp_path / "run", asked)
    assert code == ExitCode.DISK_FULL
    folder = RunFolder(tmp_path / "run")
    assert [path.name for path in folder.checkpoints.glob("checkpoint-*")] == ["checkpoint-5"]


def test_a_test_question_in_the_training_data_is_refused(model, tmp_path):
    asked = tiny.request(
        tmp_path, model, tiny.chats(20), watching={"questions": [{"question": "cât face 3 plus 3?"}], "eval_share": 0}
    )
    with pytest.raises(DataError, match="in the training data"):
        tiny.run(tmp_path / "run", asked)


def test_conversations_in_which_no_answer_fits_are_left_out_and_counted(model, tmp_path):
    long = {"messages": [{"role": "user", "content": "a" * 90}, {"role": "assistant", "content": "b"}]}
    asked = tiny.request(tmp_path, model, [*tiny.chats(20), long], batch={"max_length": 80}, watching={"eval_share": 0})
    _, said = tiny.run(tmp_path / "run", asked)
    (note,) = _of(said, "note")
    assert str(JobError(note.key, **note.values)).startswith(
        "Left out, because no answer fits into 80 tokens: 1 of 21 conversations."
    )


def test_rows_of_another_kind_than_the_recipe_are_refused(model, tmp_path):
    asked = tiny.request(tmp_path, model, tiny.chats(20), objective="text")
    with pytest.raises(DataError, match="holds chat rows"):
        tiny.run(tmp_path / "run", asked)


def test_replayed_rows_make_their_share_of_what_is_trained_on(model, tmp_path):
    asked = tiny.request(
        tmp_path, model, tiny.chats(30), watching={"eval_share": 0}, replay={"data": "old", "share": 0.25}
    )
    (tmp_path / "old").mkdir()
    other = tiny.request(tmp_path / "old", model, [{"messages": row["messages"]} for row in tiny.chats(100)[90:]])
    read = material(TrainRequest.model_validate(asked | {"replay": other["data"]}), tiny.make_tokenizer())
    assert len(read.train) == 40
