"""What a person sees of a run's log: its end, as plain text, whatever the program wrote."""

import time
from pathlib import Path

import pytest

from backend.jobs import log


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("\x1b[31mroșu\x1b[0m gata", "roșu gata"),
        ("\x1b]0;new title\x07după", "după"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("0%\r50%\r100%\nfatto\r\n", "100%\nfatto\n"),
        ("a\u202egnp.exe", "agnp.exe"),
        ("zero\u200bwidth\x00\x07", "zerowidth"),
        ("col\tumn", "col\tumn"),
        ("perché già: ăâîșț", "perché già: ăâîșț"),
    ],
)
def test_nothing_in_a_log_can_draw_or_command(written: str, seen: str) -> None:
    assert log.clean(written) == seen


def test_bytes_that_are_no_text_do_not_stop_the_reader(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"bun\xff\xfe\ninc\xc4")
    assert log.end(tmp_path / "log") == "bun\ufffd\ufffd\ninc\ufffd"


def test_only_the_end_of_a_long_log_is_read_from_the_beginning_of_a_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("\n".join(f"line {number}" for number in range(1000)))
    assert log.end(path, most=20) == "line 998\nline 999"
    assert log.end(tmp_path / "absent") == ""


def test_a_line_without_end_costs_no_time(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as file:
        file.truncate(100 * 2**20)
        file.seek(0, 2)
        file.write(b"x" * 5000)
    began = time.process_time()
    seen = log.end(path)
    assert time.process_time() - began < 0.3
    assert seen == "x" * log.MOST_COLUMNS + " …"
