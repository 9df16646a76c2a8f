"""Folders and archives of pictures become data sets: each picture stored by its content, upright, without its place."""

import io
import json
import re
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from backend.cli import __main__ as cli
from backend.data import datasets, rows
from backend.data.datasets import Dataset, Step
from backend.data.intake import run, submit
from backend.data.pictures.keeping import small
from backend.data.versions.deriving import derive
from backend.errors import DataError
from backend.jobs.context import JobContext
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode
from backend.paths import Workspace
from backend.people import HOME
from tests import photos
from tests.faults.stage import Stage
from tests.workbooks import xlsx

STORED = re.compile(r"pictures/[0-9a-f]{64}\.(png|jpg)")
Files = dict[str, bytes]


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    # The limit of memory would stay with the process of the tests.
    monkeypatch.setattr("backend.data.opening.limits.limit", lambda *_: None)
    return Stage.at(tmp_path / "workspace")


def in_folder(folder: Path, files: Files) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def in_zip(path: Path, files: Files) -> Path:
    with zipfile.ZipFile(path.with_suffix(".zip"), "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path.with_suffix(".zip")


def in_tar(path: Path, files: Files) -> Path:
    with tarfile.open(path.with_suffix(".tgz"), "w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path.with_suffix(".tgz")


BOXES = {"folder": in_folder, "zip": in_zip, "tar": in_tar}


def imported(stage: Stage, *paths: Path, **how: Any) -> tuple[Dataset, list[dict[str, Any]], dict[str, Any]]:
    """(the data set, its rows, what the job said); the pictures in its folder are those that its rows name."""
    job = submit.start(HOME, stage.jobs, [(path.name, path) for path in paths], **how)
    folder = RunFolder(stage.workspace.run(job.id))
    asked = {"import": folder.read(folder.request)["import"]}
    assert run.run(JobContext(folder=folder, request=asked)) == ExitCode.DONE
    made = submit.made(HOME, stage.jobs, job)
    assert made is not None
    found = list(rows.read(made.path))
    named = {name for row in found for name in rows.pictures(row)}
    assert named
    assert all(STORED.fullmatch(name) for name in named)
    place = made.path.parent
    assert {f"pictures/{path.name}" for path in (place / "pictures").iterdir() if path.is_file()} == named
    assert all(small(place, name).is_file() for name in named)
    return made, found, folder.read(folder.result)


def refused(stage: Stage, *paths: Path) -> DataError:
    job = submit.start(HOME, stage.jobs, [(path.name, path) for path in paths])
    folder = RunFolder(stage.workspace.run(job.id))
    with pytest.raises(DataError) as caught:
        run.run(JobContext(folder=folder, request={"import": folder.read(folder.request)["import"]}))
    assert list(stage.workspace.datasets.iterdir()) == []
    return caught.value


def phone() -> Files:
    """Twelve photos of a phone, in its formats, each with a text beside it."""
    pictures = {"IMG_1.HEIC": photos.HEIC, "IMG_2.jpg": photos.turned(), "IMG_3.webp": photos.turned("WEBP")}
    pictures |= {f"IMG_{at}.png": raw for at, raw in enumerate(photos.shades(9), start=4)}
    texts = {f"{name.partition('.')[0]}.txt": f"Poza cu numărul {at}.".encode() for at, name in enumerate(pictures)}
    return {f"vacanță/{name}": raw for name, raw in (pictures | texts).items()}


@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)
def test_photos_of_a_phone_with_texts_beside_them(stage: Stage, tmp_path: Path, box: Any) -> None:
    made, found, said = imported(stage, box(tmp_path / "poze", phone()))
    assert (made.shape, made.rows) == ("caption", 12)
    by_text = {row["caption"]: row["image"] for row in found}
    for text in ("Poza cu numărul 0.", "Poza cu numărul 1.", "Poza cu numărul 2."):
        with Image.open(made.path.parent / by_text[text]) as image:
            assert image.height == 2 * image.width, "A photo stands as it was taken."
            assert (dict(image.getexif()), image.mode) == ({}, "RGB")
    assert [one["code"] for one in said["findings"]] == ["pictures.note.location", "pictures.note.upright"]
    assert "3" in said["findings"][0]["message"]["en"]


def table(header: str, *pictures: str) -> bytes:
    return "\n".join([header, *(f"{name};Descrierea pozei {at}" for at, name in enumerate(pictures))]).encode("cp1250")


@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)
def test_a_romanian_table_names_photos_as_people_do(stage: Stage, tmp_path: Path, box: Any) -> None:
    files = {f"poze/IMG_{at}.JPG": photos.turned(shade=at * 20) for at in range(11)}
    files["poze/pisică.png"] = photos.written(photos.drawn())
    names = [f"C:\\Users\\Ana\\poze\\img_{at}.jpg" for at in range(11)]
    made, found, said = imported(stage, box(tmp_path / "a", {**files, "a.csv": table("Fişier;Descriere", *names)}))
    assert (made.shape, made.rows) == ("caption", 11)
    assert found[3]["caption"] == "Descrierea pozei 3"
    assert said["skipped"] == 0


