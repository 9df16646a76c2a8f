"""A table of numbers that stays short: when it is full, neighbours become one point. No Gradio, no files."""

import math
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

MOST_POINTS = 2000
FIGURES = 6

Fold = Literal["last", "mean", "lowest", "highest"]


def joined(fold: Fold, one: float, weight: int, other: float, rows: int) -> float:
    """Two values of one column as one; a value that is not a number counts for nothing."""
    if math.isnan(one) or math.isnan(other):
        return other if math.isnan(one) else one
    if fold == "mean":
        return one + (other - one) * rows / (weight + rows)
    return other if fold == "last" else min(one, other) if fold == "lowest" else max(one, other)


@dataclass
class Thinned:
    """Rows come one by one; `folds` names the columns and what becomes of values that share a point.

    At most `most` (even) points are kept. Each stands for `width` rows, the last one for `filled` of them. A column
    folded by "lowest" beside one folded by "highest" keeps every spike.
    """

    folds: Mapping[str, Fold]
    most: int = MOST_POINTS
    columns: "dict[str, array[float]]" = field(init=False)
    width: int = 1
    filled: int = 1
    _changed: int = 0
    _told: int = 0

    def __post_init__(self) -> None:
        self.columns = {name: array("d") for name in self.folds}

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def append(self, *row: float | None) -> None:
        """One value a column, in their order; None is no value."""
        values = [math.nan if value is None else value for value in row]
        if self.filled < self.width:
            self._join(values)
            return
        if len(self) == self.most:
            self._halve()
        self._changed = min(self._changed, len(self))
        for column, value in zip(self.columns.values(), values, strict=True):
            column.append(value)
        self.filled = 1

    def cut(self, column: str, most: float) -> None:
        """Forget the points, at the end, whose value in this column is above `most`."""
        length = len(self)
        while length and self.columns[column][length - 1] > most:
            length -= 1
        if length == len(self):
            return
        for kept in self.columns.values():
            del kept[length:]
        self.filled = self.width
        self._changed = min(self._changed, length)

    def last(self, column: str) -> float | None:
        """The newest value that is a number."""
        return next((value for value in reversed(self.columns[column]) if not math.isnan(value)), None)

    def whole(self) -> dict[str, Any]:
        return self._from(0)

    def since(self) -> dict[str, Any] | None:
        """What stands, since the last call, in the place of everything after the first `from` points; None: nothing."""
        if self._changed >= max(len(self), self._told):
            return None
        said = self._from(self._changed)
        self._changed = self._told = len(self)
        return said

    def _from(self, start: int) -> dict[str, Any]:
        return {"from": start, **{name: [rounded(x) for x in kept[start:]] for name, kept in self.columns.items()}}

    def _join(self, values: list[float]) -> None:
        for (name, column), value in zip(self.columns.items(), values, strict=True):
            column[-1] = joined(self.folds[name], column[-1], self.filled, value, 1)
        self.filled += 1
        self._changed = min(self._changed, len(self) - 1)

    def _halve(self) -> None:
        for name, column in self.columns.items():
            fold = self.folds[name]
            pairs = zip(column[::2], column[1::2], strict=True)
            self.columns[name] = array("d", [joined(fold, one, 1, other, 1) for one, other in pairs])
        self.width *= 2
        self._changed = 0


def rounded(value: float) -> float | int | None:
    """Six figures are more than a screen can show; whole numbers as such; None for what is not finite."""
    if not math.isfinite(value):
        return None
    if value.is_integer():
        return int(value)
    return float(f"{value:.{FIGURES}g}")
