"""Which models can be asked: those of the catalogue by their id, and what a run made as `run:<job id>`."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.errors import ChatError, StudioError
from backend.jobs import recorded
from backend.jobs.folder import RunFolder
from backend.models import adapters, catalogue
from backend.models.catalogue import Model
from backend.models.sight.config import sees as has_eyes
from backend.models.vocabulary import has_words, rows
from backend.paths import ROOT, Workspace
from backend.people import Person

RUN = "run:"
JOB_ID = re.compile(r"[A-Za-z0-9_-]+")
ADAPTER_CONFIG, MODEL_CONFIG = "adapter_config.json", "config.json"


@dataclass(frozen=True)
class Quantised:
    """How training quantised the base model (bitsandbytes, 4 or 8 bits)."""

    kind: str
    double: bool


@dataclass(frozen=True)
class Target:
    """What answers: a base model, perhaps with an adapter on it.

    `location`: folder or Hub id of the base. `quantised`: an adapter learned by QLoRA corrects the rounded weights of
    its base, so it is asked on the same rounded weights. `alone`: the adapter cannot share a batch with others and is
    merged into a base model of its own. `stamp`: when a run wrote it; what was trained on is another one. `words`: the
    folder of a tokenizer and chat template of its own, None for those of the base. `sees`: it can be shown pictures.
    """

    name: str
    base: str
    location: str
    adapter: Path | None = None
    quantised: Quantised | None = None
    alone: bool = False
    stamp: int = 0
    words: Path | None = None
    sees: bool = False

    def check(self) -> None:
        """ModelError when the adapter is damaged, of an unknown kind or made for another model; reads all of it."""
        if self.adapter:
            adapters.check(self.adapter, Model(id=self.base, name=self.base, location=self.location))

    @property
    def key(self) -> tuple[str, Quantised | None, str]:
        """Targets with the same key share one base model in memory."""
        edition = str(self.stamp) if self.adapter is None else self.label if self.alone else "0"
        return self.location, self.quantised, edition

    @property
    def label(self) -> str:
        """The name of the adapter in memory: "" for none."""
        return f"{self.adapter.parent.name}_{self.stamp}" if self.adapter else ""


@dataclass(frozen=True)
class Shelf:
    """The models of one workspace, as files; nothing is loaded here."""

    workspace: Workspace

    def find(self, person: Person, name: str) -> Target:
        """ChatError when there is no such model or run, or when the run has nothing to ask yet."""
        if name.startswith(RUN):
            return self._run(person, name)
        try:
            model = catalogue.find(person, self.workspace, name)
        except StudioError as error:
            raise ChatError("chat.no_model", name=name) from error
        return Target(name=name, base=model.id, location=str(model.location), sees=sees(str(model.location)))

    def names(self, person: Person) -> list[str]:
        """Catalogue models first, then runs, newest first."""
        models = [model.id for model in catalogue.available(person, self.workspace)]
        found = (RunFolder(path) for path in self.workspace.runs.glob("*"))
        folders = [folder.path for folder in found if owner(folder) == person.id and askable(folder)]
        folders.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        return models + [RUN + path.name for path in folders] + [RUN + job.id for job in recorded.every()]

    def _run(self, person: Person, name: str) -> Target:
        job_id = name.removeprefix(RUN)
        folder = RunFolder(self.workspace.run(job_id))
        if not JOB_ID.fullmatch(job_id) or (recorded.by_id(job_id) is None and owner(folder) != person.id):
            raise ChatError("chat.no_model", name=name)
        if not askable(folder):
            raise ChatError("chat.not_trained", name=name)
        if (folder.model / MODEL_CONFIG).exists():
            stamp = (folder.model / MODEL_CONFIG).stat().st_mtime_ns
            return Target(name=name, base=name, location=str(folder.model), stamp=stamp, sees=sees(str(folder.model)))
        request = folder.read(folder.request)
        model = Model(**request["model"])
        # A run that ships names its model from the studio's own folder; any other place is absolute.
        location = str(ROOT / model.location)
        return Target(
            name=name,
            base=model.id,
            location=location,
            adapter=folder.adapter,
            quantised=quantisation(request),
            stamp=(folder.adapter / ADAPTER_CONFIG).stat().st_mtime_ns,
            alone=not mixable(folder.read(folder.adapter / ADAPTER_CONFIG)),
            words=own_words(folder.adapter),
            sees=sees(location),
        )


def owner(folder: RunFolder) -> str | None:
    """Whose run it is, as its request says; None when there is none."""
    found: str | None = folder.read(folder.request).get("job", {}).get("owner")
    return found


def askable(folder: RunFolder) -> bool:
    return (folder.adapter / ADAPTER_CONFIG).exists() or (folder.model / MODEL_CONFIG).exists()


def own_words(adapter: Path) -> Path | None:
    """The adapter's folder when it was trained on other words, or in another chat template, than its base has."""
    own = adapters.record(adapter).get("template", "auto") != "auto" or rows(adapter)
    return adapter if own and has_words(adapter) else None


def sees(location: str) -> bool:
    """Whether the model in this folder has eyes; a config that cannot be read is told of when the model is loaded."""
    try:
        config = json.loads((Path(location) / MODEL_CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(config, dict) and has_eyes(config)


def quantisation(request: dict[str, Any]) -> Quantised | None:
    recipe = request.get("recipe", {})
    if recipe.get("method") != "qlora":
        return None
    settings = recipe.get("quantisation", {})
    return Quantised(settings.get("kind", "nf4"), bool(settings.get("double", True)))


def mixable(config: dict[str, Any]) -> bool:
    """Whether an adapter_config.json of peft describes plain LoRA on linear layers and nothing else."""
    beside = (
        "use_dora",
        "modules_to_save",
        "trainable_token_indices",
        "lora_bias",
        "target_parameters",
        "alora_invocation_tokens",
    )
    targets = config.get("target_modules") or []
    embeds = any("embed" in name for name in targets) if isinstance(targets, list) else False
    plain = config.get("peft_type") == "LORA" and config.get("bias", "none") == "none" and not embeds
    return plain and not any(config.get(name) for name in beside)
