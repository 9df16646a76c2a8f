"""The models that are worth a look, from recipes/models.yaml: what is written there and nothing that is guessed."""

import unicodedata
from functools import cache

import yaml
from pydantic import Field, model_validator

from backend.hub.offer import Plain
from backend.models.catalogue import HUB_ID
from backend.paths import RECIPES

SOURCE = RECIPES / "models.yaml"


class Strict(Plain, extra="forbid"):
    """A word that is not known is a mistake in the file."""


class Terms(Strict):
    """A licence: how people call it, and where it can be read (None: on the model's page)."""

    title: str
    link: str | None


class Curated(Strict):
    """One row. None where it is not known; `parameters` and `bytes` as its page says them, rounded."""

    id: str = Field(pattern=HUB_ID.pattern)
    family: str
    kind: str = Field(pattern="^(text|vision)$")
    parameters: float | None = Field(gt=0)
    bytes: float | None = Field(default=None, gt=0)
    licence: str | None
    languages: tuple[str, ...] | None
    gated: bool | None
    quantised: str | None = None
    note: str

    @property
    def name(self) -> str:
        return self.id.partition("/")[2]


class Shelf(Strict):
    """The whole file."""

    licences: dict[str, Terms]
    notes: dict[str, dict[str, str]]
    models: tuple[Curated, ...]

    @model_validator(mode="after")
    def _every_word_is_explained(self) -> "Shelf":
        for model in self.models:
            if model.licence is not None and model.licence not in self.licences:
                raise ValueError(f"{model.id}: the licence {model.licence} is not explained")
            if model.note not in self.notes:
                raise ValueError(f"{model.id}: there is no note {model.note}")
        return self

    def note(self, model: Curated, language: str) -> str:
        return self.notes[model.note][language]

    def terms(self, model: Curated) -> Terms | None:
        return self.licences[model.licence] if model.licence else None


@cache
def shelf() -> Shelf:
    """The file as it ships; ValueError when it is not as it should be."""
    return Shelf(**yaml.safe_load(SOURCE.read_text(encoding="utf-8")))


def search(text: str = "", *, language: str = "", licence: str = "", family: str = "", kind: str = "") -> list[Curated]:
    """The rows that have every word of `text` somewhere, and everything else that is asked for; the smallest first.

    A row whose languages are not known is found by no language.
    """
    words = _plain(text).split()
    found = [
        model
        for model in shelf().models
        if all(word in _words(model) for word in words)
        and (not language or language in (model.languages or ()))
        and licence in ("", model.licence)
        and family in ("", model.family)
        and kind in ("", model.kind)
    ]
    return sorted(found, key=lambda model: (model.parameters or float("inf"), model.id))


def by_id(hub_id: str) -> Curated | None:
    return next((model for model in shelf().models if model.id == hub_id), None)


def _words(model: Curated) -> str:
    notes = shelf().notes[model.note].values()
    return _plain(" ".join([model.id, model.family, model.licence or "", *(model.languages or ()), *notes]))


def _plain(text: str) -> str:
    """Without case and diacritics: who types "romana" means "română"."""
    parts = unicodedata.normalize("NFD", text.casefold())
    return "".join(part for part in parts if not unicodedata.combining(part))
