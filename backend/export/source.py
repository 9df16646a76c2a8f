"""The run that is exported: its base, what it made, and on which weights that was learned. Files only."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.errors import ModelError
from backend.inference.shelf import Quantised, quantisation
from backend.jobs.folder import RunFolder
from backend.models import adapters, weights
from backend.models.catalogue import Model
from backend.models.facts import ModelFacts, facts, read_config
from backend.models.sight.config import sees
from backend.paths import ROOT, Workspace

NAMES = {"F16": "float16", "BF16": "bfloat16"}


@dataclass(frozen=True)
class Source:
    """`base` is where the weights to start from are: the base model, or what a full training made itself.

    `quantised`: how QLoRA rounded the base, None for every other method.
    """

    run: str
    name: str
    folder: RunFolder
    request: dict[str, Any]
    base: Path
    adapter: Path | None
    quantised: Quantised | None

    @property
    def model(self) -> Model:
        """The base model as the request names it."""
        return Model(**self.request["model"])

    @property
    def own_base(self) -> bool:
        """Whether the adapter is for a model that only this run has: of a chain, what its stages were merged into."""
        return self.adapter is not None and self.base.is_relative_to(self.folder.path)

    @property
    def sees(self) -> bool:
        """Whether it answers about pictures."""
        return sees(read_config(self.base))

    @property
    def made(self) -> Path:
        return self.adapter or self.base

    def check(self) -> None:
        """ModelError when the adapter is damaged, or the base is not the one it was made for."""
        weights.require(self.base)
        if self.adapter:
            adapters.check(self.adapter, self.model.model_copy(update={"location": str(self.base)}))

    def facts(self) -> ModelFacts:
        return facts(self.base)

    def stored(self) -> str:
        """The precision that most of the base is kept in, among those that can be chosen: "float16" or "bfloat16"."""
        sizes: dict[str, int] = {}
        for path in weights.files(self.base):
            for tensor in weights.header(path).values():
                sizes[tensor.dtype] = sizes.get(tensor.dtype, 0) + tensor.end - tensor.start
        return NAMES.get(max(sizes, key=lambda kind: sizes[kind]), "float16") if sizes else "float16"


def of(workspace: Workspace, run: str, name: str) -> Source:
    """What the run with this id has made; ModelError when it is gone, or has made nothing."""
    folder = RunFolder(workspace.run(run))
    request = folder.read(folder.request)
    if not request:
        raise ModelError("export.run_gone", name=name)
    if (folder.adapter / adapters.CONFIG).is_file():
        # A run that ships names its model from the studio's own folder; any other place is absolute.
        base = ROOT / Model(**request["model"]).location
        if not base.is_dir():
            raise ModelError("export.base_gone", name=Model(**request["model"]).name)
        return Source(run, name, folder, request, base, folder.adapter, quantisation(request))
    if (folder.model / "config.json").is_file():
        return Source(run, name, folder, request, folder.model, None, None)
    raise ModelError("models.nothing_made")
