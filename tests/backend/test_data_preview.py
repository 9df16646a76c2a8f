"""The look at a file before it is imported: by a process of its own, whatever the file is."""

import base64
import io
import json
import os
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from backend.data.intake import look
from backend.data.intake.preview import Preview, preview
from backend.data.mapping.mapping import Mapping
from backend.data.opening.opened import Choices
from backend.messages import LANGUAGES
from backend.paths import Workspace
from backend.people import HOME
from tests import photos


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace").create()


def seen(workspace: Workspace, path: Path, *how: object) -> Preview:
    before = sorted(workspace.root.rglob("*"))
    found = preview(HOME, workspace, [(path.name, path)], *how)
    assert sorted(workspace.root.rglob("*")) == before, "A look leaves nothing behind."
    for finding in found.findings:
        assert set(finding.message) == set(LANGUAGES)
    return found


def test_a_romanian_table_is_understood_with_its_first_rows(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    lines = [f"Cât face {at} și unu?;Face {at + 1}, în mod sigur." for at in range(80)]
    path.write_bytes("\n".join(["intrebare;raspuns", *lines, ""]).translate({0x219: 0x15F}).encode("cp1250"))
    found = seen(workspace, path)
    assert found.understood is not None
    assert found.mapping is not None
    assert (found.understood.encoding, found.understood.separator) == ("cp1250", ";")
    assert (found.mapping.shape, found.columns, found.languages) == ("chat", ("intrebare", "raspuns"), ("ro",))
    assert (len(found.records), found.more, [one.code for one in found.findings]) == (50, True, ["doctor.cedilla"])
    assert found.records[1].rows[0]["messages"][1]["content"] == "Face 2, în mod sigur."


def test_faults_stand_at_their_rows_and_are_counted(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("question,answer\nuna,due\n" + "una,due,tre\n" * 7)
    found = seen(workspace, path)
    assert [shown.place for shown in found.records if shown.fault] == [str(at) for at in range(3, 10)]
    (finding,) = found.findings
    assert (finding.code, finding.rows, finding.places) == ("opening.ragged", 7, ("3", "4", "5", "6", "7"))
    assert finding.message["it"] == "La riga 3 ha 3 valori, l’intestazione ne ha 2."


def test_a_correction_changes_what_the_rows_become(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("question,answer\nuna,due\n")
    turned = Mapping(shape="chat", fields={"question": "answer", "answer": "question"})
    found = seen(workspace, path, None, turned)
    assert [said["content"] for said in found.records[0].rows[0]["messages"]] == ["due", "una"]
    found = seen(workspace, path, Choices(header=False))
    assert found.columns == ("column_1", "column_2")


def test_what_cannot_be_read_says_why(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "a.bin").write_bytes(bytes(range(32)) * 100)
    assert [one.message["en"] for one in seen(workspace, tmp_path / "empty.csv").findings] == ["The file is empty."]
    assert [one.code for one in seen(workspace, tmp_path / "a.bin").findings] == ["opening.unknown_kind"]
    assert [one.code for one in seen(workspace, tmp_path / "none").findings] == ["data.not_found"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is limited on Linux only")
def test_a_file_that_would_take_all_memory_is_told(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"a": {"b": [str(at) * 9 for at in range(900_000)]}}))
    small = tmp_path / "small.py"
    source = Path(look.__file__).read_text(encoding="utf-8").replace("= 1 << 30, 15", "= 60 << 20, 15")
    small.write_text(source)
    wrapper = tmp_path / "python"
    wrapper.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{small}"\n')
    wrapper.chmod(0o755)
    monkeypatch.setattr("backend.data.intake.preview.sys.executable", str(wrapper))
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    monkeypatch.setattr("backend.data.intake.preview.environment", lambda: dict(os.environ))
    assert [one.code for one in seen(workspace, path).findings] == ["opening.too_big_to_read"]


def test_a_preview_of_a_large_file_reads_only_its_beginning(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with path.open("wb") as file:
        file.write(b'{"question": "Ce?", "answer": "Asta."}\n' * 5000)
        # Far more than anybody would wait for, and nothing on the disk.
        file.truncate(1 << 40)
    found = seen(workspace, path)
    assert (len(found.records), found.more) == (50, True)


def test_pictures_are_shown_small_and_bad_ones_are_told(workspace: Workspace, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for at, raw in enumerate([photos.HEIC, b"", *photos.shades(30), photos.turned()]):
            archive.writestr(f"{at}.jpg", raw)
        archive.writestr("a.csv", "poza;descriere\n" + "".join(f"{at}.jpg;Poza {at}\n" for at in range(34)))
    found = seen(workspace, tmp_path / "a.zip")
    assert (found.mapping is not None and found.mapping.shape, len(found.records)) == ("caption", 34)
    assert [found.pictures[shown.rows[0]["image"]][:23] for shown in found.records[2:9]] == [
        "data:image/jpeg;base64,"
    ] * 7
    raw = base64.b64decode(found.pictures["0.jpg"].partition(",")[2])
    with Image.open(io.BytesIO(raw)) as image:
        assert image.size == (32, 64)
    assert [finding.code for finding in found.findings] == ["pictures.empty", "opening.picture_missing"]
    assert 10 < len(found.pictures) < 20, "Not every picture of a large set is opened for a look."
