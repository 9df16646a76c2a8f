"""Train: choose a model, data and a recipe, see what it will cost, start."""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backend import names
from backend.errors import StudioError
from backend.recipes.schema import Recipe
from studio.events import in_browser, on, then, then_in_browser
from studio.framework import gr
from studio.services.door import Services
from studio.shared import Shared
from studio.text import Words
from studio.views import train as views
from studio.views.html import SafeHtml, join
from studio.widgets.add_data import AddData
from studio.widgets.recipe_form import RecipeForm, changes, flat, shown

FIRST_RECIPE = "starter-lora"


class Draft(BaseModel):
    """What was typed and not started, as the browser kept it."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    model: str = ""
    data: str = ""
    recipe: str = ""
    name: str = ""
    fields: dict[str, str | bool] = Field(default_factory=dict)

    @classmethod
    def read(cls, text: str | None) -> "Draft":
        """An empty draft when there is none, or when it cannot be understood."""
        try:
            return cls.model_validate_json(text or "{}")
        except ValidationError:
            return cls()


class Review(NamedTuple):
    """One value per output, in order: the card, the command, the Start button, what is missing."""

    card: SafeHtml
    command: str
    start: dict[str, Any]
    missing: str


class Started(NamedTuple):
    run: str
    name: str


@dataclass(frozen=True)
class View:
    choices: dict[str, Any]
    form: RecipeForm
    add_data: AddData
    start: gr.Button
    missing: gr.Markdown
    card: gr.HTML
    command: gr.Textbox
    started: gr.Textbox
    draft: gr.Textbox

    @property
    def inputs(self) -> dict[str, Any]:
        return {**self.choices, **self.form.inputs}


@dataclass(frozen=True)
class Handlers:
    services: Services
    words: Words

    def review(self, model: str, data: str, recipe: str, name: str, **values: Any) -> Review:
        """What is chosen now: its forecast, its command, and what keeps it from being started."""
        problem, card, command = "", SafeHtml(""), ""
        try:
            wanted, changed = self._recipe(recipe, values)
            command = views.command(recipe, model, data, name, changed)
            card = self._card(wanted, model, data)
            names.unused(name, [job.name for job in self.services.runs()])
        except StudioError as error:
            problem = error.say(self.words.language)
        return Review(card, command, gr.update(interactive=not problem), problem)

    def start(self, model: str, data: str, recipe: str, name: str, **values: Any) -> Started:
        wanted, _ = self._recipe(recipe, values)
        job = self.services.start(wanted, model, data, name)
        return Started(job.id, self.free_name(recipe))

    def choices(self, draft: str) -> tuple[Any, Any, Any, str]:
        """Model, data, recipe and name: what was left in the draft, else the first recipe and what it is meant for."""
        kept = Draft.read(draft)
        recipe = _known(kept.recipe, self.recipe_choices(), FIRST_RECIPE)
        meant = self.services.recipe(recipe).defaults
        models, sets = self.model_choices(), self.data_choices()
        return (
            gr.update(choices=models, value=_known(kept.model, models, meant.model)),
            gr.update(choices=sets, value=_known(kept.data, sets, meant.data)),
            gr.update(value=recipe),
            kept.name or self.free_name(recipe),
        )

    def chosen(self, recipe: str) -> tuple[str, str, str]:
        """Another recipe brings the model and the data it is meant for, and a name."""
        meant = self.services.recipe(recipe).defaults
        return meant.model, meant.data, self.free_name(recipe)

    def filled(self, section: list[str], recipe: str, draft: str) -> Any:
        """The fields of one section as the recipe has them, or as the person had left them for this very recipe."""
        kept = Draft.read(draft)
        typed = kept.fields if (kept.recipe or FIRST_RECIPE) == recipe else {}
        values = shown(self.services.recipe(recipe), self.services.fields(), self.words) | typed
        found = [values[name] for name in section]
        return found[0] if len(found) == 1 else found

    def relevant(self, fields: dict[str, dict[str, Any]], **current: str) -> Any:
        """Fields without an effect under the present choices are not shown."""
        return [
            gr.update(visible=all(current.get(flat(name)) in allowed for name, allowed in when.items()))
            for when in fields.values()
        ]

    def free_name(self, recipe: str) -> str:
        return names.free(names.from_file(recipe, "run"), [job.name for job in self.services.runs()])

    def model_choices(self) -> list[tuple[str, str]]:
        return [(model.title(self.words.language), model.id) for model in self.services.models()]

    def data_choices(self) -> list[tuple[str, str]]:
        return [
            (f"{one.title(self.words.language)} ({self.words.number(one.rows)})", one.id)
            for one in self.services.datasets()
        ]

    def recipe_choices(self) -> list[tuple[str, str]]:
        return [(one.title(self.words.language), one.id) for one in self.services.recipes()]

    def _recipe(self, recipe: str, values: dict[str, Any]) -> tuple[Recipe, dict[str, str]]:
        before = shown(self.services.recipe(recipe), self.services.fields(), self.words)
        changed = changes(values, before)
        return self.services.recipe(recipe, changed), changed

    def _card(self, recipe: Recipe, model: str, data: str) -> SafeHtml:
        forecast = self.services.forecast(recipe, model, data)
        return join([views.forecast_card(forecast, self.words), views.questions(recipe, self.words)])


def _known(value: str, choices: list[tuple[str, str]], otherwise: str) -> str:
    """`value` when it is still one of the choices."""
    return value if value in [key for _, key in choices] else otherwise


def layout(services: Services, words: Words, handlers: Handlers) -> View:
    recipe = services.recipe(FIRST_RECIPE)
    with gr.Row(elem_classes="halves"):
        with gr.Column(scale=9, min_width=320):
            with gr.Row(elem_classes="fields"):
                model = gr.Dropdown(handlers.model_choices(), value=recipe.defaults.model, label=words.t("train.model"))
                data = gr.Dropdown(handlers.data_choices(), value=recipe.defaults.data, label=words.t("train.data"))
            with gr.Row(elem_classes="fields"):
                chosen = gr.Dropdown(handlers.recipe_choices(), value=FIRST_RECIPE, label=words.t("train.recipe"))
                name = gr.Textbox(label=words.t("train.name"), max_lines=1, max_length=200)
            form = RecipeForm.create(services.fields(), recipe, words)
            add_data = AddData.create(words)
            missing = gr.Markdown("", elem_classes="missing", elem_id="missing")
            start = gr.Button(words.t("train.start"), variant="primary", size="lg", elem_id="start")
        with gr.Column(scale=11, min_width=320):
            card = gr.HTML(html_template="${value}", apply_default_css=False, js_on_load=None, elem_id="forecast")
            with gr.Accordion(words.t("train.command"), open=False, elem_classes="folded"):
                command = gr.Textbox(
                    label=words.t("train.command"),
                    show_label=False,
                    lines=3,
                    interactive=False,
                    buttons=["copy"],
                    elem_classes="mono",
                )
    started = gr.Textbox(visible="hidden", elem_id="started")
    draft = gr.Textbox(visible="hidden", elem_id="draft")
    choices = {"model": model, "data": data, "recipe": chosen, "name": name}
    return View(choices, form, add_data, start, missing, card, command, started, draft)


def wire(view: View, shared: Shared, handlers: Handlers) -> None:
    words, page = shared.words, shared.page
    outputs = list(view.choices.values())
    restored = on(page.load, handlers.choices, words, inputs=view.draft, outputs=outputs, js="() => studioPage.draft()")
    recipe = view.choices["recipe"]
    brought = [view.choices[key] for key in ("model", "data", "name")]
    on(recipe.input, handlers.chosen, words, inputs=recipe, outputs=brought)
    for section in view.form.sections().values():
        fill = partial(handlers.filled, section)
        fields = [view.form.inputs[name] for name in section]
        wanted = {"inputs": [recipe, view.draft], "outputs": fields, "js": "(recipe) => [recipe, studioPage.draft()]"}
        then(restored, fill, words, **wanted)
        on(recipe.input, fill, words, **wanted)
    wire_review(view, words, handlers)
    wire_draft(view)
    started = on(
        view.start.click, handlers.start, words, inputs_kwargs=view.inputs, outputs=[view.started, view.choices["name"]]
    )
    then_in_browser(started, "(run) => studioPage.started(run)", inputs=view.started)
    view.add_data.wire(shared, handlers.data_choices, view.choices["data"])


def wire_review(view: View, words: Words, handlers: Handlers) -> None:
    outputs = [view.card, view.command, view.start, view.missing]
    changed = [component.change for component in view.inputs.values()]
    on(changed, handlers.review, words, inputs_kwargs=view.inputs, outputs=outputs, trigger_mode="always_last")
    conditional = {name: view.form.fields[name].when for name in view.form.conditional()}
    deciding: dict[str, Any] = {
        flat(name): view.form.inputs[flat(name)] for when in conditional.values() for name in when
    }
    on(
        [component.change for component in deciding.values()],
        partial(handlers.relevant, conditional),
        words,
        inputs_kwargs=deciding,
        outputs=[view.form.inputs[name] for name in conditional],
    )


def wire_draft(view: View) -> None:
    """What a person types is kept in her browser at once, so that neither a reload nor a dead server loses it."""
    for name, component in view.choices.items():
        in_browser(edited(component), f"(value) => studioPage.keep('{name}', value)", inputs=component)
    for name, component in view.form.inputs.items():
        in_browser(edited(component), f"(value) => studioPage.keepField('{name}', value)", inputs=component)


def edited(component: Any) -> list[Any]:
    """The events of a person's own change. Gradio's `input` of a text field misses what was pasted."""
    return [component.input, component.blur] if isinstance(component, gr.Textbox) else [component.input]


def build(shared: Shared, _: gr.Tab) -> None:
    handlers = Handlers(shared.services, shared.words)
    wire(layout(shared.services, shared.words, handlers), shared, handlers)
