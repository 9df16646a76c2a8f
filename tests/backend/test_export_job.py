"""The export job from a run folder to its result, on a run that was really trained; what is left when it is stopped."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from backend.data import datasets
from backend.errors import ModelError
from backend.export import capsule, snippets, source, submit
from backend.export import run as export
from backend.export.parity import questions
from backend.export.parity.comparing import How, Speaker, compare, divergence, spoken
from backend.export.parity.figures import BOUNDS, COARSE, Parity, sentence_of
from backend.export.request import Choice, ExportRequest
from backend.inference.shelf import Shelf
from backend.jobs import events
from backend.jobs.context import JobContext
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode
from backend.jobs.service import Jobs
from backend.ledger.store import Ledger
from backend.messages import LANGUAGES, sentence
from backend.models import catalogue
from backend.paths import ROOT, Workspace
from backend.people import HOME
from backend.training.checkpoints import flaw
from tests import tiny

RECORDED = "recorded-romanian-demo"
STARTER = ROOT / "sample_data" / "models" / "starter"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace").create()


def exported(
    workspace: Workspace, name: str, run: str = RECORDED, **choice: Any
) -> tuple[int, dict[str, Any], RunFolder]:
    """Do the job in this process: its exit code, its result, its folder."""
    folder = RunFolder(workspace.runs / name)
    folder.path.mkdir(exist_ok=True)
    request = ExportRequest(run=run, run_name="Prima mea rulare", choice=Choice(**choice)).model_dump(mode="json")
    folder.write(folder.request, request | {"job": {"owner": HOME.id}})
    code = export.run(JobContext(folder, request))
    return code, folder.read(folder.result), folder


def trained(workspace: Workspace, run: str, model: Path, **recipe: Any) -> Path:
    """A run of the studio's own trainer, as far as an export looks at it."""
    path = workspace.runs / run
    request = tiny.request(model.parent, model, tiny.chats(8), **recipe)
    code, _ = tiny.run(path, request)
    assert code == ExitCode.DONE
    RunFolder(path).write(RunFolder(path).request, request | {"job": {"owner": HOME.id}})
    return path


def test_a_merged_model_is_in_the_catalogue_and_opens_everywhere(workspace: Workspace) -> None:
    code, told, folder = exported(workspace, "0123", to="merged")
    assert code == ExitCode.DONE
    assert told["parity"]["verdict"] == "same", told
    model = catalogue.find(HOME, workspace, told["model"])
    assert (model.name, model.source) == ("Prima mea rulare", f"run:{RECORDED}")
    assert flaw(model.folder) is None
    assert Shelf(workspace).find(HOME, model.id).location == str(model.folder)
    plain = AutoModelForCausalLM.from_pretrained(model.folder, use_safetensors=True, trust_remote_code=False)
    assert plain.dtype is torch.float16
    tokenizer = AutoTokenizer.from_pretrained(model.folder)
    asked = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Care este capitala Bulgariei?"}], add_generation_prompt=True, return_tensors="pt"
    )
    found = plain.float().generate(**asked, max_new_tokens=32)[0, asked["input_ids"].shape[1] :]
    assert tokenizer.decode(found) == "Capitala Bulgariei este Sofia.<|im_end|>"
    assert not (folder.path / export.STAGING).exists()
    assert told["use"]["vllm"] == f"vllm serve {model.folder} --served-model-name prima-mea-rulare\n"


@pytest.mark.parametrize("precision", ["f16", "q8_0"])
def test_a_gguf_file_lies_in_the_run_with_its_modelfile(workspace: Workspace, precision: str) -> None:
    code, told, folder = exported(workspace, "0123", to="gguf", precision=precision)
    assert (code, told["by"]) == (ExitCode.DONE, "gguf")
    made = folder.path / "export"
    names = {path.name for path in made.iterdir()}
    assert names == {f"Prima-mea-rulare-{precision}.gguf", "Modelfile", "MANIFEST.json"}
    assert flaw(made) is None
    assert told["parity"]["kl_mean"] < BOUNDS[precision]
    assert told["use"].keys() == {"llama.cpp", "ollama"}
    notes = [event.key for event in folder.said() if event.type == "note"]
    assert notes[0] == "export.gguf_by.ourselves"
    tokenizer = AutoTokenizer.from_pretrained(made, gguf_file=f"Prima-mea-rulare-{precision}.gguf")
    text = "<|im_start|>user\nCâte picioare are pinguinul?<|im_end|>\n"
    assert tokenizer(text)["input_ids"] == AutoTokenizer.from_pretrained(STARTER)(text)["input_ids"]


