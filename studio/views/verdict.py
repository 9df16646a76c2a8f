"""The verdict card of a run that has ended, in one language. Plain values out."""

from collections.abc import Callable
from typing import Any

from backend.messages import sentence
from backend.verdict.card import Card, named
from backend.verdict.reasons import Advice, Sentence
from backend.verdict.rule import Language
from studio.text import Words


def verdict(found: Card, opened: Callable[[Advice], Any], words: Words) -> dict[str, Any]:
    """`opened` says what Train is to show for an advice, as plain values, or None where it has no button."""

    def said(sentences: list[Sentence]) -> list[str]:
        return [spoken(one, words) for one in sentences]

    return {
        "kind": found.kind.value,
        "headline": spoken(found.headline, words),
        "lead": spoken(found.lead, words),
        "learned": said(found.learned),
        "forgotten": said(found.forgotten),
        "why": said(found.why),
        "advice": [{"said": spoken(one.said, words), "open": opened(one)} for one in found.advice],
        "proof": said(found.proof),
        "languages": [bars(language, words) for language in found.languages],
        "chat": found.made,
    }


def spoken(one: Sentence, words: Words) -> str:
    return words.said(one.key, one.values)


def bars(language: Language, words: Words) -> dict[str, Any]:
    """Before and after as shares from 0 to 1, for a pair of bars beside the words."""
    score = language.score
    name = named(score.group)
    return {
        "name": sentence("verdict.name", words.language, name=name),
        "before": score.before / score.count,
        "after": score.after / score.count,
        "change": "gained" if language.gained else "lost" if language.lost else "same",
        "figures": words.t(
            "runs.verdict.figures",
            before=words.number(score.before),
            after=words.number(score.after),
            count=words.number(score.count),
        ),
    }
