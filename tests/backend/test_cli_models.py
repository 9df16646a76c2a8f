"""`launch.py models` without the page: the same downloads, and one JSON object at the end."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.cli.__main__ import main
from backend.setup import commands
from tests.hubserver import world
from tests.hubserver.server import running
from tests.hubserver.world import GOOD, World


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = world.make(tmp_path, monkeypatch)
    with running(made.hub) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield made


@pytest.fixture
def run(here: World, capsys: pytest.CaptureFixture[str]):
    def models(*words: str) -> tuple[int, dict, str]:
        code = main(["models", *words, "--workspace", str(here.stage.workspace.root), "--json"])
        said = capsys.readouterr()
        return code, json.loads(said.out.strip().splitlines()[-1]), said.err

    return models


def test_a_model_is_found_shown_downloaded_listed_and_removed(here: World, run) -> None:
    code, found, _ = run("search", "good")
    assert (code, [one["id"] for one in found["models"]], found["more"]) == (commands.DONE, [GOOD], False)
    code, shown, _ = run("show", GOOD)
    assert (code, shown["licence"]["id"], shown["enough"], shown["problem"]) == (
        commands.DONE,
        "apache-2.0",
        True,
        None,
    )
    code, refused, said = run("download", GOOD)
    assert (code, refused["key"]) == (commands.FAILED, "hub.licence_not_accepted")
    assert "Do with it what you like" in said
    assert not here.models()
    code, done, _ = run("download", GOOD, "--accept-licence")
    assert (code, done["state"], done["reason"]) == (commands.DONE, "done", None)
    (model,) = here.models()
    assert done["model"] == model.id
    code, listed, _ = run()
    assert (code, [one["name"] for one in listed["models"]][-1]) == (commands.DONE, "good")
    code, kept, said = run("delete", "good")
    assert (code, kept["removed"], len(here.models())) == (commands.DONE, False, 1)
    assert "frees" in said
    code, gone, _ = run("delete", "good", "--yes")
    assert (code, gone["removed"], here.models()) == (commands.DONE, True, [])


def test_the_curated_models_need_no_internet(here: World, run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    code, found, _ = run("search", "minerva", "--curated", "--language", "it")
    assert code == commands.DONE
    assert next(one["id"] for one in found["models"]) == "sapienzanlp/Minerva-350M-base-v1.0"
    code, every, _ = run("search", "--curated")
    assert len(every["models"]) >= 40
    code, refused, _ = run("search", "minerva")
    assert (code, refused["key"]) == (commands.FAILED, "hub.unreachable")


def test_what_is_wrong_is_said_with_a_status_of_its_own(run) -> None:
    code, said, _ = run("show")
    assert (code, said["key"]) == (commands.FAILED, "hub.name_missing")
    code, said, _ = run("show", "ana/absent")
    assert (code, said["key"]) == (commands.FAILED, "hub.not_found")
    code, said, _ = run("delete", "absent")
    assert (code, said["key"]) == (commands.FAILED, "not found")
    for words in (("burn",), ("search", "x", "--page", "0"), ("search", "x", "--page", "51")):
        with pytest.raises(SystemExit) as ended:
            run(*words)
        assert ended.value.code == commands.USAGE
