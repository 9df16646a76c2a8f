"""The one way to Gradio: its switches set first, then imported without the detours that a server does not need.

Gradio reads its switches from the environment while it is imported. It also parses the source of every component
class to keep `.pyi` files beside it up to date, and Python's garbage collector walks the growing heap again and again:
leaving out both halves the import (2.4 to 1.1 s of processor time on the machine it was measured on).
"""

import gc
import inspect
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SWITCHES = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "DO_NOT_TRACK": "1",
}


def set_switches() -> None:
    """Nothing in the environment may open a tunnel, an MCP server or a report to somebody: drop it, then say no.

    What the person has said about going online to the Hub is kept for `backend.hub.desk`, whose processes do.
    """
    for name in [name for name in os.environ if name.startswith("GRADIO_")]:
        del os.environ[name]
    os.environ.setdefault("STUDIO_HUB_OFFLINE", os.environ.get("HF_HUB_OFFLINE", ""))
    os.environ.update(SWITCHES)


@contextmanager
def light_import() -> Iterator[None]:
    """No `.pyi` files (Gradio skips classes that are in no file) and no garbage collection meanwhile."""
    real = inspect.getfile

    def in_no_file(object: Any) -> str:  # the name of the real one's parameter
        raise OSError

    inspect.getfile = in_no_file
    gc.disable()
    try:
        yield
    finally:
        inspect.getfile = real
        gc.freeze()
        gc.enable()


set_switches()
# Said by pydantic about parameters of Gradio's own routes.
warnings.filterwarnings("ignore", message="The 'alias' attribute with value")
with light_import():
    import gradio as gr

__all__ = ["gr"]
