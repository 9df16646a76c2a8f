"""No control of the tab of the runs is left out: each one that its scripts make is used in a browser test."""

import re
from pathlib import Path

import pytest

from backend.paths import ROOT
from studio.text import Words

SCRIPTS = ("runs", "head", "notice", "verdict", "chart", "answers", "log", "compare")
TESTS = [path for path in Path(__file__).parent.glob("test_*.py") if path != Path(__file__)]
MADE = re.compile(r'element\("(?:button|select|input|summary|a)"|\b(?:act|twice|mover|turn|choice)\(|[ (\[]button\(t\(')
WORD = re.compile(r'\bt\("([\w.]+)"')
# Made with a word or an action that is only known as it runs: what a test uses instead.
OTHERWISE = {
    "redraw(kept.pin": 'press(page, "unpin")',
    't("files")': "details.files",
    't("verdict.opens")': 'name="Mix in what it knew"',
    "panel.smoothing, panel.log": 'get_by_role("button", name=axis',
}
ACTION = re.compile(r'(?:"data-action": |\bact\(|\bmover\(|twice\(place, run, )"([\w-]+)"')


def controls() -> list[tuple[str, list[str], list[str]]]:
    """A line of a script that makes a control, with the actions and the words (as in English) that it has."""
    words = Words("en")
    lines = [
        line.strip()
        for script in SCRIPTS
        for line in (ROOT / f"studio/assets/{script}.js").read_text(encoding="utf-8").splitlines()
        if MADE.search(line)
    ]
    found = [(line, ACTION.findall(line), [words.t(f"live.{key}") for key in WORD.findall(line)]) for line in lines]
    return [one for one in found if one[1] or one[2]]


@pytest.mark.parametrize(
    ("line", "actions", "words"), controls(), ids=lambda one: one[:60] if isinstance(one, str) else ""
)
def test_every_control_is_used_by_its_action_or_by_its_word(line: str, actions: list[str], words: list[str]) -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in TESTS)
    used = [f'press(page, "{action}")' in tests or f"data-action='{action}'" in tests for action in actions]
    said = [re.search(spoken(word), tests) for word in words]
    otherwise = [evidence in tests for part, evidence in OTHERWISE.items() if part in line]
    assert any(used) or any(said) or any(otherwise), line


def spoken(word: str) -> str:
    """As a pattern: its placeholders may be anything."""
    parts = re.split(r"\{\w+\}", word.rstrip(".…"))
    return "[^\"']{1,40}".join(map(re.escape, parts))


def test_there_are_controls_to_look_at() -> None:
    assert len(controls()) > 30
