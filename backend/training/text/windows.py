"""Long texts as a stream of full windows: read by number, packed as they come, gone on with at any step.

Which document is the k-th of the stream is known without the ones before it (`backend.data.corpora.order`). How many
tokens it has is known only when it has been tokenised; so where a step begins is a document and how many of its tokens
are used already, and that is kept with every checkpoint. Nothing is walked through again.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import torch

from backend.data import intact
from backend.data.corpora.index import Index
from backend.data.corpora.order import Mixture, Permutation, key
from backend.data.datasets import Dataset
from backend.errors import DataError, JobError
from backend.training.text.batches import NOTHING, Batch, Document, Plan, collate

FILE = "stream.json"
REMEMBERED = 8
BARREN = 10_000
"""Documents in a row without anything to learn: then there is nothing."""

Tokenise = Callable[[str], list[int]]


class Position(NamedTuple):
    """The next document of the stream, and how many of its tokens are used already."""

    document: int = 0
    used: int = 0


@dataclass(frozen=True)
class Corpus:
    """A data set that is read document by document; `held` of them, in order of their numbers, are not trained on.
    `state` of its file (`intact.state`) when the run began.
    """

    dataset: Dataset
    index: Index
    held: np.ndarray
    seed: int
    state: list[int]

    @property
    def count(self) -> int:
        """Documents that are trained on."""
        return len(self.index) - len(self.held)

    def number(self, seen: int) -> int:
        """Which document of the file comes after `seen` others of it: in each epoch another order."""
        epoch, at = divmod(seen, self.count)
        place = Permutation(self.count, key(self.seed, self.dataset.sha256, epoch))[at]
        # As many are left out before it as stand before the place they leave.
        return place + int(np.searchsorted(self._gaps, place, side="right"))

    def text(self, document: int) -> str:
        """DataError when the file is gone, or was changed since the run began."""
        if intact.state(self.dataset) != self.state:
            raise intact.changed(self.dataset)
        first, size = self.index.place(document)
        try:
            self._file.seek(first)
            return str(json.loads(self._file.read(size))["text"])
        except OSError as error:
            raise intact.gone(self.dataset) from error
        except (ValueError, KeyError, TypeError) as error:
            raise intact.changed(self.dataset) from error

    @cached_property
    def _gaps(self) -> np.ndarray:
        """Of each document left out: how many that are trained on stand before it."""
        return self.held - np.arange(len(self.held))

    @cached_property
    def _file(self) -> BinaryIO:
        return self.dataset.path.open("rb")


@dataclass(frozen=True)
class Texts:
    """The whole stream: documents of all corpora in turn, as tokens."""

    corpora: tuple[Corpus, ...]
    mixture: Mixture
    tokenise: Tokenise
    length: int

    def number(self, document: int) -> tuple[int, int]:
        """(corpus, document of its file) of document `document` of the stream."""
        which, seen = self.mixture.at(document)
        return which, self.corpora[which].number(seen)

    def tokens(self, document: int) -> list[int]:
        which, number = self.number(document)
        return self.tokenise(self.corpora[which].text(number))

    def window(self, at: Position) -> tuple[list[Document], Position]:
        """`length` tokens from a position on, each piece of a document apart, and the position behind them.

        A piece of one token teaches nothing: there the window ends a token early, or a document does.
        """
        pieces: list[Document] = []
        room, barren = self.length, 0
        while room > 1:
            tokens = self._known(at.document)[at.used :]
            if len(tokens) < 2:
                at, barren = Position(at.document + 1), barren + 1
                if barren >= BARREN:
                    raise DataError("training.nothing_to_learn", data=self._names, length=self.length)
                continue
            piece = tokens[:room]
            pieces.append(document(piece))
            room -= len(piece)
            whole = len(piece) == len(tokens)
            at = Position(at.document + 1) if whole else Position(at.document, at.used + len(piece))
        return pieces, at

    def _known(self, document: int) -> list[int]:
        """A long document goes through many windows: it is tokenised once."""
        if document not in self._recent:
            self._recent.clear()
            self._recent[document] = self.tokens(document)
        return self._recent[document]

    @cached_property
    def _recent(self) -> dict[int, list[int]]:
        return {}

    @property
    def _names(self) -> str:
        return ", ".join(corpus.dataset.name for corpus in self.corpora)


def document(tokens: Sequence[int]) -> Document:
    """All but the first token are learned."""
    learned = torch.ones(len(tokens), dtype=torch.bool)
    learned[0] = False
    return Document(torch.tensor(tokens, dtype=torch.int32), learned)


class Windows:
    """The micro-batches of a run from step `first` on, as `batches.Stream` has them, out of a stream of texts.

    Every rank walks through all windows of a step, which costs it a moment of tokenising, and takes its own: so the
    windows of a step are the same for any number of ranks and any micro-batch.
    """

    def __init__(self, plan: Plan, texts: Texts) -> None:
        self.plan = plan
        self.texts = texts
        self.first = 0
        self._begins: dict[int, Position] = {0: Position()}

    def __len__(self) -> int:
        last = self.plan.steps - 1
        own = ceil(self._count(last) / self.plan.ranks)
        return (last - self.first) * self.plan.accumulation + ceil(own / self.plan.micro)

    def _count(self, number: int) -> int:
        """Windows of a step over all ranks; the last one may have fewer, as in `Plan.step`."""
        return min(self.plan.effective, self.plan.seen - number * self.plan.effective)

    def __iter__(self) -> Iterator[Batch]:
        for number in range(self.first, self.plan.steps):
            every = self.read(number)
            for windows in self._share(every):
                batch = collate([piece for window in windows or every[:1] for piece in window])
                yield batch if windows else batch | {NOTHING: 1}

    def step(self, number: int) -> list[list[list[Document]]]:
        """The micro-batches of a step on this rank: windows, each of them pieces of documents; empty as in `Plan.step`.

        All that a step needs is read before any of it is used, so what cannot be read leaves the step before it whole.
        """
        return self._share(self.read(number))

    def read(self, number: int) -> list[list[Document]]:
        """The windows of a step on all ranks."""
        at, found = self._begins[number], []
        for _ in range(self._count(number)):
            window, at = self.texts.window(at)
            found.append(window)
        self._begins[number + 1] = at
        for old in [known for known in self._begins if known < number + 1 - REMEMBERED]:
            del self._begins[old]
        return found

    def _share(self, every: list[list[Document]]) -> list[list[list[Document]]]:
        own, most = every[self.plan.rank :: self.plan.ranks], ceil(len(every) / self.plan.ranks)
        return [own[begin : begin + self.plan.micro] for begin in range(0, most, self.plan.micro)]

    def write(self, folder: Path, step: int) -> None:
        """Put into a checkpoint where the step behind it begins."""
        at = self._begins[step]
        (folder / FILE).write_text(json.dumps({"step": step, **at._asdict()}), encoding="utf-8")

    def resume(self, folder: Path, step: int) -> None:
        """Go on at the step behind a checkpoint. JobError when the checkpoint does not say where that is."""
        try:
            found = json.loads((folder / FILE).read_text(encoding="utf-8"))
            at = Position(int(found["document"]), int(found["used"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise JobError("training.no_position", step=step) from error
        self.first, self._begins = step, {step: at}