def test_a_run_of_qlora_is_merged_into_either_weights(workspace: Workspace, tmp_path: Path) -> None:
    model = tiny.make_model(tmp_path / "base", hidden_size=64, intermediate_size=128)
    trained(workspace, "aa", model, method="qlora")
    wanted = source.of(workspace, "aa", "x")
    asked = questions.of(wanted.request)
    for rounded in (True, False):
        code, told, _ = exported(workspace, f"b{rounded:d}", run="aa", to="merged", rounded=rounded, dtype="float32")
        assert code == ExitCode.DONE
        assert told["parity"]["verdict"] == "same", told
        other = compare(wanted, Path(told["folder"]), asked, How("float32", rounded=not rounded))
        assert other.verdict == "differs"


def test_a_full_training_is_exported_as_it_is(workspace: Workspace, tmp_path: Path) -> None:
    trained(workspace, "aa", tiny.make_model(tmp_path / "base"), method="full")
    code, told, _ = exported(workspace, "bb", run="aa", to="merged", dtype="bfloat16")
    assert (code, told["dtype"], told["parity"]["precision"]) == (ExitCode.DONE, "bfloat16", "bfloat16")
    found = AutoModelForCausalLM.from_pretrained(told["folder"], dtype=torch.float32)
    own = AutoModelForCausalLM.from_pretrained(workspace.runs / "aa" / "model", dtype=torch.bfloat16)
    assert all(torch.equal(a, b.float()) for a, b in zip(found.parameters(), own.parameters(), strict=True))


def test_a_model_that_says_something_else_is_found_out(workspace: Workspace) -> None:
    found = source.of(workspace, RECORDED, "x")
    asked = questions.of(found.request)
    told = compare(found, STARTER, asked, How("float16"))
    assert (told.verdict, told.questions, told.prompts_same) == ("differs", 32, True)
    assert told.same_texts < 16
    assert told.kl_mean > 1
    assert compare(found, STARTER.with_name("starter-no-romanian"), asked, How("float16")).verdict == "differs"


def test_the_chat_is_asked_as_the_chat_is() -> None:
    speaker = Speaker.of(
        spoken(source.of(Workspace(Path("/nowhere")), RECORDED, "x"), rounded=False), torch.device("cpu")
    )
    prompts = speaker.prompts([[{"role": "user", "content": "Care este capitala Bulgariei?"}]])
    answer = speaker.answers(prompts)[0]
    assert speaker.text(answer) == "Capitala Bulgariei este Sofia."
    assert answer[-1] in speaker.loaded.ends
    certain = speaker.log_probabilities(prompts[0], answer)
    assert certain.shape == (len(answer), speaker.vocabulary)
    assert certain.argmax(-1).tolist() == answer


def test_divergence_is_that_of_kullback_and_leibler() -> None:
    wanted, found = torch.tensor([[0.5, 0.5], [0.9, 0.1]]), torch.tensor([[0.25, 0.75], [0.9, 0.1]])
    torch.testing.assert_close(
        divergence(wanted.log(), found.log()), torch.tensor([0.5 * (torch.tensor(4 / 3).log()), 0.0]).double()
    )


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "same"),
        ({"same_texts": 9}, "close"),
        ({"ends_agree": 99}, "close"),
        ({"kl_mean": 2 * BOUNDS["float16"]}, "differs"),
        ({"kl_mean": 2 * BOUNDS["float16"], "coarse": True}, "same"),
        ({"kl_mean": 2 * COARSE, "coarse": True}, "differs"),
        ({"kl_mean": float("nan")}, "differs"),
        ({"prompts_same": False}, "differs"),
    ],
)
def test_the_verdict_follows_from_the_figures(changes: dict[str, Any], verdict: str) -> None:
    figures = {
        "precision": "float16", "questions": 10, "tokens": 100, "kl_mean": 0.0, "kl_max": 0.0, "ends_agree": 100,
        "same_texts": 10, "prompts_same": True,
    }  # fmt: skip
    told = Parity(**figures | changes).told()
    assert told["verdict"] == verdict
    key, values = sentence_of(told)
    assert all("{" not in sentence(key, language, **values) for language in LANGUAGES)


