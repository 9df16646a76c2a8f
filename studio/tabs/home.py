"""Home: what this is, the next thing to do, what runs now, what was last, what this computer is."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from backend.jobs.model import Job, JobState
from studio.events import in_browser, on
from studio.framework import gr
from studio.services.door import Services
from studio.shared import Shared
from studio.text import Words
from studio.views import home as views
from studio.views.html import SafeHtml
from studio.widgets.live_views import filled, place

FIRST_RECIPE = "starter-lora"


class News(NamedTuple):
    """One value per output, in order. `where` is the tab that the first button opens, with the run to show there."""

    first: Any
    where: str
    again: Any
    story: SafeHtml
    last: str
    talk: Any
    look: Any
    machine: SafeHtml
    forget: Any


class Step(NamedTuple):
    """The next thing to do."""

    label: str
    where: str


@dataclass(frozen=True)
class View:
    first: gr.Button
    where: gr.Textbox
    again: gr.Button
    story: gr.HTML
    last: gr.Textbox
    talk: gr.Button
    look: gr.Button
    machine: gr.HTML
    forget: gr.Button
    asks: gr.HTML

    @property
    def news(self) -> list[Any]:
        return [
            self.first,
            self.where,
            self.again,
            self.story,
            self.last,
            self.talk,
            self.look,
            self.machine,
            self.forget,
        ]


@dataclass(frozen=True)
class Handlers:
    services: Services
    words: Words

    def opened(self) -> News:
        """Somebody looks, so a worker may warm up, and measure this machine meanwhile."""
        self.services.page_opened()
        return self.news()

    def news(self) -> News:
        """Everything as it is now; the page asks again by itself while Home is looked at."""
        runs = self.services.cookbook.trained()
        able = {job.id for job in self.services.chats.adapters()}
        made = [job.id for job in runs if job.id in able]
        ended = max((job for job in runs if job.ended), key=lambda job: job.ended_at or 0, default=None)
        step = self._next(runs, made)
        chat = ended is not None and ended.id in made
        seen = self.services.seen_bytes()
        return News(
            gr.update(value=step.label),
            step.where,
            gr.update(visible=step.where != "train"),
            views.last_run(ended, self.words, made=chat) if ended else views.steps(self.words),
            ended.id if ended else "",
            gr.update(visible=chat),
            gr.update(visible=ended is not None),
            views.machine_card(self.services.machine(), self.words, seen),
            gr.update(visible=seen > 0),
        )

    def forget(self) -> News:
        """What models saw of pictures is let go."""
        self.services.forget_seen()
        return self.news()

    def _next(self, runs: list[Job], made: list[str]) -> Step:
        """What runs is watched; then what was trained is talked with; else the first adapter is trained."""
        oldest_first = list(reversed(runs))
        busy = next((job for job in oldest_first if job.active), None)
        busy = busy or next((job for job in oldest_first if job.state is JobState.QUEUED), None)
        if busy:
            return Step(self.words.t("home.watch", name=busy.name), f"runs {busy.id}")
        if made:
            return Step(self.words.t("home.talk", name=self.services.run(made[0]).name), f"chat {made[0]}")
        return Step(self._first(), "train")

    def _first(self) -> str:
        """How long it would take here; roughly, until this machine has been measured."""
        recipe = self.services.recipe(FIRST_RECIPE)
        forecast = self.services.forecast(recipe, recipe.defaults.model, recipe.defaults.data)
        if forecast.seconds is None:
            return self.words.t("home.first")
        key = "home.first.time" if forecast.measured else "home.first.rough"
        return self.words.t(key, time=self.words.duration(forecast.seconds))


def layout(words: Words) -> View:
    with gr.Column(elem_classes="home"):
        gr.HTML(views.greeting(words), html_template="${value}", apply_default_css=False, js_on_load=None)
        with gr.Row(elem_classes="actions"):
            first = gr.Button(words.t("home.first"), variant="primary", size="lg", elem_id="first")
            again = gr.Button(words.t("home.again"), size="lg", visible=False, elem_id="again")
        place("now")
        with gr.Row(elem_classes="halves"):
            with gr.Column(scale=3, min_width=280, elem_classes="story"):
                story = filled(elem_id="story")
                with gr.Row(elem_classes="actions"):
                    talk = gr.Button(words.t("home.chat_with_it"), size="sm", visible=False, elem_id="talk")
                    look = gr.Button(words.t("home.look_at_it"), size="sm", visible=False, elem_id="look")
                gr.HTML(views.doors(words), html_template="${value}", apply_default_css=False, js_on_load=None)
            with gr.Column(scale=2, min_width=260):
                machine = filled(elem_id="machine")
                with gr.Row(elem_classes="actions"):
                    forget = gr.Button(words.t("home.seen.forget"), size="sm", visible=False, elem_id="forget-seen")
        asks = place("home")
    where = gr.Textbox(visible="hidden", elem_id="home-where")
    last = gr.Textbox(visible="hidden", elem_id="home-last")
    return View(first, where, again, story, last, talk, look, machine, forget, asks)


def wire(view: View, shared: Shared, handlers: Handlers) -> None:
    words = shared.words
    on(shared.page.load, handlers.opened, words, outputs=view.news)
    on(view.asks.select, handlers.news, words, outputs=view.news)
    on(view.forget.click, handlers.forget, words, outputs=view.news)
    in_browser(view.first.click, "(where) => studioPage.go(where || 'train')", inputs=view.where)
    in_browser(view.again.click, "() => studioPage.go('train')")
    in_browser(view.talk.click, "(run) => studioPage.go(`chat ${run}`)", inputs=view.last)
    in_browser(view.look.click, "(run) => studioPage.go(`runs ${run}`)", inputs=view.last)


def build(shared: Shared, _: gr.Tab) -> None:
    wire(layout(shared.words), shared, Handlers(shared.services, shared.words))
