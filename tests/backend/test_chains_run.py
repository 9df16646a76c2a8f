"""A chain from its folder to what it leaves: each way to start from the stage before, stops, what was deleted."""

import json
import shutil

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from backend.chains.stages import Stages
from backend.errors import DataError, JobError
from backend.export import card
from backend.export.source import Source
from backend.jobs import events
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode, Job, JobState
from backend.models import adapters, packing
from backend.models.catalogue import Model
from backend.training import stacked
from backend.training.network.adapter import prepare
from backend.training.network.load import load_base
from backend.training.request import TrainRequest
from backend.verdict import card as verdicts
from tests import chain_folders, tiny

TOKENS = torch.tensor([list(range(65, 97))])
LORA = {"lora": {"rank": 4, "alpha": 8}}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny.make_model(tmp_path_factory.mktemp("model"))


def ended(folder, model, *stages, way="stacked"):
    code, said = chain_folders.run(folder / "run", chain_folders.asked(folder, model, *stages, way=way))
    assert code == ExitCode.DONE
    return RunFolder(folder / "run"), said


@pytest.fixture(scope="module")
def stacked_run(model, tmp_path_factory):
    return ended(tmp_path_factory.mktemp("stacked"), model, {}, {"lora": {"rank": 2, "rslora": True}}, {})


@pytest.fixture(scope="module")
def merged_run(model, tmp_path_factory):
    return ended(tmp_path_factory.mktemp("merged"), model, {}, {}, {}, way="merged")


def logits(base, adapter=None):
    found = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    if adapter is not None:
        found = PeftModel.from_pretrained(found, adapter)
    with torch.no_grad():
        return found.eval()(TOKENS).logits


def test_the_steps_of_all_stages_are_counted_on_one_axis(stacked_run):
    folder, said = stacked_run
    steps = [one for one in said if isinstance(one, events.Step)]
    assert [one.step for one in steps] == list(range(1, len(steps) + 1))
    assert len(steps) == folder.read(folder.result)["steps"] == steps[-1].total
    assert [one.tokens for one in steps] == sorted(one.tokens for one in steps)


def test_the_boundaries_of_the_stages_are_told_with_their_names(stacked_run):
    folder, said = stacked_run
    told = [one for one in said if isinstance(one, events.Stage)]
    counts = [one["steps"] for one in folder.read(folder.result)["stages"]]
    assert [(one.number, one.count, one.step, one.title["en"]) for one in told] == [
        (1, 3, 0, "part 1"),
        (2, 3, counts[0], "part 2"),
        (3, 3, counts[0] + counts[1], "part 3"),
    ]
    assert [one.from_step for one in said if isinstance(one, events.Attempt)] == [0]


def test_stacked_adapters_are_kept_as_one_whose_rank_is_their_sum(stacked_run, model):
    folder, _ = stacked_run
    config = json.loads((folder.adapter / "adapter_config.json").read_text(encoding="utf-8"))
    assert (config["r"], config["lora_alpha"], config["use_rslora"]) == (10, 10, False)
    adapters.check(folder.adapter, Model(id="tiny", name="tiny", location=str(model)))
    first = load_file(folder.stage(1).adapter / "adapter_model.safetensors")
    whole = load_file(folder.adapter / "adapter_model.safetensors")
    assert all(torch.equal(whole[name][:4], value) for name, value in first.items() if "lora_A" in name)


@pytest.mark.parametrize("method", ["lora", "qlora"])
def test_what_is_saved_of_a_stack_answers_as_what_was_trained(method, model, tmp_path):
    """The training model (frozen adapter beneath, new one above) and plain peft with the saved one: the same logits."""
    folder, _ = ended(tmp_path, model, {"method": method}, {"method": method, "lora": {"rank": 8}})
    request = TrainRequest.model_validate(folder.stage(2).read(folder.stage(2).request))
    trained = load_base(str(model), request.recipe, torch.device("cpu"))
    stacked.attach(trained, request.before.adapter)
    above = prepare(trained, request.recipe, str(model))
    whole = load_file(folder.adapter / "adapter_model.safetensors")
    with torch.no_grad():
        for name, value in above.named_parameters():
            if "lora_A" in name:
                value.copy_(whole[name.replace(".default", "")][4:])
            elif "lora_B" in name:
                value.copy_(whole[name.replace(".default", "")][:, 4:] / request.recipe.lora.scaling)
    plain = PeftModel.from_pretrained(load_base(str(model), request.recipe, torch.device("cpu")), folder.adapter)
    with torch.no_grad():
        one, other = above.eval()(TOKENS).logits, plain.eval()(TOKENS).logits
    assert (one - other).abs().max() <= 2e-5 * other.abs().max()
    assert not torch.allclose(one, logits(model), atol=1e-2)


def test_a_merged_chain_ends_with_an_adapter_on_its_own_merged_model(merged_run, model):
    folder, said = merged_run
    base = folder.stage(2).path / "merged"
    assert folder.read(folder.request)["model"]["location"] == str(base)
    adapters.check(folder.adapter, Model(id="tiny", name="tiny", location=str(base)))
    assert [one.name for one in said if isinstance(one, events.Phase)].count("merging") == 2
    # What nothing is for any more is gone.
    assert not (folder.stage(1).path / "merged").exists()
    first = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(model), folder.stage(1).adapter)
    both = PeftModel.from_pretrained(first.merge_and_unload(), folder.stage(2).adapter).merge_and_unload()
    with torch.no_grad():
        assert torch.allclose(both.eval()(TOKENS).logits, logits(base), atol=1e-4)


