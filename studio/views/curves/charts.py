"""What the charts and the flip-book of one run are sent: everything, or what has changed since. Plain values out."""

from typing import Any

from backend.jobs.events import Sample
from studio.views.curves.series import Curves

TABLES = ("steps", "eval", "memory", "rewards", "apart")
# How many tokens a run had read is needed only where runs are compared.
UNSEEN = "tokens"


def whole(curves: Curves, forecast: int | None) -> dict[str, Any]:
    """For a page that has just opened the run: at most 2,000 points a curve. `forecast` is bytes of memory."""
    tables = {name: seen(getattr(curves, name).whole()) for name in TABLES}
    return {"reset": True, **tables, **state(curves, forecast)}


def since(curves: Curves, forecast: int | None) -> dict[str, Any] | None:
    """What has changed since the last call; None when nothing has. Each table says what stays in front (`from`)."""
    changed = {name: seen(said) for name in TABLES if (said := getattr(curves, name).since())}
    if not changed and not curves.new_phases:
        return None
    said = {"reset": False, **changed, **state(curves, forecast)}
    if not curves.new_phases:
        del said["phases"]
        del said["stages"]
    curves.new_phases = False
    return said


def new_answers(curves: Curves) -> dict[str, Any] | None:
    """The pages of the flip-book that have changed since the last call, all of them when some have gone; or None."""
    if not curves.new_answers and not curves.fewer_answers:
        return None
    said = answers(curves)
    if not curves.fewer_answers:
        said = {**said, "reset": False, "pages": [one for one in said["pages"] if one["step"] in curves.new_answers]}
    curves.new_answers, curves.fewer_answers = set(), False
    return said


def seen(table: dict[str, Any]) -> dict[str, Any]:
    return {name: column for name, column in table.items() if name != UNSEEN}


def state(curves: Curves, forecast: int | None) -> dict[str, Any]:
    return {
        "phases": [(round(t, 2), name) for t, name in curves.phases],
        "stages": [(round(one.t, 2), one.step, f"{one.number}", one.title) for one in curves.stages.values()],
        "resumed": [(round(t, 2), step) for t, step in curves.resumed],
        "now": round(curves.now, 2),
        "total": curves.last.total if curves.last else None,
        "forecast": forecast,
    }


def answers(curves: Curves) -> dict[str, Any]:
    """The test questions, and their answers at each step at which they were asked, in order."""
    asked: dict[int, Sample] = {}
    for found in curves.answers.values():
        asked = {**found, **asked}
    order = sorted(asked)
    return {
        "reset": True,
        "questions": [question(asked[at]) for at in order],
        "pages": [
            {"step": step, "answers": [page(found, at) for at in order]}
            for step, found in sorted(curves.answers.items())
        ],
    }


def question(said: Sample) -> dict[str, Any]:
    """`pictures`: names of files of the run that it is about."""
    return {"question": said.question, "expected": said.expected, "pictures": list(said.pictures)}


def page(found: dict[int, Sample], at: int) -> dict[str, Any] | None:
    """One answer; `right`: it is what was expected, word for word. None: not answered yet."""
    said = found.get(at)
    if said is None:
        return None
    expected = said.expected.strip()
    return {"text": said.answer, "right": said.answer.strip() == expected if expected else None}
