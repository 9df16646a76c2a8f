"""How often which model was preferred by somebody who did not know which one it was."""

import time
from collections import Counter
from dataclasses import dataclass
from math import comb
from typing import NamedTuple

from sqlalchemy import delete, insert, select

from backend.chats.model import TIE, UNCOUNTED, Turn
from backend.ledger.schema import comparisons
from backend.ledger.store import Ledger
from backend.people import Person


class Tally(NamedTuple):
    """`wins` by model, of those compared also where it is 0; `ties` are those without a difference."""

    wins: dict[str, int]
    ties: int

    @property
    def chance(self) -> float | None:
        """How likely so unequal a result, or a more unequal one, is between two equal models: the sign test, two-sided,
        ties left out (Dixon and Mood 1946). None for more than two models, or while nothing was decided.
        """
        total = sum(self.wins.values())
        if len(self.wins) != 2 or not total:
            return None
        tail = sum(comb(total, fewer) for fewer in range(min(self.wins.values()) + 1))
        chance: float = 2 * tail / 2**total
        return min(1.0, chance)


@dataclass(frozen=True)
class Tallies:
    ledger: Ledger

    def add(self, person: Person, turn: Turn) -> None:
        """What was preferred in this turn; nothing when it is not to be counted."""
        if turn.preferred == UNCOUNTED:
            return
        winner = next((one.model for one in turn.answers if one.id == turn.preferred), TIE)
        values = {"id": turn.id, "owner": person.id, "models": key(turn.choices.models), "winner": winner}
        with self.ledger.write() as rows:
            rows.execute(delete(comparisons).where(comparisons.c.owner == person.id, comparisons.c.id == turn.id))
            rows.execute(insert(comparisons).values(**values, created_at=time.time()))

    def of(self, person: Person, models: tuple[str, ...]) -> Tally:
        """Of all comparisons of just these models, whatever their order."""
        wanted = select(comparisons.c.winner)
        wanted = wanted.where(comparisons.c.owner == person.id, comparisons.c.models == key(models))
        with self.ledger.read() as rows:
            found = Counter(rows.scalars(wanted))
        return Tally({model: found[model] for model in models}, found[TIE])

    def clear(self, person: Person, models: tuple[str, ...]) -> None:
        """Count the comparisons of these models from zero again."""
        mine = (comparisons.c.owner == person.id) & (comparisons.c.models == key(models))
        with self.ledger.write() as rows:
            rows.execute(delete(comparisons).where(mine))


def key(models: tuple[str, ...]) -> str:
    """These models, whatever their order."""
    return "\n".join(sorted(models))
