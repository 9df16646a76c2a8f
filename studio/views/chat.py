"""Conversations as the page's scripts show them: plain values, every sentence and number in the page's language."""

from collections.abc import Mapping
from typing import Any

from backend.chats.feedback import Mark
from backend.chats.model import Answer, Choices, Conversation, Turn
from backend.chats.running import Running
from backend.chats.store import Line
from backend.inference.sampling import Sampling
from backend.messages import sentence
from studio.text import Words

NEARLY_FULL = 0.8
FIELDS = ("system", "temperature", "top_p", "max_tokens", "repetition_penalty", "seed")
# Where on the page a refusal belongs, by the last part of its key.
PLACES = {
    **{name: name for name in ("temperature", "top_p", "max_tokens", "repetition_penalty", "seed")},
    "no_base": "base",
    "too_many_adapters": "adapters",
    "title": "title",
}


def number(text: Any) -> Any:
    """A number as people write it, with a point or a comma; text that is none stays, for `Sampling` to refuse."""
    written = str(text).strip().replace(",", ".")
    try:
        return int(written) if written.lstrip("+-").isdecimal() else float(written)
    except ValueError:
        return text


def sampling(form: Mapping[str, Any]) -> Sampling:
    """ChatError for the first setting that cannot be; an empty seed is chance."""
    values = {name: number(form[name]) for name in FIELDS if name != "system" and name in form}
    if "seed" in values and not str(values["seed"]).strip():
        values["seed"] = None
    return Sampling(**values)


def choices(form: Mapping[str, Any]) -> Choices:
    return Choices(
        base=str(form.get("base") or ""),
        adapters=tuple(dict.fromkeys(map(str, form.get("adapters") or ()))),
        system=str(form.get("system") or "").strip(),
        sampling=sampling(form),
    )


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


def conversation(
    found: Conversation, marks: Mapping[str, Mark], names: Mapping[str, str], running: Running | None, words: Words
) -> dict[str, Any]:
    """`names`: how models are called now; one that is gone keeps the name it had."""
    turns = []
    for position, one in enumerate(found.turns):
        shown = turn(one, marks, names, running, words)
        turns.append(shown | {"last": position == len(found.turns) - 1})
    return {"id": found.id, "title": found.title, "answering": running is not None, "turns": turns}


def turn(
    found: Turn, marks: Mapping[str, Mark], names: Mapping[str, str], running: Running | None, words: Words
) -> dict[str, Any]:
    shown = []
    for position, one in enumerate(found.answers):
        versions = [version.id for version in found.versions(one.model)]
        shown.append(
            answer(one, running, words)
            | {
                "text": one.text,
                "label": names.get(one.model, one.label),
                "gone": "" if one.model in names else words.t("chat.gone"),
                "pane": position,
                "versions": versions if len(versions) > 1 else [],
                "up": marks.get(one.id, Mark()).up,
                "corrected": marks.get(one.id, Mark()).corrected,
            }
        )
    return {"question": found.question, "system": found.choices.system, "answers": shown}


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
        return words.t("chat.starting" if running and running.starting else "chat.loading")
    if found.state == "done":
        if not found.text.strip():
            return words.t("chat.silent")
        return words.t("chat.cut") if found.finish == "length" else ""
    return words.t(f"chat.{found.state}") if found.state in ("stopped", "interrupted") else ""


def detail(found: Answer, words: Words) -> str:
    """Tokens, speed, time to the first text, use of the context; what was not measured is left out."""
    if not found.tokens:
        return ""
    parts = [words.count("chat.tokens", found.tokens)]
    if found.seconds and found.tokens > 1:
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
