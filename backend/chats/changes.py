"""Which conversations have changed and when, as numbers that grow: who looks on fetches only what is new."""

import threading
from dataclasses import dataclass, field

from backend.chats.model import new_id

ALL = ""


@dataclass(eq=False)
class Changes:
    """`id` is another one after a restart: then nothing that was known before may be taken for the newest."""

    id: str = field(default_factory=new_id)
    number: int = 0
    _newest: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def tell(self, chat: str = ALL) -> None:
        """A conversation is not what it was; `ALL`: any of them may be."""
        with self._lock:
            self.number += 1
            # Behind all others, so that `since` need not look at what is old.
            self._newest.pop(chat, None)
            self._newest[chat] = self.number

    def since(self, number: int) -> list[str]:
        """The conversations that changed after the change of this number, newest first."""
        found = []
        with self._lock:
            for chat, changed in reversed(self._newest.items()):
                if changed <= number:
                    break
                found.append(chat)
        return found
