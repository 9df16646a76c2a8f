"""The export job: what a run made, in another form, checked against the chat. Heavy: only the worker opens it."""

import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers.utils import logging as transformers_logging

from backend import names
from backend.data.versions import card as data_card
from backend.errors import ModelError
from backend.export import capsule, card, folder, parcel, size, snippets
from backend.export.gguf import converting, ollama, reading
from backend.export.parity import questions
from backend.export.parity.comparing import How, compare
from backend.export.parity.figures import Parity, sentence_of
from backend.export.request import ExportRequest
from backend.export.source import Source, of
from backend.export.uploading import Door
from backend.jobs import events
from backend.jobs.context import JobContext
from backend.jobs.folder import sync_folder
from backend.jobs.model import ExitCode, Job
from backend.jobs.service import Jobs
from backend.ledger.store import Ledger
from backend.models import adapters, catalogue, packing
from backend.models.catalogue import RECORD, Model
from backend.paths import Workspace
from backend.people import Person
from backend.training.checkpoints import flaw, sync_file

STAGING, MADE = ".export", "export"


class StoppedError(Exception):
    """Somebody asked the job to stop; nothing of it stays."""


class Export:
    """One attempt at an export. Everything is made in a staging folder of the run and renamed when it is whole."""

    def __init__(self, job: JobContext) -> None:
        self.job = job
        self.request = ExportRequest.model_validate(job.request)
        self.choice = self.request.choice
        self.workspace = Workspace(job.folder.path.parent.parent)
        self.source: Source = of(self.workspace, self.request.run, self.request.run_name)
        self.device = "cpu" if job.device in ("cpu", "hub") else "cuda:0"

    def merged(self) -> dict[str, Any]:
        """A model of the catalogue: its folder is named by the job, so that a repeated attempt finds its own work."""
        final = self.workspace.models / self.job.folder.path.name
        if final.is_dir() and flaw(final) is None:
            return self.job.folder.read(final / "parity.json") | {"model": final.name, "folder": str(final)}
        with parcel.staging(self.job.folder.path / STAGING) as place:
            made = place / "model"
            made.mkdir()
            dtype = self.source.stored() if self.choice.dtype == "auto" else self.choice.dtype
            self.merge(made, dtype)
            parity = self.check(made, dtype)
            told = {"form": "merged", "dtype": dtype, "rounded": self.choice.rounded, "sees": self.source.sees}
            told["parity"] = parity.told()
            self.job.folder.write(made / "parity.json", told)
            self.job.folder.write(made / RECORD, self.record(final.name))
            self.say("saving")
            parcel.seal(made, run=self.request.run_name)
            parcel.place(made, final)
        return told | {"model": final.name, "folder": str(final)}

    def gguf(self) -> dict[str, Any]:
        final = self.job.folder.path / MADE
        with parcel.staging(self.job.folder.path / STAGING) as place:
            model, made, again = (place / name for name in ("model", "made", "again"))
            for path in (model, made, again):
                path.mkdir()
            self.merge(model, "float16")
            self.say("saving")
            name = f"{'-'.join(self.request.run_name.split())}-{self.choice.precision}.gguf"
            used = converting.make(model, made / name, self.choice.precision, name=self.request.run_name)
            if used.failed:
                self.note("warning", "export.converter_failed", reason=used.failed)
            self.note("info", f"export.gguf_by.{'converter' if used.by == 'llama.cpp' else 'ourselves'}")
            reading.back(made / name, model, again)
            parity = self.check(again, self.choice.precision)
            self.modelfile(model, made, name)
            parcel.seal(made, run=self.request.run_name)
            parcel.place(made, final)
        told = {"form": "gguf", "precision": self.choice.precision, "by": used.by, "parity": parity.told()}
        return told | {"file": str(final / name), "folder": str(final)}

    def modelfile(self, model: Path, made: Path, gguf: str) -> None:
        """Beside the GGUF file; what a template says that Ollama's cannot is said, and there is none."""
        try:
            ollama.write(model, made, gguf)
        except ModelError as error:
            self.note("warning", error.key)

    def capsule(self) -> dict[str, Any]:
        final = self.job.folder.path / MADE
        name = f"{'-'.join(self.request.run_name.split())}.capsule.zip"
        with parcel.staging(self.job.folder.path / STAGING) as place:
            self.say("saving")
            capsule.write(place / name, self.source, texts=self.choice.texts, weights_too=self.choice.weights)
            sync_file(place / name)
            final.mkdir(exist_ok=True)
            (place / name).replace(final / name)
            sync_folder(final)
        return {"form": "capsule", "file": str(final / name), "folder": str(final)}

    def hub(self) -> dict[str, Any]:
        """The adapter as it is, or merged into its base; with a card made from the run."""
        whole = self.choice.what == "merged" or self.source.adapter is None or self.source.own_base
        with parcel.staging(self.job.folder.path / STAGING) as place:
            parity = None
            if whole:
                dtype = self.source.stored() if self.choice.dtype == "auto" else self.choice.dtype
                self.merge(place, dtype)
                parity = self.check(place, dtype).told()
            else:
                self.adapter(place)
            facts = card.gather(self.job_of_run(), self.source, merged=whole, parity=parity)
            (place / "README.md").write_text(self.choice.card or card.written(facts), encoding="utf-8")
            if data := packing.data_card(self.source.folder):
                (place / data_card.FILE).write_text(data, encoding="utf-8")
            self.say("saving")
            about = f"{self.request.run_name}, from Romanza Studio"
            address = Door().put(place, self.choice.hub, private=self.choice.private, about=about)
        told = {"form": "hub", "hub": self.choice.hub, "private": self.choice.private, "address": address}
        return told | ({"parity": parity} if parity else {})

    def adapter(self, into: Path) -> None:
        """The files of the adapter, without the places where things lay on this computer."""
        self.say("checking")
        self.source.check()
        for path in self.source.made.iterdir():
            if path.name in (adapters.CONFIG, adapters.RECORD):
                values = packing.portable(path, packing.base(self.source.folder))
                (into / path.name).write_text(json.dumps(values, indent=1), encoding="utf-8")
            elif path.is_file():
                shutil.copyfile(path, into / path.name)

    def job_of_run(self) -> Job:
        ledger = Ledger.of(self.workspace)
        try:
            return Jobs(ledger, self.workspace).get(Person(self.owner), self.request.run)
        finally:
            ledger.close()

    @property
    def owner(self) -> str:
        return str(self.job.folder.read(self.job.folder.request)["job"]["owner"])

    def merge(self, into: Path, dtype: str) -> None:
        self.say("checking")
        self.source.check()
        needed = size.disk_bytes(self.source, self.choice)
        if shutil.disk_usage(into).free < needed:
            raise OSError(errno.ENOSPC, f"{needed} bytes needed for the export")
        self.say("loading")
        folder.write(self.source, into, dtype=dtype, rounded=self.choice.rounded)

    def check(self, exported: Path, precision: str) -> Parity:
        self.say("evaluating")
        how = How(precision, rounded=self.choice.rounded, device=self.device)
        parity = compare(self.source, exported, questions.asked(self.source), how)
        key, values = sentence_of(parity.told())
        self.note("warning" if parity.verdict == "differs" else "info", key, **values)
        return parity

    def record(self, model_id: str) -> dict[str, Any]:
        taken = [model.name for model in catalogue.available(Person(self.owner), self.workspace)]
        name = names.free(names.from_file(self.request.run_name, "model"), taken, "model")
        source = f"run:{self.request.run}"
        at = float(self.job.folder.request.stat().st_mtime)
        made = Model(id=model_id, name=name, location="", owner=self.owner, source=source, added_at=at)
        told = made.model_dump(mode="json", exclude={"shipped", "location"})
        return told | {"licence": card.licence(self.source), "kind": "vision" if self.source.sees else "text"}

    def say(self, phase: Any) -> None:
        if self.job.stop_requested() is not None:
            raise StoppedError
        self.job.say(events.Phase(name=phase))

    def note(self, level: Any, key: str, **values: str | int | float) -> None:
        self.job.say(events.Note(level=level, key=key, values=values))


def run(job: JobContext) -> int:
    """Export as request.json says; a value of `ExitCode`. StudioError for what a person has to change first."""
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    work = Export(job)
    shutil.rmtree(job.folder.path / STAGING, ignore_errors=True)
    forms: dict[str, Callable[[], dict[str, Any]]] = {
        "merged": work.merged,
        "gguf": work.gguf,
        "capsule": work.capsule,
        "hub": work.hub,
    }
    try:
        told = forms[work.choice.to]()
    except StoppedError:
        return ExitCode.STOPPED
    use = snippets.of(told, work.request.run_name)
    job.folder.write(job.folder.result, {**told, "use": use, "seconds": job.clock(), "run": work.request.run})
    return ExitCode.DONE
