"""Training in several stages as one run: the chain, the data of each stage, how each starts, what all of it costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backend import names
from backend.chains.submit import Choice
from backend.errors import StudioError
from backend.recipes.chains import WAYS
from backend.recipes.leaves import by_name
from studio.events import in_browser, on, then, then_in_browser
from studio.framework import gr
from studio.services.door import Services
from studio.shared import Shared
from studio.text import Words
from studio.views import chains as views
from studio.views.html import SafeHtml
from studio.views.train import said
from studio.widgets.live_views import filled
from studio.widgets.recipe_form import name_field

STEPS = "schedule.max_steps"
FIRST_CHAIN = "starter-chain"
Found = list[tuple[str, str]]


class Draft(BaseModel):
    """The chain that was shown last, and by chain what was chosen and typed for it."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    chain: str = ""
    fields: dict[str, dict[str, str | None]] = Field(default_factory=dict)

    @classmethod
    def read(cls, text: str) -> "Draft":
        """An empty draft when there is none, or when it cannot be understood."""
        try:
            return cls.model_validate_json(text)
        except ValidationError:
            return cls()


class Brought(NamedTuple):
    """One value per output, in order."""

    chain: str
    about: SafeHtml
    model: Any
    way: Any
    name: str


class Slot(NamedTuple):
    """What a stage is, what it learns from, and its number of steps, which is for the person to choose."""

    about: SafeHtml
    data: Any
    steps: Any


class Review(NamedTuple):
    """What all of it costs, or what keeps it from being started; and whether it can be."""

    card: SafeHtml
    start: Any


class Started(NamedTuple):
    """The id of the new run and the next free name; or what is wrong, everything kept."""

    run: str
    name: Any
    card: SafeHtml


@dataclass(frozen=True)
class Handlers:
    services: Services
    words: Words

    def chosen(self, chain: str) -> Brought:
        """Another chain brings the model and the way that it is meant for, and a name. The first one for one that is
        not here any more.
        """
        chain = chain if chain in [key for _, key in self.chains()] else FIRST_CHAIN
        file = self.services.chains.find(chain)
        model, _ = self.services.chains.meant(file)
        way = gr.update(value=file.chain.way)
        return Brought(chain, views.about(file, self.words), known(model, self.models()), way, self.free_name(chain))

    def filled(self, number: int, chain: str) -> Slot:
        """Stage `number` of the chain, if it has so many, with the data that it is meant for."""
        file = self.services.chains.find(chain)
        if number > len(file.chain.stages):
            return Slot(SafeHtml(""), gr.update(visible=False), gr.update(visible=False, value=""))
        _, data = self.services.chains.meant(file)
        about = views.stage(file.chain.stages[number - 1], number, self.words)
        return Slot(about, known(data[number - 1], self.sets(chain, number)), gr.update(visible=True, value=""))

    def restored(self, draft: str, chain: str) -> list[Any]:
        """Of the model, the way, the name and each stage's data and steps what was left in the draft; what is not here
        any more is left as it is.
        """
        kept = Draft.read(draft).fields.get(chain, {})
        sets = {f"chain-data-{at}": self.sets(chain, at) for at in range(1, self.stages(chain) + 1)}
        chosen = {"chain-model": self.models(), "chain-way": self.ways(), **sets}
        names = ["chain-model", "chain-way", "chain-name", *(one for at in self.numbers() for one in stage_fields(at))]
        return [restored(kept.get(name), chosen.get(name)) for name in names]

    def stages(self, chain: str) -> int:
        return len(self.services.chains.find(chain).chain.stages)

    def numbers(self) -> range:
        """Of the stages that a chain can have here."""
        return range(1, self.slots() + 1)

    def review(self, chain: str, model: str, way: str, name: str, *stages: str) -> Review:
        """`stages`: data and number of steps of the first one, then of the second."""
        try:
            file = self.services.chains.find(chain)
            planned = self.services.chains.plan(file, choice(model, way, stages))
            names.unused(name, [job.name for job in self.services.runs()])
        except StudioError as error:
            return Review(self.refused(error), gr.update(interactive=False))
        return Review(views.forecast(planned, self.words), gr.update(interactive=True))

    def start(self, chain: str, model: str, way: str, name: str, *stages: str) -> Started:
        try:
            file = self.services.chains.find(chain)
            job = self.services.chains.start(file, choice(model, way, stages), name)
        except StudioError as error:
            return Started("", gr.skip(), self.refused(error))
        return Started(job.id, self.free_name(chain), SafeHtml(""))

    def refused(self, error: StudioError) -> SafeHtml:
        """At the field that it is about: the data of a stage, or the name."""
        number = error.values.get("number")
        at = f"chain-data-{number}" if number else "chain-name" if error.key.startswith("names.") else "chain"
        return said(error.say(self.words.language), at=at)

    def free_name(self, chain: str) -> str:
        return names.free(names.from_file(chain, "run"), [job.name for job in self.services.runs()])

    def chains(self) -> Found:
        return [(file.title(self.words.language), file.id) for file in self.services.chains.every()]

    def models(self) -> Found:
        return [(model.title(self.words.language), model.id) for model in self.services.models()]

    def ways(self) -> Found:
        return [(self.words.t(f"chain.way.{way}"), way) for way in WAYS]

    def sets(self, chain: str, number: int) -> Found:
        language, found = self.words.language, self.services.chains.find(chain)
        fitting = self.services.chains.fitting(found, number)
        return [(f"{one.title(language)} ({self.words.number(one.rows)})", one.id) for one in fitting]

    def slots(self) -> int:
        """As many as the longest chain has stages."""
        return max(len(file.chain.stages) for file in self.services.chains.every())


