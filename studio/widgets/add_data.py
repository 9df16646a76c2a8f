"""Adding a JSONL file of one's own: a name, the file, and what is wrong with it if something is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend import names
from backend.errors import StudioError
from studio.events import on, then_in_browser
from studio.framework import gr
from studio.services.door import Services
from studio.shared import Shared
from studio.text import Words

Choices = Callable[[], list[tuple[str, str]]]


@dataclass(frozen=True)
class Handlers:
    services: Services
    words: Words
    choices: Choices

    def add(self, file: str | None, name: str, skip_bad: bool) -> tuple[Any, str]:
        """The list of data sets with the new one chosen, and what was done; or what is wrong, everything kept."""
        if not file:
            return gr.skip(), ""
        path = Path(file)
        try:
            taken = [known.name for known in self.services.datasets()]
            wanted = name if name.strip() else names.free(names.from_file(path.stem), taken, "data")
            added = self.services.add_dataset(path, wanted, skip_bad=skip_bad)
        except StudioError as error:
            return gr.skip(), error.say(self.words.language)
        finally:
            path.unlink(missing_ok=True)
        said = self.words.count("data.added", added.rows, name=added.name)
        return gr.update(choices=self.choices(), value=added.id), said


@dataclass(frozen=True)
class AddData:
    name: gr.Textbox
    skip_bad: gr.Checkbox
    upload: gr.UploadButton
    said: gr.Markdown

    @classmethod
    def create(cls, words: Words) -> "AddData":
        with gr.Accordion(words.t("data.add"), open=False, elem_classes="folded"):
            gr.Markdown(words.t("data.format"), elem_classes="hint")
            with gr.Row(elem_classes="fields"):
                name = gr.Textbox(label=words.t("data.name"), placeholder=words.t("data.name.hint"), max_lines=1)
                skip_bad = gr.Checkbox(label=words.t("data.skip_bad"), value=False)
            upload = gr.UploadButton(words.t("data.upload"), file_types=[".jsonl"], type="filepath", size="sm")
            said = gr.Markdown("", elem_classes="said", elem_id="added")
        return cls(name, skip_bad, upload, said)

    def wire(self, shared: Shared, choices: Choices, data: gr.Dropdown) -> None:
        handlers = Handlers(shared.services, shared.words, choices)
        added = on(
            self.upload.upload,
            handlers.add,
            shared.words,
            inputs=[self.upload, self.name, self.skip_bad],
            outputs=[data, self.said],
        )
        then_in_browser(added, "(data) => studioPage.keep('data', data)", inputs=data)
