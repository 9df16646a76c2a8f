"""Rows of documents with their pictures, as the model is shown them while it trains."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from backend.data.pictures.stored import opened
from backend.sight.eyes import Eyes
from backend.sight.kept import Kept
from backend.sight.looker import Features, Looker
from backend.sight.shown import Shown
from backend.training.network.adapter import Network
from backend.training.network.load import Head
from backend.training.pictures.chat import Pictured
from backend.training.text.batches import SHOWN, Batch, collate


@dataclass(frozen=True)
class Showing:
    """Makes micro-batches, whose pictures are looked at when they go through the model."""

    looker: Looker
    eyes: Eyes
    kept: Kept | None = None

    @classmethod
    def of(cls, model: Network, eyes: Eyes, kept: Kept | None = None) -> "Showing":
        """`kept`: where what was seen is kept; not used where what sees is trained itself."""
        looker = Looker(model)
        return cls(looker, eyes, None if looker.learns else kept)

    def head(self, found: Head) -> Head:
        """What `inspect` found of the model, which saw no pictures then: documents are not packed where one would see
        the pictures of another.
        """
        return replace(found, packed=found.packed and not self.looker.beside)

    def collate(self, documents: list[Any]) -> Batch:
        pictures = tuple(one.pictures if isinstance(one, Pictured) else () for one in documents)
        shown = Shown(self.looker, self.look, pictures, tuple(map(len, documents)))
        return collate(documents) | {SHOWN: shown}

    def look(self, path: Path) -> Features:
        """What the model sees of the picture in a file."""
        return self.kept.features(path, lambda: self._seen(path)) if self.kept else self._seen(path)

    def _seen(self, path: Path) -> Features:
        return self.looker.features(self.eyes.inputs(opened(path)))
