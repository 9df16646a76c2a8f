"""Downloads as jobs, with the real client of huggingface_hub, from a Hub on loopback: slow, broken or hostile."""

import hashlib
import json
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.errors import ModelError, StudioError
from backend.hub import run as runner
from backend.hub import submit
from backend.hub.online import fetch
from backend.hub.run import MANIFEST, STAGING
from backend.inference.shelf import Shelf
from backend.jobs import events
from backend.jobs.model import ExitCode, Job, JobState
from backend.jobs.upkeep.disk import in_words
from backend.models import catalogue, weights
from backend.models.facts import facts
from backend.people import HOME, Person
from tests.faults.stage import until
from tests.hubserver import world
from tests.hubserver.server import LOGIN_PAGE, Faults, Repository, conversion, running
from tests.hubserver.world import GOOD, LICENCE, TOKEN, World, config_with, refusal

WEIGHTS = "model.safetensors"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 4170000000\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = world.make(tmp_path, monkeypatch)
    with running(made.hub) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield made


def is_the_good_model(here: World, job: Job) -> None:
    """It is in the catalogue with exactly the bytes of the Hub, and can be chatted with and trained on."""
    (model,) = here.models()
    assert (model.id, model.source, model.kind, model.licence) == (job.id, GOOD, "text", "apache-2.0")
    files = {name: content for name, content in here.good.files.items() if name != "README.md"}
    there = {path.name: path.read_bytes() for path in model.folder.iterdir()}
    assert {name: there[name] for name in files} == files
    assert set(there) - set(files) == {MANIFEST, "model.json"}
    assert Shelf(here.stage.workspace).find(HOME, model.id).location == model.location
    assert facts(model.folder).layers == 2
    assert not (here.folder(job).path / STAGING).exists()


def transfers(here: World, job: Job) -> list[events.Transfer]:
    return [event for event in here.folder(job).said() if isinstance(event, events.Transfer)]


def test_a_model_is_downloaded_checked_and_in_the_catalogue(here: World) -> None:
    job = here.submit()
    assert (job.kind, job.device, job.name) == ("download", "hub", "good")
    assert submit.downloads(HOME, here.stage.jobs) == [job]
    assert job not in here.stage.jobs.shown(HOME)
    assert here.work(job) == ExitCode.DONE
    is_the_good_model(here, job)
    (model,) = here.models()
    manifest = json.loads((model.folder / MANIFEST).read_text())
    assert manifest["files"][WEIGHTS]["sha256"] == hashlib.sha256(here.good.files[WEIGHTS]).hexdigest()
    assert manifest["revision"] == here.good.revision("main")[0]
    accepted = manifest["licence"]
    assert (accepted["id"], accepted["by"]) == ("apache-2.0", "home")
    assert accepted["digest"] == hashlib.sha256(LICENCE).hexdigest()
    assert accepted["at"].startswith(time.strftime("%Y-%m", time.gmtime()))
    said = transfers(here, job)
    assert said[-1].done == said[-1].total == manifest["bytes"]
    status = here.folder(job).read(here.folder(job).status)
    assert (status["done"], status["total"], status["phase"]) == (manifest["bytes"], manifest["bytes"], "checking")


def test_the_worker_downloads_while_a_training_has_the_processor(here: World) -> None:
    training = here.stage.submit("training")
    assert here.stage.claims.take(lambda first: first.id == training.id)
    job = here.worked_on(here.submit())
    assert (job.state, job.reason_key) == (JobState.DONE, None)
    is_the_good_model(here, job)


def test_a_licence_that_was_not_the_one_shown_is_not_accepted(here: World) -> None:
    offer = here.offer()
    jobs = here.stage.jobs
    assert "Read and accept" in refusal(lambda: submit.download(HOME, jobs, offer, accepted=""))
    other = hashlib.sha256(b"another licence").hexdigest()
    assert "Read and accept" in refusal(lambda: submit.download(HOME, jobs, offer, accepted=other))
    assert not jobs.all(HOME)


