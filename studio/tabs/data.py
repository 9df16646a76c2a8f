"""Data: the data sets that are here, files on their way to become one, one of them in detail.

All of it is drawn by assets/data*.js, which ask `studio.routes.data`.
"""

from studio.events import in_browser
from studio.framework import gr
from studio.shared import Shared
from studio.widgets.live_views import place


def layout() -> None:
    with gr.Row(elem_classes="halves data"):
        with gr.Column(scale=6, min_width=280, elem_classes="side"):
            place("data-coming", elem_id="data-coming")
            place("data-here", elem_id="data-here")
        with gr.Column(scale=14, min_width=320):
            place("data-beside", elem_id="data-beside")


def wire(tab: gr.Tab) -> None:
    in_browser(tab.select, "() => studioPage.data.start()")


def build(_: Shared, tab: gr.Tab) -> None:
    layout()
    wire(tab)
