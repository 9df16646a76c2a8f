"""How a table in text is written: what parts its values, what quotes them, and whether the first row names columns."""

import csv
import re
from collections import Counter
from typing import NamedTuple

LOOKED_AT = 64 << 10
ROWS = 60
SEPARATORS = (",", ";", "\t", "|", "^", "~", "\x1f", ":", "#", "!")
USUAL = 4
SELDOM_IN_TEXT = (";", "\t", "|")
FEWEST_BELOW = 3
WITHIN_SENTENCES = 0.6
LONG_HEADER = 60
SENTENCE = (".", "!", "…")
NUMBER = re.compile(r"[-+]?[\d.,\s]*\d[%€]?|true|false", re.IGNORECASE)
SAYS_SEPARATOR = re.compile(r"\Asep=(.)\r?\n", re.IGNORECASE)


class TableShape(NamedTuple):
    """`skipped` lines at the beginning are not of the table: Excel's `sep=;`."""

    separator: str
    quote: str
    skipped: int


def of(head: str, separator: str | None, quote: str | None) -> TableShape:
    """What the beginning of a file looks like, as far as it was not chosen."""
    said = SAYS_SEPARATOR.match(head)
    quote = quote or _quote(head)
    separator = separator or (said[1] if said else _separator(head[said.end() :] if said else head, quote))
    return TableShape(separator, quote, 1 if said else 0)


def has_header(rows: list[list[str]]) -> bool:
    """Whether the first row names columns: short, none empty, no numbers, no two alike unless it is all there is."""
    first = rows[0]
    cells = [cell.strip() for cell in first]
    if any(len(cell) > LONG_HEADER or "\n" in cell for cell in cells):
        return False
    if not all(cells):
        gaps = _trails_off(cells) or _idle(cells, rows[1:])
        return gaps and has_header([[cell for cell in first if cell.strip()]])
    return not any(NUMBER.fullmatch(cell) for cell in cells) and not _is_sentences(rows)


def titles(rows: list[list[str]]) -> int:
    """How many of the first rows stand above the table: a title, a note, names over several columns. What follows them
    has a name for each column.
    """
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows]
    most = max(filled, default=0)
    at = filled.index(most) if most > 1 else 0
    above = all(row[0].strip() and count <= most / 2 for row, count in zip(rows[:at], filled, strict=False))
    return at if above and at < len(rows) - 1 and has_header(rows[at:]) else 0


def _idle(cells: list[str], rows: list[list[str]]) -> bool:
    """Columns without a name hold nothing, or count the rows."""
    gaps = [at for at, cell in enumerate(cells) if not cell]
    below = [row[at].strip() for row in rows for at in gaps if at < len(row)]
    return any(cells) and bool(rows) and all(not cell or NUMBER.fullmatch(cell) for cell in below)


def _is_sentences(rows: list[list[str]]) -> bool:
    """A column with a sentence in its first row as in most others, which is no name."""
    for at, cell in enumerate(rows[0]):
        others = [row[at].strip() for row in rows[1:] if at < len(row)]
        ends = sum(other.endswith(SENTENCE) for other in others)
        if cell.strip().endswith(SENTENCE) and others and ends > len(others) / 2:
            return True
    return False


def _trails_off(cells: list[str]) -> bool:
    """Only the last ones are empty, as where a workbook had columns that nobody used."""
    words = [bool(cell) for cell in cells]
    short = all(len(cell) <= LONG_HEADER and "\n" not in cell for cell in cells)
    return short and any(words) and words == sorted(words, reverse=True) and not all(words)


def _quote(head: str) -> str:
    """The double quote, unless values stand between single ones."""
    single = len(re.findall(r"(?:^|[,;\t|])'[^'\n]*'(?=[,;\t|\r\n])", head, re.MULTILINE))
    double = len(re.findall(r'(?:^|[,;\t|])"', head, re.MULTILINE))
    return "'" if single > max(2, double) else '"'


def _separator(head: str, quote: str) -> str:
    """The one that gives most rows the same number of values, more than one."""
    cut = len(head) >= LOOKED_AT
    text = head[: head.rfind("\n") + 1] if cut and "\n" in head else head
    best, mark = ",", 0.0
    for place, letter in enumerate(SEPARATORS):
        found = _evenness(text, letter, quote)
        # A comma or a colon inside of sentences is seldom the same on every line; an unusual letter must be.
        if found > mark + 0.011 and (place < USUAL or found > 0.95):
            best, mark = letter, found
    if 0 < mark < WITHIN_SENTENCES and best not in text.lstrip().partition("\n")[0]:
        # One column of texts with commas in them: what stands nowhere parts nothing.
        return next((letter for letter in SEPARATORS if letter not in text), best)
    return best


def _evenness(text: str, separator: str, quote: str) -> float:
    """The share of the rows that have as many values as most, and a little more for more of them."""
    try:
        reader = csv.reader(text.splitlines(keepends=True), delimiter=separator, quotechar=quote)
        sizes = [len(row) for _, row in zip(range(ROWS), reader, strict=False) if row]
    except csv.Error:
        return 0.0
    counted = Counter(size for size in sizes if size > 1)
    if not counted:
        return 0.0
    # The header says how many there are; a separator that is not in it stands inside of sentences.
    if sizes[0] > 1:
        return counted[sizes[0]] / len(sizes) + min(sizes[0], 10) / 100
    # Below a title, every row has to have as many; a comma may stand in every sentence all the same.
    below = [size for at, size in enumerate(sizes) if max(sizes[: at + 1]) > 1]
    if separator in SELDOM_IN_TEXT and len(below) >= FEWEST_BELOW and len(set(below)) == 1:
        return len(below) / len(sizes)
    return counted.most_common(1)[0][1] / len(sizes) / 2
