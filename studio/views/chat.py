"""Conversations as the page's scripts show them: plain values, every sentence and number in the page's language."""

import re
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from backend.chats import words as wording
from backend.chats.blind.tally import Tally
from backend.chats.feedback import Judged, Mark
from backend.chats.model import Answer, Choices, Conversation, Turn
from backend.chats.pictures.scores import score
from backend.chats.running import Running
from backend.chats.store import Line
from backend.errors import StudioError
from backend.inference import parts
from backend.inference.loads import Expected
from backend.inference.sampling import WHOLE, Sampling
from backend.messages import sentence
from studio.text import Words

NEARLY_FULL = 0.8
# What comes all at once was not measured as it was made.
SHORTEST_SECONDS = 0.1
FIELDS = ("system", "temperature", "top_p", "max_tokens", "repetition_penalty", "seed")
# Where on the page a refusal belongs, by the last part of its key.
PLACES = {
    **{name: name for name in ("temperature", "top_p", "max_tokens", "repetition_penalty", "seed")},
    "no_base": "base",
    "too_many_adapters": "adapters",
    "title": "title",
    "invisible": "title",
    "many_pictures": "pictures",
    "heavy_pictures": "pictures",
    "picture_gone": "pictures",
}
MOST_DIGITS = 40
LETTERS = "ABCD"
# 32.768, 32,768, 32 768: in a setting that is a whole number the signs in between only part its digits.
GROUPED = re.compile(r"[+-]?\d{1,3}(?:[.,\s]\d{3})+")


def place(error: StudioError) -> str:
    """The field at which a refusal is shown; "" for none in particular."""
    return str(error.values.get("field") or PLACES.get(error.key.rpartition(".")[2], ""))


def text(value: object) -> str:
    """What somebody typed; halves of surrogate pairs, which no program can keep, become question marks."""
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else ""


def number(written: Any, *, whole: bool = False) -> Any:
    """A number as people write it, with a point or a comma; text that is none stays, for `Sampling` to refuse."""
    plain = str(written).strip()
    if whole and GROUPED.fullmatch(plain):
        plain = re.sub(r"[.,\s]", "", plain)
    plain = plain.replace(",", ".")
    if len(plain) > MOST_DIGITS or "_" in plain:
        return written
    try:
        return int(plain) if plain.lstrip("+-").isdecimal() else float(plain)
    except ValueError:
        return written


def sampling(form: Mapping[str, Any]) -> Sampling:
    """ChatError for the first setting that cannot be; an empty seed is chance."""
    values = {name: number(form[name], whole=name in WHOLE) for name in FIELDS if name != "system" and name in form}
    if not str(values.get("seed", "")).strip():
        values["seed"] = None
    return Sampling(**values)


def choices(form: Mapping[str, Any]) -> Choices:
    """ChatError, which names its field, for the first thing that cannot be."""
    adapters = form.get("adapters")
    return Choices(
        base=text(form.get("base")),
        adapters=tuple(dict.fromkeys(map(text, adapters))) if isinstance(adapters, list) else (),
        system=wording.check(text(form.get("system")), "system"),
        sampling=sampling(form),
        sight=form.get("sight") is True,
        blind=form.get("blind") is True,
    )


def asked(form: Mapping[str, Any]) -> Turn:
    """A question with its pictures; ChatError as `choices`."""
    shown = form.get("pictures")
    pictures = tuple(dict.fromkeys(map(text, shown))) if isinstance(shown, list) else ()
    question, reference = text(form.get("question")), text(form.get("reference"))
    return Turn(question=question, choices=choices(form), pictures=pictures, reference=reference)


def fields(chosen: Choices, words: Words) -> dict[str, str]:
    """What the settings' fields hold for these choices, as the page's language writes it."""
    found = chosen.sampling
    shown = {name: decimal(getattr(found, name), words) for name in FIELDS if name != "system"}
    return {"system": chosen.system, **shown}


def decimal(value: float | int | None, words: Words) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else words.number(value, 3).replace("\u00a0", "")


def line(found: Line, words: Words) -> dict[str, str]:
    return {"id": found.id, "title": found.title, "when": words.moment(found.changed_at)}


def judged(found: Judged, words: Words) -> dict[str, Any]:
    """One answer with what was thought of it; `words` are those that it was given in the end."""
    verdict = "corrected" if found.corrected else "good" if found.up else "bad"
    return {
        "id": found.id,
        "question": parts.words(found.messages[-1]["content"]),
        "pictures": parts.pictures(found.messages),
        "judged": f"{found.model} · {words.t(f'chat.judged.{verdict}')}",
        "words": found.corrected or found.answer,
    }


class Known(NamedTuple):
    """What is known besides a conversation: how models are called now (one that is gone keeps the name it had) and the
    colours of runs, by model; what is thought of answers, by their ids; the ids of turns that were saved as a test; of
    turns that were compared blindly, how often which model was preferred until now; the ids of those on keys.
    """

    names: Mapping[str, str]
    colours: Mapping[str, int]
    marks: Mapping[str, Mark]
    tests: Collection[str] = ()
    tallies: Mapping[str, Tally] = MappingProxyType({})
    rehearsed: Collection[str] = ()


def conversation(found: Conversation, known: Known, running: Running | None, words: Words) -> dict[str, Any]:
    """Everything that is shown of a conversation."""
    turns = []
    for position, one in enumerate(found.turns):
        shown = turn(one, known, running, words)
        turns.append(shown | {"last": position == len(found.turns) - 1})
    return {"id": found.id, "title": found.title, "answering": running is not None, "turns": turns}


