"""The button that changes a form so that its run fits into the memory, what it changed, and the way back."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from backend.errors import RecipeError, StudioError
from backend.recipes.schema import Recipe
from studio.events import on, then_in_browser
from studio.framework import gr
from studio.services.door import Services
from studio.shared import Shared
from studio.text import Words
from studio.views.html import SafeHtml
from studio.views.train import fitting_card, said
from studio.widgets.live_views import filled
from studio.widgets.recipe_form import shown

Typed = Callable[[str, Mapping[str, Any]], Recipe]


class Done(NamedTuple):
    """One value per output, in order; `change`: what the browser puts into the form, as JSON, "" for nothing."""

    said: SafeHtml
    undo: Any
    change: str
    model: Any


class Undone(NamedTuple):
    said: SafeHtml
    undo: Any


@dataclass(frozen=True)
class Handlers:
    services: Services
    words: Words
    as_typed: Typed

    def fit(self, model: str, data: str, recipe: str, name: str, **values: Any) -> Done:
        """The settings that differ afterwards; or one sentence why there are none, and nothing changes."""
        try:
            wanted = self.as_typed(recipe, values)
            found = self.services.make_fit(wanted, model, data)
            if not found.fits:
                sizes = {
                    "needed": self.words.size(found.forecast.needs),
                    "free": self.words.size(found.forecast.free_bytes),
                }
                raise RecipeError("forecast.fit_not", **sizes)
        except StudioError as error:
            return Done(said(error.say(self.words.language)), gr.update(visible=False), "", gr.skip())
        card = fitting_card(found, self._title(found.model), self.words)
        before, after = (shown(one, self.services.fields(), self.words) for one in (wanted, found.recipe))
        fields = {name: text for name, text in after.items() if text != before[name]}
        change = json.dumps({"fields": fields, "model": found.model}, ensure_ascii=False)
        return Done(card, gr.update(visible=True), change, gr.update(value=found.model) if found.model else gr.skip())

    def undone(self) -> Undone:
        return Undone(SafeHtml(""), gr.update(visible=False))

    def _title(self, model: str | None) -> str:
        return next((one.title(self.words.language) for one in self.services.models() if one.id == model), "")


@dataclass(frozen=True)
class MakeFit:
    button: gr.Button
    said: gr.HTML
    undo: gr.Button
    change: gr.Textbox

    @classmethod
    def create(cls, words: Words) -> "MakeFit":
        button = gr.Button(words.t("fit.make"), visible=False, elem_id="make-fit")
        told = filled(elem_id="fitted", elem_classes="said")
        undo = gr.Button(words.t("fit.undo"), size="sm", visible=False, elem_id="fit-undo")
        return cls(button, told, undo, gr.Textbox(visible="hidden", elem_id="fit-change"))

    def wire(self, shared: Shared, as_typed: Typed, inputs: dict[str, Any]) -> list[Any]:
        """The events after which the fields are to be filled from the draft again."""
        handlers = Handlers(shared.services, shared.words, as_typed)
        outputs = [self.said, self.undo, self.change, inputs["model"]]
        found = on(self.button.click, handlers.fit, shared.words, inputs_kwargs=inputs, outputs=outputs)
        put = then_in_browser(found, "(change) => studioPage.fit(change)", inputs=self.change)
        back = on(
            self.undo.click,
            handlers.undone,
            shared.words,
            outputs=[self.said, self.undo],
        )
        undone = then_in_browser(
            back, "(model) => studioPage.unfit(model)", inputs=inputs["model"], outputs=inputs["model"]
        )
        on(inputs["recipe"].input, handlers.undone, shared.words, outputs=[self.said, self.undo])
        return [put, undone]
