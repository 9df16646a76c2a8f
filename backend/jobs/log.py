"""Reads the log of a run for a person: only its end, and nothing in it that could draw or command."""

import re
import unicodedata
from pathlib import Path

MOST_BYTES = 64 * 1024
MOST_COLUMNS = 2000
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")


def end(path: Path, most: int = MOST_BYTES) -> str:
    """The last `most` bytes from the beginning of a line, cleaned (`clean`); "" when there is no log yet."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - most))
        text = file.read(most).decode("utf-8", errors="replace")
    return clean(text if size <= most else text.partition("\n")[2] or text)


def clean(text: str) -> str:
    """Without colours, cursor moves, invisible and direction-changing characters; long lines are cut.

    Of a line that a progress bar wrote again and again, the last state stays.
    """
    lines = (line.rstrip("\r").rpartition("\r")[2] for line in ESCAPES.sub("", text).split("\n"))
    return "\n".join(_cut("".join(filter(_shows, line))) for line in lines)


def _shows(character: str) -> bool:
    return character == "\t" or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def _cut(line: str) -> str:
    return line if len(line) <= MOST_COLUMNS else line[:MOST_COLUMNS] + " …"
