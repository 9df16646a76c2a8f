"""Answers to questions about pictures: a prompt with pictures is read as a whole and by itself, then its row joins the
others. A model that looks at pictures from beside its words (Mllama) keeps what it saw in a way that does not go
together into one padded batch: there each row has a cache of its own.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import count
from typing import Any

import torch
from peft.tuners.lora.layer import LoraLayer
from torch import Tensor
from transformers import DynamicCache

from backend.data.pictures.decoding import decoded
from backend.errors import ChatError, StudioError
from backend.inference.ask import Ask, Message, Piece
from backend.inference.decoding.batch import Batch, Pieces, Prefill, Size, take
from backend.inference.decoding.cache import SlotCache
from backend.inference.decoding.loaded import Loaded
from backend.inference.decoding.row import Row
from backend.inference.decoding.voice import SeeingVoice
from backend.inference.parts import Part, pictures
from backend.models.sight.config import inside
from backend.sight.eyes import Inputs
from backend.sight.looker import Features

# One picture of 64 million pixels takes much memory while it is made smaller: never two at once.
_OPENING = threading.Lock()
MOST_KEPT = 256 * 2**20
"""Bytes of what was seen."""


def batch_of(loaded: Loaded, size: Size) -> Batch:
    """The batch that fits a model."""
    if loaded.looker is None:
        return Batch(loaded, size)
    return ApartBatch(loaded, size) if loaded.looker.beside else SeeingBatch(loaded, size)


class Views:
    """What a model has seen of the latest pictures: a second question about one, or the same one to another adapter, is
    answered without looking again.
    """

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._kept: OrderedDict[tuple[bytes, str], Features] = OrderedDict()
        self._seers: dict[str, bool] = {}

    def looked(self, row: Row) -> tuple[Tensor, dict[str, Any]]:
        """(the tokens of a prompt, what the model is given beside them); the row's pictures are let go."""
        loaded = self._loaded
        assert loaded.looker is not None
        loaded.threads.use_most()
        loaded.mixer.use([row.adapter], loaded.device)
        ids = torch.tensor([row.prompt], device=loaded.device)
        given = loaded.looker.given(ids, [[self._of(inputs, row.adapter) for inputs in row.shown]], [len(row.prompt)])
        row.shown = ()
        return ids, given

    def _of(self, inputs: Inputs, adapter: str | None) -> Features:
        assert self._loaded.looker is not None
        key = digest(inputs), adapter if adapter and self._sees(adapter) else ""
        found = self._kept.pop(key, None) or self._loaded.looker.features(inputs)
        self._kept[key] = found
        while sum(map(size_of, self._kept.values())) > MOST_KEPT and len(self._kept) > 1:
            self._kept.popitem(last=False)
        return found

    def _sees(self, adapter: str) -> bool:
        """Whether an adapter changes what is seen, and not only what is said of it."""
        if adapter not in self._seers:
            layers = (
                (path, layer) for path, layer in self._loaded.model.named_modules() if isinstance(layer, LoraLayer)
            )
            self._seers[adapter] = any(adapter in layer.lora_A for path, layer in layers if inside(path))
        return self._seers[adapter]


def digest(inputs: Inputs) -> bytes:
    """The same for the same picture, as the tower is given it."""
    found = hashlib.sha256()
    for name, value in sorted(inputs.items()):
        found.update(f"{name} {tuple(value.shape)}".encode())
        found.update(value.contiguous().numpy().tobytes())
    return found.digest()


def size_of(features: Features) -> int:
    return sum(value.numel() * value.element_size() for value in features.values())


class SeeingBatch(Batch):
    """As `Batch`, with prompts that hold pictures."""

    def __init__(self, loaded: Loaded, size: Size) -> None:
        super().__init__(loaded, size)
        self._views = Views(loaded)

    def _fits(self, taken: list[Row], row: Row) -> bool:
        """A prompt with pictures is read by itself."""
        if taken and (row.shown or taken[0].shown):
            return False
        return super()._fits(taken, row)

    def _read(self, prefill: Prefill) -> Pieces:
        row = prefill.rows[0]
        if not row.shown:
            return super()._read(prefill)
        ids, given = self._views.looked(row)
        width, device = prefill.width, self.loaded.device
        places = given.pop("position_ids", torch.arange(width, device=device)[None])
        row.shift = int(places.max()) + 1 - width
        logits = self._forward(
            [row], ids, places, torch.zeros(1, dtype=torch.long, device=device), prefill.cache, **given
        )
        prefill.read = width
        prefill.cache.advance(width, width)
        self._prefill = None
        self._join(prefill)
        return take([row], logits)

    def _forward(
        self, rows: list[Row], ids: Tensor, positions: Tensor, starts: Tensor, cache: SlotCache, **more: Any
    ) -> Tensor:
        """`positions`: (rows, queries) are numbers of tokens; (3, rows, queries) are places already."""
        if self.loaded.places and positions.ndim == 2:
            shifts = torch.tensor([row.shift for row in rows], device=self.loaded.device)
            positions = (positions + shifts[:, None]).expand(3, -1, -1)
        return super()._forward(rows, ids, positions, starts, cache, **more)