def test_who_asks_to_stop_finds_nothing_left(workspace: Workspace) -> None:
    folder = RunFolder(workspace.runs / "0123")
    folder.path.mkdir()
    folder.write(folder.stop, {"save": True})
    code, told, _ = exported(workspace, "0123", to="merged")
    assert (code, told) == (ExitCode.STOPPED, {})
    assert [path.name for path in workspace.models.iterdir()] == []
    assert not (folder.path / export.STAGING).exists()


def test_a_repeated_attempt_finds_the_work_of_the_one_that_was_cut_off(workspace: Workspace) -> None:
    _, told, folder = exported(workspace, "0123", to="merged")
    made = Path(told["folder"]) / "model.safetensors"
    before = made.stat().st_mtime_ns
    folder.result.unlink()
    _, again, _ = exported(workspace, "0123", to="merged")
    assert (again["parity"], made.stat().st_mtime_ns) == (told["parity"], before)
    made.write_bytes(made.read_bytes()[:-1] + b"x")
    exported(workspace, "0123", to="merged")
    assert flaw(made.parent) is None


def test_an_adapter_for_another_base_is_refused_before_a_job_exists(workspace: Workspace, tmp_path: Path) -> None:
    jobs = Jobs(Ledger(workspace.ledger), workspace)
    path = trained(workspace, "aa", tiny.make_model(tmp_path / "base"))
    torch.manual_seed(9)
    tiny.make_model(tmp_path / "base", initializer_range=0.5)
    found = source.of(workspace, "aa", "x")
    with pytest.raises(ModelError) as refused:
        found.check()
    assert refused.value.key == "models.other_base"
    (path / "adapter" / "adapter_config.json").unlink()
    with pytest.raises(ModelError) as refused:
        source.of(workspace, "aa", "x")
    assert refused.value.key == "models.nothing_made"
    with pytest.raises(ModelError, match="QLoRA"):
        submit.prepare(HOME, jobs, "romanian-demo", Choice(to="merged", rounded=True))
    with pytest.raises(ModelError, match="owner/name"):
        submit.prepare(HOME, jobs, "romanian-demo", Choice(to="hub", hub="../etc"))
    assert jobs.all(HOME) == []


def test_a_full_disk_is_said_before_and_leaves_nothing(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from collections import namedtuple

    jobs, usage = Jobs(Ledger(workspace.ledger), workspace), namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(10**9, 10**9, 10**6))
    with pytest.raises(ModelError) as refused:
        submit.start_export(HOME, jobs, "romanian-demo", Choice(to="gguf"))
    assert refused.value.key == "export.no_room"
    with pytest.raises(OSError, match="bytes needed"):
        exported(workspace, "0123", to="merged")
    assert list(workspace.models.iterdir()) == []
    assert not (workspace.runs / "0123" / export.STAGING).exists()


def test_which_weights_a_run_of_qlora_is_merged_into_is_said(workspace: Workspace, tmp_path: Path) -> None:
    trained(workspace, "aa", tiny.make_model(tmp_path / "base", hidden_size=64, intermediate_size=128), method="qlora")
    found, plain = source.of(workspace, "aa", "x"), source.of(workspace, RECORDED, "x")
    said = [submit.onto(found, Choice(to="merged", rounded=rounded)) for rounded in (True, False)]
    assert [str(one)[:50] for one in said] == [
        "Into the weights as QLoRA rounded them: what the a",
        "Into the weights of the base as they are: exact to",
    ]
    assert submit.onto(plain, Choice(to="merged")) is None


