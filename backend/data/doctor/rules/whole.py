"""What only all rows together show: languages, labels, the key of an exam, how decimals are written."""

import re
from array import array
from collections import Counter
from collections.abc import Iterator

from backend.data.doctor.finding import EXAMPLES, Example, Finding, example
from backend.data.doctor.rules.rule import Rule
from backend.data.doctor.seen import Seen

STRAY, MAIN = 0.1, 0.8
"""Rows of a language are strays below this share of all, where another one has at least the other share."""
SMALL, TIMES, FEWEST_ROWS = 5, 10, 20
CHI_SQUARE = {2: 10.83, 3: 13.82, 4: 16.27, 5: 18.47, 6: 20.52}
"""By the number of options, what chance exceeds once in a thousand times (degrees of freedom: one less)."""
COMMA = re.compile(r"(?<![\d.,])\d{1,6},\d{1,2}(?![\d.,]*\d)")
POINT = re.compile(r"(?<![\w.,])\d{1,6}\.\d{1,2}(?![\d.,]*\d|[\w:])")
FEWEST_NUMBERS = 5


class Languages(Rule):
    """The language of each row; a few rows in another one than nearly all are worth a look."""

    code, fix = "other_language", "drop_other_languages"
    severity = "notice"

    def __init__(self) -> None:
        super().__init__()
        self.known: list[str] = [""]
        self._of = array("H")
        self._first: dict[int, list[Example]] = {}

    def look(self, seen: Seen) -> Example | None:
        if seen.language not in self.known:
            self.known.append(seen.language)
        code = self.known.index(seen.language)
        self._of.append(code)
        first = self._first.setdefault(code, [])
        if len(first) < EXAMPLES:
            first.append(example(seen.place, seen.whole))
        return None

    def counts(self) -> dict[str, int]:
        """Rows by language, the commonest first; "" where it is not certain."""
        return {self.known[code]: count for code, count in Counter(self._of).most_common()}

    def settle(self) -> None:
        counts = Counter(self._of)
        certain = {code: count for code, count in counts.items() if code}
        total = sum(certain.values())
        self._main = max(certain, key=lambda code: certain[code], default=0)
        if total < FEWEST_ROWS or certain[self._main] < MAIN * total:
            return
        stray = {code for code, count in certain.items() if code != self._main and count < STRAY * total}
        self.numbers.extend(number for number, code in enumerate(self._of, start=1) if code in stray)
        by_row = [one for code in stray for one in self._first[code]]
        self.examples = by_row[:EXAMPLES]
        self._stray = Counter({self.known[code]: certain[code] for code in stray})

    def values(self) -> dict[str, object]:
        others = ", ".join(f"{name} {count}" for name, count in self._stray.most_common(5))
        return {"main": self.known[self._main], "others": others}


class Labels(Rule):
    """Far more rows of one label than of another."""

    code = "label_imbalance"
    severity = "notice"

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def look(self, seen: Seen) -> Example | None:
        if seen.shape == "label":
            self.counts.update(seen.row["label"].split(", "))
        return None

    def findings(self) -> Iterator[Finding]:
        if len(self.counts) < 2 or self.counts.total() < FEWEST_ROWS:
            return
        (most, many), (least, few) = self.counts.most_common()[0], self.counts.most_common()[-1]
        if many >= TIMES * few or few < SMALL:
            numbers = {"most": most, "many": many, "least": least, "few": few}
            yield self.finding(self.code, few, [], **numbers)


class MixedLabels(Rule):
    """The same label written in several ways, or numbers among words."""

    code = "mixed_labels"

    def __init__(self) -> None:
        super().__init__()
        self._first: dict[str, tuple[str, Example]] = {}
        self._counts: Counter[str] = Counter()

    def look(self, seen: Seen) -> Example | None:
        if seen.shape == "label":
            label = seen.row["label"]
            self._counts[label] += 1
            if label not in self._first:
                self._first[label] = (label, example(seen.place, label, 0, len(label)))
        return None

    def findings(self) -> Iterator[Finding]:
        plain: dict[str, list[str]] = {}
        for label in self._counts:
            plain.setdefault(" ".join(label.casefold().split()), []).append(label)
        twice = [label for labels in plain.values() if len(labels) > 1 for label in sorted(labels, key=self._rank)[1:]]
        if twice:
            rows = sum(self._counts[label] for label in twice)
            yield self.finding(
                "label_twice", rows, [self._first[label][1] for label in twice[:EXAMPLES]], label=twice[0]
            )
        numbers = [label for label in self._counts if re.fullmatch(r"-?\d+(?:[.,]\d+)?", label)]
        if numbers and len(numbers) < len(self._counts):
            rare = min(numbers, [one for one in self._counts if one not in numbers], key=self._total)
            examples = [self._first[label][1] for label in rare[:EXAMPLES]]
            yield self.finding(self.code, self._total(rare), examples, label=rare[0])

    def _rank(self, label: str) -> int:
        return -self._counts[label]

    def _total(self, labels: list[str]) -> int:
        return sum(self._counts[label] for label in labels)


class Keys(Rule):
    """One place of the right option far more often than chance would put it there: a model learns the place."""

    code = "answer_key"

    def __init__(self) -> None:
        super().__init__()
        self._places: Counter[int] = Counter()
        self._options: Counter[int] = Counter()

    def look(self, seen: Seen) -> Example | None:
        if seen.shape == "exam" and len(seen.row["answers"]) == 1:
            self._places[seen.row["answers"][0]] += 1
            self._options[len(seen.row["options"])] += 1
        return None

    def findings(self) -> Iterator[Finding]:
        rows = self._places.total()
        if rows < FEWEST_ROWS:
            return
        options = self._options.most_common(1)[0][0]
        expected = rows / options
        off = sum((self._places[place] - expected) ** 2 / expected for place in range(1, options + 1))
        place, count = self._places.most_common(1)[0]
        if off > CHI_SQUARE.get(options, 16.27) and count > 1.3 * expected:
            yield self.finding(self.code, count, [], place=place, share=round(100 * count / rows))


class Decimals(Rule):
    """Numbers with a decimal comma and numbers with a decimal point in one set, outside of English."""

    code = "mixed_decimals"
    severity = "notice"

    def __init__(self) -> None:
        super().__init__()
        self._commas = self._points = 0
        self._other: list[Example] = []

    def look(self, seen: Seen) -> Example | None:
        if seen.language == "en" or not DIGIT.search(seen.whole):
            return None
        comma, point = COMMA.search(seen.whole), POINT.search(seen.whole)
        self._commas += comma is not None
        self._points += point is not None
        if point and len(self._other) < EXAMPLES:
            self._other.append(example(seen.place, seen.whole, point.start(), point.end()))
        return None

    def findings(self) -> Iterator[Finding]:
        fewer, more = sorted((self._commas, self._points))
        if fewer >= FEWEST_NUMBERS and fewer >= more / 20:
            yield self.finding(self.code, self._points, self._other, commas=self._commas, points=self._points)


DIGIT = re.compile(r"\d[.,]\d")
