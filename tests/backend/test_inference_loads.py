"""How long loading will take: said only where it was measured."""

from pathlib import Path

import pytest

from backend.inference.loads import ENGINE, MOST_KEPT, Expected, Loads, key
from backend.inference.shelf import Quantised, Target
from backend.paths import Workspace

PLAIN = Target("starter", "starter", "/models/starter")


@pytest.fixture
def loads(tmp_path: Path) -> Loads:
    return Loads(Workspace(tmp_path).create())


def state(*targets: Target) -> dict[str, object]:
    return {"loaded": True, "models": [{"key": key(target)} for target in targets]}


def test_nothing_is_forecast_before_it_was_measured(loads: Loads) -> None:
    assert loads.expected(PLAIN, None) == Expected("starting")
    assert loads.expected(PLAIN, state()) == Expected("loading")
    loads.note(ENGINE, 5.0)
    assert loads.expected(PLAIN, None) == Expected("starting")


def test_what_is_said_is_the_middle_of_the_latest_times(loads: Loads) -> None:
    for seconds in (90.0, 90.0, 90.0, 3.0, 2.0, 4.0):
        loads.note(key(PLAIN), seconds)
    loads.note(ENGINE, 6.0)
    assert MOST_KEPT == 5
    assert loads.expected(PLAIN, state()) == Expected("loading", 4.0)
    assert loads.expected(PLAIN, {"loaded": False, "models": []}) == Expected("starting", 10.0)


def test_what_is_in_memory_is_not_loaded_and_another_rounding_is_another_model(loads: Loads) -> None:
    adapter = Target("run:a", "starter", "/models/starter", Path("/runs/a/adapter"), stamp=7)
    rounded = Target("run:b", "starter", "/models/starter", Path("/runs/b/adapter"), Quantised("nf4", double=True))
    assert loads.expected(adapter, state(PLAIN)) == Expected("reading")
    assert loads.expected(rounded, state(PLAIN)) == Expected("loading")


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_a_file_that_cannot_be_read_is_as_good_as_none(loads: Loads, text: str) -> None:
    loads.note(ENGINE, 1.0)
    (path,) = (loads.workspace.calibration / "loading").iterdir()
    path.write_text(text, encoding="utf-8")
    assert loads.about(ENGINE) is None
    loads.note(ENGINE, 2.0)
    assert loads.about(ENGINE) == 2.0
