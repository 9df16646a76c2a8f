"""What the starter's chats are about: tables of inflected words (words/*.yaml) put into wordings.

An entity (a thing, a country, a sum, ...) has every form a sentence needs written out in its table, in the three
languages, so that no code guesses an article, an elision or a case.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

LANGUAGES = ("en", "it", "ro")
WORDS = Path(__file__).parent / "words"
MEALS = {"seen": 110, "dev": 8, "test": 8}
LARGEST_TERM = 10
SMALL_TALK = "small talk"

Forms = dict[str, dict[str, str]]  # language -> column -> word


@dataclass(frozen=True)
class Topic:
    """One topic: its entities with their forms, which of them Romanian rows never mention, and its wordings."""

    name: str
    entities: Mapping[str, Forms]
    unseen: Mapping[str, frozenset[str]]  # "dev" and "test" -> keys of entities
    questions: tuple[Mapping[str, str], ...]  # per wording: language -> template
    answer: Mapping[str, str]

    def sentence(self, template: str, entity: str, language: str) -> str:
        forms = self.entities[entity][language]
        return template.format_map({**forms, **{name.capitalize(): _capital(word) for name, word in forms.items()}})


def _capital(word: str) -> str:
    return word[:1].upper() + word[1:]


@cache
def words(name: str) -> dict[str, Any]:
    """The table words/<name>.yaml as written."""
    loaded = yaml.safe_load((WORDS / f"{name}.yaml").read_text("utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def forms_of(table: Mapping[str, Any]) -> dict[str, Forms]:
    """Row by row: language -> column -> word. A row may end before the last columns, in all languages alike."""
    return {
        str(key): {
            language: dict(zip(table["columns"][language], row[language], strict=False)) for language in LANGUAGES
        }
        for key, row in table["rows"].items()
    }


def _unseen(table: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    return {split: frozenset(str(key) for key in table["unseen"][split]) for split in ("dev", "test")}


@cache
def topics() -> tuple[Topic, ...]:
    """All topics, always in the same order."""
    return (
        _of_table("colour", words("things")),
        _of_table("capital", words("countries")),
        _of_table("legs", words("animals")),
        _of_table("sound", words("animals"), needs="sound"),
        _opposites(),
        _neighbours("day after", "days", 1),
        _neighbours("day before", "days", -1),
        _neighbours("month after", "months", 1),
        _neighbours("month before", "months", -1),
        _sums(),
        _greetings(),
        _small_talk(),
        _meals(),
        _of_table("translation", words("nouns")),
    )


def _topic(name: str, entities: Mapping[str, Forms], unseen: Mapping[str, frozenset[str]]) -> Topic:
    wording = words("wordings")[name]
    return Topic(name, entities, unseen, tuple(wording["questions"]), wording["answer"])


def _of_table(name: str, table: Mapping[str, Any], needs: str = "") -> Topic:
    entities = {key: forms for key, forms in forms_of(table).items() if not needs or needs in forms["en"]}
    unseen = {split: keys & entities.keys() for split, keys in _unseen(table).items()}
    return _topic(name, entities, unseen)


def _opposites() -> Topic:
    table = words("opposites")
    entities: dict[str, Forms] = {}
    for key, forms in forms_of(table).items():
        entities[key] = forms
        entities[f"{key} turned"] = {
            language: {"x": forms[language]["to"], "to": forms[language]["x"]} for language in LANGUAGES
        }
    unseen = {split: keys | {f"{key} turned" for key in keys} for split, keys in _unseen(table).items()}
    return _topic("opposite", entities, unseen)


def _neighbours(name: str, table_name: str, step: int) -> Topic:
    table = words("calendar")[table_name]
    rows = list(forms_of(table).items())
    entities = {
        key: {
            language: {"x": forms[language]["x"], "to": rows[(place + step) % len(rows)][1][language]["x"]}
            for language in LANGUAGES
        }
        for place, (key, forms) in enumerate(rows)
    }
    return _topic(name, entities, _unseen(table))


def _sums() -> Topic:
    table = words("numbers")
    numbers = forms_of(table)
    terms = range(1, LARGEST_TERM + 1)
    entities = {
        f"{first}+{second}": {
            language: {
                "a": numbers[str(first)][language]["x"],
                "b": numbers[str(second)][language]["x"],
                "sum": numbers[str(first + second)][language]["x"],
            }
            for language in LANGUAGES
        }
        for first in terms
        for second in terms
    }
    unseen = {
        split: frozenset(f"{first}+{second}" for first, second in table["unseen"][split]) for split in ("dev", "test")
    }
    return _topic("addition", entities, unseen)


def _greetings() -> Topic:
    names = words("people")["names"]
    entities = {name: {language: {"x": name} for language in LANGUAGES} for name in names["rows"]}
    return _topic("greeting", entities, _unseen(names))


def _small_talk() -> Topic:
    """Every phrase is an entity: one is held out in one way of writing it, and its other ways are trained."""
    table = words("small_talk")
    entities = {
        f"{intent} {place}": {
            language: {"x": phrase, "mark": row["mark"], "other": row["other"], "answer": row["answer"][language]}
            for language, phrase in zip(LANGUAGES, phrases, strict=True)
        }
        for intent, row in table["intents"].items()
        for place, phrases in enumerate(
            zip(*(row["phrases"][language] for language in LANGUAGES), strict=True), start=1
        )
    }
    return _topic(SMALL_TALK, entities, _unseen(table))


def _meals() -> Topic:
    """A fixed sample of who eats what on which day; an unseen meal has an unseen name or an unseen food."""
    names, foods, days = words("people")["names"], words("people")["foods"], words("calendar")["days"]
    food_forms, day_forms = forms_of(foods), forms_of(days)
    kinds: dict[str, list[str]] = {"seen": [], "dev": [], "test": []}
    entities: dict[str, Forms] = {}
    for name in names["rows"]:
        for food in food_forms:
            for day in day_forms:
                key = f"{name}, {food}, {day}"
                entities[key] = {
                    language: {"x": name, **food_forms[food][language], **_without_x(day_forms[day][language])}
                    for language in LANGUAGES
                }
                of = {split for split, keys in _unseen(names).items() if name in keys}
                of |= {split for split, keys in _unseen(foods).items() if food in keys}
                if len(of) < len(kinds) - 1:
                    kinds[next(iter(of), "seen")].append(key)
    chance = random.Random(1)
    chosen = {kind: chance.sample(keys, MEALS[kind]) for kind, keys in kinds.items()}
    unseen = {split: frozenset(chosen[split]) for split in ("dev", "test")}
    return _topic("meal", {key: entities[key] for kind in MEALS for key in chosen[kind]}, unseen)


def _without_x(forms: Mapping[str, str]) -> dict[str, str]:
    return {column: word for column, word in forms.items() if column != "x"}
