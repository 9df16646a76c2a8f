"""One way to attach an event, so that every handler fails and hides its endpoint alike."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from backend.errors import StudioError
from studio.framework import gr
from studio.text import Words


def guarded(handler: Callable[..., Any], words: Words) -> Callable[..., Any]:
    """Turn a StudioError into a message in the page's language; a bug stays a bug, which Gradio logs."""

    def report(error: StudioError) -> gr.Error:
        return gr.Error(error.say(words.language), title=words.t("error.title"), duration=None, print_exception=False)

    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def stream(*args: Any, **kwargs: Any) -> Any:
            try:
                yield from handler(*args, **kwargs)
            except StudioError as error:
                raise report(error) from error

        return stream

    @functools.wraps(handler)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return handler(*args, **kwargs)
        except StudioError as error:
            raise report(error) from error

    return call


def on(trigger: Any, handler: Callable[..., Any], words: Words, **options: Any) -> Any:
    """`gr.on` with the studio's defaults: private, outside the queue, without a spinner over what it changes."""
    settings = {"queue": False, "show_progress": "hidden", **options}
    return gr.on(trigger, guarded(handler, words), api_visibility="private", **settings)


def in_browser(trigger: Any, script: str, **options: Any) -> Any:
    """An event that never reaches the server: `script` is a JavaScript function of the inputs."""
    settings = {"queue": False, "show_progress": "hidden", "trigger_mode": "multiple", **options}
    return gr.on(trigger, None, js=script, api_visibility="private", **settings)


def then(before: Any, handler: Callable[..., Any], words: Words, **options: Any) -> Any:
    """An event that follows another one, when that one succeeded."""
    settings = {"queue": False, "show_progress": "hidden", **options}
    return before.success(guarded(handler, words), api_visibility="private", **settings)


def then_in_browser(before: Any, script: str, **options: Any) -> Any:
    """As `in_browser`, after another event succeeded."""
    return before.success(None, js=script, api_visibility="private", queue=False, show_progress="hidden", **options)
