"""Where everything lives on disk: the workspace, and what ships with the studio."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RECIPES = ROOT / "recipes"
SAMPLE_DATA = ROOT / "sample_data"
SHIPPED_MODELS = SAMPLE_DATA / "models"


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

    def run(self, job_id: str) -> Path:
        return self.runs / job_id

    def create(self) -> "Workspace":
        """Make the folders that are missing; OSError when the disk refuses."""
        folders = (self.runs, self.datasets, self.models, self.recipes, self.calibration, self.logs)
        for folder in (self.root, *folders):
            folder.mkdir(parents=True, exist_ok=True)
        return self
