"""Home: what this is, the way to a first adapter, what runs now."""

from dataclasses import dataclass

from studio.events import in_browser, on
from studio.framework import gr
from studio.services.door import Services
from studio.shared import Shared
from studio.text import Words
from studio.views.home import greeting
from studio.widgets.live_views import place

FIRST_RECIPE = "starter-lora"


@dataclass(frozen=True)
class Handlers:
    services: Services
    words: Words

    def opened(self) -> str:
        """The first button says how long it would take here; somebody looks, so a worker may warm up."""
        self.services.page_opened()
        recipe = self.services.recipe(FIRST_RECIPE)
        seconds = self.services.forecast(recipe, recipe.defaults.model, recipe.defaults.data).seconds
        if seconds is None:
            return self.words.t("home.first")
        return self.words.t("home.first.time", time=self.words.duration(seconds))


def build(shared: Shared, _: gr.Tab) -> None:
    words = shared.words
    with gr.Column(elem_classes="home"):
        gr.HTML(greeting(words), html_template="${value}", apply_default_css=False, js_on_load=None)
        with gr.Row(elem_classes="actions doors"):
            first = gr.Button(words.t("home.first"), variant="primary", size="lg", elem_id="first")
            talk = gr.Button(words.t("home.chat"), size="lg")
        place("now")
    on(shared.page.load, Handlers(shared.services, words).opened, words, outputs=first)
    in_browser(first.click, "() => studioPage.open('train')")
    in_browser(talk.click, "() => studioPage.open('chat')")