@dataclass
class Mind:
    """What a row remembers. `looks`: at which tiles its latest token looks; None without pictures."""

    cache: DynamicCache
    looks: Tensor | None = None


class ApartBatch(Batch):
    """As `Batch`, one row after the other."""

    def __init__(self, loaded: Loaded, size: Size) -> None:
        super().__init__(loaded, size)
        self._minds: dict[Row, Mind] = {}
        self._views = Views(loaded)

    def turn(self) -> Pieces:
        """The first token of one that waits, and the next one of all others."""
        pieces: Pieces = []
        self._let_go()
        going_on = list(self.rows)
        if self.waiting and self._fits([], self.waiting[0]):
            pieces += self._take_in(self.waiting.popleft())
        for row in going_on:
            pieces += self._next(row)
        self._let_go()
        return pieces

    def clear(self) -> list[Ask]:
        self._minds = {}
        return super().clear()

    def _let_go(self) -> None:
        self.rows = [row for row in self.rows if not row.done and not row.ask.cancelled]
        self._minds = {row: self._minds[row] for row in self.rows}

    def _take_in(self, row: Row) -> Pieces:
        """Read a whole question with its pictures."""
        if row.ask.cancelled:
            return []
        try:
            row.adapter = self.loaded.attach(row.ask.target, {one.adapter for one in self.rows if one.adapter})
        except StudioError as error:
            return [(row.ask, Piece(error=error))]
        ids, given = self._views.looked(row)
        mask = given.get("cross_attention_mask")
        mind = Mind(
            DynamicCache(config=self.loaded.model.config.get_text_config()), None if mask is None else mask[:, -1:]
        )
        self.rows.append(row)
        self._minds[row] = mind
        return take([row], self._through(ids, mind, given))

    def _next(self, row: Row) -> Pieces:
        """One more token."""
        mind = self._minds[row]
        self.loaded.threads.use(1)
        self.loaded.mixer.use([row.adapter], self.loaded.device)
        given = {} if mind.looks is None else {"cross_attention_mask": mind.looks}
        return take([row], self._through(torch.tensor([[row.token]], device=self.loaded.device), mind, given))

    def _through(self, ids: Tensor, mind: Mind, given: dict[str, Any]) -> Tensor:
        """Logits of the last position, shape (1, vocabulary)."""
        found = self.loaded.model(input_ids=ids, past_key_values=mind.cache, use_cache=True, logits_to_keep=1, **given)
        logits: Tensor = found.logits[:, -1]
        return logits


def seen(ask: Ask, loaded: Loaded) -> Row:
    """The question with its pictures as the model reads it. ChatError when it is longer than what the model reads;
    DataError for a picture that is none, is damaged, or is too large.
    """
    voice, eyes = loaded.voice_of(ask.target), loaded.eyes
    assert isinstance(voice, SeeingVoice)
    assert eyes is not None
    with _OPENING if pictures(ask.messages) else nullcontext():
        messages = opened(ask.messages)
        images = pictures(messages)
        try:
            prompt = voice.prompt(messages)
            _require_fitting(prompt, prompt.count(voice.mark) if images else 0, loaded.context)
            shown: tuple[Inputs, ...] = tuple(eyes.inputs(image) for image in images)
        except ValueError as error:
            # Of a processor that cannot cut up or enlarge a picture of these sizes.
            width, height = max((image.size for image in images), key=_longer, default=(0, 0))
            raise ChatError("chat.picture_shape", width=width, height=height) from error
    return Row.of(ask, prompt, loaded, shown)


def opened(messages: Sequence[Message]) -> list[Message]:
    """The same with pictures in place of their files."""
    numbers = count(1)

    def open_one(part: Part) -> Part:
        return part if part["type"] == "text" else part | {"image": decoded(part["image"], f"#{next(numbers)}").image}

    told = [(message, message["content"]) for message in messages]
    return [
        message | {"content": said if isinstance(said, str) else [open_one(part) for part in said]}
        for message, said in told
    ]


def _require_fitting(prompt: list[int], shown: int, context: int) -> None:
    """`shown`: how many of the tokens are what the model sees of pictures."""
    if not prompt:
        raise ChatError("chat.no_words")
    if len(prompt) < context:
        return
    if shown:
        values = {"shown": spaced(shown), "words": spaced(len(prompt) - shown), "context": spaced(context)}
        raise ChatError("chat.pictures_too_long", **values)
    raise ChatError("chat.too_long", tokens=spaced(len(prompt)), context=spaced(context))


def spaced(number: int) -> str:
    return f"{number:,}".replace(",", "\u202f")


def _longer(size: tuple[int, int]) -> float:
    return max(size) / min(size)
