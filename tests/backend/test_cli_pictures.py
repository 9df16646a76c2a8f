"""`launch.py ask` and `caption`: from the command line to the last line of JSON."""

import json
from pathlib import Path

import pytest

from backend.cli.__main__ import main
from backend.models import catalogue
from backend.models.catalogue import Model
from backend.paths import Workspace
from backend.people import HOME
from backend.setup import commands
from tests import photos, sights


@pytest.fixture
def place(tmp_path: Path) -> list[str]:
    workspace = Workspace(tmp_path / "workspace").create()
    folder = sights.build("llava", tmp_path / "model")
    catalogue.register(HOME, workspace, Model(id="", name="eyes", location=str(folder), kind="vision"))
    return ["--workspace", str(workspace.root), "--json"]


@pytest.mark.slow
def test_pictures_are_asked_about_and_captioned(
    place: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    album = tmp_path / "album"
    album.mkdir()
    for at, raw in enumerate([*photos.shades(3), b"no picture"]):
        (album / f"{at}.png").write_bytes(raw)
    two = [str(album / "0.png"), str(album / "1.png")]
    assert main(["ask", "eyes", *two, "What colour?", "--max-tokens", "5", *place]) == commands.DONE
    assert isinstance(json.loads(capsys.readouterr().out.splitlines()[-1])["reply"], str)
    assert main(["caption", "eyes", str(album), "--max-tokens", "5", *place]) == commands.DONE
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["done"], [one["picture"] for one in told["failed"]]) == (3, ["3.png"])
    assert len(Path(told["captions"]).read_text(encoding="utf-8").splitlines()) == 4


def test_what_cannot_be_shown_is_said(place: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(*words: str) -> str:
        assert main([*words, *place]) == commands.FAILED
        return str(json.loads(capsys.readouterr().out)["key"])

    page = tmp_path / "page.png"
    page.write_bytes(b"<!doctype html>")
    assert refused("ask", "eyes", str(tmp_path / "none.png"), "What?") == "chat.no_file"
    assert refused("ask", "eyes", str(page), "What?") == "pictures.looks_like"
    assert refused("caption", "starter", str(tmp_path)) == "chat.no_eyes"
    assert refused("caption", "eyes", str(tmp_path / "nowhere")) == "not found"
    assert refused("caption", "nobody", str(tmp_path)) == "not found"
