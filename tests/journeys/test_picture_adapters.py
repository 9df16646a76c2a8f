"""From pictures with captions to an adapter that plain peft loads and a merged model that plain transformers loads: for
every family that sees, on tiny models.
"""

import io
import json
import random
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from PIL import Image
from safetensors.torch import load_file
from transformers import AutoModelForImageTextToText, AutoProcessor

from backend.captions import book, submit
from backend.captions import run as captions
from backend.captions.submit import Wanted
from backend.export import run as export
from backend.export import source
from backend.export.parity import questions
from backend.export.parity.comparing import How, compare
from backend.export.request import Choice, ExportRequest
from backend.inference.ask import Ask
from backend.inference.decoding.batch import Size
from backend.inference.decoding.loaded import Loaded
from backend.inference.decoding.looking import batch_of
from backend.inference.decoding.run import made_row
from backend.inference.sampling import Sampling
from backend.inference.shelf import Shelf, Target
from backend.inference.text import REPLACEMENT
from backend.jobs import events
from backend.jobs.context import JobContext
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode
from backend.models import catalogue
from backend.models.sight.config import PROJECTORS, TOWERS, inside
from backend.people import HOME
from tests import photos, sights, tiny
from tests.faults.stage import Stage

PROMPT = "What colour is it?"
TOKENS = 8
FAMILIES = ("qwen2_vl", "llava_next", "mllama", "smolvlm")
OTHERS = tuple(one for one in sights.FAMILIES if one not in FAMILIES)


def drawn(seed: int) -> Image.Image:
    return Image.frombytes("RGB", (48, 40), random.Random(seed).randbytes(3 * 48 * 40))


def rows(folder: Path) -> list[dict[str, Any]]:
    """Two captions for each of a few pictures."""
    (folder / "pictures").mkdir(parents=True)
    names = []
    for at in range(8):
        names.append(f"pictures/{at:064x}.png")
        drawn(at).save(folder / names[-1])
    captioned = [{"image": name, "caption": f"È il quadro numero {at}."} for at, name in enumerate(names)]
    return [*captioned, *({"image": name, "caption": f"Este tabloul {at}."} for at, name in enumerate(names))]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    torch.set_num_threads(1)
    return Stage.at(tmp_path / "workspace")


def trained(stage: Stage, base: Path, **recipe: Any) -> RunFolder:
    folder = RunFolder(stage.workspace.runs / "run1")
    asked = request(stage.workspace.root / "data", base, **recipe)
    code, _ = tiny.run(folder.path, asked)
    assert code == ExitCode.DONE
    folder.write(folder.request, asked | {"job": {"id": "run1", "owner": HOME.id}})
    return folder


def request(place: Path, base: Path, **recipe: Any) -> dict[str, Any]:
    schedule = {"epochs": 1, "learning_rate": 0.05}
    made = rows(place) if not place.exists() else [json.loads(line) for line in (place / "rows.jsonl").open()]
    return tiny.request(place, base, made, objective="vision", schedule=schedule, **recipe)


def merged(stage: Stage, **choice: Any) -> tuple[dict[str, Any], Target]:
    """What the export of the run says, and the model that it made."""
    folder = RunFolder(stage.workspace.runs / f"merged{len(list(stage.workspace.runs.iterdir()))}")
    folder.path.mkdir()
    wanted = Choice(to="merged", dtype="float32", **choice)
    asked = ExportRequest(run="run1", run_name="run1", choice=wanted).model_dump(mode="json")
    folder.write(folder.request, asked | {"job": {"owner": HOME.id}})
    assert export.run(JobContext(folder, asked)) == ExitCode.DONE
    told = folder.read(folder.result)
    assert catalogue.find(HOME, stage.workspace, told["model"]).kind == "vision"
    return told, Shelf(stage.workspace).find(HOME, told["model"])


