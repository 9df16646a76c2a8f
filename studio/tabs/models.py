"""Models: those on this computer and on their way to it, the chosen ones, the whole Hub; upload of one's own.

Lists, searches and details are drawn by assets/models*.js, which ask `studio.routes.models`. The upload is Gradio's.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from backend import names
from backend.errors import JobError, StudioError
from studio.events import in_browser, on, then_in_browser
from studio.framework import gr
from studio.services.models import MyModels
from studio.shared import Shared
from studio.text import Words
from studio.views.html import SafeHtml
from studio.views.train import said
from studio.widgets.live_views import filled, place
from studio.widgets.recipe_form import name_field

NAME, FILES = "model-name-field", "model-files"


class Uploaded(NamedTuple):
    """One value per output, in order: files, name, what was done or what is wrong; the name it has now, or ""."""

    files: Any
    name: Any
    said: SafeHtml
    added: str


@dataclass(frozen=True)
class View:
    name: gr.Textbox
    files: gr.File
    go: gr.Button
    said: gr.HTML
    added: gr.Textbox


@dataclass(frozen=True)
class Handlers:
    services: MyModels
    words: Words

    def upload(self, files: list[str] | None, name: str) -> Uploaded:
        """The model is here; or what is wrong is said, and files and name stay for another try."""
        sent = {Path(file).name: Path(file) for file in files or ()}
        try:
            made = self.services.upload(sent, name.strip() or self._named(sent))
        except StudioError as error:
            at = NAME if isinstance(error, JobError) else FILES
            return Uploaded(gr.skip(), gr.skip(), said(error.say(self.words.language), at=at), "")
        for path in sent.values():
            path.unlink(missing_ok=True)
        return Uploaded(None, "", said(self.words.t("models.added", name=made.name)), made.name)

    def _named(self, sent: dict[str, Path]) -> str:
        """After a zip archive; files of a model are called alike in every model, so there a name is asked for."""
        stems = [Path(name).stem for name in sent if name.lower().endswith(".zip")]
        taken = [model.name for model in self.services.models()]
        return names.free(names.from_file(stems[0], "model"), taken, "model") if stems else ""


def layout(words: Words) -> View:
    with gr.Row(elem_classes="halves models"):
        with gr.Column(scale=8, min_width=300, elem_classes="side"):
            place("models-coming", elem_id="models-coming")
            place("models-here", elem_id="models-here")
            with gr.Accordion(words.t("models.bring"), open=False, elem_classes="folded", elem_id="models-add"):
                place("models-bring", elem_id="models-bring")
                gr.Markdown(words.t("models.upload.says"), elem_classes="hint")
                name = name_field(words.t("models.upload.name"), NAME, placeholder=words.t("models.upload.name.hint"))
                # Of any kind, so that what is wrong with it is said at the field.
                files = gr.File(
                    label=words.t("models.upload"), file_count="multiple", type="filepath", height=150, elem_id=FILES
                )
                go = gr.Button(words.t("models.upload.go"), size="sm", elem_id="model-upload")
                told = filled(elem_id="model-uploaded", elem_classes="said")
            place("models-token", elem_id="models-token")
        with gr.Column(scale=12, min_width=320):
            place("models-find", elem_id="models-find")
    return View(name, files, go, told, gr.Textbox(visible="hidden", elem_id="model-added"))


def wire(view: View, shared: Shared, tab: gr.Tab, handlers: Handlers) -> None:
    in_browser(tab.select, "() => studioPage.models.start()")
    outputs = [view.files, view.name, view.said, view.added]
    sent = on(view.go.click, handlers.upload, shared.words, inputs=[view.files, view.name], outputs=outputs)
    then_in_browser(sent, "(added) => studioPage.models.uploaded(added)", inputs=view.added)


def build(shared: Shared, tab: gr.Tab) -> None:
    wire(layout(shared.words), shared, tab, Handlers(shared.services.my_models, shared.words))
