"""A chat: one question to the base model and to what runs made of it, side by side; with pictures or without.

The fields are Gradio's; conversations, answers and the question are drawn by assets/chat*.js, which ask
`studio.routes.chat`. What is chosen in the fields is told to the scripts, and they send it with every question.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from backend.chats import presets
from backend.chats.model import MOST_ADAPTERS, Choices
from backend.errors import AccessError, ChatError
from backend.inference.shelf import RUN
from studio.events import in_browser, on, then, then_in_browser
from studio.framework import gr
from studio.services.chats import ChatServices
from studio.shared import Shared
from studio.text import Words
from studio.views import chat as views
from studio.widgets.live_views import place

FIELDS = ("base", "adapters", *views.FIELDS)


class Kind(NamedTuple):
    """`name` begins the ids of the fields and is what the scripts call it, `question` is the id of the field for the
    question. `sight`: questions have pictures, and only models that see them are offered.
    """

    name: str
    question: str
    sight: bool = False


CHAT, ASK = Kind("chat", "question"), Kind("ask", "ask-question", sight=True)


class Chosen(NamedTuple):
    """One value per output, in order: the models and the settings."""

    base: Any
    adapters: Any
    system: str
    temperature: str
    top_p: str
    max_tokens: str
    repetition_penalty: str
    seed: str


@dataclass(frozen=True)
class View:
    panes: gr.HTML
    situation: gr.Textbox
    inputs: dict[str, Any]
    preset: gr.Dropdown | None
    small: gr.Markdown
    folded: gr.Accordion


@dataclass(frozen=True)
class Handlers:
    chats: ChatServices
    words: Words
    kind: Kind = CHAT

    def opened(self, situation: str) -> Chosen:
        """Somebody wants to chat: the engine may start. What is chosen: as in her conversation, else as she left it."""
        self.chats.want_engine()
        told = read(situation)
        return self._shown(self._conversation(told.get("chat")) or self._kept(told.get("kept"), told.get("with")))

    def chosen(self, event: gr.EventData) -> Any:
        """Another conversation is shown: the fields hold what it was asked with last."""
        found = self._conversation(event.id)
        return self._shown(found) if found else [gr.skip()] * len(FIELDS)

    def base_for(self, adapters: list[str], base: str) -> Any:
        """The model that the first adapter was trained on, so that the comparison is fair."""
        found = self.chats.base_of(adapters[0]) if adapters else None
        return found if found and found != base else gr.skip()

    def preset(self, chosen: str) -> str:
        found = presets.find(chosen)
        return found.system if found else ""

    def small(self, base: str) -> Any:
        return gr.update(visible=self.chats.small(base or ""))

    def base_choices(self) -> list[tuple[str, str]]:
        return [(model.title(self.words.language), model.id) for model in self.chats.models(sight=self.kind.sight)]

    def adapter_choices(self) -> list[tuple[str, str]]:
        return [(job.name, RUN + job.id) for job in self.chats.adapters(sight=self.kind.sight)]

    def preset_choices(self) -> list[tuple[str, str]]:
        """Those of the page's language first."""
        language = self.words.language
        every = sorted(presets.shipped(), key=lambda one: one.language != language)
        named = [(f"{self.words.t(f'chat.in.{one.language}')}: {one.title[language]}", one.id) for one in every]
        return [(self.words.t("chat.preset.none"), ""), *named]

    def _conversation(self, chat: Any) -> Choices | None:
        try:
            return self.chats.one(str(chat)).choices if chat else None
        except AccessError:
            return None

    def _kept(self, kept: Any, run: Any) -> Choices:
        """What was left in the fields, else the newest run beside its base; `run` is one to chat with now."""
        kept = kept if isinstance(kept, dict) else {}
        adapters = [key for _, key in self.adapter_choices()]
        wanted = [RUN + str(run)] if run else kept.get("adapters", adapters[:1])
        known = [key for key in wanted if key in adapters] if isinstance(wanted, list) else []
        base = "" if run else str(kept.get("base") or "")
        return Choices(base=base or self._base_of(known), adapters=tuple(known), **self._settings(kept))

    def _settings(self, kept: Mapping[str, Any]) -> dict[str, Any]:
        """Settings that cannot be are not kept: the fields begin anew with good ones."""
        form = {name: kept[name] for name in views.FIELDS if isinstance(kept.get(name), str)}
        try:
            return {"system": form.get("system", ""), "sampling": views.sampling(form)}
        except ChatError:
            return {"system": form.get("system", "")}

    def _base_of(self, adapters: list[str]) -> str:
        return (self.chats.base_of(adapters[0]) if adapters else None) or ""

    def _shown(self, found: Choices) -> Chosen:
        bases, adapters = self.base_choices(), self.adapter_choices()
        known = [key for _, key in bases]
        base = found.base if found.base in known else next(iter(known), None)
        here = [key for key in found.adapters if key in [name for _, name in adapters]]
        settings = views.fields(found, self.words)
        return Chosen(gr.update(choices=bases, value=base), gr.update(choices=adapters, value=here), **settings)


