"""Models to be found: rows of the chosen ones and of the whole Hub, and one of them in detail."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from babel import Locale

from backend.forecast.unseen.fits import TOKENS, Fit, Way
from backend.hub import curated
from backend.hub.curated import Curated
from backend.hub.offer import Found, Offer
from backend.hub.selection import FOUR_BITS
from backend.hub.submit import Room
from backend.models.sight.config import sees
from studio.text import Words

PAGE = "https://huggingface.co/{id}"
MOST_LANGUAGES = 4
SHORT_COMMIT = 8
# What a person can do something about, on the Hub and with a token.
BEHIND = frozenset({"hub.gated", "hub.gated_not_let_in"})
BILLION, MILLION = 10**9, 10**6
SIZES: dict[str, tuple[float, float]] = {
    "tiny": (0, 1 * BILLION), "small": (1 * BILLION, 4 * BILLION), "middle": (4 * BILLION, 10 * BILLION),
    "large": (10 * BILLION, float("inf")),
}  # fmt: skip
"""Numbers of parameters, by the word that the page has for them: from, and up to but without."""


class Known(NamedTuple):
    """What is on this computer, by Hub id the name it has here; and what is on its way, by Hub id."""

    here: Mapping[str, str]
    coming: Collection[str]


def licence(said: str) -> str:
    """As the curated list calls it, else as the model's page does."""
    terms = curated.shelf().licences.get(said)
    return terms.title if terms else said


def chosen(model: Curated, known: Known, ways: Mapping[Way, Fit] | None, words: Words) -> dict[str, Any]:
    """One row of the curated list."""
    terms = curated.shelf().terms(model)
    facts = [
        parameters(model.parameters, words),
        words.size(model.bytes) if model.bytes else "",
        terms.title if terms else words.t("models.licence.look"),
        spoken(model.languages, words) if model.languages else "",
    ]
    return row(model.id, facts, gated=bool(model.gated), known=known, words=words) | {
        "note": curated.shelf().note(model, words.language),
        "rounded": words.t("models.rounded") if model.quantised else "",
        "vision": words.t("models.kind.vision") if model.kind == "vision" else "",
        "fits": marks(ways, words),
    }


def found(model: Found, known: Known, ways: Mapping[Way, Fit] | None, words: Words) -> dict[str, Any]:
    """One row of a search of the whole Hub."""
    facts = [
        parameters(model.parameters, words),
        licence(model.licence) if model.licence else words.t("models.licence.none"),
        spoken(model.languages, words),
        words.t("models.downloads", count=words.number(model.downloads)) if model.downloads is not None else "",
    ]
    return row(model.hub_id, facts, gated=model.gated, known=known, words=words) | {
        "note": "",
        "rounded": "",
        "vision": "",
        "fits": marks(ways, words),
    }


def row(hub_id: str, facts: Iterable[str], *, gated: bool, known: Known, words: Words) -> dict[str, Any]:
    return {
        "id": hub_id,
        "detail": " · ".join(filter(None, facts)),
        "gated": words.t("models.gated") if gated else "",
        "here": words.t("models.here") if hub_id in known.here else "",
        "coming": words.t("models.coming") if hub_id in known.coming else "",
    }


def marks(ways: Mapping[Way, Fit] | None, words: Words) -> list[dict[str, str]]:
    """What stands on a row for each way: its name, the answer, and the answer in words."""
    return [
        {"way": words.t(f"models.way.{way}"), "answer": fit.answer, "word": words.t(f"models.fits.{fit.answer}")}
        for way, fit in (ways or {}).items()
    ]


def parameters(count: float | None, words: Words) -> str:
    if not count:
        return ""
    if count >= BILLION:
        return words.t("models.billions", count=words.number(count / BILLION, 1))
    return words.t("models.millions", count=words.number(count / MILLION, 1 if count < 10 * MILLION else 0))


def spoken(languages: Iterable[str] | None, words: Words) -> str:
    """Names of languages; Romanian and Italian first, of many only some."""
    codes = sorted(languages or (), key=lambda code: (code != "ro", code != "it", code != "en"))
    known = Locale.parse(words.language).languages
    named = [str(known.get(code, code)) for code in codes]
    more = len(named) - MOST_LANGUAGES
    return ", ".join(named[:MOST_LANGUAGES]) + (f" {words.t('models.more', count=more)}" if more > 0 else "")


# One of them


def details(
    offer: Offer, space: Room, ways: Mapping[Way, Fit] | None, known: Known, words: Words, *, exact: bool
) -> dict[str, Any]:
    """Everything before a download; `can`: nothing but the licence stands between."""
    against = offer.problem.say(words.language) if offer.problem else ""
    problem = against or ("" if space.enough else no_room(space, words))
    behind = offer.problem is not None and offer.problem.key in BEHIND
    here = known.here.get(offer.hub_id, "")
    return {
        "id": offer.hub_id,
        "link": PAGE.format(id=offer.hub_id),
        "facts": [{"what": words.t(f"models.fact.{what}"), "value": said} for what, said in told(offer, space, words)],
        "problem": "" if behind else problem,
        "warning": warned(offer, words),
        "gated": problem if behind else "",
        "fits": [said(way, fit, words, exact=exact) for way, fit in (ways or {}).items()],
        "assumed": words.t("models.fits.assumed", tokens=words.number(TOKENS)) if ways else "",
        "licence": {
            "title": licence(offer.licence.title) or words.t("models.licence.none"),
            "link": offer.licence.link or "",
            "text": offer.licence.text or "",
        },
        "digest": offer.licence.digest,
        "here": words.t("models.here_as", name=here) if here else "",
        "coming": words.t("models.coming_now") if offer.hub_id in known.coming else "",
        "can": not problem and not here and offer.hub_id not in known.coming,
    }


def told(offer: Offer, space: Room, words: Words) -> list[tuple[str, str]]:
    files = words.count("models.files", len(offer.files), size=words.size(offer.bytes)) if offer.files else ""
    pairs = [
        ("files", files),
        ("free", words.size(space.free)),
        ("parameters", parameters(offer.parameters, words)),
        ("type", offer.model_type or ""),
        ("languages", spoken(offer.languages, words)),
        ("rounded", words.t("models.rounded") if offer.quantised == FOUR_BITS else ""),
        ("commit", offer.revision[:SHORT_COMMIT]),
        ("branch", words.t("models.converted") if offer.branch else ""),
    ]
    return [(what, said) for what, said in pairs if said]


def warned(offer: Offer, words: Words) -> str:
    if unseen(offer):
        return words.t("models.vision_other")
    return offer.warning.say(words.language) if offer.warning else ""


def unseen(offer: Offer) -> bool:
    """Whether it reads pictures and is known to be of a family that cannot be trained."""
    return offer.kind == "vision" and bool(offer.config) and not sees(dict(offer.config))


def said(way: Way, fit: Fit, words: Words, *, exact: bool) -> dict[str, str]:
    """Whether it fits, with its figures; "about" while they come from the number of parameters."""
    key = "models.fits.exact" if exact else "models.fits.about"
    figures = words.t(key, needs=words.size(fit.needs), free=words.size(fit.free), total=words.size(fit.total))
    return {
        "way": words.t(f"models.way.{way}"),
        "answer": fit.answer,
        "word": words.t(f"models.fits.{fit.answer}"),
        "figures": figures,
    }


def no_room(space: Room, words: Words) -> str:
    return words.said("hub.no_room", {"need": words.size(space.need), "free": words.size(space.free)})
