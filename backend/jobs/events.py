"""What a running job says: one JSON line each, in the run folder's events.jsonl.

Append-only, written by the worker alone. A reader takes whole lines only. Work repeated after a crash is said again: an
`Attempt` event carries the step it went on from, and readers drop what earlier attempts said about later steps.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter


class Said(BaseModel):
    """What every event has: `t`, seconds of run time over all attempts (monotonic clock); `at`, UTC epoch seconds."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    t: float = 0.0
    at: float = 0.0


class Attempt(Said):
    type: Literal["attempt"] = "attempt"
    number: int
    from_step: int = 0


class Phase(Said):
    type: Literal["phase"] = "phase"
    name: Literal[
        "loading", "quantising", "checking", "training", "evaluating", "answering", "saving", "downloading", "merging"
    ]


class Stage(Said):
    """Of a chain: from here on it is this stage, which begins after `step` steps of the whole. `title` by language."""

    type: Literal["stage"] = "stage"
    number: int
    count: int
    step: int
    title: dict[str, str]


class Rewards(BaseModel):
    """What a model that learns preferences has come to think of the better and of the worse answers, mean per pair.

    A reward is `beta * log(p(answer) / p_before(answer))` (DPO, arXiv 2305.18290, section 4); `accuracy`: the share of
    pairs whose better answer has the higher one.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    chosen: float
    rejected: float
    accuracy: float

    @property
    def margin(self) -> float:
        return self.chosen - self.rejected


class Step(Said):
    """After one optimizer step. `tokens` counts useful (attended, unpadded) tokens since the run began."""

    type: Literal["step"] = "step"
    step: int
    total: int
    loss: float | None
    learning_rate: float
    grad_norm: float | None
    tokens: int
    tokens_per_second: float
    eta_seconds: float | None
    rewards: Rewards | None = None


class Transfer(Said):
    """How far a download is: bytes, and bytes per second over the last few seconds."""

    type: Literal["transfer"] = "transfer"
    file: str
    done: int
    total: int
    bytes_per_second: float
    eta_seconds: float | None


class Captioned(Said):
    """One more of `total` pictures was looked at; `failed` so far had no caption."""

    type: Literal["caption"] = "caption"
    name: str
    done: int
    total: int
    failed: int
    eta_seconds: float | None


class Evaluation(Said):
    """`each`: mean loss of each held-out row (of some, when there are many), always the same ones in the same order."""

    type: Literal["eval"] = "eval"
    step: int
    loss: float | None
    each: tuple[float | None, ...] = ()
    rewards: Rewards | None = None


class Checked(Said):
    """How many questions of one group ("" or a language) of the check set were answered as expected."""

    type: Literal["check"] = "check"
    step: int
    group: str
    right: int
    count: int


class Memory(Said):
    """Bytes: resident set of the process; on a GPU also allocated and reserved by it, and used on the whole card."""

    type: Literal["memory"] = "memory"
    process: int
    allocated: int | None = None
    reserved: int | None = None
    card: int | None = None


class Sample(Said):
    """One test question answered at one step. `pictures`: files of the run folder that it is about."""

    type: Literal["sample"] = "sample"
    step: int
    index: int
    question: str
    answer: str
    expected: str = ""
    pictures: tuple[str, ...] = ()


class Checkpoint(Said):
    type: Literal["checkpoint"] = "checkpoint"
    step: int
    name: str


class Note(Said):
    """Something a person should know; `key` and `values` as in `StudioError`."""

    type: Literal["note"] = "note"
    level: Literal["info", "warning", "error"] = "info"
    key: str
    values: dict[str, str | int | float] = Field(default_factory=dict)


Event = Annotated[
    Attempt | Phase | Stage | Step | Transfer | Captioned | Evaluation | Checked | Memory | Sample | Checkpoint | Note,
    Field(discriminator="type"),
]
_ADAPTER: TypeAdapter[Any] = TypeAdapter(Event)


def line(event: Said) -> str:
    """The event as one line of JSON; a number that is not finite becomes null."""
    return event.model_dump_json(exclude_none=False) + "\n"


def parse(raw: str) -> Any:
    return _ADAPTER.validate_json(raw)


def read(path: Path) -> Iterator[Any]:
    """Every whole line of the file; a line still being written is left for the next read."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for raw in file:
            if raw.endswith(b"\n"):
                yield parse(raw.decode("utf-8", errors="replace"))


def settled(events: Iterable[Any]) -> list[Any]:
    """The events as if no attempt had been interrupted: what was said about steps that were repeated is dropped."""
    kept: list[Any] = []
    for event in events:
        if isinstance(event, Attempt):
            kept = [said for said in kept if getattr(said, "step", 0) <= event.from_step]
        kept.append(event)
    return kept
