"""All questions to one base model, answered together: one padded batch in which rows come and go between steps.

A turn reads a piece of the waiting prompts, if any, and makes one token of every answer. So a new question is answered
at once, a long prompt does not hold up the others, and a finished answer leaves the others the processor.
"""

from collections import deque
from dataclasses import dataclass
from typing import Any

import torch

from backend.errors import StudioError
from backend.inference.ask import Ask, Piece
from backend.inference.decoding.cache import SlotCache, visible
from backend.inference.decoding.choose import Draw, tokens
from backend.inference.decoding.loaded import Loaded
from backend.inference.decoding.row import Row

Pieces = list[tuple[Ask, Piece]]
PADDING = 1.5


@dataclass(frozen=True)
class Size:
    """`rows`: answers at once; `chunk`: padded prompt tokens read in a turn; `cells`: tokens in all their caches."""

    rows: int
    chunk: int
    cells: int


class Prefill:
    """Prompts being read into a cache of their own, a chunk of columns at a time, padded on the left."""

    def __init__(self, rows: list[Row], layers: int) -> None:
        self.rows = rows
        self.width = max(len(row.prompt) for row in rows)
        self.read = 0
        self.cache = SlotCache(layers, len(rows), self.width)
        self.cache.window.rows = len(rows)


class Batch:
    def __init__(self, loaded: Loaded, size: Size) -> None:
        self.loaded = loaded
        self.size = size
        self.waiting: deque[Row] = deque()
        self.rows: list[Row] = []
        self._prefill: Prefill | None = None
        self._cache = SlotCache(loaded.layers, 1, 0)

    @property
    def busy(self) -> bool:
        """Whether there is something to do, if only to forget who left."""
        return bool(self.waiting or self.rows or self._prefill)

    @property
    def answering(self) -> bool:
        """Whether anybody still waits for an answer."""
        return any(not row.done and not row.ask.cancelled for row in self._everybody())

    def turn(self) -> Pieces:
        """One step of everything: what was made, and for whom."""
        pieces: Pieces = []
        self._let_go()
        if self._prefill is None and self.waiting:
            self._begin(pieces)
        if self._prefill is not None:
            pieces += self._read(self._prefill)
            self._let_go()
        if self.rows:
            pieces += self._step()
            self._let_go()
        return pieces

    def clear(self) -> list[Ask]:
        """Drop everything and give the memory back; returns whose answers end here."""
        asks = [row.ask for row in self._everybody()]
        self.waiting.clear()
        self.rows, self._prefill = [], None
        self._cache = SlotCache(self.loaded.layers, 1, 0)
        return asks

    def _everybody(self) -> list[Row]:
        return [*self.rows, *(self._prefill.rows if self._prefill else ()), *self.waiting]

    def _let_go(self) -> None:
        """Rows whose answer is complete or whose person left."""
        if self._prefill and all(row.ask.cancelled for row in self._prefill.rows):
            self._prefill = None
        for index in range(len(self.rows) - 1, -1, -1):
            if self.rows[index].done or self.rows[index].ask.cancelled:
                self._cache.drop(index)
                last = self.rows.pop()
                if index < len(self.rows):
                    self.rows[index] = last
        if not self.rows:
            self._cache.window.start = self._cache.window.end = 0

    def _begin(self, pieces: Pieces) -> None:
        """Take waiting prompts, oldest first, as far as there is room and little of them would be padding."""
        taken: list[Row] = []
        while self.waiting and self._fits(taken, self.waiting[0]):
            row = self.waiting.popleft()
            if row.ask.cancelled:
                continue
            try:
                row.adapter = self.loaded.attach(row.ask.target, {r.adapter for r in [*self.rows, *taken] if r.adapter})
            except StudioError as error:
                pieces.append((row.ask, Piece(error=error)))
                continue
            taken.append(row)
        self._prefill = Prefill(taken, self.loaded.layers) if taken else None

    def _fits(self, taken: list[Row], row: Row) -> bool:
        everybody = [*self.rows, *taken, row]
        if len(everybody) == 1:
            return True
        longest = max(len(other.prompt) + other.limit for other in everybody)
        if len(everybody) > self.size.rows or len(everybody) * longest > self.size.cells:
            return False
        lengths = [len(other.prompt) for other in [*taken, row]]
        padded = max(lengths) * len(lengths)
        return not taken or (padded <= PADDING * sum(lengths) and padded <= self.size.chunk)

    def _read(self, prefill: Prefill) -> Pieces:
        """Read the next chunk; after the last one the rows have their first token and join the batch."""
        rows, width, first = prefill.rows, prefill.width, prefill.read
        last = min(width, first + max(1, self.size.chunk // len(rows)))
        padded = [[0] * (width - len(row.prompt)) + row.prompt for row in rows]
        ids = torch.tensor([line[first:last] for line in padded], device=self.loaded.device)
        starts = torch.tensor([width - len(row.prompt) for row in rows], device=self.loaded.device)
        columns = torch.arange(first, last, device=self.loaded.device)
        positions = (columns - starts[:, None]).clamp(min=0)
        self.loaded.threads.use_most()
        logits = self._forward(rows, ids, positions, starts, prefill.cache)
        prefill.read = last
        prefill.cache.advance(last - first, last)
        if last < width:
            return []
        self._prefill = None
        self._join(prefill)
        return take(rows, logits)

    def _join(self, prefill: Prefill) -> None:
        window = self._cache.window
        self._cache.make_room(window.rows + len(prefill.rows), prefill.width, 1)
        if not self.rows:
            window.start = window.end
        self._cache.adopt(prefill.cache)
        self.rows += prefill.rows

    def _step(self) -> Pieces:
        """One token of every row."""
        rows, cache, device = self.rows, self._cache, self.loaded.device
        cache.make_room(len(rows), 0, 1)
        lengths = [row.length for row in rows]
        longest = max(lengths)
        cache.advance(0, longest)
        ids = torch.tensor([[row.token] for row in rows], device=device)
        past = torch.tensor(lengths, device=device)
        self.loaded.threads.use(len(rows))
        logits = self._forward(rows, ids, past[:, None], longest - past, cache)
        cache.advance(1, longest + 1)
        return take(rows, logits)

    def _forward(
        self,
        rows: list[Row],
        ids: torch.Tensor,
        positions: torch.Tensor,
        starts: torch.Tensor,
        cache: SlotCache,
        **more: Any,
    ) -> torch.Tensor:
        """Logits of the last position, shape (rows, vocabulary). `starts`: first column of each row in the window;
        `more`: what else the model is given.
        """
        self.loaded.mixer.use([row.adapter for row in rows], self.loaded.device)
        found = self.loaded.model(
            input_ids=ids,
            attention_mask=self._masks(starts, cache.window.width, ids.shape[1]),
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
            **more,
        )
        logits: torch.Tensor = found.logits[:, -1]
        return logits

    def _masks(self, starts: torch.Tensor, first: int, queries: int) -> torch.Tensor | dict[str, torch.Tensor]:
        """The mask as the model wants it: one for all layers, or one for each kind of attention."""
        window, width = self.loaded.sliding_window, first + queries
        made = {
            kind: visible(starts, first, width, window if kind == "sliding_attention" else None)
            for kind in self.loaded.layer_types
        }
        if dtype := self.loaded.added_mask:
            made = {
                kind: torch.zeros_like(m, dtype=dtype).masked_fill_(~m, torch.finfo(dtype).min)
                for kind, m in made.items()
            }
        return made if len(made) > 1 else next(iter(made.values()))


def take(rows: list[Row], logits: torch.Tensor) -> Pieces:
    draws: list[Draw] = [row.draw for row in rows]
    return [(row.ask, row.take(token)) for row, token in zip(rows, tokens(logits, draws), strict=True)]
