"""The card of a data set says where it is from and what was done to it, travels with what was trained, holds no row."""

import io
import json
import zipfile
from pathlib import Path

import yaml

from backend.cli import __main__ as cli
from backend.data import datasets
from backend.data.datasets import Dataset, Step
from backend.data.versions import card
from backend.jobs import recorded
from backend.jobs.folder import RunFolder
from backend.models import packing
from backend.paths import SAMPLE_DATA, Workspace
from backend.people import HOME


def test_a_card_says_origin_licence_language_sizes_and_steps_and_holds_no_row(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(
        json.dumps({"text": "Secretul este că nu sunt date aici, și nu se văd."}, ensure_ascii=False) + "\n"
    )
    steps = (Step(name="prepare", settings={"steps": [{"step": "split", "dev": 0.2}], "job": "0123"}),)
    known = {"id": "x", "path": file, "shape": "text", "sha256": "a" * 64, "rows": 4200, "skipped": 3, "version": 2}
    fetched = Dataset(name="Pagini", hub_id="ana/pagini", revision="c" * 40, licence="cc-by-4.0", steps=steps, **known)
    text = card.written(fetched)
    head = yaml.safe_load(text.split("---\n")[1])
    assert head == {
        "pretty_name": "Pagini", "license": "cc-by-4.0", "language": ["ro"], "size_categories": ["1K<n<10K"],
    }  # fmt: skip
    for said in ("4200, of the shape text; 3 of the source", "huggingface.co/datasets/ana/pagini) at cccccccccccc",
                 "| Version | 2 |", "a" * 64, "1. prepare: `{steps: [{step: split, dev: 0.2}]}`"):  # fmt: skip
        assert said in text
    assert "Secretul" not in text
    assert "0123" not in text
    assert card.ASK_FIRST in card.written(Dataset(name="Ale mele", source_sha256="b" * 64, **known))


def test_a_card_goes_with_the_adapter() -> None:
    run = recorded.every()[0]
    folder = RunFolder(SAMPLE_DATA / "runs" / "recorded-romanian-demo")
    whole = io.BytesIO(b"".join(packing.packed(run, folder, "en")))
    with zipfile.ZipFile(whole) as archive:
        page = archive.read(f"{packing.file_name(run)}/{card.FILE}").decode()
    assert page == packing.data_card(folder)
    assert folder.read(folder.request)["data"]["sha256"] in page


def test_a_card_is_printed(capsys, tmp_path: Path) -> None:
    assert cli.main(["data", "card", "starter-ro", "--workspace", str(tmp_path)]) == 0
    known = datasets.find(HOME, Workspace(tmp_path), "starter-ro")
    assert capsys.readouterr().out.strip() == card.written(known).strip()
    assert SAMPLE_DATA in known.path.parents
