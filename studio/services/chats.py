"""Conversations, for the person who is logged in: what may be asked with, asking, what is kept, the engine's memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from backend.chats import words as wording
from backend.chats.blind.tally import Tallies, Tally
from backend.chats.changes import Changes
from backend.chats.desk import Desk
from backend.chats.feedback import Feedback, Judged, Lesson, Mark
from backend.chats.model import MOST_ADAPTERS, Choices, Conversation, Turn
from backend.chats.pictures.exam import Exam
from backend.chats.pictures.kept import Pictures
from backend.chats.running import Running
from backend.chats.stage.rehearsed import Rehearsed
from backend.chats.store import Chats, Line
from backend.data import datasets, languages
from backend.data.datasets import Dataset
from backend.errors import ChatError, StudioError
from backend.inference.client import Engine
from backend.inference.shelf import RUN, Shelf, sees
from backend.jobs.folder import RunFolder
from backend.jobs.model import Job
from backend.jobs.service import Jobs
from backend.models import catalogue
from backend.models.catalogue import Model
from backend.models.facts import facts
from backend.paths import Workspace
from backend.people import Person
from studio.views.colours import of_runs

# Models with fewer parameters are toys: none of them was taught to follow a system prompt.
SMALL = 50_000_000


@dataclass(frozen=True)
class ChatServices:
    workspace: Workspace
    jobs: Jobs
    person: Person

    @cached_property
    def desk(self) -> Desk:
        return Desk(Chats(self.jobs.ledger), self.pictures, self.engine, self.jobs.want_engine)

    @cached_property
    def pictures(self) -> Pictures:
        return Pictures(self.workspace)

    @cached_property
    def feedback(self) -> Feedback:
        return Feedback(self.jobs.ledger)

    @cached_property
    def rehearsed(self) -> Rehearsed:
        return Rehearsed(self.jobs.ledger)

    @cached_property
    def exam(self) -> Exam:
        return Exam(self.jobs.ledger)

    def engine(self, person: Person) -> Any:
        return Engine(self.workspace, person=person)

    # What may be asked

    def models(self, *, sight: bool = False) -> list[Model]:
        """`sight`: only those that can be shown pictures."""
        every = catalogue.available(self.person, self.workspace)
        return [model for model in every if not sight or sees(str(model.location))]

    def adapters(self, *, sight: bool = False) -> list[Job]:
        """The runs that left something to chat with, newest first; `sight`: that can be shown pictures."""
        made = [job for job in self.jobs.shown(self.person) if job.ended and self._made(job.id)]
        return [job for job in made if not sight or self.sees(RUN + job.id)]

    def sees(self, model: str) -> bool:
        """Whether it can be shown pictures; False for one that cannot be asked at all."""
        try:
            return Shelf(self.workspace).find(self.person, model).sees
        except StudioError:
            return False

    def base_of(self, model: str) -> str | None:
        """The id of the model that `run:<id>` was trained on; None when it is not known."""
        folder = RunFolder(self.workspace.run(model.removeprefix(RUN)))
        found: str | None = folder.read(folder.request).get("model", {}).get("id")
        return found

    def learned(self, model: str) -> str:
        """The language of the examples that `run:<id>` was trained on, else of its test questions; "" if not known."""
        try:
            job = self.jobs.get(self.person, model.removeprefix(RUN))
        except StudioError:
            return ""
        folder = self.jobs.folder(job)
        request = folder.read(folder.request)
        data = str(request.get("data", {}).get("id", ""))
        every = datasets.every_version(self.person, self.workspace)
        found = next((one for one in every if one.id == data), None)
        if found:
            return languages.of_rows(found.path)
        asked = request.get("recipe", {}).get("watching", {}).get("questions", [])
        return languages.of(str(one.get("question", "")) for one in asked)

    def names(self, language: str) -> dict[str, str]:
        """How everything that can be asked is called now."""
        return {model.id: model.title(language) for model in self.models()} | {
            RUN + job.id: job.name for job in self.adapters()
        }

    def colours(self, conversation: Conversation) -> dict[str, int]:
        """The colour of every run that was asked, the one it has in the charts."""
        asked = (model.removeprefix(RUN) for turn in conversation.turns for model in turn.choices.adapters)
        found = of_runs(asked, [job.id for job in reversed(self.jobs.shown(self.person))])
        return {RUN + run: colour for run, colour in found.items()}

    def small(self, base: str) -> bool:
        """Whether a model is too small to follow a system prompt; False when its size cannot be read."""
        location = next((model.location for model in self.models() if model.id == base), None)
        try:
            return location is not None and facts(location).parameters < SMALL
        except StudioError:
            return False

    def want_engine(self) -> None:
        self.jobs.want_engine(self.person)

    # Asking

    def ask(self, chat: str | None, asked: Turn) -> Conversation:
        """ChatError for what cannot be asked, also of these models about pictures."""
        self._refuse(asked, self.one(chat).pictures if chat else ())
        return self.desk.ask(self.person, chat, asked, self.names("en"))

    def edit(self, chat: str, number: int, asked: Turn) -> Conversation:
        """The question of turn `number` is replaced; the conversation as it was stays in the list."""
        self._refuse(asked, self.one(chat).pictures)
        return self.desk.edit(self.person, chat, number, asked, self.names("en"))

    def again(self, chat: str, answer: str) -> Conversation:
        return self.desk.again(self.person, chat, answer)

    def use(self, chat: str, answer: str) -> Conversation:
        return self.desk.use(self.person, chat, answer)

    def stop(self, chat: str) -> None:
        self.desk.stop(self.person, chat)

    def running(self, chat: str) -> Running | None:
        """AccessError when the conversation is not this person's."""
        self.desk.chats.get(self.person, chat)
        return self.desk.running(chat)

    # Compared blindly

    @property
    def tallies(self) -> Tallies:
        return Tallies(self.jobs.ledger)

    def prefer(self, chat: str, number: int, preferred: str) -> None:
        self.tallies.add(self.person, self.desk.prefer(self.person, chat, number, preferred))

    def tally(self, turn: Turn) -> Tally:
        """Of all comparisons of the models of this turn."""
        return self.tallies.of(self.person, turn.choices.models)

    def count_anew(self, chat: str, number: int) -> None:
        """Forget how often which model of turn `number` was preferred; what was said in the conversations stays."""
        self.tallies.clear(self.person, self.one(chat).turn(number).choices.models)
        self.changes.tell(chat)

    # What is kept

    @property
    def changes(self) -> Changes:
        return self.desk.chats.changes

    def lines(self, search: str = "", *, sight: bool = False) -> list[Line]:
        return self.desk.chats.lines(self.person, search, sight=sight)

    def one(self, chat: str) -> Conversation:
        return self.desk.get(self.person, chat)

    def rename(self, chat: str, title: str) -> Conversation:
        return self.desk.chats.rename(self.person, chat, title)

    def delete(self, chat: str) -> None:
        """With its pictures, unless another conversation, a judged answer, a test or a key is about them."""
        self.desk.delete(self.person, chat)
        others = (self.desk.chats, self.feedback, self.exam, self.rehearsed)
        self.pictures.keep_only(self.person, {name for one in others for name in one.pictures(self.person)})

    def marks(self, conversation: Conversation) -> dict[str, Mark]:
        return self.feedback.of(self.person, conversation)

    def thumb(self, chat: str, answer: str, up: bool | None) -> None:
        """A correction of the same answer stays."""
        self._mark(chat, answer, up=up)

    def correct(self, chat: str, answer: str, text: str) -> None:
        """Keep how it should have been answered; ChatError when nothing is written. A thumb stays."""
        self._mark(chat, answer, corrected=wording.corrected(text))

    def forget(self, answer: str) -> None:
        """Take a correction back."""
        self.feedback.forget(self.person, answer)
        self.changes.tell()

    def drop(self, answer: str) -> None:
        """Take back all that was thought of an answer."""
        self.feedback.drop(self.person, answer)
        self.changes.tell()

    def judged(self, *, sight: bool = False) -> list[Judged]:
        """Answers about pictures, or all others."""
        return [one for one in self.feedback.judged(self.person) if one.sight == sight]

    def as_dataset(self, lesson: Lesson, name: str) -> Dataset:
        """What was judged, as examples or as pairs."""
        return self.feedback.as_dataset(self.person, self.workspace, lesson, name)

    # The engine's memory

    def loaded(self) -> dict[str, Any]:
        """What the engine says is loaded; {} while there is no engine."""
        try:
            found: dict[str, Any] = self.engine(self.person).describe()
        except ChatError:
            return {}
        return found

    def left_for(self) -> str:
        """The run for which the engine gave up its memory, while that run is not over; "" when it did not."""
        return str(self.jobs.supervisor_status().get("made_room") or "")

    def unload(self) -> int:
        """Have the engine forget its models; returns the bytes it held before and does not hold now."""
        engine = self.engine(self.person)
        before = int(engine.describe()["memory_bytes"])
        engine.unload()
        return max(0, before - int(engine.describe()["memory_bytes"]))

    def _mark(self, chat: str, answer: str, **values: Any) -> None:
        found = self.one(chat)
        before = self.marks(found).get(answer, Mark())
        self.feedback.mark(self.person, found, answer, before._replace(**values))
        self.changes.tell(chat)

    def _refuse(self, asked: Turn, shown: Sequence[str]) -> None:
        """ChatError for what cannot be asked, before anything is written; `shown`: pictures of the conversation."""
        choices = asked.choices
        if not choices.base:
            raise ChatError("chat.no_base")
        if len(choices.adapters) > MOST_ADAPTERS:
            raise ChatError("chat.too_many_adapters", most=MOST_ADAPTERS)
        known = self.names("en")
        require_known(choices.models, known)
        self._require_files(choices)
        for model in choices.models if asked.pictures or shown else ():
            if not self.sees(model):
                raise ChatError("chat.no_eyes", name=known[model])

    def _require_files(self, choices: Choices) -> None:
        """ChatError for a model that is listed and has nothing to be asked."""
        shelf = Shelf(self.workspace)
        for model in choices.models:
            shelf.find(self.person, model)

    def _made(self, run: str) -> bool:
        folder = RunFolder(self.workspace.run(run))
        return folder.adapter.exists() or folder.model.exists()


def require_known(models: Sequence[str], known: dict[str, str]) -> None:
    for model in models:
        if model not in known:
            raise ChatError("chat.no_model", name=model)
