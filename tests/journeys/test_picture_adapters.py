"""From pictures with captions to an adapter that plain peft loads: for every family that sees, on tiny models."""

import io
import json
import random
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
from backend.inference.ask import Ask
from backend.inference.decoding.batch import Size
from backend.inference.decoding.loaded import Loaded
from backend.inference.decoding.looking import batch_of
from backend.inference.decoding.run import made_row
from backend.inference.sampling import Sampling
from backend.inference.shelf import Shelf, Target
from backend.inference.text import REPLACEMENT
from backend.jobs.context import JobContext
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode
from backend.models.sight.config import PROJECTORS, TOWERS, inside
from backend.people import HOME
from tests import photos, sights, tiny
from tests.faults.stage import Stage

PROMPT = "What colour is it?"
TOKENS = 8


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


def trained(stage: Stage, base: Path) -> RunFolder:
    folder = RunFolder(stage.workspace.runs / "run1")
    place = stage.workspace.root / "data"
    schedule = {"epochs": 1, "learning_rate": 0.05}
    asked = tiny.request(place, base, rows(place), objective="vision", schedule=schedule)
    code, _ = tiny.run(folder.path, asked)
    assert code == ExitCode.DONE
    folder.write(folder.request, asked | {"job": {"id": "run1", "owner": HOME.id}})
    return folder


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
