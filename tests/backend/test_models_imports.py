"""Adapters from elsewhere: out of a folder, out of archives of which some are hostile, from a small Hub on loopback."""

import io
import json
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from huggingface_hub import constants

from backend.errors import AccessError, JobError, ModelError
from backend.hub import run as hub_job
from backend.inference.shelf import Shelf
from backend.jobs.context import JobContext
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode, Job, JobState
from backend.jobs.supervisor.start import environment
from backend.jobs.upkeep import rebuild
from backend.messages import LANGUAGES
from backend.models import adapters, arrivals, catalogue, imports, packing
from backend.models.catalogue import Model
from backend.paths import ROOT
from backend.people import HOME, Person
from tests.backend.test_models_files import adapter, base, lora
from tests.faults.stage import Stage
from tests.hubserver.server import HubServer, Repository, running


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage.at(tmp_path / "workspace")


@pytest.fixture
def model(tmp_path: Path, stage: Stage) -> Model:
    base(tmp_path / "tiny")
    return catalogue.bring(HOME, stage.workspace, str(tmp_path / "tiny"))


@pytest.fixture
def mine(tmp_path: Path, model: Model) -> Path:
    return adapter(tmp_path / "mine", lora(), base_model_name_or_path=model.location)


def zipped(path: Path, files: dict[str, bytes], change: Callable[[zipfile.ZipInfo], None] = lambda entry: None) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo("x")
            entry.filename = entry.orig_filename = name
            entry.compress_type = zipfile.ZIP_DEFLATED
            change(entry)
            archive.writestr(entry, content)
    return path


def files_of(folder: Path, below: str = "") -> dict[str, bytes]:
    return {f"{below}{path.name}": path.read_bytes() for path in folder.iterdir()}


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises((ModelError, AccessError, JobError)) as caught:
        act()
    assert len({caught.value.say(language) for language in LANGUAGES}) == len(LANGUAGES)
    return str(caught.value)


def is_a_run_to_chat_with(stage: Stage, job: Job, model: Model) -> None:
    assert stage.job(job).state is JobState.DONE
    target = Shelf(stage.workspace).find(HOME, f"run:{job.id}")
    assert (target.base, target.location) == (model.id, model.location)
    target.check()


def test_an_adapter_in_a_folder_becomes_a_run_to_chat_with(stage: Stage, mine: Path, model: Model) -> None:
    job = imports.from_folder(HOME, stage.jobs, f" {mine} ")
    assert (job.name, job.kind, job.attempt) == ("mine", "import", 1)
    is_a_run_to_chat_with(stage, job, model)
    assert imports.from_folder(HOME, stage.jobs, str(mine)).name == "mine 2"


@pytest.mark.parametrize("below", ["", "romanian-first/", "a/b/c/"])
def test_an_adapter_in_an_archive_becomes_a_run(
    stage: Stage, mine: Path, model: Model, tmp_path: Path, below: str
) -> None:
    archive = zipped(tmp_path / "so frumos.zip", {**files_of(mine, below), f"{below}optimizer.pt": b"no thanks"})
    job = imports.from_zip(HOME, stage.jobs, archive)
    assert job.name == "so frumos"
    is_a_run_to_chat_with(stage, job, model)
    assert not (stage.jobs.folder(job).adapter / "optimizer.pt").exists()


def test_what_was_packed_here_is_taken_there_whatever_its_model_is_called(
    stage: Stage, mine: Path, model: Model, tmp_path: Path
) -> None:
    packed = imports.from_folder(HOME, stage.jobs, str(mine))
    archive = tmp_path / "packed.zip"
    archive.write_bytes(b"".join(packing.packed(packed, stage.jobs.folder(packed), "ro")))
    assert str(tmp_path).encode() not in archive.read_bytes()
    there = Stage.at(tmp_path / "there")
    other = base(tmp_path / "another name for it")
    same = catalogue.bring(HOME, there.workspace, other.location)
    is_a_run_to_chat_with(there, imports.from_zip(HOME, there.jobs, archive, "a mea"), same)


def test_an_import_is_found_again_when_the_ledger_is_lost(stage: Stage, mine: Path, model: Model) -> None:
    job = imports.from_folder(HOME, stage.jobs, str(mine))
    fresh = Stage.at(stage.workspace.root.with_name("fresh"))
    stage.workspace.runs.rename(stage.workspace.root / "kept")
    fresh.workspace.runs.rmdir()
    (stage.workspace.root / "kept").rename(fresh.workspace.runs)
    assert rebuild.rebuild(fresh.ledger, fresh.workspace) == 1
    found = fresh.jobs.get(HOME, job.id)
    assert (found.name, found.kind, found.state) == (job.name, "import", JobState.DONE)