def test_a_model_without_a_licence_text_is_accepted_by_what_its_page_states(here: World) -> None:
    del here.good.files["LICENSE"]
    here.good.card = {"license": "other", "license_name": "ours", "license_link": "LICENSE.md"}
    licence = here.offer().licence
    assert (licence.title, licence.text) == ("ours", None)
    assert licence.link == f"https://huggingface.co/{GOOD}/blob/main/LICENSE.md"
    assert here.work(here.submit()) == ExitCode.DONE
    assert here.models()[0].licence == "ours"


def test_what_is_here_or_on_its_way_is_not_downloaded_twice(here: World) -> None:
    job = here.submit()
    assert "already being downloaded" in refusal(here.submit)
    here.work(here.stage.job(job))
    here.stage.jobs.stop(HOME, job.id)
    assert "already here" in refusal(here.submit)


def test_what_cannot_be_used_never_becomes_a_job(here: World) -> None:
    here.good.files = config_with(here.good.files, auto_map={"AutoModel": "x.Y"})
    assert "own program code" in refusal(here.submit)
    assert not here.stage.jobs.all(HOME)


def test_a_model_of_400_gb_is_refused_before_anything_is_fetched(here: World) -> None:
    offer = here.offer()
    huge = tuple(file.model_copy(update={"size": 400_000_000_000}) for file in offer.files if file.path == WEIGHTS)
    large = offer.model_copy(update={"files": huge})
    said = refusal(lambda: submit.download(HOME, here.stage.jobs, large, accepted=offer.licence.digest))
    assert said.startswith("The download needs 400 GB, and ")
    assert in_words(submit.room(here.stage.workspace, 1).free) in said


def test_a_model_from_the_conversion_branch_is_downloaded_and_registered(here: World) -> None:
    good = here.good.files
    olds = {name: content for name, content in good.items() if name != WEIGHTS} | {"pytorch_model.bin": b"p" * 5000}
    branches = {"refs/pr/7": olds | {WEIGHTS: good[WEIGHTS]}}
    here.hub.repositories["ana/old"] = Repository(olds, branches=branches, discussions=[conversion(7)])
    job = here.submit("ana/old")
    assert here.work(job) == ExitCode.DONE
    (model,) = here.models()
    assert not list(model.folder.glob("*.bin"))
    assert json.loads((model.folder / MANIFEST).read_text())["branch"] == "refs/pr/7"


def test_large_files_come_from_another_address_which_never_sees_the_token(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    here.good.gated, here.good.let_in = "manual", frozenset({TOKEN})
    assert here.work(here.submit()) == ExitCode.DONE
    assert {role for name, role, _ in here.hub.sent if name == WEIGHTS} == {"cdn"}
    assert here.hub.seen_by_cdn
    assert set(here.hub.seen_by_cdn) == {None}


# Faults


def test_an_interrupted_file_is_gone_on_with_where_it_broke_off(here: World) -> None:
    here.hub.faults = Faults(cut_after=100_000, cuts=2)
    job = here.submit()
    assert here.work(job) == ExitCode.DONE
    starts = here.hub.taken(WEIGHTS)
    assert starts == [0, fetch.STEP, 2 * fetch.STEP]
    is_the_good_model(here, job)


def test_a_server_that_cannot_go_on_in_the_middle_sends_it_whole(here: World) -> None:
    here.hub.faults = Faults(cut_after=100_000, cuts=1, no_ranges=True)
    job = here.submit()
    assert here.work(job) == ExitCode.DONE
    is_the_good_model(here, job)


def test_a_slow_download_says_its_speed_and_is_stopped_and_gone_on_with(here: World) -> None:
    here.hub.faults = Faults(bytes_each_second=200_000)
    job = here.submit()
    context = here.context(job)
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(runner.run(context)))
    thread.start()
    part = here.folder(job).path / STAGING / (WEIGHTS + fetch.UNFINISHED)
    until(lambda: any(one.file == WEIGHTS and one.bytes_per_second > 0 for one in transfers(here, job)))
    here.folder(job).write(here.folder(job).stop, {"save": True})
    thread.join(20)
    assert codes == [ExitCode.STOPPED]
    had = part.stat().st_size
    assert 0 < had < len(here.good.files[WEIGHTS])
    assert here.nothing_is_taken_for_a_model()
    here.hub.faults = Faults()
    here.folder(job).stop.unlink()
    assert here.work(job) == ExitCode.DONE
    assert here.hub.taken(WEIGHTS)[-1] == had
    is_the_good_model(here, job)


