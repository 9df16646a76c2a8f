"""Questions about pictures that are asked while a model learns: which they are, and what is answered."""

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from backend.chains.context import Place, StageContext
from backend.data.rows import pictures
from backend.jobs import events
from backend.jobs.context import JobContext
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode
from backend.sight.load import load_model, load_processor
from backend.training.pictures.probes import LONGEST_SIDE, Probe, chosen
from tests import sights, tiny
from tests.backend.test_sight_training import data, request


def asks(picture: int, question: str) -> dict[str, Any]:
    shown = [{"type": "image", "image": f"pictures/{picture}.png"}, {"type": "text", "text": question}]
    answer = {"role": "assistant", "content": "Da."}
    return {"messages": [{"role": "user", "content": shown}, answer]}


def test_they_show_different_pictures_unknown_ones_first_and_ask_different_things() -> None:
    learned = [asks(at, "Ce este?") for at in range(4)]
    plain = {"messages": [{"role": "user", "content": "Ciao?"}, {"role": "assistant", "content": "Ciao!"}]}
    captions = [{"image": f"pictures/{at}.png", "caption": "Este un cerc."} for at in (7, 8)]
    apart = [plain, *(asks(at, f"Ce culoare {at}?") for at in range(6)), asks(5, "Unde?"), *captions]
    found = chosen(apart, learned, 6, 0)
    names = [name for row in found for name in pictures(row)]
    assert set(names[:4]) == {f"pictures/{at}.png" for at in (4, 5, 7, 8)}
    assert len(set(names)) == len(names) == 6
    assert found == chosen(apart[::-1], learned, 6, 0)
    assert len(chosen(apart, learned, 20, 0)) == 8
    assert chosen(apart, learned, 0, 0) == chosen([plain], learned, 6, 0) == []


def test_their_pictures_are_kept_in_the_run_folder_large_ones_smaller(tmp_path: Path) -> None:
    for name, width in (("small", 48), ("large", 2000)):
        Image.new("RGB", (width, width // 2), "red").save(tmp_path / f"{name}.png")
    (tmp_path / "run").mkdir()
    shown = [{"type": "image", "image": str(tmp_path / f"{name}.png")} for name in ("small", "large")]
    told = [
        {"role": "system", "content": "Scurt."},
        {"role": "user", "content": [*shown, {"type": "text", "text": "?"}]},
    ]
    more = [{"role": "assistant", "content": "Da."}, {"role": "user", "content": "Și?"}]
    for _ in range(2):
        probe = Probe.of({"messages": [*told, *more]}, RunFolder(tmp_path / "run"))
    assert (probe.messages, probe.question, probe.expected) == (told, "?", "Da.")
    assert probe.pictures == ("pictures/small.png", "pictures/large.jpg")
    assert [path.name for path in sorted((tmp_path / "run" / "pictures").iterdir())] == ["large.jpg", "small.png"]
    with Image.open(tmp_path / "run" / probe.pictures[1]) as found:
        assert max(found.size) == LONGEST_SIDE


@pytest.mark.parametrize("family", ["llava", "qwen2_vl", "mllama", "idefics3"])
def test_it_answers_as_the_family_itself_would(tmp_path: Path, family: str) -> None:
    watching = {"eval_share": 0.2, "answer_every": 2, "pictures": 2}
    asked = request(tmp_path, family, watching=watching, schedule={"max_steps": 2}, vision={"keep": False})
    code, said = tiny.run(tmp_path / "run", asked)
    assert code == ExitCode.DONE
    samples = [one for one in said if isinstance(one, events.Sample)]
    assert [(one.step, one.index) for one in samples] == [(0, 0), (0, 1), (2, 0), (2, 1)]
    model: Any = load_model(tmp_path / "model", "sdpa").eval()
    processor: Any = load_processor(tmp_path / "model")
    for one in samples[:2]:
        assert one.expected
        [name] = one.pictures
        assert _answer(model, processor, tmp_path / "run" / name, one.question) == one.answer


def _answer(model: Any, processor: Any, path: Path, question: str) -> str:
    """By transformers' own means."""
    told = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}]
    text = processor.apply_chat_template(told, add_generation_prompt=True)
    given = processor(text=[text], images=[Image.open(path)], return_tensors="pt", add_special_tokens=False)
    words = processor.tokenizer
    with torch.no_grad():
        made = model.generate(
            **given, max_new_tokens=48, do_sample=False, eos_token_id=words.eos_token_id, pad_token_id=0
        )
    return str(words.decode(made[0, given["input_ids"].shape[1] :], skip_special_tokens=True)).strip()


def test_rows_of_the_test_split_are_asked_where_nothing_is_measured(tmp_path: Path) -> None:
    model = sights.build("llava", tmp_path / "model")
    rows = [row | {"part": "test" if at < 4 else "train"} for at, row in enumerate(data(tmp_path / "data"))]
    questions = [{"question": "Ciao, chi sei?", "expected": "Io."}]
    recipe = {"objective": "vision", "schedule": {"max_steps": 1}}
    watching = {"watching": {"eval_share": 0, "pictures": 3, "questions": questions}}
    code, said = tiny.run(tmp_path / "run", tiny.request(tmp_path / "data", model, rows, **recipe, **watching))
    assert code == ExitCode.DONE
    first = [one for one in said if isinstance(one, events.Sample) and one.step == 0]
    assert [one.index for one in first] == [0, 1, 2, 3]
    assert [len(one.pictures) for one in first] == [1, 1, 1, 0]
    assert first[3].question == "Ciao, chi sei?"


def test_a_chain_finds_the_pictures_in_the_folders_of_its_trainings(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    stage = RunFolder(folder.stages / "1")
    stage.path.mkdir(parents=True)
    context = StageContext(stage, {}, chain=JobContext(folder, {}), place=Place(steps=5))
    context.say(events.Sample(step=2, index=0, question="?", answer="Da.", pictures=("pictures/a.png",)))
    [said] = events.read(folder.events)
    assert isinstance(said, events.Sample)
    assert (said.step, said.pictures) == (7, ("stages/1/pictures/a.png",))
