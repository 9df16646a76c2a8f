"""Runs: what is queued, what runs and what has ended; the chosen run, live; adapters from elsewhere."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from backend import names
from backend.errors import JobError, ModelError, StudioError
from backend.jobs.model import Job
from studio.events import in_browser, on, then_in_browser
from studio.framework import gr
from studio.services.door import Services
from studio.shared import Shared
from studio.text import Words
from studio.views.runs import run_line
from studio.widgets.live_views import place

SOURCES = ("zip", "folder", "hub")
# More than any of them may have, so that what is too long is refused in words and not cut off in silence.
LONGEST_TYPED = 4096


class Imported(NamedTuple):
    """One value per output, in order: what is wrong with the name and with the rest, or ""; the answer for the browser;
    the fields, free again.
    """

    name_said: str
    said: str
    answer: str
    where: Any
    name: Any


@dataclass(frozen=True)
class View:
    places: tuple[gr.HTML, ...]
    answer: gr.Textbox
    source: gr.Radio
    name: gr.Textbox
    upload: gr.UploadButton
    zip_hint: gr.Markdown
    where: gr.Textbox
    go: gr.Button
    name_said: gr.Markdown
    said: gr.Markdown


@dataclass(frozen=True)
class Handlers:
    services: Services
    words: Words

    def act(self, event: gr.EventData) -> str:
        """Does what was pressed (`event.action`, one of `ACTIONS`) with the run `event.run`; JSON for the browser.

        A refusal is part of the answer, because it is shown where it was pressed.
        """
        action, run = str(event.action), str(event.run)
        try:
            job = ACTIONS[action](self, run, event.value)
        except StudioError as error:
            return as_json({"action": action, "run": run, "wrong": error.say(self.words.language)})
        return self._answer(action, run, job)

    def repeat(self, run: str) -> Job:
        """Under the first name that is free: "romanian 2"."""
        taken = [job.name for job in self.services.runs()]
        return self.services.my_runs.repeat(run, names.free(self.services.run(run).name, taken))

    def delete(self, run: str) -> None:
        self.services.my_runs.delete(run)

    def keep_token(self, run: str, token: str) -> None:
        """Typed beside the exports of a run; kept outside the workspace, and the answer does not repeat it."""
        self.services.run(run)
        self.services.exports.keep_token(token)

    def chosen_source(self, source: str) -> tuple[Any, Any, Any, Any, str, str]:
        """Which field asks for it: a zip is uploaded, the others are typed. What was wrong is no longer said."""
        typed = source != "zip"
        label = self.words.t(f"runs.import.{source}") if typed else None
        hidden, seen = gr.update(visible=not typed), gr.update(visible=typed)
        return hidden, hidden, gr.update(visible=typed, label=label), seen, "", ""

    def import_zip(self, file: str | None, name: str) -> Imported:
        if not file:
            return Imported("", "", "", gr.skip(), gr.skip())
        archive = Path(file)
        try:
            return self._imported(lambda: self.services.my_runs.import_zip(archive, name.strip()))
        finally:
            archive.unlink(missing_ok=True)

    def import_typed(self, source: str, where: str, name: str) -> Imported:
        mine = self.services.my_runs
        bring = mine.import_hub if source == "hub" else mine.import_folder

        def typed() -> Job:
            if not where.strip():
                raise ModelError("models.import_nothing")
            return bring(where, name.strip())

        return self._imported(typed)

    def _imported(self, bring: Callable[[], Job]) -> Imported:
        """The fields keep what was typed until it was taken."""
        try:
            job = bring()
        except StudioError as error:
            said = error.say(self.words.language)
            at_the_name = error.key.startswith("names.")
            return Imported(said if at_the_name else "", "" if at_the_name else said, "", gr.skip(), gr.skip())
        return Imported("", "", self._answer("import", job.id, job), "", "")

    def _answer(self, action: str, run: str, job: Job | None) -> str:
        """The line of the run as it is now, so that the page need not wait for the next look."""
        line = run_line(job, None, self.words) if job else None
        return as_json({"action": action, "run": job.id if job else run, "line": line})


def as_json(answer: dict[str, Any]) -> str:
    return json.dumps(answer, ensure_ascii=False)


def moment(given: Any) -> float | None:
    """What the browser says a moment is: UTC epoch seconds, or None for "as soon as it can"."""
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise JobError("jobs.start_missing")
    return float(given)


ACTIONS: dict[str, Callable[[Handlers, str, Any], Job | None]] = {
    "stop": lambda page, run, _: page.services.my_runs.stop(run, save=True),
    "discard": lambda page, run, _: page.services.my_runs.stop(run, save=False),
    "resume": lambda page, run, _: page.services.my_runs.resume(run),
    "repeat": lambda page, run, _: page.repeat(run),
    "rename": lambda page, run, name: page.services.my_runs.rename(run, str(name)),
    "note": lambda page, run, note: page.services.my_runs.annotate(run, str(note)),
    "pin": lambda page, run, _: page.services.my_runs.pin(run, pinned=True),
    "unpin": lambda page, run, _: page.services.my_runs.pin(run, pinned=False),
    "first": lambda page, run, _: page.services.my_runs.move(run, "first"),
    "earlier": lambda page, run, _: page.services.my_runs.move(run, "earlier"),
    "later": lambda page, run, _: page.services.my_runs.move(run, "later"),
    "start": lambda page, run, when: page.services.my_runs.start_at(run, moment(when)),
    "delete": lambda page, run, _: page.delete(run),
    "export": lambda page, run, asked: page.services.exports.start(run, asked),
    "token": lambda page, run, token: page.keep_token(run, str(token)),
}


def layout(words: Words) -> View:
    with gr.Row(elem_classes="halves runs"):
        with gr.Column(scale=4, min_width=260, elem_classes="side"):
            place("compare-door")
            runs = place("runs", elem_id="run-list")
            with gr.Accordion(words.t("runs.import"), open=False, elem_classes="folded", elem_id="import"):
                sources = [(words.t(f"runs.import.from.{source}"), source) for source in SOURCES]
                source = gr.Radio(sources, value="zip", label=words.t("runs.import.from"), elem_classes="stacked")
                name = gr.Textbox(
                    label=words.t("runs.import.name"),
                    placeholder=words.t("runs.import.name.hint"),
                    max_lines=1,
                    max_length=LONGEST_TYPED,
                    elem_id="import-name",
                )
                name_said = gr.Markdown("", elem_classes="missing", elem_id="import-name-said")
                upload = gr.UploadButton(words.t("runs.import.zip"), file_types=[".zip"], type="filepath", size="sm")
                zip_hint = gr.Markdown(words.t("runs.import.zip.hint"), elem_classes="hint", elem_id="import-zip-hint")
                where = gr.Textbox(
                    label=words.t("runs.import.folder"),
                    max_lines=1,
                    max_length=LONGEST_TYPED,
                    visible=False,
                    elem_id="import-where",
                )
                go = gr.Button(words.t("runs.import.go"), size="sm", visible=False, elem_id="import-go")
                said = gr.Markdown("", elem_classes="missing", elem_id="import-said")
        with gr.Column(scale=13, min_width=320):
            place("compare")
            head = place("run-head")
            place("verdict")
            for part in ("charts", "answers", "log"):
                place(part)
            ways_out = place("export")
            place("run-details")
    answer = gr.Textbox(visible=False, show_label=False)
    return View((runs, head, ways_out), answer, source, name, upload, zip_hint, where, go, name_said, said)


def wire(view: View, shared: Shared, handlers: Handlers) -> None:
    words = shared.words
    for shown in view.places:
        # Every press counts: three times "earlier" is three places.
        acted = on(shown.submit, handlers.act, words, outputs=view.answer, trigger_mode="multiple")
        then_in_browser(acted, "(answer) => studioPage.acted(answer)", inputs=view.answer)
    on(
        view.source.change,
        handlers.chosen_source,
        words,
        inputs=view.source,
        outputs=[view.upload, view.zip_hint, view.where, view.go, view.name_said, view.said],
    )
    outputs = [view.name_said, view.said, view.answer, view.where, view.name]
    zipped = on(view.upload.upload, handlers.import_zip, words, inputs=[view.upload, view.name], outputs=outputs)
    typed = [view.source, view.where, view.name]
    in_browser(shared.page.load, "() => studioPage.keptImport()", outputs=typed)
    asked = on([view.go.click, view.where.submit], handlers.import_typed, words, inputs=typed, outputs=outputs)
    for event in (zipped, asked):
        then_in_browser(event, "(...said) => studioPage.imported(...said)", inputs=outputs[:3])


def build(shared: Shared, _: gr.Tab) -> None:
    wire(layout(shared.words), shared, Handlers(shared.services, shared.words))
