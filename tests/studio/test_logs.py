"""The log of a run: looked through, judged by level, taken away whole."""

from pathlib import Path

import pytest

from backend.errors import AccessError
from studio.services.door import Services
from studio.services.logs import MOST_LINES, find, pieces

TEXT = """2026-11-22 13:05:36,727 INFO __main__ attempt 1 begins
/lib/modeling.py:3303: FutureWarning: deprecated
2026-11-22 13:06:01,941 WARNING loader slow
Traceback (most recent call last):
  File "x.py", line 3, in <module>
ValueError: no such thing
a line of somebody else
2026-11-22 13:06:02,000 ERROR trainer Ended
\x1b[31mred\x1b[0m and \u202ereversed
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_every_line_has_its_number_and_level(log: Path) -> None:
    found = find(log)
    assert found is not None
    assert [line.level for line in found.lines] == [
        "info", "warning", "warning", "error", "error", "error", "info", "error", "info",
    ]  # fmt: skip
    assert [line.number for line in found.lines] == list(range(1, 10))
    assert (found.hits, found.total, found.size) == (9, 9, log.stat().st_size)


def test_lines_are_found_by_text_in_upper_or_lower_case_and_by_level(log: Path) -> None:
    by_text = find(log, "VALUEERROR")
    assert by_text is not None
    assert [line.text for line in by_text.lines] == ["ValueError: no such thing"]
    by_level = find(log, least="error")
    assert by_level is not None
    assert (by_level.hits, by_level.total) == (4, 9)
    nothing = find(log, "not there")
    assert nothing is not None
    assert (nothing.lines, nothing.hits) == ([], 0)


def test_what_could_draw_or_command_is_taken_out(log: Path) -> None:
    found = find(log, "red")
    assert found is not None
    assert found.lines[-1].text == "red and reversed"


def test_the_newest_lines_are_kept_and_all_are_counted(log: Path) -> None:
    log.write_text("".join(f"line {number}\n" for number in range(2 * MOST_LINES)))
    found = find(log)
    assert found is not None
    assert len(found.lines) == MOST_LINES
    assert found.lines[-1].text == f"line {2 * MOST_LINES - 1}"
    assert found.hits == 2 * MOST_LINES


def test_a_log_that_has_not_grown_is_not_read_again(log: Path) -> None:
    assert find(log, known=log.stat().st_size) is None


def test_a_log_that_is_not_there_yet_is_empty(tmp_path: Path) -> None:
    found = find(tmp_path / "log.txt")
    assert found is not None
    assert (found.lines, found.total) == ([], 0)
    assert list(pieces(tmp_path / "log.txt")) == []


def test_the_whole_log_is_what_it_was_when_asked_for(log: Path) -> None:
    taken = pieces(log)
    first = next(taken)
    with log.open("a") as file:
        file.write("written meanwhile\n")
    assert b"".join([first, *taken]).decode() == TEXT


def test_the_log_of_a_run_that_is_not_there_is_refused(tmp_path: Path) -> None:
    logs = Services.at(tmp_path).logs
    for ask in (logs.find, logs.whole):
        with pytest.raises(AccessError):
            ask("../../etc")
