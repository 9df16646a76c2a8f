"""Adding a JSONL file of one's own: the file, a name, and what is wrong with it; every other file goes over Data."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from backend import names
from backend.errors import JobError, StudioError
from studio.events import in_browser, on, then_in_browser
from studio.framework import gr
from studio.services.door import Services
from studio.shared import Shared
from studio.text import Words
from studio.views.html import SafeHtml
from studio.views.train import said
from studio.widgets.live_views import filled
from studio.widgets.recipe_form import name_field

NAME, FILE = "data-name", "data-file"
Choices = Callable[[], list[tuple[str, str]]]


class Added(NamedTuple):
    """One value per output, in order: the list of data sets, the file, its name, the button, what was done."""

    data: Any
    file: Any
    name: Any
    again: Any
    said: SafeHtml


class Gone(NamedTuple):
    again: Any
    said: SafeHtml


@dataclass(frozen=True)
class Handlers:
    services: Services
    words: Words
    choices: Choices

    def add(self, file: str | None, name: str, skip_bad: bool) -> Added:
        """The data set is added and chosen; or what is wrong is said, and file and name stay for another try."""
        if not file:
            return Added(gr.skip(), gr.skip(), gr.skip(), gr.update(visible=False), SafeHtml(""))
        path = Path(file)
        try:
            taken = [known.name for known in self.services.datasets()]
            wanted = name if name.strip() else names.free(names.from_file(path.stem), taken, "data")
            added = self.services.add_dataset(path, wanted, skip_bad=skip_bad)
        except StudioError as error:
            told = said(error.say(self.words.language), at=NAME if isinstance(error, JobError) else FILE)
            return Added(gr.skip(), gr.skip(), gr.skip(), gr.update(visible=True), told)
        path.unlink(missing_ok=True)
        told = said(self.words.count("data.added", added.rows, name=added.name))
        return Added(gr.update(choices=self.choices(), value=added.id), None, "", gr.update(visible=False), told)

    def gone(self) -> Gone:
        """The file was taken away again: nothing is left to try, or to say."""
        return Gone(gr.update(visible=False), SafeHtml(""))


@dataclass(frozen=True)
class AddData:
    name: gr.Textbox
    skip_bad: gr.Checkbox
    file: gr.File
    again: gr.Button
    others: gr.Button
    said: gr.HTML

    @classmethod
    def create(cls, words: Words) -> "AddData":
        with gr.Column(elem_classes="fold", elem_id="panel-data"):
            gr.Markdown(words.t("data.format"), elem_classes="hint")
            with gr.Row(elem_classes="fields grid"):
                name = name_field(words.t("data.name"), NAME, placeholder=words.t("data.name.hint"))
                skip_bad = gr.Checkbox(label=words.t("data.skip_bad"), value=False)
            # Of any kind, so that what is wrong with it is said at the field; form.js tells the browser what to offer.
            file = gr.File(label=words.t("data.upload"), type="filepath", height=132, elem_id=FILE)
            told = filled(elem_id="added", elem_classes="said")
            again = gr.Button(words.t("data.again"), size="sm", visible=False, elem_id="data-again")
            others = gr.Button(words.t("data.others"), size="sm", elem_id="data-others")
        return cls(name, skip_bad, file, again, others, told)

    def wire(self, shared: Shared, choices: Choices, data: gr.Dropdown) -> Any:
        """The event after which there may be one data set more."""
        handlers = Handlers(shared.services, shared.words, choices)
        added = on(
            [self.file.upload, self.again.click],
            handlers.add,
            shared.words,
            inputs=[self.file, self.name, self.skip_bad],
            outputs=[data, self.file, self.name, self.again, self.said],
        )
        script = f"(data, name) => {{ studioPage.keep('data', data); studioPage.keepName('{NAME}', name); }}"
        then_in_browser(added, script, inputs=[data, self.name])
        on([self.file.clear, self.file.delete], handlers.gone, shared.words, outputs=[self.again, self.said])
        in_browser(self.others.click, "() => studioPage.data.add()")
        return added