def test_a_download_that_is_cancelled_leaves_nothing(here: World) -> None:
    job = here.submit()
    staging = here.folder(job).path / STAGING
    staging.mkdir()
    (staging / "config.json.part").write_bytes(b"{")
    here.folder(job).write(here.folder(job).stop, {"save": False})
    assert here.work(job) == ExitCode.STOPPED
    assert not staging.exists()
    assert here.nothing_is_taken_for_a_model()


def test_damage_on_the_way_is_noticed_and_mended_by_a_resume(here: World) -> None:
    good = here.good.files[WEIGHTS]
    for file, bad in ((WEIGHTS, good[:-1] + bytes([good[-1] ^ 1])), ("config.json", here.good.files["config.json"])):
        here.hub.faults.instead = {file: bad if bad != here.good.files[file] else bad.replace(b"64", b"65", 1)}
        job = here.submit()
        said = refusal(lambda job=job: here.work(job))
        assert (
            said
            == f"{file} has arrived damaged: its hash is not the Hub's. It was thrown away; resume to fetch it again."
        )
        assert here.nothing_is_taken_for_a_model()
        here.stage.jobs.stop(HOME, job.id)
    here.hub.faults.instead = {}
    assert here.work(job) == ExitCode.DONE
    is_the_good_model(here, job)


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (LOGIN_PAGE, "The file is a web page, not a model. The download probably needed a login."),
        (POINTER, f"The file is only a Git LFS pointer ({len(POINTER)} bytes). Download the real file."),
    ],
)
def test_other_bytes_than_promised_are_told_by_what_they_are(here: World, sent: bytes, said: str) -> None:
    job = here.submit()
    here.hub.faults.instead = {WEIGHTS: sent}
    assert refusal(lambda: here.work(job)) == said
    assert here.nothing_is_taken_for_a_model()
    assert not list((here.folder(job).path / STAGING).glob(f"{WEIGHTS}*"))


def test_a_page_as_long_as_the_weights_is_told_too(here: World) -> None:
    job = here.submit()
    here.hub.faults.instead = {WEIGHTS: LOGIN_PAGE.ljust(len(here.good.files[WEIGHTS]))}
    assert "is a web page" in refusal(lambda: here.work(job))
    assert here.nothing_is_taken_for_a_model()


def test_a_repository_that_itself_holds_a_pointer_is_not_taken_for_a_model(here: World) -> None:
    here.good.files[WEIGHTS] = POINTER
    job = here.submit()
    assert "only a Git LFS pointer" in refusal(lambda: here.work(job))
    assert here.nothing_is_taken_for_a_model()


def test_weights_that_are_damaged_on_the_hub_are_not_taken_for_a_model(here: World) -> None:
    here.good.files[WEIGHTS] = (2**60).to_bytes(8, "little") + bytes(5000)
    job = here.submit()
    assert "model file is damaged" in refusal(lambda: here.work(job))
    assert here.nothing_is_taken_for_a_model()


def test_a_file_that_is_longer_than_promised_does_not_fill_the_disk(here: World) -> None:
    job = here.submit()
    here.hub.faults.instead = {WEIGHTS: bytes(5_000_000)}
    assert "broke off" in refusal(lambda: here.work(job))
    part = here.folder(job).path / STAGING / (WEIGHTS + fetch.UNFINISHED)
    assert part.stat().st_size <= len(here.good.files[WEIGHTS])
    here.hub.faults.instead = {}
    with pytest.raises(ModelError) as caught:  # what came first was not the file
        here.work(job)
    assert caught.value.key == "hub.wrong_hash"
    assert here.work(job) == ExitCode.DONE


