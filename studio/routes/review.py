"""What the scripts of the Data tab ask about a review, as JSON: row by row, and all of it in words."""

from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from backend.data.review.reviewing import Review
from backend.errors import JobError, StudioError
from studio.routes.asking import Form, asked_by_body, asked_by_query, text
from studio.services.data.review import Reviews, Turn
from studio.text import Words
from studio.views.data import review as views

GET, POST = ("look", "at"), ("begin", "join", "judge", "undo", "make", "forget")


@dataclass(frozen=True)
class Judging:
    """One function for each thing the scripts may ask. `id` is that of a version, `who` the reviewer, `which` the rows
    that are gone through, `place` one of them, from 0.
    """

    reviews: Reviews

    def look(self, form: Form, words: Words) -> Any:
        """None before it was begun."""
        found = self.reviews.of(text(form, "id"))
        rows = self.reviews.dataset(text(form, "id")).rows
        return {"rows": rows, "review": views.state(found, text(form, "who"), words) if found else None}

    def begin(self, form: Form, words: Words) -> Any:
        """With the first reviewer: nothing is begun without a name that can be kept."""
        if self.reviews.of(text(form, "id")) is None:
            Turn.of(text(form, "name"), "")
            self.reviews.begin(text(form, "id"), text(form, "sample"))
        return self.join(form, words)

    def join(self, form: Form, words: Words) -> Any:
        who = self.reviews.join(text(form, "id"), text(form, "name"))
        return self.look({**form, "who": who}, words)

    def at(self, form: Form, words: Words) -> Any:
        """The row at `place`, or the next one in the direction `way`, of those that are gone through; None at the end.

        In the direction 0 it begins again at the first one.
        """
        found, turn = self._turn(form)
        way = {"1": 1, "-1": -1}.get(text(form, "way"), 0)
        return self._found(form, found, turn, self.reviews.seek(found, turn, _place(form), way), words)

    def judge(self, form: Form, words: Words) -> Any:
        """What is said of the row at `place`, and the next one."""
        found, turn = self._turn(form)
        values, said = form.get("values"), text(form, "said")
        typed = {name: text(values, name) for name in values} if isinstance(values, dict) else {}
        if said == "take" and turn.settle:
            kept = self.reviews.take(found, _place(form), text(form, "of"))
        else:
            kept = self.reviews.judge(found, turn, _place(form), said, text(form, "note"), typed)
        following = self.reviews.seek(found, turn, _place(form), 1)
        if following is None and turn.which != "all":
            following = self.reviews.seek(found, turn, 0, 0)
        told = self._found(form, found, turn, following, words)
        return told | {"told": words.t(f"data.review.said.{kept.said}")}

    def undo(self, form: Form, words: Words) -> Any:
        """Back to the row whose verdict was taken back; the row that is shown stays when there was none."""
        found, turn = self._turn(form)
        place = self.reviews.undo(found, turn)
        told = words.t("data.review.nothing_undone" if place is None else "data.review.undone")
        return self._found(form, found, turn, _place(form) if place is None else place, words) | {"told": told}

    def make(self, form: Form, words: Words) -> Any:
        return {"job": self.reviews.make(text(form, "id")).id}

    def forget(self, form: Form, words: Words) -> Any:
        self.reviews.forget(text(form, "id"))
        return self.look(form, words)

    def _turn(self, form: Form) -> tuple[Review, Turn]:
        return self.reviews.require(text(form, "id")), Turn.of(text(form, "who"), text(form, "which"))

    def _found(self, form: Form, found: Review, turn: Turn, place: int | None, words: Words) -> dict[str, Any]:
        state = views.state(found, text(form, "who"), words)
        if place is None:
            return {"review": state, "at": None}
        row, number = self.reviews.row(found, place), found.rows[place]
        others = {name: said[number] for name, said in found.all().items() if number in said} if turn.settle else {}
        return {"review": state, "at": views.row(found, place, row, found.of(turn.who).get(number), others, words)}


def _place(form: Form) -> int:
    typed = text(form, "place")
    return int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 10 else 0


def place(error: StudioError) -> str:
    """The field at which a refusal is shown."""
    if error.key == "review.sample":
        return "sample"
    if isinstance(error, JobError) or error.key in ("review.no_name", "review.no_reviewer", "review.too_many"):
        return "name"
    return "note" if error.key == "review.long_note" else str(error.values.get("field", ""))


def add_review_routes(app: FastAPI, reviews: Reviews) -> None:
    """`/review/<name>` for each of `Judging`'s functions; `language` is in the query."""
    judging = Judging(reviews)
    for name in GET:
        app.add_api_route(f"/review/{name}", asked_by_query(getattr(judging, name), place), methods=["GET"])
    for name in POST:
        app.add_api_route(f"/review/{name}", asked_by_body(getattr(judging, name), place), methods=["POST"])
