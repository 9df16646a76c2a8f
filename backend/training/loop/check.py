"""The check: the same questions asked before the first step and after the last, and marked letter for letter.

The first answers are kept in the run folder, so that a run which goes on after an interruption is compared with what
the model said before it had learned anything.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

from backend.data import checks
from backend.data.rows import Row
from backend.jobs import events
from backend.jobs.folder import RunFolder
from backend.training.network.answers import Writer
from backend.training.watch import Watch

# A memory of tokens for the model's cache; halved each time that memory ran out.
TOKENS_AT_ONCE = 4096
SPARE_TOKENS = 2
Marks = dict[str, list[bool]]


@dataclass(frozen=True)
class Check:
    """`groups`: rows by language. `quiet`: what keeps an evaluation from changing the training."""

    groups: dict[str, list[Row]]
    writer: Writer
    folder: RunFolder
    watch: Watch
    quiet: Callable[[], AbstractContextManager[None]]
    tokens_at_once: int = TOKENS_AT_ONCE

    def before(self) -> None:
        """Ask the untrained model; not again when an earlier attempt has asked it the same."""
        if self._known():
            return
        marks = self._ask(0)
        self.folder.write(self.folder.check, {"questions": checks.fingerprint(self.groups), "before": marks})

    def after(self, step: int) -> dict[str, dict[str, int]]:
        """The figures by language; nothing when the model was not asked the same before."""
        before = self._known()
        if not before:
            return {}
        after = self._ask(step)
        known = self.folder.read(self.folder.check)
        self.folder.write(self.folder.check, known | {"after": after, "step": step})
        return {name: figures(before[name], after[name]) for name in self.groups}

    def _known(self) -> Marks:
        found = self.folder.read(self.folder.check)
        same = found.get("questions") == checks.fingerprint(self.groups)
        before: Marks = found.get("before", {}) if same else {}
        return before

    def _ask(self, step: int) -> Marks:
        self.watch.phase("evaluating")
        with self.quiet():
            marks = {name: self._marks(rows) for name, rows in self.groups.items()}
        for name, right in marks.items():
            self.watch.checked(events.Checked(step=step, group=name, right=sum(right), count=len(right)))
        return marks

    def _marks(self, rows: list[Row]) -> list[bool]:
        """Whether each answer is the expected one."""
        prompts = [self.writer.chat.prompt(row["messages"][:-1]) for row in rows]
        expected = [row["messages"][-1]["content"].strip() for row in rows]
        room = [self.writer.tokens(text) + SPARE_TOKENS for text in expected]
        right = [False] * len(rows)
        for places in self._batches([len(prompt) for prompt in prompts], room):
            answers = self.writer.answers([prompts[at] for at in places], max(room[at] for at in places))
            for at, answer in zip(places, answers, strict=True):
                right[at] = answer == expected[at]
        return right

    def _batches(self, lengths: list[int], room: list[int]) -> Iterator[list[int]]:
        """Places of questions that are asked together: alike in length, and as many as fit."""
        batch: list[int] = []
        for at in sorted(range(len(lengths)), key=lambda place: (lengths[place], room[place])):
            wider = max(lengths[place] + room[place] for place in (*batch, at))
            if batch and wider * (len(batch) + 1) > self.tokens_at_once:
                yield batch
                batch = []
            batch.append(at)
        if batch:
            yield batch


def figures(before: list[bool], after: list[bool]) -> dict[str, int]:
    """How many were right, and how many changed: `gained` are right only after, `lost` only before."""
    pairs = list(zip(before, after, strict=True))
    gained, lost = pairs.count((False, True)), pairs.count((True, False))
    return {"before": sum(before), "after": sum(after), "count": len(pairs), "gained": gained, "lost": lost}
