"""Vision: questions about pictures, answered by the base model and its adapters side by side."""

from studio.framework import gr
from studio.shared import Shared
from studio.widgets import chat_form


def build(shared: Shared, tab: gr.Tab) -> None:
    chat_form.build(shared, tab, chat_form.ASK)
