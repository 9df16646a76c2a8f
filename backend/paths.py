"""Where everything lives on disk: the workspace, and what ships with the studio; and how a file is replaced safely."""

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RECIPES = ROOT / "recipes"
CHAINS = RECIPES / "chains"
SAMPLE_DATA = ROOT / "sample_data"
SAMPLE_PICTURES = SAMPLE_DATA / "pictures"
SHIPPED_MODELS = SAMPLE_DATA / "models"
SHIPPED_RUNS = SAMPLE_DATA / "runs"
# The ids of the runs that ship begin with it; an id of ours is hexadecimal.
RECORDED = "recorded-"


def write_atomically(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Write to a temporary name, flush to the disk, rename: a reader sees the old text or the new, never a part."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Flush a rename to the disk; Windows has no such call and does it by itself."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class Workspace:
    """The one folder that holds a person's work. Folders below it are named by our ids, never by a typed name."""

    root: Path

    @property
    def ledger(self) -> Path:
        return self.root / "ledger.sqlite"

    @property
    def supervisor_lock(self) -> Path:
        """Held by the one supervisor of this workspace for life."""
        return self.root / "supervisor.lock"

    @property
    def engine_address(self) -> Path:
        """JSON {url, token, pid} of the chat engine while it runs; mode 0600."""
        return self.root / "engine.json"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def datasets(self) -> Path:
        return self.root / "datasets"

    @property
    def uploads(self) -> Path:
        """Files that somebody has brought and that are not imported yet, a folder for each time."""
        return self.root / "uploads"

    @property
    def indexes(self) -> Path:
        """Where the documents of long texts begin, by the hash of the text; made again when they are missing."""
        return self.root / "indexes"

    @property
    def features(self) -> Path:
        """What models saw of pictures, kept so that none is looked at twice; made again when it is missing."""
        return self.root / "features"

    @property
    def reviews(self) -> Path:
        """What people have said of rows, a folder for each data set."""
        return self.root / "reviews"

    @property
    def shown(self) -> Path:
        """Pictures that people have asked about, a folder for each person."""
        return self.root / "shown"

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def recipes(self) -> Path:
        return self.root / "recipes"

    @property
    def calibration(self) -> Path:
        """Measured speed and memory of this machine, one JSON file per machine."""
        return self.root / "calibration"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def trash(self) -> Path:
        """What was deleted and is not yet removed."""
        return self.root / "trash"

    @property
    def backups(self) -> Path:
        """Copies of the ledger, newest last by name."""
        return self.root / "backups"

    @property
    def kick(self) -> Path:
        """Touched when there is something for the supervisor to do at once."""
        return self.root / ".kick"

    @property
    def supervisor_status(self) -> Path:
        """JSON {pid, at, blocked, made_room, warm, engine} written by the supervisor."""
        return self.root / "supervisor.json"

    @property
    def hardware_samples(self) -> Path:
        """One JSON line every two seconds (`backend.jobs.supervisor.sampling`); absent without a GPU."""
        return self.logs / "hardware.jsonl"

    def run(self, job_id: str) -> Path:
        """The folder of a run: one of this workspace, or one that ships with the studio."""
        return (SHIPPED_RUNS if job_id.startswith(RECORDED) else self.runs) / job_id

    def create(self) -> "Workspace":
        """Make the folders that are missing; OSError when the disk refuses."""
        folders = (self.runs, self.datasets, self.models, self.recipes, self.calibration, self.logs)
        for folder in (self.root, *folders):
            folder.mkdir(parents=True, exist_ok=True)
        return self
