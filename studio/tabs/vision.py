"""Vision: questions about pictures, answered by the base model and its adapters side by side; captions for many.

Captions are drawn by assets/captions*.js, which ask `studio.routes.captions`.
"""

from studio.framework import gr
from studio.shared import Shared
from studio.widgets import chat_form
from studio.widgets.live_views import place


def build(shared: Shared, tab: gr.Tab) -> None:
    place("vision-parts", elem_id="vision-parts")
    with gr.Column(elem_id="vision-ask"):
        chat_form.build(shared, tab, chat_form.ASK)
    with gr.Column(elem_id="vision-captions", elem_classes="put-away"), gr.Row(elem_classes="halves data"):
        with gr.Column(scale=6, min_width=280, elem_classes="side"):
            place("captions-list")
        with gr.Column(scale=14, min_width=320):
            place("captions-beside", elem_id="captions-beside")
