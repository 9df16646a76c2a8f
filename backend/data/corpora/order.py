"""Which document comes when: a function of the seed and of a number, with nothing to remember and nothing to draw.

A permutation of n documents is a Feistel network over the next even number of bits, walked until it falls below n
(Black and Rogaway, "Ciphers with Arbitrary Finite Domains", 2002): one place costs microseconds however many there are.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

WORD = 2**64 - 1
ROUNDS = 6
TURN = 65_536
"""Documents of one turn of the mixture: each corpus has its share of them, to one in so many."""


def key(*parts: object) -> int:
    """64 bits that depend on all parts."""
    said = "\n".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2b(said, digest_size=8).digest())


def stirred(value: int) -> int:
    """splitmix64's finaliser (Steele, Lea and Flood, OOPSLA 2014): every bit of what goes in moves every bit."""
    value = (value + 0x9E3779B97F4A7C15) & WORD
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & WORD
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & WORD
    return value ^ (value >> 31)


@dataclass(frozen=True)
class Permutation:
    """Of the numbers 0 to `count` - 1, another one for every `key`."""

    count: int
    key: int

    def __getitem__(self, at: int) -> int:
        """IndexError outside 0 to count - 1."""
        if not 0 <= at < self.count:
            raise IndexError(at)
        half = max(1, ((self.count - 1).bit_length() + 1) // 2)
        mask, found = (1 << half) - 1, at
        while True:
            left, right = found >> half, found & mask
            for part in range(ROUNDS):
                left, right = right, left ^ (stirred(self.key + (part << 56) + right) & mask)
            found = left << half | right
            if found < self.count:
                return found


@dataclass(frozen=True)
class Mixture:
    """Documents of several corpora in turn, so many of each that their texts have the shares `weights` in bytes.

    `sizes`: (documents, bytes) of each corpus. Spread evenly: no run of documents holds more than two documents more
    or less of a corpus than its share. The seed says where in the turn it begins.
    """

    weights: tuple[float, ...]
    sizes: tuple[tuple[int, int], ...]
    seed: int

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """Documents of each corpus in one turn; at least one of each."""
        wanted = [w * documents / size for w, (documents, size) in zip(self.weights, self.sizes, strict=True)]
        return tuple(max(1, round(TURN * part / sum(wanted))) for part in wanted)

    @cached_property
    def _turn(self) -> np.ndarray:
        """Corpus of each place of a turn: the i-th of m documents of a corpus stands at (i + 1/2) / m of it."""
        places = [(np.arange(count) + 0.5) / count for count in self.counts]
        which = np.repeat(np.arange(len(places)), self.counts)
        return which[np.argsort(np.concatenate(places), kind="stable")]

    @cached_property
    def _before(self) -> np.ndarray:
        """(places + 1, corpora): how many of each corpus stand before a place of the turn."""
        own = self._turn[:, None] == np.arange(len(self.counts))[None, :]
        return np.concatenate([np.zeros((1, len(self.counts)), np.int64), own.cumsum(0)])

    @cached_property
    def _begin(self) -> int:
        return key(self.seed, "turn") % len(self._turn)

    def at(self, number: int) -> tuple[int, int]:
        """(corpus, how many of its documents came before) of document `number` of the whole stream."""
        turn, inside = divmod(self._begin + number, len(self._turn))
        which = int(self._turn[inside])
        return which, turn * self.counts[which] + int(self._before[inside, which] - self._before[self._begin, which])
