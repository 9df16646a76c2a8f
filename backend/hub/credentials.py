"""The Hub token of whoever runs the studio: from the environment, or from a file of mode 0600 outside every workspace.

It is read where it is sent and nowhere else: no request, event, log or page ever holds it.
"""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from backend.errors import AccessError, ModelError
from backend.paths import write_atomically
from backend.people import HOME, Person

Origin = Literal["environment", "file", ""]
NAMES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
SHAPE = re.compile(r"^hf_[A-Za-z0-9]{20,200}$")


def place(environment: Mapping[str, str] = os.environ) -> Path:
    """The file, in the folder where this system keeps settings of programs."""
    home = Path.home()
    if sys.platform == "win32":
        base = Path(environment.get("APPDATA") or home / "AppData" / "Roaming")
    elif sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    return base / "romanza-studio" / "hub-token"


def origin() -> Origin:
    """Where the token comes from; "" when there is none."""
    if any(os.environ.get(name, "").strip() for name in NAMES):
        return "environment"
    return "file" if place().is_file() else ""


def read() -> str | None:
    """The token, for the request that is about to be sent. The environment comes first."""
    for name in NAMES:
        if text := os.environ.get(name, "").strip():
            return text
    return (place().read_text(encoding="utf-8").strip() or None) if place().is_file() else None


def keep(person: Person, token: str) -> None:
    """Keep a token for later. ModelError for what is none, and the error does not repeat it."""
    _require_home(person)
    cleaned = token.strip()
    if not SHAPE.match(cleaned):
        raise ModelError("hub.token_shape")
    path = place()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_atomically(path, cleaned + "\n", mode=0o600)


def forget(person: Person) -> None:
    """Remove the file; a token in the environment stays where it is."""
    _require_home(person)
    place().unlink(missing_ok=True)


def _require_home(person: Person) -> None:
    if person.id != HOME.id:
        raise AccessError("hub.token_home_only")
