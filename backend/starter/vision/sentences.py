"""Questions and captions about scenes, in English, Italian and Romanian, from the table words/scenes.yaml."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from backend.starter.topics import words
from backend.starter.vision.scenes import COLOURS, FORMS, GRID, MOST, Scene, Thing

LANGUAGES = ("en", "it", "ro")
KINDS = ("colour", "shape", "count", "position", "existence", "place", "caption")
TRAINED_WORDINGS, DEV_WORDINGS, TEST_WORDINGS = (0, 1, 2, 3), (4,), (5,)
NEGATIVE, EMPTY_PLACE = 0.5, 0.25  # share of the questions of existence whose answer is no; of places that may be empty
PART_OF_A_THING = 0.4  # share of the questions of existence that name a form alone, or a colour alone


@dataclass(frozen=True)
class Asked:
    """A question about a picture and its only right answer."""

    kind: str
    language: str
    question: str
    answer: str


@cache
def table(language: str) -> dict[str, Any]:
    """What words/scenes.yaml says for one language."""
    return dict(words("scenes")[language])


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def colour_word(language: str, colour: str, feminine: bool = False) -> str:
    return str(table(language)["colours"][colour][feminine])


def phrase(language: str, thing: str | None, colour: str | None, which: str = "a") -> str:
    """`thing` with its article and colour: "a red circle", "il cerchio rosso", "o cruce", "anything red" (no thing)."""
    forms = table(language)["anything"] if thing is None else table(language)["forms"][thing]
    word = "" if colour is None else colour_word(language, colour, forms["feminine"])
    found = " ".join(str(forms[which]).replace("|", word).split())
    return found.replace("a orange", "an orange") if language == "en" else found


def place(language: str, row: int, column: int) -> str:
    return str(table(language)["places"][row][column])


def caption(things: Scene, language: str) -> str:
    """One sentence that names every thing and its place, in reading order."""
    parts = [
        f"{phrase(language, thing.form, thing.colour)} {place(language, thing.row, thing.column)}" for thing in things
    ]
    return capital(_listed(parts, language)) + "."


def _listed(parts: Sequence[str], language: str) -> str:
    *first, last = parts
    return f"{', '.join(first)} {table(language)['and']} {last}" if first else last


def ask(
    things: Scene, kind: str, language: str, chance: random.Random, wordings: Sequence[int] = TRAINED_WORDINGS
) -> Asked | None:
    """A question of `kind` about one thing by chance; None where it would have several right answers."""
    form = str(table(language)["questions"][kind][chance.choice(wordings)])
    answer = table(language)["answers"]
    thing = chance.choice(things)
    if _is_ambiguous(things, thing, kind):
        return None
    if kind == "existence":
        question, reply = _existence(things, thing, form, language, chance)
    elif kind == "place":
        question, reply = _place(things, thing, form, language, chance)
    elif kind == "caption":
        question, reply = form, caption(things, language)
    elif kind == "count":
        question, reply = form, count_answer(len(things), language)
    else:
        question = form.format_map(_named(thing, language))
        reply = str(answer[kind]).format_map(_named(thing, language) | _answered(thing, kind, language))
    return Asked(kind, language, capital(question), capital(reply))


def _is_ambiguous(things: Scene, thing: Thing, kind: str) -> bool:
    same = {
        "colour": [other.form == thing.form for other in things],
        "shape": [other.colour == thing.colour for other in things],
        "position": [other.pair == thing.pair for other in things],
    }
    return sum(same.get(kind, ())) > 1


def _named(thing: Thing, language: str) -> dict[str, str]:
    """The words of questions. A colour beside the word for shape agrees with that."""
    said = table(language)["shape"]
    colour = colour_word(language, thing.colour, said["feminine"])
    return {
        "form": phrase(language, thing.form, None, "the"),
        "of": phrase(language, thing.form, None, "of"),
        "the": phrase(language, thing.form, thing.colour, "the"),
        "shape": " ".join(str(said["the"]).replace("|", colour).split()),
        "colour": colour,
        "place": place(language, thing.row, thing.column),
    }


def _answered(thing: Thing, kind: str, language: str) -> dict[str, str]:
    agreeing = colour_word(language, thing.colour, table(language)["forms"][thing.form]["feminine"])
    bare = phrase(language, thing.form, None)
    return {"colour": agreeing, "a": bare if kind == "shape" else phrase(language, thing.form, thing.colour)}


def count_answer(count: int, language: str) -> str:
    said = table(language)
    return str(
        said["answers"]["one"] if count == 1 else said["answers"]["count"].format(number=said["numbers"][count - 1])
    )


def _existence(things: Scene, thing: Thing, form: str, language: str, chance: random.Random) -> tuple[str, str]:
    """A whole thing, a form of any colour, or any thing of a colour; half of them are not there."""
    absent = chance.random() < NEGATIVE
    pair: tuple[str | None, str | None] = thing.pair
    if chance.random() < PART_OF_A_THING:
        by_form = chance.random() < 0.5
        there = {(None, thing.form) if by_form else (thing.colour, None) for thing in things}
        every = [(None, name) for name in FORMS] if by_form else [(name, None) for name in COLOURS]
        pair = (None, pair[1]) if by_form else (pair[0], None)
        missing = [one for one in every if one not in there]
        absent = absent and bool(missing)
        if absent:
            pair = chance.choice(missing)
    elif absent:
        pair = missing_pair(things, chance)
    asked = form.format(a=phrase(language, pair[1], pair[0]))
    return asked, str(table(language)["no" if absent else "yes"])


def missing_pair(things: Scene, chance: random.Random) -> tuple[str, str]:
    """A colour and a form that are not there together; mostly one or each of them is there on another thing."""
    there = {thing.pair for thing in things}
    while True:
        one, other = chance.choice(things), chance.choice(things)
        kind = chance.random()
        colour = one.colour if kind < 0.65 else chance.choice(list(COLOURS))
        form = other.form if kind < 0.4 or 0.65 <= kind < 0.85 else chance.choice(FORMS)
        if (colour, form) not in there:
            return colour, form


def _place(things: Scene, thing: Thing, form: str, language: str, chance: random.Random) -> tuple[str, str]:
    row, column = thing.row, thing.column
    if chance.random() < EMPTY_PLACE:
        row, column = chance.randrange(GRID), chance.randrange(GRID)
    found = next((one for one in things if (one.row, one.column) == (row, column)), None)
    said = table(language)
    reply = said["answers"]["place"].format(a=phrase(language, found.form, found.colour)) if found else said["nothing"]
    return form.format(place=place(language, row, column)), str(reply)


def statement(things: Scene, language: str, chance: random.Random) -> str:
    """A sentence without a picture, for learning the language: a caption, where a thing is, what it is, how many."""
    thing = chance.choice(things)
    if chance.random() < 0.35:
        return caption(things, language)
    form = chance.choice(table(language)["statements"])
    forms = _named(thing, language) | {
        "The": capital(phrase(language, thing.form, thing.colour, "the")),
        "A": capital(phrase(language, thing.form, thing.colour)),
        "Form": capital(phrase(language, thing.form, None, "the")),
        "colour": _answered(thing, "colour", language)["colour"],
        "things": _listed([phrase(language, one.form, one.colour) for one in things], language),
        "count_answer": count_answer(len(things), language),
    }
    return str(form.format_map(forms))


def telling_words(language: str) -> set[str]:
    """The words by which right answers differ: colours, forms, places, numbers, yes, no, nothing."""
    said = table(language)
    found = {colour for pair in said["colours"].values() for colour in pair}
    found |= {forms["a"].replace("|", "").split()[-1] for forms in said["forms"].values()}
    found |= {word for row in said["places"] for name in row for word in name.split()[1:] or [name]}
    found |= set(said["numbers"][:MOST]) | {said[word].rstrip(".") for word in ("yes", "no", "nothing")}
    return found | set(said["answers"]["one"].rstrip(".").split()) | set(said["answers"]["count"].split()[:-1])
