"""The part of the engine that imports torch: one thread that decodes, and short-lived ones that load and prepare."""

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

import torch
from transformers.utils import logging as transformers_logging

from backend.errors import ChatError, StudioError
from backend.inference import loads
from backend.inference.ask import Ask, Note, Piece, Post
from backend.inference.decoding import memory
from backend.inference.decoding.batch import Batch, Size
from backend.inference.decoding.loaded import Loaded
from backend.inference.decoding.looking import batch_of, seen, spaced
from backend.inference.decoding.row import Row
from backend.inference.shelf import Target

log = logging.getLogger("engine.decoding")
Key = tuple[Any, ...]
Work = Callable[[], None]
ROWS = {"cpu": 16, "cuda": 64}
CHUNK = {"cpu": 1024, "cuda": 8192}


class Generator:
    """Answers questions to any number of base models, each with its own batch; `post` gets what was made each turn.

    `note` is told how long each model took to load.

    Only the decoding thread touches batches and adapters; others hand it work through the inbox.
    """

    def __init__(self, device: str, post: Post, note: Note) -> None:
        transformers_logging.set_verbosity_error()
        transformers_logging.disable_progress_bar()
        self._device = memory.pick(device)
        self._post = post
        self._note = note
        self._inbox: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._batches: dict[Key, Batch] = {}
        self._used: dict[Key, float] = {}
        self._checked: set[str] = set()
        self._loading = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="decoding", daemon=True)
        self._thread.start()

    def submit(self, ask: Ask) -> None:
        threading.Thread(target=self._prepare, args=(ask,), name="preparing", daemon=True).start()

    def unload(self, *, force: bool) -> bool:
        return self._in_turn(partial(self._unload, force=force))

    def describe(self) -> dict[str, Any]:
        models = [
            {
                "key": loads.key(batch.loaded.target),
                "base": batch.loaded.target.base,
                "adapters": batch.loaded.adapters(),
                "memory_bytes": batch.loaded.memory_bytes(),
                "answering": len(batch.rows),
                "waiting": len(batch.waiting),
            }
            for batch in list(self._batches.values())
        ]
        return {"device": str(self._device), "models": models, "memory_bytes": memory.used_bytes(self._device)}

    def close(self) -> None:
        self._inbox.put(None)
        self._thread.join(timeout=2)

    def _work(self) -> None:
        """The decoding thread: a turn of every batch with something to do, else wait for work."""
        while True:
            busy = [batch for batch in self._batches.values() if batch.busy]
            while not busy or not self._inbox.empty():
                work = self._inbox.get()
                if work is None:
                    return
                work()
                busy = [batch for batch in self._batches.values() if batch.busy]
            for batch in busy:
                self._turn(batch)

    def _turn(self, batch: Batch) -> None:
        try:
            with torch.inference_mode():
                pieces = batch.turn()
        except torch.OutOfMemoryError:
            log.exception("out of memory")
            pieces = [(ask, Piece(error=ChatError("chat.no_memory"))) for ask in batch.clear()]
        except Exception:
            # The top of the engine: one broken batch must not end the answers of all other models.
            log.exception("a batch failed")
            pieces = [(ask, Piece(error=ChatError("chat.failed"))) for ask in batch.clear()]
        shown = [(ask, piece) for ask, piece in pieces if piece.text or piece.last]
        if shown:
            self._post(shown)

    def _prepare(self, ask: Ask) -> None:
        """In a thread of its own: have the model loaded and the question in tokens, then queue it."""
        try:
            self._check(ask.target)
            batch = self._batch(ask.target)
            row = made_row(ask, batch.loaded)
            self._inbox.put(partial(self._enqueue, batch, row))
        except StudioError as error:
            self._post([(ask, Piece(error=error))])
        except Exception:
            # The top of a thread: without this the person would wait for ever.
            log.exception("a question could not be prepared")
            self._post([(ask, Piece(error=ChatError("chat.failed")))])

    def _check(self, target: Target) -> None:
        """Once for each adapter, because all of it is read."""
        if target.label and target.label not in self._checked:
            target.check()
            self._checked.add(target.label)

    def _enqueue(self, batch: Batch, row: Row) -> None:
        key = row.ask.target.key
        self._used[key] = time.monotonic()
        if self._batches.get(key) is batch:
            batch.waiting.append(row)
        else:
            self.submit(row.ask)

    def _batch(self, target: Target) -> Batch:
        found = self._batches.get(target.key)
        if found:
            return found
        with self._loading:
            if target.key not in self._batches:
                self._make_room(memory.needed_bytes(target, self._device))
                started = time.monotonic()
                loaded = Loaded(target, self._device)
                kind = self._device.type
                size = Size(ROWS.get(kind, 16), CHUNK.get(kind, 1024), memory.cells(loaded))
                self._batches[target.key] = batch_of(loaded, size)
                self._used[target.key] = time.monotonic()
                seconds = time.monotonic() - started
                log.info("%s loaded in %.2f s, %s", target.location, seconds, loaded.threads)
                self._note(loads.key(target), seconds)
            return self._batches[target.key]

    def _make_room(self, needed: int) -> None:
        """Unload models nobody is asking, the longest unused first; ChatError when that is not enough."""
        while memory.free_bytes(self._device) < needed and self._in_turn(self._unload_oldest):
            pass
        free = memory.free_bytes(self._device)
        if free < needed:
            raise ChatError("chat.no_memory_to_load", needed=megabytes(needed), free=megabytes(free))

    def _unload_oldest(self) -> bool:
        idle = [key for key, batch in self._batches.items() if not batch.answering]
        if not idle:
            return False
        self._forget([min(idle, key=lambda key: self._used[key])])
        return True

    def _unload(self, *, force: bool) -> bool:
        if not force and any(batch.answering for batch in self._batches.values()):
            return False
        for batch in self._batches.values():
            self._post([(ask, Piece(error=ChatError("chat.unloaded"))) for ask in batch.clear()])
        self._forget(list(self._batches))
        return True

    def _forget(self, keys: list[Key]) -> None:
        for key in keys:
            del self._batches[key]
        memory.give_back(self._device)

    def _in_turn(self, question: Callable[[], bool]) -> bool:
        """Let the decoding thread do something between two turns, and wait for it."""
        answer: Future[bool] = Future()
        self._inbox.put(lambda: answer.set_result(question()))
        return answer.result()


def made_row(ask: Ask, loaded: Loaded) -> Row:
    """ChatError when the conversation is longer than what the model reads; DataError for a picture that is none."""
    if loaded.looker:
        return seen(ask, loaded)
    prompt = loaded.voice_of(ask.target).prompt(ask.messages)
    if not prompt:
        raise ChatError("chat.no_words")
    if len(prompt) >= loaded.context:
        raise ChatError("chat.too_long", tokens=spaced(len(prompt)), context=spaced(loaded.context))
    return Row.of(ask, prompt, loaded)


def megabytes(size: int) -> int:
    return size // 2**20