def link(entry: zipfile.ZipInfo) -> None:
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "a/../../x", "C:\\x", "\\\\host\\x", "a\\..\\..\\x"])
def test_an_archive_that_points_outside_is_refused_whole(stage: Stage, mine: Path, tmp_path: Path, name: str) -> None:
    archive = zipped(tmp_path / "evil.zip", {**files_of(mine), name: b"x"})
    assert "unsafe path" in refusal(lambda: imports.from_zip(HOME, stage.jobs, archive))
    assert nothing_stays(stage)


def test_links_in_an_archive_are_refused(stage: Stage, mine: Path, tmp_path: Path) -> None:
    archive = zipped(tmp_path / "evil.zip", files_of(mine), link)
    assert "unsafe path" in refusal(lambda: imports.from_zip(HOME, stage.jobs, archive))


def nothing_stays(stage: Stage) -> bool:
    left = [path.name for path in stage.workspace.root.iterdir() if path.name.startswith(".incoming")]
    return not left and not list(stage.workspace.runs.iterdir()) and not stage.jobs.all(HOME)


def test_archives_that_are_bombs_or_none_at_all_are_refused_in_a_sentence_each(
    stage: Stage, mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = files_of(mine)
    whole = zipped(tmp_path / "whole.zip", small).read_bytes()
    bad = {
        "zeros": zipped(tmp_path / "zeros.zip", {**small, "zeros": bytes(30_000_000)}),
        "many": zipped(tmp_path / "many.zip", {**small, **{str(n): b"" for n in range(1200)}}),
        "cut": tmp_path / "cut.zip",
        "text": tmp_path / "text.zip",
        "empty": zipped(tmp_path / "empty.zip", {"readme": b"x"}),
        "two": zipped(tmp_path / "two.zip", {**files_of(mine, "a/"), **files_of(mine, "b/")}),
        "locked": tmp_path / "locked.zip",
    }
    bad["cut"].write_bytes(whole[: len(whole) // 2])
    bad["text"].write_text("not a zip")
    # Bit 0 of the flags, in the directory at the end of the archive: the entry is encrypted.
    bad["locked"].write_bytes(
        whole.replace(b"PK\x01\x02\x14\x03\x14\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01\x00")
    )
    said = {name: refusal(lambda path=path: imports.from_zip(HOME, stage.jobs, path)) for name, path in bad.items()}
    assert "times its size" in said["zeros"]
    assert "at most 1000 are allowed" in said["many"]
    assert said["cut"] == said["text"] == "This file is not a zip archive, or it is damaged."
    assert said["empty"] == "No adapter was found: there is no adapter_config.json."
    assert said["two"].startswith("There are 2 adapters in it.")
    assert "password" in said["locked"]
    monkeypatch.setattr(arrivals, "MOST_BYTES", 100)
    assert "unpack to more than" in refusal(lambda: imports.from_zip(HOME, stage.jobs, bad["two"]))
    assert nothing_stays(stage)


def test_an_archive_that_lies_about_its_sizes_is_not_followed(stage: Stage, mine: Path, tmp_path: Path) -> None:
    """The directory says 10 bytes where the data would unpack to millions."""
    files = {**files_of(mine), "adapter_model.safetensors": bytes(5_000_000)}
    raw = bytearray(zipped(tmp_path / "liar.zip", files).read_bytes())
    size = (5_000_000).to_bytes(4, "little")
    assert raw.count(size) >= 1
    (tmp_path / "liar.zip").write_bytes(bytes(raw).replace(size, (10).to_bytes(4, "little")))
    refusal(lambda: imports.from_zip(HOME, stage.jobs, tmp_path / "liar.zip"))
    assert nothing_stays(stage)


def test_a_folder_that_is_none_or_holds_none_is_said(stage: Stage, mine: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "There is no folder" in refusal(lambda: imports.from_folder(HOME, stage.jobs, "/nowhere/at/all"))
    assert "There is no folder" in refusal(lambda: imports.from_folder(HOME, stage.jobs, str(mine / "\0")))
    assert "no adapter_config.json" in refusal(lambda: imports.from_folder(HOME, stage.jobs, str(tmp_path / "empty")))


def test_what_the_loader_would_refuse_is_refused_at_once(stage: Stage, mine: Path, tmp_path: Path) -> None:
    (mine / "adapter_model.safetensors").rename(mine / "adapter_model.bin")
    assert "no safetensors file" in refusal(lambda: imports.from_folder(HOME, stage.jobs, str(mine)))
    far = adapter(tmp_path / "far", lora(), base_model_name_or_path="evil/repo")
    assert "not installed here" in refusal(lambda: imports.from_folder(HOME, stage.jobs, str(far)))
    wide = adapter(tmp_path / "wide", lora(hidden=16), base_model_name_or_path="tiny")
    assert "made for" in refusal(lambda: imports.from_folder(HOME, stage.jobs, str(wide)))
    assert "nul" in refusal(lambda: imports.from_folder(HOME, stage.jobs, str(far), "nul")).lower()
    assert nothing_stays(stage)


def test_a_folder_of_this_computer_is_for_the_one_person_at_home(stage: Stage, mine: Path) -> None:
    assert "own computer" in refusal(lambda: imports.from_folder(Person("ana"), stage.jobs, str(mine)))


@pytest.mark.parametrize("typed", ["", "gpt2", "a/b/c", "../../etc", "a/..", "https://example.org/a/b", "a b/c"])
def test_what_is_no_hub_id_is_refused_before_there_is_a_job(stage: Stage, typed: str) -> None:
    assert "is not a Hub id" in refusal(lambda: imports.from_hub(HOME, stage.jobs, typed))
    assert nothing_stays(stage)


@contextmanager
def hub(monkeypatch: pytest.MonkeyPatch, files: dict[str, bytes]) -> Iterator[None]:
    closed = Repository(files, gated="manual")
    with running(HubServer({"ana/good": Repository(files), "ana/closed": closed})) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        # The web process is never online; whoever has loaded it before has told the library so.
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        yield


def fetched(stage: Stage, hub_id: str) -> tuple[Job, int]:
    job = imports.from_hub(HOME, stage.jobs, hub_id)
    folder = stage.jobs.folder(job)
    request = {name: value for name, value in folder.read(folder.request).items() if name != "job"}
    return job, hub_job.run(JobContext(folder, request))


def test_an_adapter_is_fetched_from_a_hub_and_can_be_chatted_with(
    stage: Stage, mine: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hub(monkeypatch, files_of(mine)):
        job, code = fetched(stage, "ana/good")
    folder: RunFolder = stage.jobs.folder(job)
    assert (code, job.name, job.device) == (ExitCode.DONE, "good", "hub")
    target = Shelf(stage.workspace).find(HOME, f"run:{job.id}")
    assert target.location == model.location
    assert adapters.record(folder.adapter)["base"]["id"] == model.id
    assert [path.name for path in folder.path.iterdir() if path.name.startswith(".")] == []


def worked_on(stage: Stage, hub_id: str) -> Job:
    """The job as the supervisor does it: claimed, then a process of its own."""
    job = imports.from_hub(HOME, stage.jobs, hub_id)
    assert stage.claims.take(lambda first: first.id == job.id)
    command = [sys.executable, "-m", "backend.worker", str(stage.jobs.folder(job).path)]
    subprocess.run(command, cwd=ROOT, check=False, env=environment(), capture_output=True, timeout=60)
    return stage.job(job)


def test_the_worker_fetches_it_while_a_training_has_the_processor(
    stage: Stage, mine: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = stage.submit("training")
    assert stage.claims.take(lambda first: first.id == training.id)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with hub(monkeypatch, files_of(mine)):
        is_a_run_to_chat_with(stage, worked_on(stage, "ana/good"), model)
        refused = worked_on(stage, "ana/absent")
    assert (refused.state, refused.reason_key) == (JobState.FAILED, "hub.not_found")
    assert refused.resumable


def test_what_the_hub_refuses_is_said_in_a_sentence(
    stage: Stage, mine: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hub(monkeypatch, files_of(mine)):
        assert "nothing called" in refusal(lambda: fetched(stage, "ana/absent"))
        assert "behind an agreement" in refusal(lambda: fetched(stage, "ana/closed"))
    with hub(monkeypatch, {"adapter_config.json": (mine / "adapter_config.json").read_bytes()}):
        assert "adapter_model.safetensors is missing" in refusal(lambda: fetched(stage, "ana/good"))
    with hub(monkeypatch, files_of(mine)):
        monkeypatch.setattr(arrivals, "MOST_BYTES", 10)
        assert "at most" in refusal(lambda: fetched(stage, "ana/good"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert "could not be reached" in refusal(lambda: fetched(stage, "ana/good"))


def test_the_archive_is_sent_in_pieces_and_says_how_to_load_it(stage: Stage, mine: Path, model: Model) -> None:
    job = imports.from_folder(HOME, stage.jobs, str(mine), "romanian first")
    big = stage.jobs.folder(job).adapter / "adapter_model.safetensors"
    with big.open("ab") as file:
        file.write(bytes(5 * packing.PIECE))
    pieces = list(packing.packed(job, stage.jobs.folder(job), "it"))
    assert max(map(len, pieces)) < 2 * packing.PIECE
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert archive.testzip() is None
        assert {name.partition("/")[0] for name in archive.namelist()} == {"romanian-first"}
        assert archive.read("romanian-first/adapter_model.safetensors") == big.read_bytes()
        said = archive.read("romanian-first/README.md").decode()
        config = json.loads(archive.read("romanian-first/adapter_config.json"))
    assert "Modello di base: tiny" in said
    assert "PeftModel.from_pretrained" in said
    assert config["base_model_name_or_path"] == "tiny"


def test_a_run_that_made_nothing_has_nothing_to_pack(stage: Stage) -> None:
    job = stage.submit("a")
    assert "not made anything yet" in refusal(lambda: list(packing.packed(job, stage.jobs.folder(job), "en")))
