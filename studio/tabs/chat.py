"""Chat: one question to the base model and to what a run made of it, side by side."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from backend.errors import ChatError
from backend.inference.sampling import Sampling
from studio.events import in_browser, on, then
from studio.framework import gr
from studio.services.door import Services
from studio.shared import Shared
from studio.text import Words
from studio.views.chat import Turns, answered, asked, conversation, number

ENGINE_SECONDS = 120.0
NO_ADAPTER = ""


@dataclass(frozen=True)
class View:
    base: gr.Dropdown
    adapter: gr.Dropdown
    left: gr.Chatbot
    right: gr.Chatbot
    question: gr.Textbox
    send: gr.Button
    stop: gr.Button
    clear: gr.Button
    settings: dict[str, Any]


@dataclass(frozen=True)
class Handlers:
    services: Services
    words: Words

    def opened(self, base: str | None, adapter: str | None) -> tuple[Any, Any]:
        """Somebody wants to chat: the engine may start. The newest run is on the right unless another was chosen."""
        self.services.want_engine()
        bases, adapters = self.base_choices(), self.adapter_choices()
        newest = adapters[1][1] if len(adapters) > 1 else NO_ADAPTER
        chosen = adapter if adapter and adapter in [key for _, key in adapters] else newest
        return (
            gr.update(choices=bases, value=base or self._base_of(chosen) or bases[0][1]),
            gr.update(choices=adapters, value=chosen),
        )

    def base_for(self, adapter: str) -> Any:
        """The model that the chosen run was trained on, so that the comparison is fair."""
        return self._base_of(adapter) or gr.skip()

    def ask(self, question: str, left: Turns, right: Turns, adapter: str) -> tuple[str, Turns, Turns]:
        """The question appears in both conversations at once; the field is free again."""
        if not question.strip():
            return "", left, right
        return "", asked(left, question), asked(right, question) if adapter else right

    def answer(self, turns: Turns, model: str, **settings: str) -> Iterator[Turns]:
        """The conversation with its answer growing."""
        if not model or not turns or turns[-1]["role"] != "user":
            return
        sampling = Sampling(
            temperature=number(settings["temperature"]),
            max_tokens=number(settings["max_tokens"]),
        )
        yield from self._wait(turns)
        said = ""
        for piece in self.services.stream(conversation(turns, settings["system"]), model, sampling):
            said += piece
            yield answered(turns, said)
        if not said:
            yield answered(turns, self.words.t("chat.silent"))

    def cleared(self) -> tuple[Turns, Turns]:
        return [], []

    def _wait(self, turns: Turns) -> Iterator[Turns]:
        """A sentence in the place of the answer while the engine starts."""
        self.services.want_engine()
        deadline = time.monotonic() + ENGINE_SECONDS
        while not self.services.engine_ready():
            yield answered(turns, self.words.t("chat.starting"))
            if time.monotonic() > deadline:
                raise ChatError("chat.not_started", seconds=round(ENGINE_SECONDS))
            time.sleep(0.5)

    def base_choices(self) -> list[tuple[str, str]]:
        return [(model.title(self.words.language), model.id) for model in self.services.models()]

    def adapter_choices(self) -> list[tuple[str, str]]:
        made = [(job.name, f"run:{job.id}") for job in self.services.answering()]
        return [(self.words.t("chat.no_adapter"), NO_ADAPTER), *made]

    def _base_of(self, adapter: str) -> str | None:
        return self.services.base_of(adapter.removeprefix("run:")) if adapter else None


def layout(words: Words, handlers: Handlers) -> View:
    with gr.Row(elem_classes="panes"):
        with gr.Column(min_width=300, elem_classes="pane base"):
            bases = handlers.base_choices()
            base = gr.Dropdown(bases, value=bases[0][1] if bases else None, label=words.t("chat.base"))
            left = bot(words.t("chat.base"), words)
        with gr.Column(min_width=300, elem_classes="pane adapter"):
            adapter = gr.Dropdown(handlers.adapter_choices(), value=NO_ADAPTER, label=words.t("chat.adapter"))
            right = bot(words.t("chat.adapter"), words)
    with gr.Row(elem_classes="ask"):
        question = gr.Textbox(
            label=words.t("chat.question"),
            show_label=False,
            placeholder=words.t("chat.question"),
            scale=8,
            max_lines=6,
            elem_id="question",
        )
        send = gr.Button(words.t("chat.send"), variant="primary", scale=1, min_width=90)
        stop = gr.Button(words.t("chat.stop"), scale=1, min_width=90)
        clear = gr.Button(words.t("chat.clear"), scale=1, min_width=90)
    with gr.Accordion(words.t("chat.settings"), open=False, elem_classes="folded"), gr.Row(elem_classes="fields"):
        settings = {
            "system": gr.Textbox("", label=words.t("chat.system"), max_lines=4, scale=3),
            "temperature": gr.Textbox("0", label=words.t("chat.temperature"), max_lines=1, min_width=120),
            "max_tokens": gr.Textbox("128", label=words.t("chat.max_tokens"), max_lines=1, min_width=120),
        }
    return View(base, adapter, left, right, question, send, stop, clear, settings)


def bot(label: str, words: Words) -> gr.Chatbot:
    """Answers are shown as the text they are; `views.chat` escapes them. The copy button would copy the escapes."""
    return gr.Chatbot(
        label=label,
        show_label=False,
        render_markdown=False,
        sanitize_html=True,
        height="46vh",
        placeholder=words.t("chat.empty"),
        buttons=[],
        feedback_options=None,
    )


def wire(view: View, shared: Shared, tab: gr.Tab, handlers: Handlers) -> None:
    words, both = shared.words, [view.left, view.right]
    on(tab.select, handlers.opened, words, inputs=[view.base, view.adapter], outputs=[view.base, view.adapter])
    on(view.adapter.input, handlers.base_for, words, inputs=view.adapter, outputs=view.base)
    asking = on(
        [view.send.click, view.question.submit],
        handlers.ask,
        words,
        inputs=[view.question, view.left, view.right, view.adapter],
        outputs=[view.question, *both],
    )
    streams = [
        then(
            asking,
            handlers.answer,
            words,
            inputs_kwargs={"turns": pane, "model": model, **view.settings},
            outputs=pane,
            queue=True,
            concurrency_id="chat",
            concurrency_limit=64,
        )
        for pane, model in ((view.left, view.base), (view.right, view.adapter))
    ]
    in_browser(view.stop.click, "() => {}", cancels=streams)
    on(view.clear.click, handlers.cleared, words, outputs=both, cancels=streams)


def build(shared: Shared, tab: gr.Tab) -> None:
    handlers = Handlers(shared.services, shared.words)
    wire(layout(shared.words, handlers), shared, tab, handlers)
