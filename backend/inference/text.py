"""Tokens become text: whole characters only, and nothing of a stop text is ever shown."""

from collections.abc import Callable, Sequence

REPLACEMENT = "\ufffd"
MOST_BYTES = 4


class Detokeniser:
    """Decodes an answer token by token.

    A token may hold a part of a character (byte-level BPE) and how it reads may depend on the one before it (a leading
    space), so what was given out last is decoded again together with what is new, and text is given out only once it
    does not end within a character. The cost of a token does not grow with the answer.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        self._decode = decode
        self._tokens: list[int] = []
        self._given = 0

    def add(self, token: int) -> str:
        """The new text, or "" while a character is incomplete; bytes that are no character at all are left out."""
        self._tokens.append(token)
        now = self._decode(self._tokens)
        waiting = len(self._tokens) - self._given
        if now.endswith(REPLACEMENT) and waiting < MOST_BYTES:
            return ""
        before = self._decode(self._tokens[: self._given])
        del self._tokens[: self._given]
        self._given = len(self._tokens)
        return now[len(before) :].replace(REPLACEMENT, "")


class StopWatch:
    """Holds back text that may be the beginning of a stop text."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = stops
        self._held = ""
        self.stopped = False

    def add(self, text: str) -> str:
        """What may be shown now; `stopped` is set once a stop text was reached, which is itself not shown."""
        if not self._stops:
            return text
        self._held += text
        ends = [at for stop in self._stops if (at := self._held.find(stop)) >= 0]
        if ends:
            self.stopped = True
            shown, self._held = self._held[: min(ends)], ""
            return shown
        keep = max((overlap(self._held, stop) for stop in self._stops), default=0)
        shown = self._held[: len(self._held) - keep]
        self._held = self._held[len(shown) :]
        return shown

    def rest(self) -> str:
        """What was held back, when the answer ended without a stop text."""
        held, self._held = self._held, ""
        return held


def overlap(text: str, stop: str) -> int:
    """The length of the longest beginning of `stop` that `text` ends with."""
    return next((n for n in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:n])), 0)
