"""What leaves the studio: the forms in which a run can be had, the jobs that make them, and what they have made."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from backend.errors import ModelError, StudioError
from backend.export import capsule, card, size, snippets, source, submit
from backend.export.capsule import Need
from backend.export.request import Choice, ExportRequest
from backend.export.source import Source
from backend.hub import credentials
from backend.jobs.folder import RunFolder
from backend.jobs.model import Job, JobState
from backend.jobs.service import Jobs
from backend.messages import Phrase
from backend.models import packing
from backend.models.adapters import CONFIG
from backend.models.vocabulary import has_words
from backend.people import Person

# In the order in which they are offered; `rounded` is offered after QLoRA only.
FORMS: dict[str, Choice] = {
    "merged": Choice(to="merged"),
    "rounded": Choice(to="merged", rounded=True),
    "gguf_q8": Choice(to="gguf", precision="q8_0"),
    "gguf_f16": Choice(to="gguf", precision="f16"),
    "capsule": Choice(to="capsule"),
    "hub": Choice(to="hub", hub="name/of-it"),
}
WRONG = {"hub": "models.import_hub_id", "card": "export.card_head"}


@dataclass(frozen=True)
class Form:
    """One way out. `takes`: memory and disk in words; `wrong`: why it cannot be had, None when it can."""

    name: str
    choice: Choice
    disk_bytes: int
    takes: Phrase | None
    wrong: StudioError | None


@dataclass(frozen=True)
class Made:
    """One export: its job, what was asked of it, and what its result says ({} before its end)."""

    job: Job
    choice: Choice
    of: str
    told: dict[str, Any]
    there: bool


@dataclass(frozen=True)
class Exports:
    jobs: Jobs
    person: Person

    def forms(self, run: str) -> list[Form]:
        """How this run can be had. StudioError when it cannot at all: it made nothing, is damaged, its base is gone."""
        job = self.jobs.get(self.person, run)
        found = source.of(self.jobs.workspace, job.id, job.name)
        found.check()
        return [
            self._form(name, choice, found) for name, choice in FORMS.items() if not choice.rounded or found.quantised
        ]

    def free_bytes(self) -> int:
        return shutil.disk_usage(self.jobs.workspace.root).free

    def stored(self, run: str) -> str:
        """The precision in which a merged model is kept when nothing is said."""
        return self._source(run).stored()

    def token(self) -> credentials.Origin:
        """Where the Hub's token comes from, "" when there is none. Never the token."""
        return credentials.origin()

    def keep_token(self, token: str) -> None:
        """ModelError for what is none; AccessError for anybody but the one person at home."""
        credentials.keep(self.person, token)

    def card(self, run: str, *, merged: bool) -> str:
        """The page that the Hub would show, as it is made from the run now."""
        job = self.jobs.get(self.person, run)
        found = self._source(run)
        return card.written(card.gather(job, found, merged=merged or found.adapter is None))

    def snippets(self, run: str) -> dict[str, str]:
        """By program, how to use the adapter or the model as it is, once it was downloaded and unpacked."""
        job, found = self.jobs.get(self.person, run), self._source(run)
        base = packing.public_name(packing.base(found.folder)) if found.adapter else None
        tokens = bool(found.adapter and has_words(found.adapter))
        shown = {"transformers": snippets.transformers(base, tokens=tokens, sees=found.sees)}
        if tokens or (found.adapter and found.sees):  # vLLM loads no adapter with tokens of its own, nor all that see
            return shown
        rank = found.folder.read(found.folder.adapter / CONFIG).get("r") if found.adapter else None
        return shown | {"vllm": snippets.vllm(base, ".", snippets.plain_name(job.name), rank)}

    def start(self, run: str, asked: Any) -> Job:
        """Queue an export. AccessError without such a run; ModelError as `submit.prepare`, or for what is no choice."""
        self.jobs.get(self.person, run)
        try:
            choice = Choice.model_validate(asked)
        except ValidationError as error:
            name = str(error.errors()[0]["loc"][0]) if error.errors()[0]["loc"] else ""
            if name not in WRONG:
                raise
            raise ModelError(WRONG[name], name=str(asked.get(name))[:100]) from error
        return submit.start_export(self.person, self.jobs, run, choice)

    def made_of(self, run: str) -> list[Made]:
        """The exports of one run, newest first; of a job that is an export, that one."""
        job = self.jobs.get(self.person, run)
        if job.kind == submit.KIND:
            return [self._made(job)]
        every = [one for one in self.jobs.all(self.person) if one.kind == submit.KIND]
        return [made for made in map(self._made, every) if made.of == run]

    def folder_of(self, run: str) -> Path:
        """Where the files of an export are; ModelError when there are none (any more)."""
        made = self._made(self.jobs.get(self.person, run))
        if not made.there:
            raise ModelError("models.nothing_made")
        return self._place(made.job, made.told)

    def packed(self, run: str) -> Iterator[bytes]:
        """The files of an export as one zip archive, written while it is sent."""
        folder, job = self.folder_of(run), self.jobs.get(self.person, run)
        return packing.zipped(folder, packing.file_name(job))

    def needs(self, run: str) -> list[Need]:
        """What a run out of a capsule was made from, and what of it is here."""
        job = self.jobs.get(self.person, run)
        folder = self.jobs.folder(job)
        return capsule.needs(self.person, self.jobs, folder.read(folder.request))

    def other_versions(self, run: str) -> dict[str, tuple[str, str]]:
        """Of a run out of a capsule: the libraries that are others here, as they were there and are here."""
        job = self.jobs.get(self.person, run)
        folder = self.jobs.folder(job)
        return capsule.other_versions(folder.read(folder.request))

    def _source(self, run: str) -> Source:
        job = self.jobs.get(self.person, run)
        return source.of(self.jobs.workspace, job.id, job.name)

    def _form(self, name: str, choice: Choice, found: Source) -> Form:
        heavy = choice.to in submit.HEAVY
        try:
            submit.require(found, choice, self.jobs.workspace.root)
        except StudioError as error:
            # Whether there is a token is said at its field, for one may be given at once.
            if error.key != "export.no_token":
                return Form(name, choice, 0, None, error)
        takes = submit.forecast(found, choice) if heavy else None
        return Form(name, choice, size.disk_bytes(found, choice), takes, None)

    def _made(self, job: Job) -> Made:
        folder: RunFolder = self.jobs.folder(job)
        request = ExportRequest.model_validate(folder.read(folder.request))
        told = folder.read(folder.result) if job.state is JobState.DONE else {}
        return Made(job, request.choice, request.run, told, bool(told) and self._there(job, told))

    def _there(self, job: Job, told: dict[str, Any]) -> bool:
        return told.get("form") != "hub" and self._place(job, told).is_dir()

    def _place(self, job: Job, told: dict[str, Any]) -> Path:
        if told.get("form") == "merged":
            return self.jobs.workspace.models / job.id
        return self.jobs.folder(job).path / "export"
