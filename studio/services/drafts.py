"""What the page's forms leave with the studio while somebody types, and find again in any browser."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backend.drafts import LONGEST, Draft, Drafts
from backend.people import Person

FORMS = frozenset(
    {"train", "names", "import", "runs", "question", "ask", "models", "export", "chain", "data", "captions"}
)
LONGEST_STAMP = 60
# A clock that stood still for longer than this is not believed; what is older than all is as old as this.
OLDEST_SECONDS = 10 * 365 * 24 * 3600.0


class NoDraftError(ValueError):
    """What was sent is no draft."""


@dataclass(frozen=True)
class MyDrafts:
    store: Drafts
    person: Person

    def shown(self) -> dict[str, dict[str, Any]]:
        """For the page, by form: text, stamp and for how many seconds it has been so."""
        now = time.time()
        mine = self.store.of(self.person)
        return {
            form: {"text": one.text, "stamp": one.stamp, "age": max(now - one.at, 0.0)} for form, one in mine.items()
        }

    def take(self, sent: Mapping[str, Any]) -> bool:
        """`form`, `text`, `stamp` and `age` in seconds: clocks of two browsers differ, so the age is what is told.

        False when something newer is kept. NoDraftError for what is none, SetupError when the ledger cannot be written.
        """
        form, text, stamp, age = (sent.get(name) for name in ("form", "text", "stamp", "age"))
        if not isinstance(form, str) or form not in FORMS:
            raise NoDraftError
        if not isinstance(text, str) or len(text) > LONGEST:
            raise NoDraftError
        if not isinstance(stamp, str) or len(stamp) > LONGEST_STAMP or not stamp.isascii():
            raise NoDraftError
        # Not a number is neither more nor less than another.
        if isinstance(age, bool) or not isinstance(age, int | float) or not age >= 0:
            raise NoDraftError
        at = time.time() - float(min(age, OLDEST_SECONDS))
        return self.store.keep(self.person, form, Draft(text=whole(text), stamp=stamp, at=at))


def whole(text: str) -> str:
    """Without halves of characters, which JavaScript's texts may hold and a file cannot."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