def test_a_workbook_and_its_photos_brought_at_once(stage: Stage, tmp_path: Path) -> None:
    lines = [[f"{at}.png", f"La foto numero {at}"] for at in range(10)]
    book = xlsx(tmp_path / "a.xlsx", {"Foglio": [["immagine", "didascalia"], *lines]})
    there = in_folder(tmp_path / "there", {f"{at}.png": raw for at, raw in enumerate(photos.shades(10))})
    _, found, _ = imported(stage, book, *there.iterdir())
    assert [row["caption"] for row in found] == [text for _, text in lines]


@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)
def test_coco_captions(stage: Stage, tmp_path: Path, box: Any) -> None:
    files = {f"val2017/{at:012}.jpg": photos.turned(shade=at * 20) for at in range(1, 7)}
    images = [
        {"id": at, "file_name": f"{at:012}.jpg", "coco_url": "http://images.cocodataset.org/a.jpg", "height": 40}
        for at in range(1, 7)
    ]
    notes = [{"image_id": at, "id": 100 + at + 10 * n, "caption": f"{n} {at}."} for at in range(1, 7) for n in (1, 2)]
    files["annotations/captions_val2017.json"] = json.dumps(
        {"info": {}, "images": images, "annotations": notes}
    ).encode()
    made, found, _ = imported(stage, box(tmp_path / "coco", files))
    assert (made.shape, made.rows) == ("caption", 12)
    assert len({row["image"] for row in found}) == 6


def vqa() -> Files:
    """Questions and answers in two files, as the second version of VQA has them; two pictures are asked nothing."""
    asked = [
        {"image_id": at, "question": f"Câte mere sunt în poza {at}?", "question_id": at * 1000} for at in range(10)
    ]
    answers = [
        {"question_id": at * 1000, "image_id": at, "question_type": "how many", "multiple_choice_answer": str(at),
         "answers": [{"answer": str(at), "answer_confidence": "yes", "answer_id": 1}], "answer_type": "number"}
        for at in range(10)
    ]  # fmt: skip
    files = {f"val2014/COCO_val2014_{at:012}.jpg": photos.turned(shade=at * 20) for at in range(12)}
    head = {"info": {}, "license": {}, "data_type": "mscoco", "data_subtype": "val2014"}
    files["v2_mscoco_val2014_annotations.json"] = json.dumps(head | {"annotations": answers}).encode()
    files["v2_OpenEnded_mscoco_val2014_questions.json"] = json.dumps(head | {"questions": asked}).encode()
    return files


@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)
def test_questions_and_answers_of_vqa_are_joined(stage: Stage, tmp_path: Path, box: Any) -> None:
    made, found, _ = imported(stage, box(tmp_path / "vqa", vqa()))
    assert (made.shape, made.rows) == ("visual", 10)
    asked, answered = found[4]["messages"]
    assert [part["type"] for part in asked["content"]] == ["image", "text"]
    assert (asked["content"][1]["text"], answered["content"]) == ("Câte mere sunt în poza 4?", "4")


def talk(at: int) -> dict[str, list[dict[str, Any]]]:
    """The same conversation about two pictures in the layouts that people use."""
    names = [f"poze/{at}.png", f"poze/{at + 1}.png"]
    said = {"role": "assistant", "content": f"A doua, cu {at}."}
    parts = [{"type": "image", "image": name} for name in names]
    urls = [{"type": "image_url", "image_url": {"url": name}} for name in names]
    question = {"type": "text", "text": "Care e mai roșie?"}
    marked = "<image><image>\nCare e mai roșie?"
    return {
        "marks": [{"messages": [{"role": "user", "content": marked}, said], "images": names}],
        "sharegpt": [{"conversations": [{"from": "human", "value": marked}, {"from": "gpt", "value": said["content"]}],
                      "images": names}],
        "parts": [{"messages": [{"role": "user", "content": [*parts, question]}, said]}],
        "urls": [{"messages": [{"role": "user", "content": [*urls, question]}, said]}],
        "empty parts": [{"messages": [{"role": "user", "content": [{"type": "image"}] * 2 + [question]}, said],
                         "images": names}],
    }  # fmt: skip


