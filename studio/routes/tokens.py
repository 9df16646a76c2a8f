"""What the scripts of the Data tab ask about rows as a model reads them, as JSON."""

from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from studio.routes.asking import Form, asked_by_body, asked_by_query, text
from studio.services.data.tokens import ROWS, Tokens
from studio.text import Words
from studio.views.data import tokens as views
from studio.views.data.sets import place


@dataclass(frozen=True)
class Reading:
    """One function for each thing the scripts may ask; `id` is that of a version."""

    tokens: Tokens

    def choices(self, form: Form, words: Words) -> Any:
        """Recipes with the model and the length of each, and the models."""
        found = self.tokens.choices(text(form, "id"))
        recipes = [
            {
                "value": one.file.id,
                "title": one.file.title(words.language),
                "model": one.model,
                "length": words.t("data.tokens.length", tokens=words.number(one.file.recipe.batch.max_length)),
            }
            for one in found
        ]
        models = [{"value": one.id, "title": one.title(words.language)} for one in self.tokens.models()]
        return {"recipes": recipes, "models": models}

    def look(self, form: Form, words: Words) -> Any:
        """Rows from `first` on, from 1."""
        first = form.get("first")
        number = first if isinstance(first, int) else 1
        found = self.tokens.look(text(form, "id"), text(form, "recipe"), text(form, "model"), number)
        shown = [views.row(one, words) for one in found]
        return {"rows": shown, "first": found[0].row, "next": found[-1].row + 1, "step": ROWS}


def add_token_routes(app: FastAPI, tokens: Tokens) -> None:
    """`/tokens/choices` and `/tokens/look`; `language` is in the query."""
    reading = Reading(tokens)
    app.add_api_route("/tokens/choices", asked_by_query(reading.choices, place), methods=["GET"])
    app.add_api_route("/tokens/look", asked_by_body(reading.look, place), methods=["POST"])
