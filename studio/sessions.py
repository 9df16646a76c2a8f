"""Who has a session: a one-time token is changed into a cookie; only hashes are kept, in a file of mode 0600.

The file lets a session outlive a restart of the studio, and remembers which tokens were used up.
"""

import hashlib
import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from backend.jobs.folder import write_atomically
from backend.people import HOME, Person

LIFETIME = 30 * 24 * 3600
MOST = 200


def hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


@dataclass
class Sessions:
    """`token` opens one session, once; `path` holds {"sessions": {hash: started}, "used": [hash]}."""

    path: Path
    token: str
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _sessions: dict[str, float] = field(default_factory=dict)
    _used: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.path.exists():
            kept = json.loads(self.path.read_text(encoding="utf-8"))
            self._sessions = {name: float(started) for name, started in kept["sessions"].items()}
            self._used = list(kept["used"])

    def exchange(self, token: str) -> str | None:
        """The cookie of a new session, or None when the token is wrong or was used before."""
        with self._lock:
            mark = hashed(token)
            if not self.token or not secrets.compare_digest(mark, hashed(self.token)) or mark in self._used:
                return None
            cookie = secrets.token_urlsafe(32)
            self._used = [*self._used[-MOST:], mark]
            newest = sorted(self._sessions.items(), key=lambda pair: -pair[1])[: MOST - 1]
            self._sessions = {**dict(newest), hashed(cookie): time.time()}
            self._save()
            return cookie

    def person(self, cookie: str | None) -> Person | None:
        """Who holds this cookie; None without a session that is still young enough."""
        started = self._sessions.get(hashed(cookie)) if cookie else None
        return HOME if started is not None and time.time() - started < LIFETIME else None

    def _save(self) -> None:
        text = json.dumps({"sessions": self._sessions, "used": self._used})
        write_atomically(self.path, text, mode=0o600)
