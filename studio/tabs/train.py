"""Train: choose a model, data and a recipe, see what it will cost, start."""

import json
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from studio.events import in_browser, on, then, then_in_browser
from studio.framework import gr
from studio.shared import Shared
from studio.text import Words
from studio.views.train import field_words
from studio.widgets import recipe_tools
from studio.widgets.add_data import AddData
from studio.widgets.chain_form import ChainForm
from studio.widgets.chain_form import Handlers as ChainHandlers
from studio.widgets.live_views import filled, place
from studio.widgets.make_fit import MakeFit
from studio.widgets.recipe_form import RecipeForm, name_field, opener
from studio.widgets.recipe_tools import RecipeTools
from studio.widgets.train_form import FIRST_RECIPE, Handlers

MOST_OUTPUTS = 12


class Side(NamedTuple):
    """What comes of the choices."""

    card: gr.HTML
    fit: MakeFit
    questions: gr.HTML
    command: gr.Textbox
    copy: gr.Button


@dataclass(frozen=True)
class View:
    choices: dict[str, Any]
    form: RecipeForm
    panels: dict[str, gr.Button]
    add_data: AddData
    tools: RecipeTools
    chain: ChainForm
    find: gr.Textbox
    count: gr.Button
    reset: gr.Button
    start: gr.Button
    side: Side
    hidden: dict[str, gr.Textbox]
    asks: gr.HTML
    about: gr.HTML
    models: gr.HTML
    sets: gr.HTML

    @property
    def inputs(self) -> dict[str, Any]:
        return {**self.choices, **self.form.inputs}


def layout(handlers: Handlers) -> View:
    words = handlers.words
    with gr.Row(elem_classes="halves train", elem_id="train-form"):
        with gr.Column(scale=11, min_width=320):
            choices = choosing(handlers)
            about = filled(elem_id="about")
            with gr.Row(elem_classes="unfold"):
                panels = {name: opener(name, words) for name in ("data", "recipes", "chain")}
            add_data = AddData.create(words)
            tools = RecipeTools.create(words)
            chain = ChainForm.create(ChainHandlers(handlers.services, words))
            with gr.Row(elem_classes="settings-head"):
                find = gr.Textbox(
                    label=words.t("train.find"),
                    show_label=False,
                    placeholder=words.t("train.find"),
                    max_lines=1,
                    elem_id="find",
                )
                count = gr.Button(words.t("train.changed.none"), size="sm", interactive=False, elem_id="changed")
                reset = gr.Button(words.t("train.reset"), size="sm", interactive=False, elem_id="reset")
            asks = place("form")
            recipe = handlers.services.recipe(FIRST_RECIPE)
            form = RecipeForm.create(handlers.services.fields(), recipe, words, handlers.set_choices())
            gr.HTML(
                field_words(form.fields.items(), words),
                html_template="${value}",
                apply_default_css=False,
                js_on_load=None,
            )
            with gr.Row(elem_classes="start-bar"):
                start = gr.Button(words.t("train.start"), variant="primary", size="lg", elem_id="start")
                place("missing", elem_id="missing")
        with gr.Column(scale=9, min_width=320):
            side = beside(words)
    hidden = {name: gr.Textbox(visible="hidden", elem_id=f"train-{name}") for name in ("started", "problem", "draft")}
    hidden["state"] = gr.Textbox(visible="hidden", elem_id="train-state")
    panels |= form.panels
    parts = (choices, form, panels, add_data, tools, chain, find, count, reset, start, side, hidden, asks, about)
    return View(*parts, models=place("train-models"), sets=place("train-sets"))


def choosing(handlers: Handlers) -> dict[str, Any]:
    words, meant = handlers.words, handlers.services.recipe(FIRST_RECIPE).defaults
    with gr.Row(elem_classes="fields grid", elem_id="choices"):
        model = gr.Dropdown(
            handlers.model_choices(),
            value=meant.model,
            label=words.t("train.model"),
            allow_custom_value=True,
            elem_id="train-model",
        )
        # What a recipe is meant for may not be here yet: it stays in the field, and what is missing stands under it.
        data = gr.Dropdown(
            handlers.data_choices(),
            value=meant.data,
            label=words.t("train.data"),
            allow_custom_value=True,
            elem_id="train-data",
        )
        recipe = gr.Dropdown(
            handlers.recipe_choices(), value=FIRST_RECIPE, label=words.t("train.recipe"), elem_id="train-recipe"
        )
        name = name_field(words.t("train.name"), "train-name")
    return {"model": model, "data": data, "recipe": recipe, "name": name}


def beside(words: Words) -> Side:
    card, fit = filled(elem_id="forecast"), MakeFit.create(words)
    questions = filled(elem_id="questions")
    with gr.Row(elem_classes="unfold"):
        opener("command", words)
    with gr.Column(elem_classes="fold", elem_id="panel-command"):
        command = gr.Textbox(
            label=words.t("train.command"),
            show_label=False,
            lines=3,
            interactive=False,
            elem_classes="mono",
        )
        copy = gr.Button(words.t("train.copy"), size="sm", elem_id="copy")
    return Side(card, fit, questions, command, copy)