def test_a_model_with_a_missing_part_is_not_whole(here: World) -> None:
    files = {name: content for name, content in here.good.files.items() if name != WEIGHTS}
    shards = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    files[shards[0]] = here.good.files[WEIGHTS]
    index = {"weight_map": {"a": shards[0], "b": shards[1]}}
    files["model.safetensors.index.json"] = json.dumps(index).encode()
    here.hub.repositories["ana/parts"] = Repository(files)
    job = here.submit("ana/parts")
    said = refusal(lambda: here.work(job))
    assert said == f"The model is not whole: {shards[1]} is missing (1 of 2 files)."
    assert here.nothing_is_taken_for_a_model()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (401, "is behind an agreement"),
        (403, "is behind an agreement"),
        (404, "nothing called"),
        (500, "an error of its own (500)"),
        (503, "an error of its own (503)"),
    ],
)
def test_each_refusal_in_the_middle_is_one_sentence_and_a_resume_goes_on(here: World, code: int, said: str) -> None:
    job = here.submit()
    here.hub.faults.codes = {WEIGHTS: [code]}
    assert said in refusal(lambda: here.work(job))
    assert here.nothing_is_taken_for_a_model()
    fetched = {name for name, _, _ in here.hub.sent}
    here.hub.sent.clear()
    assert here.work(job) == ExitCode.DONE
    assert {name for name, _, _ in here.hub.sent} == {WEIGHTS}
    assert WEIGHTS not in fetched
    is_the_good_model(here, job)


def test_too_many_requests_are_waited_out(here: World) -> None:
    job = here.submit()
    here.hub.faults.codes = {WEIGHTS: [429]}
    assert here.work(job) == ExitCode.DONE
    is_the_good_model(here, job)


def test_a_file_that_vanished_since_is_said(here: World) -> None:
    job = here.submit()
    here.good.files = dict(here.good.files) | {"config.json": b"{}"}  # another commit: the old one is gone
    assert "is no longer in" in refusal(lambda: here.work(job))
    assert here.nothing_is_taken_for_a_model()


def test_a_lost_connection_fails_in_a_sentence_and_can_be_resumed(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    job = here.submit()
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    failed = here.worked_on(job)
    assert (failed.state, failed.reason_key, failed.resumable) == (JobState.FAILED, "hub.unreachable", True)
    monkeypatch.setenv("HF_ENDPOINT", here.hub.url)
    here.stage.jobs.resume(HOME, job.id)
    assert here.worked_on(job).state == JobState.DONE
    is_the_good_model(here, job)


def test_a_disk_that_fills_up_is_said_and_the_rest_comes_when_there_is_room(here: World, tmp_path: Path) -> None:
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "studio-test", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("no right to mount a small disk here")
    job = here.submit()
    staging = here.folder(job).path / STAGING
    try:
        staging.symlink_to(place)
        (place / "filler").write_bytes(bytes(2 * 2**20 - 200_000))
        failed = here.worked_on(job)
        assert (failed.state, failed.reason_key) == (JobState.FAILED, "jobs.disk_full")
        assert here.nothing_is_taken_for_a_model()
    finally:
        staging.unlink()
        subprocess.run(["umount", "-l", str(place)], check=True)
    here.stage.jobs.resume(HOME, job.id)
    assert here.worked_on(job).state == JobState.DONE
    is_the_good_model(here, job)


def test_too_little_room_is_said_again_when_the_job_begins(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    job = here.submit()
    monkeypatch.setenv("STUDIO_DISK_FLOOR_BYTES", str(10**18))
    assert "Free some space" in refusal(lambda: here.work(job))


def test_whoever_died_after_the_rename_is_done_when_it_is_tried_again(here: World) -> None:
    job = here.submit()
    assert here.work(job) == ExitCode.DONE
    here.folder(job).result.unlink()
    assert here.work(job) == ExitCode.DONE
    assert here.folder(job).read(here.folder(job).result)["model"] == job.id
    is_the_good_model(here, job)


def test_models_may_lie_on_another_disk(here: World, tmp_path: Path) -> None:
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no other disk here")
    with tempfile.TemporaryDirectory(dir=other) as place:
        here.stage.workspace.models.rmdir()
        here.stage.workspace.models.symlink_to(place)
        job = here.submit()
        (here.stage.workspace.models / job.id).mkdir()  # as a copy that was interrupted leaves it
        assert here.work(job) == ExitCode.DONE
        is_the_good_model(here, job)


def test_models_belong_to_whoever_downloaded_them(here: World) -> None:
    here.work(here.submit())
    assert not [model for model in catalogue.available(Person("ana"), here.stage.workspace) if not model.shipped]
    with pytest.raises(StudioError):
        catalogue.find(Person("ana"), here.stage.workspace, GOOD)
    weights.require(catalogue.find(HOME, here.stage.workspace, GOOD).folder)