def plainly(target: Target, picture: bytes) -> str:
    """What transformers and peft alone say about one picture."""
    base = AutoModelForImageTextToText.from_pretrained(target.location)
    model = PeftModel.from_pretrained(base, str(target.adapter)) if target.adapter else base
    processor = AutoProcessor.from_pretrained(target.location)
    told = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": PROMPT}]}]
    text = processor.apply_chat_template(told, add_generation_prompt=True)
    with Image.open(io.BytesIO(picture)) as image:
        inputs = processor(text=[text], images=[image], return_tensors="pt", add_special_tokens=False)
    inputs.pop("token_type_ids", None)
    ends = [processor.tokenizer.eos_token_id]
    found = model.generate(**inputs, max_new_tokens=TOKENS, do_sample=False, eos_token_id=ends)
    text = str(processor.tokenizer.decode(found[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))
    return text.replace(REPLACEMENT, "").strip()  # half a letter is not shown


def asked(target: Target, picture: bytes) -> str:
    """What the engine says."""
    batch = batch_of(Loaded(target, torch.device("cpu")), Size(1, 1, 10**6))
    content = [{"type": "image", "image": picture}, {"type": "text", "text": PROMPT}]
    ask = Ask(target, [{"role": "user", "content": content}], Sampling(max_tokens=TOKENS))
    batch.waiting.append(made_row(ask, batch.loaded))
    said = []
    with torch.inference_mode():
        while batch.busy:
            said += [piece.text for _, piece in batch.turn()]
    return "".join(said).strip()


@pytest.mark.parametrize("family", sights.FAMILIES)
def test_what_the_studio_trains_says_the_same_under_plain_peft(family: str, stage: Stage, tmp_path: Path) -> None:
    base = sights.build(family, tmp_path / "base")
    folder = trained(stage, base)
    tensors = load_file(folder.adapter / "adapter_model.safetensors")
    assert tensors
    assert not [name for name in tensors if inside(name, (*TOWERS, *PROJECTORS))]
    tuned = Shelf(stage.workspace).find(HOME, "run:run1")
    tuned.check()
    bare = Target(family, family, str(base), sees=True)
    picture = photos.written(drawn(99))
    said = [asked(one, picture) for one in (bare, tuned)]
    assert said == [plainly(one, picture) for one in (bare, tuned)]
    assert said[0] != said[1]
    album = tmp_path / "album"
    album.mkdir()
    (album / "a.png").write_bytes(picture)
    wanted = Wanted(model="run:run1", prompt=PROMPT, with_base=True, max_tokens=TOKENS)
    job = stage.jobs.folder(submit.start(HOME, stage.jobs, album, wanted))
    assert captions.run(JobContext(job, json.loads(job.request.read_text("utf-8")))) == ExitCode.DONE
    (entry,) = book.read(job)
    assert [entry.base, entry.caption] == said
    told, whole = merged(stage)
    assert (told["parity"]["verdict"], told["parity"]["questions"]) == ("same", 4), told
    assert asked(whole, picture) == plainly(whole, picture) == said[1]


@pytest.mark.parametrize("family", [*FAMILIES, *(pytest.param(one, marks=pytest.mark.slow) for one in OTHERS)])
def test_a_run_that_was_stopped_ends_as_if_it_had_not_been(
    family: str, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = request(stage.workspace.root / "data", sights.build(family, tmp_path / "base"))
    code, whole = tiny.run(tmp_path / "whole", asked)
    assert code == ExitCode.DONE
    with monkeypatch.context() as patch:
        patch.setattr(JobContext, "stop_requested", lambda job: "save" if len(steps(job.folder.said())) == 2 else None)
        assert tiny.run(tmp_path / "parts", asked)[0] == ExitCode.STOPPED
    code, said = tiny.run(tmp_path / "parts", asked, attempt=2)
    assert code == ExitCode.DONE
    assert steps(said) == steps(whole)
    assert tiny.same_adapters(tmp_path / "whole", tmp_path / "parts")


def steps(said: Iterable[Any]) -> list[tuple[int, float]]:
    return [(one.step, one.loss) for one in said if isinstance(one, events.Step)]


@pytest.mark.parametrize(
    ("family", "recipe"),
    [
        ("llava", {"method": "qlora"}),
        ("qwen2_vl", {"vision": {"projector": True}}),
        ("llava_next", {"vision": {"projector": True, "tower": True}}),
        ("idefics3", {"method": "qlora", "vision": {"projector": True}}),
    ],
)
def test_whatever_was_trained_is_merged(family: str, recipe: dict[str, Any], stage: Stage, tmp_path: Path) -> None:
    trained(stage, sights.build(family, tmp_path / "base"), **recipe)
    picture = photos.written(drawn(99))
    ways = [False, True] if recipe.get("method") == "qlora" else [False]
    for rounded in ways:
        told, whole = merged(stage, rounded=rounded)
        assert told["parity"]["verdict"] == "same", told
        assert asked(whole, picture) == plainly(whole, picture)
    assert asked(whole, picture) == asked(Shelf(stage.workspace).find(HOME, "run:run1"), picture)


def test_a_model_that_is_given_other_numbers_of_a_picture_is_found_out(stage: Stage, tmp_path: Path) -> None:
    base = sights.build("llava", tmp_path / "base")
    trained(stage, base)
    found = source.of(stage.workspace, "run1", "run1")
    shown = questions.asked(found)
    assert compare(found, base, shown, How("float32")).verdict == "differs"
    _, whole = merged(stage)
    place = Path(whole.location) / "processor_config.json"
    told = json.loads(place.read_text(encoding="utf-8"))
    told["image_processor"]["image_mean"] = [0.0, 0.0, 0.0]
    place.write_text(json.dumps(told), encoding="utf-8")
    assert not compare(found, Path(whole.location), shown, How("float32")).prompts_same


def test_the_program_beside_a_merged_model_runs_as_it_is_written(stage: Stage, tmp_path: Path) -> None:
    trained(stage, sights.build("llava", tmp_path / "base"))
    (tmp_path / "picture.jpg").write_bytes(photos.written(drawn(99)))
    told, whole = merged(stage)
    program = told["use"]["transformers"].replace('"..."', json.dumps(PROMPT)).replace("=64", f"={TOKENS}")
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=280
    )
    assert done.stdout.replace(REPLACEMENT, "").strip() == asked(whole, photos.written(drawn(99)))