@pytest.mark.parametrize("layout", talk(0))
@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)
def test_conversations_about_several_pictures(stage: Stage, tmp_path: Path, layout: str, box: Any) -> None:
    files = {f"poze/{at}.png": raw for at, raw in enumerate(photos.shades(11))}
    lines = [json.dumps(row, ensure_ascii=False) for at in range(10) for row in talk(at)[layout]]
    made, found, _ = imported(stage, box(tmp_path / "a", {**files, "train.jsonl": "\n".join(lines).encode()}))
    assert (made.shape, made.rows) == ("visual", 10)
    content = found[0]["messages"][0]["content"]
    assert [part["type"] for part in content] == ["image", "image", "text"]
    assert content[1]["image"] == found[1]["messages"][0]["content"][0]["image"], "Each picture is stored once."


def test_folders_are_captions_where_there_are_no_others(stage: Stage, tmp_path: Path) -> None:
    files = {f"{kind}/{at}.png": photos.shades(1, at + 6 * n)[0] for n, kind in enumerate("ab") for at in range(6)}
    made, found, _ = imported(stage, in_folder(tmp_path / "a", files))
    assert (made.shape, {row["caption"] for row in found}) == ("caption", {"a", "b"})


def test_bytes_of_pictures_in_a_table(stage: Stage, tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    pictures = [{"bytes": raw, "path": f"{at}.png"} for at, raw in enumerate(photos.shades(10))]
    columns = {"image": pictures, "question": ["Ce e?"] * 10, "answer": [f"Un pătrat {at}." for at in range(10)]}
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
    made, _, _ = imported(stage, tmp_path / "a.parquet")
    assert (made.shape, made.rows) == ("visual", 10)


def huge() -> bytes:
    """A picture whose head says that it has 72 million pixels."""
    import zlib

    raw = bytearray(photos.written(photos.drawn()))
    raw[16:24] = (9000).to_bytes(4) + (8000).to_bytes(4)
    raw[29:33] = zlib.crc32(bytes(raw[12:29])).to_bytes(4)
    return bytes(raw)


BAD = {
    "too_large": (huge(), "This picture is 9000 × 8000 pixels. The limit is 64 million pixels."),
    "damaged": (photos.written(photos.drawn((400, 300)), "JPEG")[:-900],
                '"b.png" is damaged (ends too early or cannot be read). Upload it again.'),
    "empty": (b"", '"b.png" is empty.'),
    "looks_like": (b"<!doctype html><p>404", '"b.png" is not a picture (it looks like HTML).'),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_picture_is_a_fault_of_its_row(stage: Stage, tmp_path: Path, kind: str) -> None:
    raw, sentence = BAD[kind]
    place = in_folder(tmp_path / "a", {**phone(), "vacanță/b.png": raw, "vacanță/b.txt": b"Una"})
    assert str(refused(stage, place)) == sentence
    made, _, said = imported(stage, place, skip_bad=True)
    assert (made.rows, said["skipped"]) == (12, 1)


def test_a_version_made_from_it_has_its_pictures(stage: Stage, tmp_path: Path) -> None:
    made, found, _ = imported(stage, in_zip(tmp_path / "a", phone()))
    fewer = derive(HOME, stage.workspace, made, Step(name="filter"), found[:11])
    assert all((fewer.path.parent / row["image"]).is_file() for row in rows.read(fewer.path))
    datasets.delete(HOME, stage.workspace, made.id)
    assert all((fewer.path.parent / row["image"]).is_file() for row in rows.read(fewer.path))


def told(capsys: pytest.CaptureFixture[str], workspace: Workspace, *arguments: str) -> tuple[int, dict[str, Any]]:
    code = cli.main(["data", *arguments, "--json", "--workspace", str(workspace.root)])
    return code, json.loads(capsys.readouterr().out.splitlines()[-1])


def test_a_check_looks_into_every_picture_and_keeps_none(capsys, stage: Stage, tmp_path: Path) -> None:
    place = in_folder(tmp_path / "poze", {**phone(), "vacanță/b.png": huge(), "vacanță/b.txt": b"Una"})
    code, said = told(capsys, stage.workspace, "check", str(place))
    assert (code != 0, said["rows"], said["shape"], said["kind"]) == (True, 12, "caption", "pictures")
    assert [(one["code"], one["severity"], one["rows"]) for one in said["findings"]] == [
        ("pictures.note.location", "notice", 0),
        ("pictures.note.upright", "notice", 0),
        ("pictures.too_large", "error", 1),
    ]
    assert list(stage.workspace.datasets.iterdir()) == []


def test_photos_are_imported_from_the_command_line(capsys, stage: Stage, tmp_path: Path) -> None:
    place = in_zip(tmp_path / "poze", phone())
    code, said = told(capsys, stage.workspace, "import", str(place), "--name", "Vacanță")
    assert (code, said["rows"], said["shape"]) == (0, 12, "caption")
    made = datasets.find(HOME, stage.workspace, said["dataset"])
    assert all((made.path.parent / row["image"]).is_file() for row in rows.read(made.path))
