"""Rows with nothing in them, with too little, and with more tokens than the model is given."""

import bisect
import re
from array import array

from pydantic import BaseModel, ConfigDict

from backend.data import rows
from backend.data.doctor.finding import Example, example
from backend.data.doctor.rules.rule import Rule
from backend.data.doctor.seen import Reader, Seen
from backend.data.tokens.counting import WORD, Vocabulary, row_tokens, vocabulary_of
from backend.messages import Count

# Upper bounds of the classes of a histogram, in tokens.
BOUNDS = (8, 16, 32, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 16384, 32768)
COUNTED = frozenset({"chat", "text", "preference", "label", "score", "exam"})
WRITING = frozenset({"chat", "text", "preference"})
FEWEST_WORDS = 2
FEWEST_TOKENS = 5
LETTER = re.compile(r"[^\W_]")
NOTHING = frozenset({"n/a", "#n/a", "nan", "null", "undefined", "tbd", "todo", "xxx", "asdf"})


class Lengths(BaseModel):
    """Tokens of the rows for the chosen model. `classes`: (most tokens of the class, rows in it), shortest first; of
    the last class the longest row. `over` rows are longer than `most`; `cut` of all `tokens` would be lost.
    """

    model_config = ConfigDict(frozen=True)
    rows: int
    tokens: int
    longest: int
    most: int
    over: int
    cut: int
    classes: tuple[tuple[int, int], ...]


class Empty(Rule):
    """No letter or digit, or only a word that stands for nothing, in what is to be learned."""

    code, fix = "empty", "drop_empty"

    def look(self, seen: Seen) -> Example | None:
        row = seen.row
        if seen.shape not in WRITING and seen.shape != "caption" and "text" not in row:
            return None
        learned = [row["text"]] if "text" in row else rows.answers(row)
        for text in learned:
            if not LETTER.search(text) and (seen.shape != "chat" or not _says(text)):
                return example(seen.place, text, 0, len(text))
            if len(text) <= 12 and text.strip(" .()[]<>-").casefold() in NOTHING:
                return example(seen.place, text, 0, len(text))
        return None


def _says(text: str) -> bool:
    """A pictogram or a sign of arithmetic may be an answer; dots, dashes and question marks are none."""
    return any(not letter.isspace() and letter not in ".…,-–—_?*/\\|~'\"`#" for letter in text)


class Short(Rule):
    """A text of one word, and a conversation with fewer than two words in all."""

    code, fix = "short", "drop_short"
    severity = "notice"

    def look(self, seen: Seen) -> Example | None:
        if seen.shape not in WRITING or len(seen.whole) > 40:
            return None
        return example(seen.place, seen.whole) if len(seen.whole.split()) < FEWEST_WORDS else None


class Slight(Rule):
    """A plain text of so few of the model's own tokens that next to nothing is learned of it."""

    code, fix = "slight", "drop_slight"
    severity = "notice"

    def __init__(self, reader: Reader) -> None:
        super().__init__()
        self._vocabulary = vocabulary_of(reader.tokenizer, reader.tokenizer.stat().st_mtime_ns)

    def look(self, seen: Seen) -> Example | None:
        # A token of more than 24 letters is rarer than to be counted for.
        if seen.shape != "text" or len(seen.whole) > 24 * FEWEST_TOKENS:
            return None
        size, _ = row_tokens(seen.row, self._vocabulary)
        return example(seen.place, seen.whole) if size < FEWEST_TOKENS else None

    def values(self) -> dict[str, object]:
        return {"least": Count("doctor.tokens", FEWEST_TOKENS)}


class Long(Rule):
    """More tokens than the model is given at once: the end is cut off."""

    code, fix = "long", "drop_long"

    def __init__(self, reader: Reader) -> None:
        super().__init__()
        self._reader = reader
        self._vocabulary = vocabulary_of(reader.tokenizer, reader.tokenizer.stat().st_mtime_ns)
        self._bounds = array("Q", [0] * (len(BOUNDS) + 1))
        self._rows = self._tokens = self._longest = self._cut = 0

    def look(self, seen: Seen) -> Example | None:
        if seen.shape not in COUNTED:
            return None
        size, _ = row_tokens(seen.row, self._vocabulary)
        size = size // 2 if seen.shape == "preference" else size
        self._rows += 1
        self._tokens += size
        self._longest = max(self._longest, size)
        self._bounds[bisect.bisect_left(BOUNDS, size)] += 1
        over = size - self._reader.most
        if over <= 0:
            return None
        self._cut += over
        if len(self.examples) >= 5:
            return example(seen.place, "")
        at = _reached(seen.whole, self._reader.most, self._vocabulary)
        return example(seen.place, seen.whole, at, len(seen.whole))

    def values(self) -> dict[str, object]:
        tokens = Count("doctor.tokens", self._reader.most)
        return {"most": tokens, "cut": Count("doctor.tokens", self._cut)}

    def lengths(self) -> Lengths | None:
        """None where no row has a length in tokens."""
        if not self._rows:
            return None
        bounds = (*BOUNDS, max(self._longest, BOUNDS[-1] + 1))
        classes = tuple((bound, count) for bound, count in zip(bounds, self._bounds, strict=True) if count)
        most, over = self._reader.most, len(self.numbers)
        known = {"rows": self._rows, "tokens": self._tokens, "longest": self._longest, "cut": self._cut}
        return Lengths(most=most, over=over, classes=classes, **known)


def _reached(text: str, most: int, vocabulary: Vocabulary) -> int:
    """Where in the text so many tokens have been read."""
    left = most
    for word in WORD.finditer(text):
        left -= vocabulary.count(word[0])
        if left < 0:
            return word.start()
    return len(text)
