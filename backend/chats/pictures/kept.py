"""The pictures of a person's conversations: each once in one folder, named by its content.

The page's own process opens none of them: a short process of its own, with limits, takes them in.
"""

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backend.data.pictures import keeping
from backend.errors import AccessError, ChatError, DataError
from backend.inference import parts, wire
from backend.inference.ask import Message
from backend.jobs.supervisor.start import environment
from backend.paths import ROOT, Workspace
from backend.people import Person

NAME = re.compile(r"pictures/[0-9a-f]{64}\.(?:png|jpg)")
SECONDS = 60.0
MOST_AT_ONCE = 2
# Of a file, and of all pictures of a conversation as the engine is sent them.
MOST_BYTES = parts.MOST_BYTES
MOST_TOGETHER = (wire.MOST_BYTES - wire.MOST_WORDS) * 3 // 4
LEFT_SECONDS = 24 * 3600.0
"""How long a picture that nothing has been asked about is kept."""
LONGEST_NAME = 200


@dataclass(frozen=True)
class Pictures:
    workspace: Workspace
    _few: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(MOST_AT_ONCE))

    def folder(self, person: Person) -> Path:
        """Below it the stored names lie."""
        return self.workspace.shown / person.id

    def take(self, person: Person, name: str, data: bytes) -> str:
        """The stored name (`pictures/<sha256>.<ending>`) of a picture that was called `name`. DataError for what is no
        picture, is damaged or too large.
        """
        called = re.sub(r"[\x00\ud800-\udfff]", "", name)[-LONGEST_NAME:] or "?"
        if len(data) > MOST_BYTES:
            raise DataError("pictures.too_heavy", name=called, most=MOST_BYTES // 1_000_000)
        folder = self.folder(person)
        folder.mkdir(parents=True, exist_ok=True)
        with self._few:
            found = _taken(folder.resolve(), called, data)
        if "stored" not in found:
            raise DataError(found["key"], **found["values"])
        return str(found["stored"])

    def find(self, person: Person, stored: str, *, small: bool = False) -> Path:
        """AccessError when this person has no such picture."""
        folder = self.folder(person)
        if NAME.fullmatch(stored):
            thumbnail = keeping.small(folder, stored)
            found = thumbnail if small and thumbnail.is_file() else folder / stored
            if found.is_file():
                return found
        raise AccessError("chat.picture_gone")

    def check(self, person: Person, stored: Sequence[str]) -> None:
        """Whether one conversation may show these: ChatError for too many or too heavy ones, AccessError as `find`."""
        if len(stored) > parts.MOST_PICTURES:
            raise ChatError("chat.many_pictures", count=len(stored), most=parts.MOST_PICTURES)
        if sum(self.find(person, one).stat().st_size for one in stored) > MOST_TOGETHER:
            raise ChatError("chat.heavy_pictures", most=MOST_TOGETHER // 1_000_000)

    def sent(self, person: Person, messages: Sequence[Message]) -> list[Message]:
        """Messages as the engine is sent them, the pictures themselves in place of their names."""
        return [{**one, "content": self._content(person, one["content"])} for one in messages]

    def _content(self, person: Person, content: Any) -> Any:
        if isinstance(content, str):
            return content
        said = parts.words(content)
        data = [self.find(person, part["image"]).read_bytes() for part in content if part["type"] == "image"]
        return parts.message(said, data)["content"]

    def keep_only(self, person: Person, used: Collection[str]) -> None:
        """Remove the pictures that nobody names any more; one that came a short while ago may still be asked about."""
        late = time.time() - LEFT_SECONDS
        folder = self.folder(person)
        for path in (folder / keeping.FOLDER).glob("*.*"):
            stored = f"{keeping.FOLDER}/{path.name}"
            if NAME.fullmatch(stored) and stored not in used and path.stat().st_mtime < late:
                keeping.small(folder, stored).unlink(missing_ok=True)
                path.unlink(missing_ok=True)


def _taken(folder: Path, name: str, data: bytes) -> dict[str, Any]:
    try:
        done = subprocess.run(
            [sys.executable, "-m", "backend.chats.pictures.take", str(folder), name, str(MOST_BYTES)],
            input=data,
            capture_output=True,
            cwd=ROOT,
            env=environment(),
            timeout=SECONDS,
            check=False,
        )
        found: dict[str, Any] = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        # Ended by its limits: it takes longer or more memory than any picture should.
        return {"key": "pictures.damaged", "values": {"name": name}}
    return found