def turn(found: Turn, known: Known, running: Running | None, words: Words) -> dict[str, Any]:
    shown = []
    for position, one in enumerate(found.answers):
        versions = [version.id for version in found.versions(one.model)]
        mark = known.marks.get(one.id, Mark())
        shown.append(
            answer(one, running, words)
            | {
                "text": one.text,
                "label": known.names.get(one.model, one.label),
                "gone": "" if one.model in known.names else words.t("chat.gone"),
                "pane": position,
                "colour": known.colours.get(one.model, 0),
                "versions": versions if len(versions) > 1 else [],
                "up": mark.up,
                "corrected": mark.corrected,
                "scores": scores(one.text, found.reference, words),
            }
            | (nameless(position, words) if found.secret else {})
        )
    head = {"question": found.question, "pictures": found.pictures, "system": found.choices.system}
    blind = {"secret": found.secret, "said": preferred(found, known, words)} if found.compared else None
    kept = {"reference": found.reference, "test": found.id in known.tests, "blind": blind}
    kept["rehearsed"] = found.id in known.rehearsed
    return head | kept | {"answers": shown}


def rehearsed(found: Turn, words: Words) -> dict[str, Any]:
    """A question on a key, and when the answers that are kept with it were given."""
    when = words.moment(max(one.recorded_at or one.asked_at for one in found.answers))
    kept = {"question": found.question, "pictures": found.pictures, "reference": found.reference}
    return {"id": found.id, **kept, "when": words.t("chat.stage.recorded", when=when)}


def nameless(position: int, words: Words) -> dict[str, Any]:
    """What is shown of an answer in place of all that tells which model gave it."""
    label = words.t("chat.blind.answer", letter=LETTERS[position])
    return {"label": label, "gone": "", "colour": 0, "versions": [], "up": None, "corrected": "", "detail": ""}


def preferred(found: Turn, known: Known, words: Words) -> str:
    """What was chosen in a blind comparison, and how often which of its models was until now; "" while it is secret."""
    if found.secret:
        return ""
    names = {one.model: known.names.get(one.model, one.label) for one in found.answers}
    chosen = next((names[one.model] for one in found.answers if one.id == found.preferred), "")
    said = [words.t("chat.blind.chosen", name=chosen) if chosen else words.t(f"chat.blind.{found.preferred}")]
    tally = known.tallies.get(found.id)
    if tally and (tally.ties or any(tally.wins.values())):
        counts = [f"{names.get(model, model)}: {words.number(wins)}" for model, wins in tally.wins.items()]
        counts += [words.t("chat.blind.same", count=words.number(tally.ties))] if tally.ties else []
        said.append(words.t("chat.blind.tally", tally=" · ".join(counts)))
        if tally.chance is not None:
            said.append(words.t("chat.blind.chance", share=words.number(100 * tally.chance)))
    return " ".join(said)


def while_written(answer_id: str, running: Running, turn: Turn, words: Words) -> dict[str, str]:
    """For the stream: how near an answer that is being written comes to the right one; not how fast it is where that
    tells which model gives it.
    """
    scored = {"scores": scores(running.answers[answer_id].text, turn.reference, words)}
    return scored | ({"detail": ""} if turn.secret else {})


def scores(said: str, reference: str, words: Words) -> str:
    """ "" without a right answer, or before the first word."""
    if not reference or not said.strip():
        return ""
    found = score(said, reference)
    exact = words.t("chat.score.exact" if found.exact else "chat.score.not_exact")
    return words.t("chat.score", exact=exact, f1=words.number(found.f1, 2))


def answer(found: Answer, running: Running | None, words: Words) -> dict[str, Any]:
    """What changes while an answer is written, without its text."""
    return {
        "id": found.id,
        "state": found.state,
        "said": said(found, running, words),
        "detail": detail(found, words),
        "full": full(found, words),
        "retry": found.state in ("failed", "interrupted"),
    }


def said(found: Answer, running: Running | None, words: Words) -> str:
    """A sentence about the state of an answer where there is something to say."""
    if found.state == "failed":
        return sentence(found.error, words.language, **found.error_values)
    if found.state == "waiting":
        return waiting(running.expected.get(found.id) if running else None, words)
    if found.recorded_at is not None:
        return words.t("chat.stage.recorded", when=words.moment(found.recorded_at))
    if found.state == "done":
        if not found.text.strip():
            return words.t("chat.silent")
        return words.t("chat.cut") if found.finish == "length" else ""
    return words.t(f"chat.{found.state}") if found.state in ("stopped", "interrupted") else ""


def waiting(expected: Expected | None, words: Words) -> str:
    """What is done before the first word; how long it takes only where that was measured before."""
    if expected is None:
        return words.t("chat.reading")
    if expected.seconds is None:
        return words.t(f"chat.{expected.what}")
    return words.t(f"chat.{expected.what}.about", time=words.duration(expected.seconds))


def detail(found: Answer, words: Words) -> str:
    """Tokens, speed, time to the first text, use of the context; what was not measured is left out."""
    if not found.tokens:
        return ""
    parts = [words.count("chat.tokens", found.tokens)]
    if found.seconds and found.seconds >= SHORTEST_SECONDS and found.tokens > 1:
        parts.append(words.t("chat.speed", speed=words.number((found.tokens - 1) / found.seconds)))
    if found.first_seconds is not None:
        parts.append(words.t("chat.first", seconds=words.number(found.first_seconds, 2)))
    if found.context:
        used, most = words.number(found.prompt_tokens + found.tokens), words.number(found.context)
        parts.append(words.t("chat.context", used=used, most=most))
    return " · ".join(parts)


def full(found: Answer, words: Words) -> str:
    """A warning when little of the context is left; what happens then is said, too."""
    used = found.prompt_tokens + found.tokens
    if not found.context or used < NEARLY_FULL * found.context:
        return ""
    return words.t("chat.full", left=words.number(max(0, found.context - used)), most=words.number(found.context))
