"""A run that was interrupted ends with the adapter of one that was not, to the last bit."""

import json

import pytest

from backend.errors import JobError
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode
from backend.training.loop.trainer import StudioTrainer
from tests import tiny


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A request with dropout, accumulation and two epochs, and the folder of a run of it that nobody disturbed."""
    folder = tmp_path_factory.mktemp("resume")
    asked = tiny.request(
        folder,
        tiny.make_model(folder / "model"),
        tiny.chats(40),
        lora={"dropout": 0.2},
        batch={"size": 2, "accumulation": 2},
        watching={"eval_every": 4, "save_every": 4, "questions": [{"question": "Cât face 100 plus 1?"}]},
    )
    code, said = tiny.run(folder / "whole", asked)
    assert code == ExitCode.DONE
    return folder, asked, [event for event in said if event.type == "step"]


def _stop_at(monkeypatch, step, save):
    def asked(self):
        return save if self.state.global_step == step else None

    before = StudioTrainer.__init__

    def begin(self, model, args, course):
        before(self, model, args, course)
        object.__setattr__(course, "stop_requested", lambda: asked(self))

    monkeypatch.setattr(StudioTrainer, "__init__", begin)


@pytest.mark.parametrize(("save", "goes_on_from"), [("save", 7), ("discard", 4)])
def test_a_stopped_run_goes_on_where_it_was_saved_and_ends_the_same(world, monkeypatch, save, goes_on_from):
    folder, asked, whole = world
    run = folder / save
    with monkeypatch.context() as patch:
        _stop_at(patch, 7, save)
        assert tiny.run(run, asked)[0] == ExitCode.STOPPED
    code, said = tiny.run(run, asked, attempt=2)
    assert code == ExitCode.DONE
    assert tiny.same_adapters(folder / "whole", run)
    attempts = [(event.number, event.from_step) for event in said if event.type == "attempt"]
    assert attempts == [(1, 0), (2, goes_on_from)]
    losses = {event.step: (event.loss, event.tokens) for event in said if event.type == "step"}
    assert losses == {event.step: (event.loss, event.tokens) for event in whole}


def _interrupted(world, monkeypatch, name):
    folder, asked, _ = world
    with monkeypatch.context() as patch:
        _stop_at(patch, 11, "discard")
        tiny.run(folder / name, asked)
    return RunFolder(folder / name)


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(world, monkeypatch):
    folder, asked, _ = world
    run = _interrupted(world, monkeypatch, "damaged")
    weights = run.checkpoints / "checkpoint-8" / "adapter_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    code, said = tiny.run(run.path, asked, attempt=2)
    assert code == ExitCode.DONE
    (note,) = (event for event in said if event.type == "note")
    sentence = str(JobError(note.key, **note.values))
    assert sentence == "Checkpoint 8 is damaged (adapter_model.safetensors). Using checkpoint 4."
    assert tiny.same_adapters(folder / "whole", run.path)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"recipe": {"lora": {"rank": 8}}}, "other settings (lora.rank)"),
        ({"recipe": {"schedule": {"learning_rate": 0.5}}}, "other settings (schedule.learning_rate)"),
        ({"data": {"sha256": "0" * 64}}, "other training rows"),
        ({"model": {"location": "other"}}, "another base model"),
    ],
)
def test_going_on_with_something_else_is_refused_and_the_difference_named(world, monkeypatch, change, sentence):
    folder, asked, _ = world
    run = folder / "interrupted"
    if not run.exists():
        _interrupted(world, monkeypatch, "interrupted")
    other = json.loads(json.dumps(asked))
    for part, values in change.items():
        for name, value in values.items():
            other[part][name] = {**other[part].get(name, {}), **value} if isinstance(value, dict) else value
    if other["model"]["location"] == "other":
        other["model"]["location"] = str(tiny.make_model(folder / "other", initializer_range=0.2))
    with pytest.raises(JobError) as refused:
        tiny.run(run, other, attempt=2)
    assert sentence in str(refused.value)


def test_other_library_versions_are_said_and_do_not_end_the_run(world, monkeypatch):
    _, asked, _ = world
    run = _interrupted(world, monkeypatch, "versions")
    path = run.checkpoints / "checkpoint-8" / "MANIFEST.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["versions"]["torch"] = "1.0"
    path.write_text(json.dumps(manifest), encoding="utf-8")
    code, said = tiny.run(run.path, asked, attempt=2)
    assert code == ExitCode.DONE
    (note,) = (event for event in said if event.type == "note")
    assert (note.level, note.values["name"], note.values["before"]) == ("warning", "torch", "1.0")