def known(value: str, choices: Found) -> Any:
    """What the chain is meant for, where this person has it: the review says what is missing."""
    return gr.update(visible=True, choices=choices, value=value if value in [key for _, key in choices] else None)


def restored(value: str | None, choices: Found | None) -> Any:
    if value is None or (choices is not None and value not in [key for _, key in choices]):
        return gr.skip()
    return gr.update(value=value)


def stage_fields(number: int) -> tuple[str, str]:
    """The names of what a person says of a stage: its data, and how many steps it takes."""
    return f"chain-data-{number}", f"chain-steps-{number}"


def choice(model: str, way: str, stages: Sequence[str]) -> Choice:
    data = {number: one for number, one in enumerate(stages[::2], start=1) if one}
    steps = {number: {STEPS: one} for number, one in enumerate(stages[1::2], start=1) if one and one.strip()}
    return Choice(model=model or None, way="merged" if way == "merged" else "stacked", data=data, changes=steps)


class Stage(NamedTuple):
    about: gr.HTML
    data: gr.Dropdown
    steps: gr.Textbox


@dataclass(frozen=True)
class ChainForm:
    chain: gr.Dropdown
    about: gr.HTML
    model: gr.Dropdown
    way: gr.Dropdown
    name: gr.Textbox
    stages: list[Stage]
    card: gr.HTML
    start: gr.Button
    started: gr.Textbox
    draft: gr.Textbox

    @classmethod
    def create(cls, handlers: Handlers) -> "ChainForm":
        words, every = handlers.words, handlers.chains()
        with gr.Column(elem_classes="fold", elem_id="panel-chain"):
            gr.Markdown(words.t("chain.hint"), elem_classes="hint")
            with gr.Row(elem_classes="fields grid"):
                chain = gr.Dropdown(every, value=FIRST_CHAIN, label=words.t("chain.chain"), elem_id="chain")
                model = gr.Dropdown(handlers.models(), label=words.t("train.model"), elem_id="chain-model")
                way = gr.Dropdown(handlers.ways(), label=words.t("chain.way"), elem_id="chain-way")
                name = name_field(words.t("train.name"), "chain-name")
            about = filled(elem_id="chain-about")
            stages = [cls.stage(number, words) for number in handlers.numbers()]
            card = filled(elem_id="chain-card", elem_classes="said")
            start = gr.Button(words.t("chain.start"), variant="primary", interactive=False, elem_id="chain-start")
        started, draft = (gr.Textbox(visible="hidden", elem_id=f"chain-{name}") for name in ("started", "draft"))
        return cls(chain, about, model, way, name, stages, card, start, started, draft)

    @staticmethod
    def stage(number: int, words: Words) -> Stage:
        about = filled(elem_id=f"chain-stage-{number}")
        with gr.Row(elem_classes="fields grid"):
            data = gr.Dropdown([], label=words.t("train.data"), elem_id=f"chain-data-{number}")
            label = by_name()[STEPS].label(words.language)
            steps = gr.Textbox(label=label, max_lines=1, max_length=40, elem_id=f"chain-steps-{number}")
        return Stage(about, data, steps)

    @property
    def inputs(self) -> list[Any]:
        fields = [part for stage in self.stages for part in (stage.data, stage.steps)]
        return [self.chain, self.model, self.way, self.name, *fields]

    def wire(self, shared: Shared, handlers: Handlers, opened: gr.Button) -> None:
        """Nothing is reckoned before somebody opens the panel."""
        words = shared.words
        filled_in = on(
            [opened.click, self.chain.input],
            handlers.chosen,
            words,
            inputs=self.chain,
            outputs=[self.chain, self.about, self.model, self.way, self.name],
            js="(chain) => studioPage.chain.picked(chain)",
        )
        for number, stage in enumerate(self.stages, start=1):
            fill = partial(handlers.filled, number)
            filled_in = then(filled_in, fill, words, inputs=self.chain, outputs=list(stage))
        kept = {"inputs": [self.draft, self.chain], "js": "(_, chain) => studioPage.chain.left(chain)"}
        filled_in = then(filled_in, handlers.restored, words, outputs=self.inputs[1:], **kept)
        reviewed: dict[str, Any] = {"inputs": self.inputs, "outputs": [self.card, self.start]}
        then(filled_in, handlers.review, words, **reviewed)
        # Gradio's `input` of a text field misses what was pasted.
        edited = [one.change if isinstance(one, gr.Textbox) else one.input for one in self.inputs[1:]]
        on(edited, handlers.review, words, trigger_mode="always_last", **reviewed)
        for one in self.inputs[1:]:
            if isinstance(one, gr.Dropdown):
                in_browser(one.input, f"(value) => studioPage.chain.keep('{one.elem_id}', value)", inputs=one)
        begun = on(
            self.start.click,
            handlers.start,
            words,
            inputs=self.inputs,
            outputs=[self.started, self.name, self.card],
        )
        then_in_browser(begun, "(run) => studioPage.chain.started(run)", inputs=self.started)