def read(situation: str) -> dict[str, Any]:
    """What the scripts say; {} when it cannot be understood."""
    try:
        told = json.loads(situation or "{}")
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def layout(words: Words, handlers: Handlers) -> View:
    kind = handlers.kind
    with gr.Row(elem_classes="chat"):
        with gr.Column(scale=3, min_width=220, elem_classes="chat-side"):
            place(f"{kind.name}-list", elem_id=f"{kind.name}-list")
        with gr.Column(scale=14, min_width=300, elem_classes="chat-main"):
            with gr.Row(elem_classes="fields chat-models"):
                models = model_fields(words, handlers)
            panes = place(f"{kind.name}-panes", elem_id=f"{kind.name}-panes")
            place(f"{kind.name}-composer", elem_id=kind.question)
            with gr.Accordion(
                words.t("chat.settings"),
                open=False,
                elem_classes="folded chat-settings",
                elem_id=f"{kind.name}-settings",
            ) as folded:
                preset = None if kind.sight else preset_field(words, handlers)
                settings = setting_fields(words, kind)
                small = gr.Markdown(words.t("chat.small"), elem_classes="hint", visible=False)
    situation = gr.Textbox(visible="hidden", elem_id=f"{kind.name}-situation")
    return View(panes, situation, {**models, **settings}, preset, small, folded)


def model_fields(words: Words, handlers: Handlers) -> dict[str, Any]:
    bases, name = handlers.base_choices(), handlers.kind.name
    base = gr.Dropdown(
        bases, value=bases[0][1] if bases else None, label=words.t("chat.base"), elem_id=f"{name}-base", scale=2
    )
    adapters = gr.Dropdown(
        handlers.adapter_choices(),
        value=[],
        label=words.t("chat.adapters"),
        multiselect=True,
        max_choices=MOST_ADAPTERS,
        elem_id=f"{name}-adapters",
        scale=3,
    )
    return {"base": base, "adapters": adapters}


def preset_field(words: Words, handlers: Handlers) -> gr.Dropdown:
    return gr.Dropdown(handlers.preset_choices(), value="", label=words.t("chat.preset"))


def setting_fields(words: Words, kind: Kind) -> dict[str, Any]:
    start = views.fields(Choices(base=""), words)
    system = gr.Textbox(
        start["system"], label=words.t("chat.system"), lines=2, max_lines=6, elem_id=f"{kind.name}-system"
    )
    with gr.Row(elem_classes="fields"):
        others = {
            name: gr.Textbox(
                start[name],
                label=words.t(f"chat.{name}"),
                info=words.t(f"chat.{name}.help"),
                max_lines=1,
                min_width=150,
                elem_id=f"{kind.name}-{name}",
            )
            for name in views.FIELDS
            if name != "system"
        }
    return {"system": system, **others}


def wire(view: View, shared: Shared, tab: gr.Tab, handlers: Handlers) -> None:
    words, outputs, chat = shared.words, list(view.inputs.values()), f"studioPage.{handlers.kind.name}"
    base, adapters = view.inputs["base"], view.inputs["adapters"]
    asked = {"inputs": view.situation, "js": f"() => [{chat}.situation()]", "outputs": outputs}
    for shown in (
        on(tab.select, handlers.opened, words, **asked),
        on(view.panes.select, handlers.chosen, words, outputs=outputs),
    ):
        then(shown, handlers.small, words, inputs=base, outputs=view.small)
        then_in_browser(shown, f"(...values) => {chat}.seed(values)", inputs=outputs)
    for name, component in view.inputs.items():
        in_browser(component.change, f"(value) => {chat}.set('{name}', value)", inputs=component)
    on(adapters.input, handlers.base_for, words, inputs=[adapters, base], outputs=base)
    on(base.change, handlers.small, words, inputs=base, outputs=view.small)
    in_browser(view.folded.expand, f"() => {chat}.unfolded()")
    if view.preset is not None:
        on(view.preset.input, handlers.preset, words, inputs=view.preset, outputs=view.inputs["system"])
        in_browser(view.preset.input, f"(preset) => {chat}.preset(preset)", inputs=view.preset)


def build(shared: Shared, tab: gr.Tab, kind: Kind) -> None:
    handlers = Handlers(shared.services.chats, shared.words, kind)
    wire(layout(shared.words, handlers), shared, tab, handlers)