def wire(view: View, shared: Shared, handlers: Handlers) -> None:
    words, page = shared.words, shared.page
    draft = view.hidden["draft"]
    outputs = list(view.choices.values())
    restored = on(page.load, handlers.choices, words, inputs=draft, outputs=outputs, js="() => studioPage.draft()")
    settled = then_in_browser(restored, "(recipe) => studioPage.settled(recipe)", inputs=view.choices["recipe"])
    recipe = view.choices["recipe"]
    brought = [view.choices[key] for key in ("recipe", "model", "data", "name")]
    picked = on(recipe.input, handlers.picked, words, inputs=recipe, outputs=brought)
    chosen = then_in_browser(picked, "(recipe) => studioPage.adopted(recipe)", inputs=recipe)
    fitted = view.side.fit.wire(shared, handlers.as_typed, view.inputs)
    wire_tools(view, shared, handlers, [settled, chosen, *fitted])
    wire_review(view, words, handlers)
    wire_browser(view)
    wire_names(view, shared)
    view.chain.wire(shared, ChainHandlers(shared.services, words), view.panels["chain"])
    # A model has come or gone, or was chosen among the models.
    on(view.models.select, handlers.other_models, words, outputs=view.choices["model"])
    added = view.add_data.wire(shared, handlers.data_choices, view.choices["data"])
    sets = [view.form.inputs[name] for name in handlers.set_fields()]
    then(added, handlers.set_updates, words, outputs=sets)
    # A data set has come or gone, or was chosen among the data.
    on(view.sets.select, handlers.other_sets, words, outputs=[view.choices["data"], *sets])
    started = on(
        view.start.click,
        handlers.start,
        words,
        inputs_kwargs=view.inputs,
        outputs=[view.hidden["started"], view.choices["name"], view.hidden["problem"]],
    )
    then_in_browser(
        started,
        "(run, problem) => studioPage.started(run, problem)",
        inputs=[view.hidden["started"], view.hidden["problem"]],
    )


def wire_tools(view: View, shared: Shared, handlers: Handlers, before: list[Any]) -> None:
    """The fields are filled after each event that may have brought another recipe, and when it is wanted anew."""
    words, recipe, draft = shared.words, view.choices["recipe"], view.hidden["draft"]
    tools = recipe_tools.Handlers(shared.services, words, handlers.as_typed, handlers.adopt)
    brought = view.tools.wire(shared, tools, view.inputs, FIRST_RECIPE)
    adopted = [then_in_browser(event, "(recipe) => studioPage.adopted(recipe)", inputs=recipe) for event in brought]
    for names in view.form.parts(MOST_OUTPUTS):
        fill = partial(handlers.filled, names)
        wanted = {"inputs": [recipe, draft], "outputs": [view.form.inputs[name] for name in names]}
        for event in [*before, *adopted]:
            keep_typed(then(event, fill, words, js="(recipe) => [recipe, studioPage.draft()]", **wanted), names, view)
        forgotten = on(view.reset.click, fill, words, js="(recipe) => [recipe, studioPage.forgetFields()]", **wanted)
        keep_typed(forgotten, names, view)


def keep_typed(filled: Any, names: list[str], view: View) -> None:
    """What was typed while the recipe was on its way has been filled over: it comes back from the draft."""
    fields = [view.form.inputs[name] for name in names]
    script = f"(...values) => studioPage.typed({json.dumps(names)}, ...values)"
    then_in_browser(filled, script, inputs=[view.choices["recipe"], *fields], outputs=fields)


def wire_review(view: View, words: Words, handlers: Handlers) -> None:
    side, state = view.side, view.hidden["state"]
    outputs = [side.card, side.questions, side.command, view.start, view.count, view.reset, state, view.about]
    outputs.append(side.fit.button)
    # The page asks again by itself too: memory becomes free, and this computer is measured meanwhile.
    changed = [*(component.change for component in view.inputs.values()), view.asks.select]
    on(changed, handlers.review, words, inputs_kwargs=view.inputs, outputs=outputs, trigger_mode="always_last")
    in_browser(state.change, "(state) => studioPage.form(state)", inputs=state)


def wire_browser(view: View) -> None:
    """What a person types is kept in her browser at once, so that neither a reload nor a dead server loses it."""
    for name, component in view.choices.items():
        in_browser(edited(component), f"(value) => studioPage.keep('{name}', value)", inputs=component)
    for name, component in view.form.inputs.items():
        in_browser(edited(component), f"(value) => studioPage.keepField('{name}', value)", inputs=component)
    side = view.side
    in_browser(side.copy.click, "(text) => studioPage.copy(text)", inputs=side.command, outputs=side.copy)
    in_browser(side.command.change, f"() => {json.dumps(side.copy.value)}", outputs=side.copy)
    in_browser(view.find.change, "(text) => studioPage.find(text)", inputs=view.find)
    in_browser(view.count.click, "() => studioPage.onlyChanged()")


def wire_names(view: View, shared: Shared) -> None:
    """The names in the tools of the form are kept as the form itself is."""
    fields = {"data-name": view.add_data.name, "recipe-name": view.tools.name}
    in_browser(shared.page.load, "() => studioPage.keptNames()", outputs=list(fields.values()))
    for name, component in fields.items():
        in_browser(edited(component), f"(value) => studioPage.keepName('{name}', value)", inputs=component)


def edited(component: Any) -> list[Any]:
    """The events of a person's own change. Gradio's `input` of a text field misses what was pasted."""
    return [component.input, component.blur] if isinstance(component, gr.Textbox) else [component.input]


def build(shared: Shared, _: gr.Tab) -> None:
    handlers = Handlers(shared.services, shared.words)
    wire(layout(handlers), shared, handlers)
