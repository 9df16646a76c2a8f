"""The pictures of a look at a file: small ones of the first, and what is the matter with them."""

import base64
import time
from typing import Any

from backend.data.mapping.building.visuals import named
from backend.data.pictures.decoding import decoded
from backend.data.pictures.keeping import read, thumbnail

MOST = 16
SECONDS = 4.0
"""Of processor time, after which no other picture is opened: a look is short."""


class Glances:
    """`made`: by the name of a picture, the address of an `<img>` that shows it."""

    def __init__(self) -> None:
        self.made: dict[str, str] = {}
        self._until = time.process_time() + SECONDS

    def keep(self, reference: Any, place: str) -> str:
        """What a preview calls the picture; DataError when there is none, or when it was opened and cannot be used."""
        called = named(reference, place)
        if called in self.made:
            return called
        if len(self.made) >= MOST or time.process_time() > self._until:
            return called
        name, data = read(reference, place)
        small = thumbnail(decoded(data, name or place).image)
        self.made[called] = f"data:image/jpeg;base64,{base64.b64encode(small).decode()}"
        return called
