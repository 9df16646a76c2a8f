"""Runs: what is queued, what runs and what has ended; the chosen run, live."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from backend.errors import AccessError
from studio.events import on, then_in_browser
from studio.framework import gr
from studio.services.door import Services
from studio.shared import Shared
from studio.text import Words
from studio.widgets.live_views import place


class Buttons(NamedTuple):
    """One value per output, in order."""

    run: str | None
    stop: dict[str, Any]
    discard: dict[str, Any]
    resume: dict[str, Any]
    more: dict[str, Any]
    name: str


@dataclass(frozen=True)
class View:
    runs: gr.HTML
    run: gr.State
    stop: gr.Button
    discard: gr.Button
    resume: gr.Button
    more: gr.Accordion
    name: gr.Textbox
    rename: gr.Button
    delete: gr.Button
    delete_now: gr.Button
    keep: gr.Button

    @property
    def buttons(self) -> list[Any]:
        return [self.run, self.stop, self.discard, self.resume, self.more, self.name]


@dataclass(frozen=True)
class Handlers:
    services: Services
    words: Words

    def chosen(self, event: gr.EventData) -> Buttons:
        """The run that was pressed in the list, or whose state has just changed."""
        return self.buttons(str(event.id) if event.id else None)

    def buttons(self, run: str | None) -> Buttons:
        """What may be done with this run now."""
        try:
            job = self.services.run(run or "")
        except AccessError:
            hidden = gr.update(visible=False)
            return Buttons(None, hidden, hidden, hidden, hidden, "")
        return Buttons(
            job.id,
            gr.update(
                visible=not job.ended and not job.stopping,
                value=self.words.t("runs.stop" if job.active else "runs.unqueue"),
            ),
            gr.update(visible=job.active and not job.stopping),
            gr.update(visible=job.resumable),
            gr.update(visible=True),
            job.name,
        )

    def stop(self, run: str) -> Buttons:
        return self.buttons(self.services.stop(run, save=True).id)

    def discard(self, run: str) -> Buttons:
        return self.buttons(self.services.stop(run, save=False).id)

    def resume(self, run: str) -> Buttons:
        return self.buttons(self.services.resume(run).id)

    def rename(self, run: str, name: str) -> str:
        return self.services.rename(run, name).name

    def delete(self, run: str) -> Buttons:
        self.services.delete(run)
        return self.buttons(None)

    def ask(self) -> tuple[Any, Any, Any]:
        """Deleting takes a second press."""
        return gr.update(visible=False), gr.update(visible=True), gr.update(visible=True)

    def ask_no_more(self) -> tuple[Any, Any, Any]:
        return gr.update(visible=True), gr.update(visible=False), gr.update(visible=False)


def layout(words: Words) -> View:
    with gr.Row(elem_classes="halves runs"):
        with gr.Column(scale=4, min_width=260, elem_classes="side"):
            runs = place("runs", elem_id="run-list")
        with gr.Column(scale=13, min_width=320):
            place("run-head")
            with gr.Row(elem_classes="actions"):
                stop = gr.Button(words.t("runs.stop"), size="sm", visible=False)
                discard = gr.Button(words.t("runs.discard"), size="sm", visible=False)
                resume = gr.Button(words.t("runs.resume"), size="sm", variant="primary", visible=False)
            place("run-body")
            with gr.Accordion(words.t("runs.more"), open=False, visible=False, elem_classes="folded") as more:
                with gr.Row(elem_classes="fields"):
                    name = gr.Textbox(label=words.t("train.name"), max_lines=1, max_length=200)
                    rename = gr.Button(words.t("runs.rename"), size="sm")
                with gr.Row(elem_classes="actions"):
                    delete = gr.Button(words.t("runs.delete"), size="sm")
                    delete_now = gr.Button(words.t("runs.delete_now"), size="sm", variant="stop", visible=False)
                    keep = gr.Button(words.t("runs.keep"), size="sm", visible=False)
    return View(runs, gr.State(None), stop, discard, resume, more, name, rename, delete, delete_now, keep)


def wire(view: View, shared: Shared, handlers: Handlers) -> None:
    words = shared.words
    on(view.runs.select, handlers.chosen, words, outputs=view.buttons, trigger_mode="always_last")
    on(view.stop.click, handlers.stop, words, inputs=view.run, outputs=view.buttons)
    on(view.discard.click, handlers.discard, words, inputs=view.run, outputs=view.buttons)
    on(view.resume.click, handlers.resume, words, inputs=view.run, outputs=view.buttons)
    on([view.rename.click, view.name.submit], handlers.rename, words, inputs=[view.run, view.name], outputs=view.name)
    question = [view.delete, view.delete_now, view.keep]
    on(view.delete.click, handlers.ask, words, outputs=question)
    on([view.keep.click, view.runs.select], handlers.ask_no_more, words, outputs=question)
    deleted = on(view.delete_now.click, handlers.delete, words, inputs=view.run, outputs=view.buttons)
    then_in_browser(deleted, "() => studioPage.forget()")


def build(shared: Shared, _: gr.Tab) -> None:
    wire(layout(shared.words), shared, Handlers(shared.services, shared.words))
