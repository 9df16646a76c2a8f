"""A workspace beside a Hub on loopback: what the tests of searching, looking and downloading begin with."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from huggingface_hub import constants

from backend.errors import StudioError
from backend.hub import desk, submit
from backend.hub import run as runner
from backend.hub.offer import Offer
from backend.hub.online.client import Hub
from backend.jobs.context import JobContext
from backend.jobs.folder import RunFolder
from backend.jobs.model import Job
from backend.jobs.supervisor.start import environment
from backend.messages import LANGUAGES
from backend.models import catalogue
from backend.models.catalogue import Model
from backend.paths import ROOT
from backend.people import HOME
from tests.faults.stage import Stage
from tests.hubserver.server import HubServer, Repository, files_of
from tests.tiny_llama import write_model

GOOD = "ana/good"
TOKEN = "hf_" + "Abcdefghij0123456789"
WRONG_TOKEN = "hf_" + "Zyxwvutsrq9876543210"
LICENCE = b"Do with it what you like, and say where it is from.\n"


@dataclass
class World:
    stage: Stage
    hub: HubServer

    @property
    def good(self) -> Repository:
        return self.hub.repositories[GOOD]

    def offer(self, hub_id: str = GOOD) -> Offer:
        return Hub().look(hub_id)

    def submit(self, hub_id: str = GOOD, name: str = "") -> Job:
        offer = self.offer(hub_id)
        return submit.download(HOME, self.stage.jobs, offer, accepted=offer.licence.digest, name=name)

    def work(self, job: Job) -> int:
        """The job, in this process."""
        return runner.run(self.context(job))

    def context(self, job: Job) -> JobContext:
        folder = self.folder(job)
        request = {name: value for name, value in folder.read(folder.request).items() if name != "job"}
        return JobContext(folder, request)

    def folder(self, job: Job) -> RunFolder:
        return self.stage.jobs.folder(job)

    def worked_on(self, job: Job) -> Job:
        """The job as the supervisor does it: claimed, then a process of its own."""
        assert self.stage.claims.take(lambda first: first.id == job.id)
        subprocess.run(self.command(job), cwd=ROOT, check=False, env=environment(), capture_output=True, timeout=60)
        return self.stage.job(job)

    def command(self, job: Job) -> list[str]:
        return [sys.executable, "-m", "backend.worker", str(self.folder(job).path)]

    def models(self) -> list[Model]:
        return [model for model in catalogue.available(HOME, self.stage.workspace) if not model.shipped]

    def nothing_is_taken_for_a_model(self) -> bool:
        """No folder among the models, whatever lies in the run."""
        return not self.models() and not list(self.stage.workspace.models.iterdir())


def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Everything that is of this machine is out of the way: its token, its cache, its settings."""
    files = files_of(write_model(tmp_path / "good"))
    files.pop("model.json")
    files["LICENSE"] = LICENCE
    files["README.md"] = b"# A model\n"
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE", desk.PERSON_SAID):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_DOWNLOAD_TIMEOUT", "2")
    monkeypatch.setenv("STUDIO_DISK_FLOOR_BYTES", "1000000")
    # The web process is never online; whoever has loaded it before has told the library so.
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "hf" / "token"))
    hub = HubServer({GOOD: Repository(files)}, tokens=frozenset({TOKEN}))
    return World(Stage.at(tmp_path / "workspace"), hub)


def refusal(act: Callable[[], object]) -> str:
    """The sentence with which this is refused; it exists in every language, and no two are the same."""
    with pytest.raises(StudioError) as caught:
        act()
    assert len({caught.value.say(language) for language in LANGUAGES}) == len(LANGUAGES)
    return str(caught.value)


def config_with(files: dict[str, bytes], **changes: object) -> dict[str, bytes]:
    config = json.loads(files["config.json"]) | changes
    return files | {"config.json": json.dumps(config).encode()}


def end(process: subprocess.Popen[bytes]) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