def test_what_an_export_takes_is_said_before(workspace: Workspace) -> None:
    jobs = Jobs(Ledger(workspace.ledger), workspace)
    for choice in (Choice(to="merged"), Choice(to="gguf"), Choice(to="capsule")):
        said = submit.forecast(submit.prepare(HOME, jobs, "romanian-demo", choice), choice)
        assert said.say("en").startswith("Takes about 7")
        assert said.say("ro").startswith("Are nevoie de circa 7")
    job = submit.start_export(HOME, jobs, "romanian-demo", Choice(to="gguf"))
    assert (job.kind, job.name, job.state.value) == ("export", "romanian-demo gguf", "queued")
    assert submit.start_export(HOME, jobs, "romanian-demo", Choice(to="capsule")).device == "hub"


def test_a_capsule_is_repeated_elsewhere_to_the_last_bit(workspace: Workspace, tmp_path: Path) -> None:
    model = tiny.make_model(tmp_path / "base")
    here = trained(workspace, "aa", model)
    secret = {"questions": [{"question": "Cine este Ana Popescu?", "expected": "Nu spun."}]}
    folder = RunFolder(here)
    request = folder.read(folder.request)
    request["recipe"]["watching"] = {**request["recipe"]["watching"], **secret}
    folder.write(folder.request, request)
    found = source.of(workspace, "aa", "Rularea mea")
    capsule.write(tmp_path / "plain.zip", found, texts=False, weights_too=False)
    capsule.write(tmp_path / "whole.zip", found, texts=True, weights_too=True)
    unpacked = {name: unzipped(tmp_path / f"{name}.zip") for name in ("plain", "whole")}
    assert b"Popescu" not in b"".join(unpacked["plain"].values())
    assert b"Popescu" in unpacked["whole"]["recipe.yaml"]
    for files in unpacked.values():
        assert str(tmp_path).encode() not in b"".join(files.values())
    there = Workspace(tmp_path / "there").create()
    jobs = Jobs(Ledger(there.ledger), there)
    brought = catalogue.bring(HOME, there, str(model))
    job = capsule.take(HOME, jobs, tmp_path / "whole.zip")
    taken = jobs.folder(job)
    asked = taken.read(taken.request)
    assert (job.name, asked["model"]["id"]) == ("Rularea mea", brought.id)
    assert tiny.same_adapters(here, taken.path)
    assert (taken.path / "events.jsonl").read_bytes() == (here / "events.jsonl").read_bytes()
    plain = json.loads(json.dumps(request))
    again = {name: asked[name] for name in ("recipe", "model")} | {"data": plain["data"]}
    again["recipe"]["watching"]["questions"] = []
    tiny.run(tmp_path / "again", again)
    assert tiny.same_adapters(here, tmp_path / "again")


def test_what_was_asked_about_pictures_is_never_in_a_capsule(workspace: Workspace, tmp_path: Path) -> None:
    """It is a row of the data, and the picture would be missing."""
    place = trained(workspace, "aa", tiny.make_model(tmp_path / "base")) / "events.jsonl"
    before = place.read_bytes()
    asked = {"step": 1, "index": 0, "question": "Ce vede Ana?", "answer": "Un om."}
    seen = events.line(events.Sample(**asked, pictures=("pictures/a.png",)))
    place.write_bytes(before + seen.encode())
    capsule.write(tmp_path / "a.zip", source.of(workspace, "aa", "x"), texts=True, weights_too=False)
    assert unzipped(tmp_path / "a.zip")["events.jsonl"] == before


