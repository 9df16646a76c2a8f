"""What the scripts ask to show a room what was rehearsed, as JSON."""

from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from studio.routes.asking import Form, asked_by_body, asked_by_query, text, turn_of
from studio.services.chats import ChatServices
from studio.services.seeing.stage import Stage
from studio.text import Words
from studio.views import chat as views


@dataclass(frozen=True)
class Showing:
    """One function for each thing the scripts may ask; `form` is the JSON they sent."""

    stage: Stage

    def rehearsed(self, form: Form, words: Words) -> Any:
        found = self.stage.rehearsed(sight=bool(text(form, "sight")))
        return {"rehearsed": [views.rehearsed(one, words) for one in found]}

    def rehearse(self, form: Form, words: Words) -> Any:
        self.stage.put(text(form, "chat"), turn_of(form), keep=form.get("keep") is True)
        return {}

    def unrehearse(self, form: Form, words: Words) -> Any:
        self.stage.take_off(text(form, "id"))
        return {}

    def play(self, form: Form, words: Words) -> Any:
        return {"chat": self.stage.play(text(form, "chat"), text(form, "id")).id}


POST = ("rehearse", "unrehearse", "play")


def add_stage_routes(app: FastAPI, services: ChatServices) -> None:
    """`/chat/<name>` for each of `Showing`'s functions."""
    showing = Showing(Stage(services))
    app.add_api_route("/chat/rehearsed", asked_by_query(showing.rehearsed, views.place), methods=["GET"])
    for name in POST:
        app.add_api_route(f"/chat/{name}", asked_by_body(getattr(showing, name), views.place), methods=["POST"])
