"""The job that captions: several pictures at once, each caption on the disk as soon as it is whole."""

import logging
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from backend.captions import book, pictures
from backend.captions.book import Entry
from backend.captions.request import CaptionRequest
from backend.data.pictures.keeping import Keeper
from backend.errors import StudioError
from backend.inference.ask import Ask, Piece
from backend.inference.decoding import memory
from backend.inference.decoding.batch import Batch, Size
from backend.inference.decoding.loaded import Loaded
from backend.inference.decoding.looking import batch_of
from backend.inference.decoding.run import made_row
from backend.inference.sampling import Sampling
from backend.inference.shelf import Shelf, Target
from backend.jobs.context import JobContext
from backend.jobs.events import Attempt, Captioned, Phase
from backend.jobs.model import ExitCode
from backend.people import Person

SCRATCH = ".archive"
log = logging.getLogger(__name__)
AT_ONCE = {"cpu": 4, "cuda": 16}
CHUNK = 2048
LATEST = 20
"""Pictures from whose times the rest is forecast."""


def run(job: JobContext) -> int:
    """StudioError when the pictures or the model cannot be had; one without a caption is listed."""
    asked = CaptionRequest(**job.request)
    done = book.begin(job.folder)
    job.say(Attempt(number=job.attempt, from_step=len(done)))
    try:
        return _finish(job, asked, done)
    except torch.OutOfMemoryError:
        log.exception("out of memory")
        return ExitCode.OUT_OF_MEMORY


def _finish(job: JobContext, asked: CaptionRequest, done: list[Entry]) -> int:
    """Caption what is left."""
    scratch = job.folder.path / SCRATCH
    scratch.mkdir(exist_ok=True)
    box, names = pictures.inside(asked.source, scratch)
    todo = frozenset(names) - {one.name for one in done}
    if todo:
        work = Work(job, asked, len(names), len(done), sum(one.failed for one in done))
        if not work.through((member.name, path) for member, path in box.walk(todo)):
            return ExitCode.STOPPED
    _conclude(job)
    return ExitCode.DONE


def _conclude(job: JobContext) -> None:
    every = book.read(job.folder)
    failed = [{"name": one.name, "key": one.error_key, "values": one.error_values} for one in every if one.failed]
    seconds = round(job.clock(), 2)
    result = {"captions": book.CAPTIONS, "done": len(every) - len(failed), "failed": failed, "seconds": seconds}
    job.folder.write(job.folder.result, result)


@dataclass(eq=False)
class Pending:
    """A picture that models are speaking of: what each has said, by its target."""

    name: str
    stored: str
    asks: list[Ask]
    said: dict[Ask, list[str]]
    open: int

    def entry(self) -> Entry:
        texts = ["".join(self.said[ask]).strip() for ask in self.asks]
        return Entry(name=self.name, picture=self.stored, caption=texts[0], base=texts[1] if len(texts) > 1 else None)


@dataclass
class Work:
    """One attempt: the models in memory, the pictures they speak of, and how fast it goes."""

    job: JobContext
    asked: CaptionRequest
    total: int
    done: int
    failed: int
    _keeper: Keeper = field(init=False)
    _targets: list[tuple[Target, Batch]] = field(init=False)
    _pending: dict[Ask, Pending] = field(default_factory=dict)
    _ends: deque[float] = field(default_factory=lambda: deque(maxlen=LATEST))

    def __post_init__(self) -> None:
        self._keeper = Keeper(self.job.folder.path)
        self.job.say(Phase(name="loading"))
        owner = Person(self.job.folder.read(self.job.folder.request)["job"]["owner"])
        target = Shelf(self.job.workspace).find(owner, self.asked.model)
        target.check()
        self._targets = [(target, _loaded(target))]
        if self.asked.with_base:
            # The base of an adapter that learned on rounded weights has the same ones: it is the same model in memory.
            bare = replace(target, adapter=None, alone=False, words=None, stamp=0)
            same = bare.key == target.key
            self._targets.append((bare, self._targets[0][1] if same else _loaded(bare)))
        self.job.say(Phase(name="answering"))
        self._ends.append(time.monotonic())

    def through(self, walk: Iterator[tuple[str, Path]]) -> bool:
        """Caption them all, several at once; False when it was asked to stop before the end."""
        most = AT_ONCE[self._targets[0][1].loaded.device.type]
        while True:
            if self.job.stop_requested() is not None:
                return False
            while len(self._pending) < most * len(self._targets) and (found := next(walk, None)):
                self._take_in(*found)
            if not self._pending:
                return True
            with torch.inference_mode():
                pieces = [piece for batch in {batch for _, batch in self._targets} for piece in batch.turn()]
            for ask, piece in pieces:
                self._hear(ask, piece)

    def _take_in(self, name: str, path: Path) -> None:
        """Store a picture and have every model speak of it; one that cannot be shown is put down as such."""
        stored = ""
        try:
            stored = self._keeper.keep(path.read_bytes(), name)
            picture = (self.job.folder.path / stored).read_bytes()
            content = [{"type": "image", "image": picture}, {"type": "text", "text": self.asked.prompt}]
            how = Sampling(max_tokens=self.asked.max_tokens)
            asks = [Ask(target, [{"role": "user", "content": content}], how) for target, _ in self._targets]
            rows = [made_row(ask, batch.loaded) for ask, (_, batch) in zip(asks, self._targets, strict=True)]
        except StudioError as error:
            self._put_down(_without(name, stored, error))
            return
        pending = Pending(name, stored, asks, {ask: [] for ask in asks}, len(asks))
        for row, (_, batch) in zip(rows, self._targets, strict=True):
            self._pending[row.ask] = pending
            batch.waiting.append(row)

    def _hear(self, ask: Ask, piece: Piece) -> None:
        pending = self._pending.get(ask)
        if pending is None:
            return
        pending.said[ask].append(piece.text)
        if piece.error:
            for other in pending.asks:
                other.cancelled = True
                self._pending.pop(other, None)
            self._put_down(_without(pending.name, pending.stored, piece.error))
        elif piece.last:
            del self._pending[ask]
            pending.open -= 1
            if not pending.open:
                self._put_down(pending.entry())

    def _put_down(self, entry: Entry) -> None:
        book.add(self.job.folder, entry)
        self.done += 1
        self.failed += entry.failed
        self._ends.append(time.monotonic())
        each = (self._ends[-1] - self._ends[0]) / (len(self._ends) - 1)
        left = round((self.total - self.done) * each, 1)
        known = {"done": self.done, "total": self.total, "failed": self.failed, "eta_seconds": left}
        self.job.say(Captioned(name=entry.name, **known))


def _loaded(target: Target) -> Batch:
    loaded = Loaded(target, memory.pick("auto"))
    return batch_of(loaded, Size(2 * AT_ONCE[loaded.device.type], CHUNK, memory.cells(loaded)))


def _without(name: str, stored: str, error: StudioError) -> Entry:
    values = {key: value if isinstance(value, int | float | str) else str(value) for key, value in error.values.items()}
    return Entry(name=name, picture=stored, error_key=error.key, error_values=values)
