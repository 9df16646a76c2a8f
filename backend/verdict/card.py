"""The verdict on one run, in sentences: what was learned, what was forgotten, why, and what to try."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from backend.jobs.folder import RunFolder
from backend.jobs.model import Job
from backend.messages import LANGUAGES, Number, Phrase, sentence
from backend.verdict import reasons
from backend.verdict.chance import Interval
from backend.verdict.measured import Measured, read
from backend.verdict.reasons import Advice, Sentence, loss
from backend.verdict.rule import Finding, HeldOut, Kind, Language, judge

# Of what was known no more than these shares is left: nearly all is forgotten, or most.
NEARLY_ALL, MOSTLY = 0.1, 0.5
KNOWN_SHARE = 0.8


@dataclass(frozen=True)
class Card:
    """`proof`: the figures behind it, with how far chance can move them. `made`: there is something to chat with."""

    kind: Kind
    headline: Sentence
    lead: Sentence
    learned: list[Sentence]
    forgotten: list[Sentence]
    why: list[Sentence]
    advice: list[Advice]
    proof: list[Sentence]
    languages: tuple[Language, ...]
    made: bool

    def words(self, language: str) -> dict[str, Any]:
        """What the commands print: plain values."""

        def said(found: list[Sentence]) -> list[str]:
            return [sentence(one.key, language, **one.values) for one in found]

        return {
            "kind": self.kind.value,
            "said": ". ".join(said([self.headline, self.lead])),
            "learned": said(self.learned),
            "forgotten": said(self.forgotten),
            "why": said(self.why),
            "try": said([one.said for one in self.advice]),
        }


def of(job: Job, folder: RunFolder) -> Card | None:
    """None for a run that has not ended, or was not trained here."""
    run = read(job, folder)
    return made_of(run) if run else None


def made_of(run: Measured) -> Card:
    found = judge(run)
    return Card(
        kind=found.kind,
        headline=Sentence(f"verdict.{'not_whole' if _so_far(run, found) else found.kind.value}"),
        lead=_lead(run, found),
        learned=list(_learned(run, found)),
        forgotten=list(_forgotten(run, found)),
        why=reasons.why(run, found),
        advice=reasons.advice(run, found),
        proof=list(_proof(found)),
        languages=found.languages,
        made=run.made,
    )


def _lead(run: Measured, found: Finding) -> Sentence:
    key = found.kind.value
    if found.kind is Kind.LEARNED and reasons.forgot(found):
        key = _how_much_was_forgotten(found)
    elif found.kind is Kind.OVER_FITTED and found.held_out and found.held_out.learned:
        key = "over_fitted_late"
    elif found.kind is Kind.DIVERGED and not run.made:
        key = "diverged_nothing"
    elif _so_far(run, found):
        key = "not_whole"
    return Sentence(f"verdict.{key}.lead")


def _so_far(run: Measured, found: Finding) -> bool:
    """It ended before its end, and something is known of how it stood then."""
    return found.kind is Kind.UNMEASURED and not run.whole and found.held_out is not None


def _how_much_was_forgotten(found: Finding) -> str:
    """Most, where of every language that it knew less than half is left; nearly all, where all together a tenth is."""
    known = [language for language in found.languages if language.score.before and not language.gained]
    if not all(language.lost and language.score.after < MOSTLY * language.score.before for language in known):
        return "learned_and_forgot"
    before, after = (sum(getattr(one.score, when) for one in known) for when in ("before", "after"))
    return "learned_and_forgot_nearly_all" if after <= NEARLY_ALL * before else "learned_and_forgot_most"


def _learned(run: Measured, found: Finding) -> Iterator[Sentence]:
    for language in found.languages:
        if language.gained:
            whole = language.score.after >= KNOWN_SHARE * language.score.count
            yield scored("learned" if whole else "partly_learned", language)
        elif not language.score.before:
            yield scored("unknown", language)
    if found.held_out:
        yield held_out(found.held_out)
        ordered = run.held_out[-1].ordered
        if ordered is not None:
            yield Sentence("verdict.pairs", {"share": round(100 * ordered)})
    elif not any(language.gained for language in found.languages):
        yield Sentence("verdict.nothing_measured")


def held_out(seen: HeldOut) -> Sentence:
    fell = "fell" if seen.learned else "rose" if seen.worse else "stayed"
    return Sentence(f"verdict.held_out.{fell}", {"first": loss(seen.first), "last": loss(seen.last)})


def _forgotten(run: Measured, found: Finding) -> Iterator[Sentence]:
    for language in found.languages:
        if language.lost:
            yield scored(_how_much(language), language)
        elif not language.gained and language.score.before:
            yield scored("kept" if language.kept else "no_change", language)
    if not found.languages:
        yield Sentence("verdict.not_asked" if run.whole else "verdict.not_asked_again")
    elif not any(language.score.before for language in found.languages):
        yield Sentence("verdict.nothing_to_forget")


def _how_much(language: Language) -> str:
    left = language.score.after / language.score.before
    if not left:
        return "forgotten"
    return "nearly_forgotten" if left <= NEARLY_ALL else "mostly_forgotten" if left < MOSTLY else "partly_forgotten"


def scored(how: str, language: Language) -> Sentence:
    """ "English: 29 of 30 before, 4 of 30 after: mostly forgotten." """
    score = language.score
    values = {"before": score.before, "after": score.after, "count": score.count}
    return Sentence("verdict.scored", {"group": named(score.group), **values, "how": Phrase(f"verdict.how.{how}")})


def named(group: str) -> object:
    """A language by its name; another group by what it is called in the check set."""
    if not group:
        return Phrase("verdict.in.all")
    return Phrase(f"verdict.in.{group}") if group in LANGUAGES else group


def _proof(found: Finding) -> Iterator[Sentence]:
    for language in found.languages:
        points = replace(language.change, low=100 * language.change.low, high=100 * language.change.high)
        yield Sentence("verdict.proof.score", {"group": named(language.score.group), **_bounds(points, 0)})
    if found.held_out:
        rows = found.held_out.rows
        yield Sentence("verdict.proof.change", {"rows": rows, **_bounds(found.held_out.change, 2)})
        best = {"step": found.held_out.best_step, "best": loss(found.held_out.best)}
        yield Sentence("verdict.proof.rise", {**best, **_bounds(found.held_out.rise, 2)})


def _bounds(interval: Interval, digits: int) -> dict[str, object]:
    """With the sign of a typesetter's minus."""
    return {name: _signed(getattr(interval, name), digits) for name in ("low", "high")}


def _signed(value: float, digits: int) -> Number:
    written = f"{abs(value):.{digits}f}"
    sign = "" if float(written) == 0 else "−" if value < 0 else "+"
    return Number(sign + written)