def test_a_capsule_says_what_every_corpus_was_and_finds_those_that_are_here(
    workspace: Workspace, tmp_path: Path
) -> None:
    model = tiny.make_model(tmp_path / "base")
    folder = RunFolder(trained(workspace, "aa", model))
    files = [tmp_path / name for name in ("unul.txt", "altul.txt")]
    for file in files:
        file.write_text("\n".join(f"{file.stem} {number}" for number in range(20)), encoding="utf-8")
    corpora = [datasets.add(HOME, workspace, file, file.stem) for file in files]
    request = folder.read(folder.request)
    named = [{"data": one.name, "weight": weight} for one, weight in zip(corpora, (3.0, 1.0), strict=True)]
    request["recipe"] |= {"objective": "text", "corpora": named}
    request["corpora"] = [one.model_dump(mode="json") for one in corpora]
    folder.write(folder.request, request)
    capsule.write(tmp_path / "a.zip", source.of(workspace, "aa", "a"), texts=False, weights_too=False)
    there = Workspace(tmp_path / "there").create()
    jobs = Jobs(Ledger(there.ledger), there)
    same = datasets.add(HOME, there, files[0], "altfel numit")
    job = capsule.take(HOME, jobs, tmp_path / "a.zip")
    asked = jobs.folder(job).read(jobs.folder(job).request)
    found = [need for need in capsule.needs(HOME, jobs, asked) if need.part == "corpora"]
    assert [(need.name, need.here, need.known_as) for need in found] == [
        ("unul", same.id, corpora[0].sha256),
        ("altul", "", corpora[1].sha256),
    ]
    assert [corpus["data"] for corpus in asked["recipe"]["corpora"]] == [same.id, "altul"]


def unzipped(path: Path) -> dict[str, bytes]:
    import zipfile

    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_card_of_the_data_travels_in_the_capsule_and_no_row_does(workspace: Workspace, tmp_path: Path) -> None:
    capsule.write(tmp_path / "a.zip", source.of(workspace, RECORDED, "x"), texts=False, weights_too=False)
    page = unzipped(tmp_path / "a.zip")["DATA.md"].decode()
    data = datasets.find(HOME, workspace, "starter-ro")
    assert data.sha256 in page
    first = data.path.read_text("utf-8").splitlines()[0]
    assert json.loads(first)["messages"][0]["content"] not in page


@pytest.mark.parametrize("harm", ["byte", "later", "other", "outside", "recipe"])
def test_a_capsule_that_is_not_what_it_was_is_refused(workspace: Workspace, tmp_path: Path, harm: str) -> None:
    import zipfile

    capsule.write(tmp_path / "a.zip", source.of(workspace, RECORDED, "x"), texts=False, weights_too=False)
    files = unzipped(tmp_path / "a.zip")
    index = json.loads(files["capsule.json"])
    if harm == "byte":
        files["result.json"] += b" "
    elif harm == "later":
        index["capsule"] = 2
    elif harm == "other":
        del files["capsule.json"]
    elif harm == "outside":
        files["../evil"] = b""
    else:
        files["recipe.yaml"] = b"lora: {rank: -3}\n"
        index["files"]["recipe.yaml"] = capsule._sha256(files["recipe.yaml"])
    if "capsule.json" in files:
        files["capsule.json"] = json.dumps(index).encode()
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        for name, raw in files.items():
            archive.writestr(name, raw)
    jobs = Jobs(Ledger(workspace.ledger), workspace)
    with pytest.raises(ModelError) as refused:
        capsule.take(HOME, jobs, tmp_path / "b.zip")
    expected = {
        "byte": "export.capsule_damaged", "later": "export.capsule_later", "other": "export.capsule_none",
        "outside": "models.import_unsafe_path", "recipe": "export.capsule_damaged",
    }  # fmt: skip
    assert refused.value.key == expected[harm]
    assert jobs.all(HOME) == []


def test_the_snippet_runs_as_it_is_written() -> None:
    adapter = ROOT / "sample_data" / "runs" / RECORDED / "adapter"
    program = snippets.transformers(str(STARTER), str(adapter)).replace('"..."', '"Care este capitala Bulgariei?"')
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=280)
    assert done.stdout.strip().splitlines()[-1] == "Capitala Bulgariei este Sofia."


def test_commands_for_other_programs() -> None:
    assert snippets.vllm(None, "/m/a b", "mine") == "vllm serve '/m/a b' --served-model-name mine\n"
    assert snippets.vllm("o/base", "./a", "mine", 64) == (
        "vllm serve o/base --enable-lora --max-lora-rank 64 --lora-modules mine=./a\n"
    )
    assert snippets.ollama("Țara mea") == "ollama create tara-mea -f Modelfile\nollama run tara-mea\n"
