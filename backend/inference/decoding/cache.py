"""Keys and values of a padded batch in buffers that are allocated once and filled from left to right.

Rows are aligned at their right end: row i holds its last token in column `end - 1` and begins at column
`end - length(i)`. A step appends one column to all rows; a row leaves by being overwritten with the last one; a
prefilled prompt enters by being copied to the left of `end`. Nothing is concatenated, so a step costs the same however
long the answers are.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from transformers.cache_utils import Cache, CacheLayerMixin

BLOCK = 64


@dataclass
class Window:
    """The part of the buffers in use, in all layers: the first `rows` rows, columns from `start` to `end`."""

    rows: int = 0
    start: int = 0
    end: int = 0

    @property
    def width(self) -> int:
        return self.end - self.start


class SlotLayer(CacheLayerMixin):
    """Keys and values of one layer, each of shape (rows, heads, columns, head size); made at the first update."""

    def __init__(self, window: Window, rows: int, columns: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._window = window
        self._shape = rows, columns
        self.keys: torch.Tensor
        self.values: torch.Tensor

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        rows, columns = self._shape
        self.keys = key_states.new_zeros((rows, key_states.shape[1], columns, key_states.shape[3]))
        self.values = value_states.new_zeros((rows, value_states.shape[1], columns, value_states.shape[3]))
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the new columns and return all that the window then holds; `SlotCache.advance` moves the window."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        rows, start, end = self._window.rows, self._window.start, self._window.end
        new_end = end + key_states.shape[2]
        self.keys[:rows, :, end:new_end] = key_states
        self.values[:rows, :, end:new_end] = value_states
        return self.keys[:rows, :, start:new_end], self.values[:rows, :, start:new_end]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self._window.width + query_length, 0

    def get_seq_length(self) -> int:
        return self._window.width

    def get_max_length(self) -> int:
        return -1

    def move(self, rows: int, columns: int, end: int) -> None:
        """Bring the window's columns to end at `end` in buffers of the given size, new ones where they must grow."""
        if not self.is_initialized:
            self._shape = rows, columns
            return
        self.keys = self._moved(self.keys, rows, columns, end)
        self.values = self._moved(self.values, rows, columns, end)

    def _moved(self, buffer: torch.Tensor, rows: int, columns: int, end: int) -> torch.Tensor:
        window = self._window
        held = buffer[: window.rows, :, window.start : window.end]
        fits = rows <= buffer.shape[0] and columns <= buffer.shape[2]
        target = buffer if fits else buffer.new_zeros((rows, buffer.shape[1], columns, buffer.shape[3]))
        target[: window.rows, :, end - window.width : end] = held.clone() if fits else held
        return target


class SlotCache(Cache):
    """The cache of one batch; `rows` and `columns` say how much room there is at first."""

    def __init__(self, layers: int, rows: int, columns: int) -> None:
        self.window = Window()
        self._rows, self._columns = rows, columns
        self.slots = [SlotLayer(self.window, rows, columns) for _ in range(layers)]
        super().__init__(layers=list(self.slots))

    def advance(self, columns: int, width: int) -> None:
        """After a forward pass that appended `columns`; the longest row now has `width` tokens."""
        self.window.end += columns
        self.window.start = self.window.end - width

    def make_room(self, rows: int, before: int, after: int) -> None:
        """Room for `rows` rows, for `before` columns up to the end and for `after` more to its right."""
        window = self.window
        before = max(before, window.width)
        if rows <= self._rows and before <= window.end and window.end + after <= self._columns:
            return
        if rows > self._rows:
            self._rows = max(rows, 2 * self._rows)
        if before + after + BLOCK // 2 > self._columns:
            self._columns = blocks(max(before + after, before * 3 // 2) + BLOCK // 2)
        for slot in self.slots:
            slot.move(self._rows, self._columns, before)
        window.start, window.end = before - window.width, before

    def adopt(self, other: "SlotCache") -> None:
        """Take in all rows of another cache, aligned at the right; `make_room` was called for them."""
        first, theirs = self.window.rows, other.window
        last = first + theirs.rows
        columns = slice(self.window.end - theirs.width, self.window.end)
        for slot, source in zip(self.slots, other.slots, strict=True):
            if not slot.is_initialized:
                slot.lazy_initialization(source.keys, source.values)
            slot.keys[first:last, :, columns] = source.keys[: theirs.rows, :, theirs.start : theirs.end]
            slot.values[first:last, :, columns] = source.values[: theirs.rows, :, theirs.start : theirs.end]
        self.window.rows = last
        self.window.start = min(self.window.start, columns.start)

    def drop(self, row: int) -> None:
        """Forget a row; the last row takes its place."""
        last = self.window.rows - 1
        if row != last:
            used = slice(self.window.start, self.window.end)
            for slot in self.slots:
                slot.keys[row, :, used] = slot.keys[last, :, used]
                slot.values[row, :, used] = slot.values[last, :, used]
        self.window.rows = last

    def memory_bytes(self) -> int:
        buffers = [t for slot in self.slots if slot.is_initialized for t in (slot.keys, slot.values)]
        return sum(buffer.numel() * buffer.element_size() for buffer in buffers)


def blocks(columns: int) -> int:
    return math.ceil(columns / BLOCK) * BLOCK


def visible(starts: torch.Tensor, first: int, width: int, window: int | None = None) -> torch.Tensor:
    """Which columns each query sees: boolean, shape (rows, 1, queries, width).

    `starts`: the first column of each row; the queries are columns `first` to `width - 1`. `window`: how far back a
    query looks with sliding-window attention. A query in the padding sees itself, because the softmax over nothing is
    NaN, and a NaN in the padding would spread.
    """
    key = torch.arange(width, device=starts.device)
    query = torch.arange(first, width, device=starts.device)[:, None]
    seen = key <= query
    if window is not None:
        seen &= key > query - window
    own = key == query
    return ((seen & (key >= starts[:, None, None])) | own)[:, None]