@pytest.mark.parametrize(
    ("methods", "starts", "made"),
    [
        (["lora", "full"], ["base", "merged"], "model"),
        (["full", "lora", "lora"], ["base", "whole", "stacked"], "adapter"),
        (["lora", "qlora"], ["base", "stacked"], "adapter"),
    ],
)
def test_methods_may_follow_each_other(methods, starts, made, model, tmp_path):
    folder, _ = ended(tmp_path, model, *({"method": method} for method in methods))
    assert [one["start"] for one in folder.read(folder.result)["stages"]] == starts
    assert (folder.path / made).is_dir()
    assert not (folder.path / ("model" if made == "adapter" else "adapter")).exists()
    if made == "adapter":
        base = Model(**folder.read(folder.request)["model"])
        adapters.check(folder.adapter, base)


def test_pissa_stacks_too(model, tmp_path):
    folder, _ = ended(tmp_path, model, {}, {"lora": {"rank": 4, "start": "pissa"}})
    assert json.loads((folder.adapter / "adapter_config.json").read_text(encoding="utf-8"))["r"] == 12
    losses = [one.loss for one in folder.stage(2).said() if isinstance(one, events.Step)]
    assert losses[-1] < losses[0]


def stop_at(folder, step):
    """A request to stop and save that comes at this step of the whole."""

    def asked():
        steps = [one.step for one in folder.said() if isinstance(one, events.Step)]
        return "save" if steps and steps[-1] >= step else None

    return asked


def test_stopped_in_the_second_stage_it_goes_on_there_and_ends_as_if_it_had_not_been(stacked_run, model, tmp_path):
    whole, _ = stacked_run
    counts = [one["steps"] for one in whole.read(whole.result)["stages"]]
    request = chain_folders.asked(tmp_path, model, {}, {"lora": {"rank": 2, "rslora": True}}, {})
    folder = RunFolder(tmp_path / "run")
    code, _ = chain_folders.run(folder.path, request, stop=stop_at(folder, counts[0] + 3))
    assert code == ExitCode.STOPPED
    assert folder.read(folder.adapter / "adapter_config.json")["r"] == 6
    first = (folder.stage(1).path / "done.json").stat().st_mtime_ns
    code, said = chain_folders.run(folder.path, folder.read(folder.request), attempt=2)
    assert code == ExitCode.DONE
    assert [one.from_step for one in said if isinstance(one, events.Attempt)] == [0, counts[0] + 3]
    assert (folder.stage(1).path / "done.json").stat().st_mtime_ns == first
    steps = [one.step for one in said if isinstance(one, events.Step)]
    assert steps == list(range(1, sum(counts) + 1))
    assert tiny.same_adapters(folder.path, whole.path)


def spoil_nothing(path):
    shutil.rmtree(path)


def spoil_weights(path):
    file = path / "adapter" / "adapter_model.safetensors"
    found = bytearray(file.read_bytes())
    found[-5] ^= 1
    file.write_bytes(bytes(found))


@pytest.mark.parametrize("spoil", [spoil_nothing, spoil_weights])
def test_a_middle_stage_that_was_deleted_is_named_and_a_resume_trains_it_again(spoil, stacked_run, model, tmp_path):
    whole, _ = stacked_run
    counts = [one["steps"] for one in whole.read(whole.result)["stages"]]
    request = chain_folders.asked(tmp_path, model, {}, {"lora": {"rank": 2, "rslora": True}}, {})
    folder = RunFolder(tmp_path / "run")
    chain_folders.run(folder.path, request, stop=stop_at(folder, counts[0] + counts[1] + 2))
    spoil(folder.stage(2).path)
    with pytest.raises(JobError) as fault:
        chain_folders.run(folder.path, folder.read(folder.request), attempt=2)
    assert "Stage 2 of 3" in str(fault.value)
    assert "Resume" in str(fault.value)
    code, said = chain_folders.run(folder.path, folder.read(folder.request), attempt=3)
    assert code == ExitCode.DONE
    assert [one.key for one in said if isinstance(one, events.Note)] == ["chains.again"]
    assert tiny.same_adapters(folder.path, whole.path)
    assert Stages(folder, 3).first_lost() is None


def test_a_stage_that_fails_says_which_and_a_resume_goes_on_in_it(model, tmp_path):
    request = chain_folders.asked(tmp_path, model, {}, {}, {})
    rows = tmp_path / "data-2" / "rows.jsonl"
    kept = rows.read_text(encoding="utf-8")
    rows.unlink()
    with pytest.raises(DataError):
        chain_folders.run(tmp_path / "run", request)
    assert [one.key for one in RunFolder(tmp_path / "run").said() if isinstance(one, events.Note)] == ["chains.failed"]
    rows.write_text(kept, encoding="utf-8")
    code, said = chain_folders.run(tmp_path / "run", request, attempt=2)
    assert code == ExitCode.DONE
    assert [one.number for one in said if isinstance(one, events.Stage)] == [1, 2, 2, 3]


def test_the_card_of_a_chain_names_every_stage_and_a_merged_one_says_what_its_adapter_is_for(merged_run):
    folder, _ = merged_run
    folder.write(folder.request, folder.read(folder.request) | {"job": {"owner": "home"}})
    job = Job(folder.path.name, "home", "chain", "three parts", JobState.DONE, 1, 1.0, "cpu", 0.0)
    source = Source("", "three parts", folder, folder.read(folder.request), folder.stage(2).path / "merged",
                    folder.adapter, None)  # fmt: skip
    assert source.own_base
    page = card.written(card.gather(job, source, merged=True))
    assert "In 3 stages" in page
    assert page.count("from base and adapter of the stage before, merged") == 2
    assert "export the run as a merged model" in packing.readme(job, folder, "en")
    verdict = verdicts.of(job, folder)
    assert verdict is not None
    assert verdict.words("en") == verdicts.of(job, folder.stage(3)).words("en")
