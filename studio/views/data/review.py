"""A review in words: one row with what was said of it, how far everybody is, how they agree, what comes of it."""

from typing import Any

from backend.data.review import agreement, editing, standing
from backend.data.review.agreement import Agreement
from backend.data.review.editing import Field
from backend.data.review.reviewing import Review
from backend.data.review.standing import Progress
from backend.data.review.verdict import Verdict
from backend.data.rows import Row
from studio.text import Words
from studio.views.data import rows


def state(review: Review, who: str, words: Words) -> dict[str, Any]:
    """`who`: the reviewer who looks, "" before there is one. `through`: how many rows would go on."""
    every = review.all()
    known = who if who in every else ""
    whole = standing.outcome(review)
    mine = standing.progress(review, known) if known else None
    total = review.record.rows
    sampled = "" if review.record.sample is None else words.count("data.review.sampled", len(review.rows), total=total)
    return {
        "who": known,
        "sampled": sampled,
        "reviewers": [reviewer(name, standing.progress(review, name), words) for name in review.reviewers],
        "mine": reviewer(known, mine, words) if mine else None,
        "outcome": counts(whole, words),
        "disputed": words.count("data.review.disputed", whole.disagreement) if whole.disagreement else "",
        "through": whole.approved + whole.edited,
        "agreement": [pair(one, words) for one in agreement.pairs(every)],
        "alone": "" if len(every) > 1 else words.t("data.review.alone"),
        "rule": words.t("data.review.rule"),
    }


def reviewer(name: str, found: Progress, words: Words) -> dict[str, Any]:
    """`share` is 0 to 1."""
    values = {"judged": words.number(found.judged), "total": words.number(found.rows)}
    return {
        "name": name,
        "judged": found.judged,
        "total": found.rows,
        "said": words.t("data.review.judged", **values),
        "counts": counts(found, words),
    }


def counts(found: Progress, words: Words) -> str:
    values = {name: words.number(getattr(found, name)) for name in ("approved", "edited", "rejected")}
    return words.t("data.review.counts", **values)


def pair(one: Agreement, words: Words) -> dict[str, str]:
    """How two agree: in how many rows, beyond chance, and why there may be no number for that."""
    names = words.t("data.review.pair", first=one.first, second=one.second)
    if not one.both:
        return {"names": names, "said": words.t("data.review.apart"), "kappa": ""}
    share = words.number(100 * one.same / one.both)
    said = words.count("data.review.same", one.both, same=words.number(one.same), share=share)
    if one.kappa is None:
        return {"names": names, "said": said, "kappa": words.t("data.review.no_kappa")}
    value, strength = words.number(one.kappa, 2), words.t(f"data.review.strength.{agreement.strength(one.kappa)}")
    return {"names": names, "said": said, "kappa": words.t("data.review.kappa", kappa=value, strength=strength)}


def row(
    review: Review, place: int, found: Row, mine: Verdict | None, others: dict[str, Verdict], words: Words
) -> dict[str, Any]:
    """The row at a place, as it was or as `mine` has corrected it. `others`: what is said of it, to be settled."""
    now = mine.edited if mine and mine.edited else found
    number = review.rows[place] + 1
    values = {"number": words.number(place + 1), "total": words.number(len(review.rows))}
    return {
        "place": place,
        "head": words.t("data.review.row", **values),
        "number": "" if review.record.sample is None else words.t("data.review.number", number=words.number(number)),
        "row": rows.shown(now, words, rows.WHOLE),
        "fields": [field(one, words) for one in editing.fields(now)],
        "said": mine.said if mine else "",
        "word": words.t(f"data.review.said.{mine.said}") if mine else "",
        "note": mine.note if mine else "",
        "others": [other(name, one, words) for name, one in others.items()],
    }


def other(name: str, one: Verdict, words: Words) -> dict[str, Any]:
    return {
        "name": name,
        "said": words.t(f"data.review.said.{one.said}"),
        "note": one.note,
        "row": rows.shown(one.edited, words, rows.WHOLE) if one.edited else None,
    }


def field(one: Field, words: Words) -> dict[str, Any]:
    if one.role in rows.ROLES:
        label = words.t(f"data.role.{one.role}")
    else:
        label = words.t(f"data.review.field.{one.role}", number=one.number or "")
    return {"name": one.name, "label": label, "value": one.value, "short": one.kind == "short"}
