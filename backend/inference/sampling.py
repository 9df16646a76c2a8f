"""How the next word is chosen: the settings of one answer, checked, with a sentence for each that is wrong."""

import math
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

from backend import names
from backend.errors import ChatError
from backend.messages import Phrase

MAX_TOKENS = 32_768
LIMITS: dict[str, tuple[float, float]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "max_tokens": (1, MAX_TOKENS),
    "repetition_penalty": (1, 2),
    "seed": (0, 2**63 - 1),
}
WHOLE = ("max_tokens", "seed")
MAX_STOPS = 4
MOST_SHOWN = 30


class Sampling(BaseModel):
    """Settings of one answer. Constructing one raises ChatError with a sentence about the first wrong value.

    `temperature` 0 always takes the most likely token (greedy decoding); above 0, tokens are drawn from the smallest
    set whose probability is at least `top_p` (nucleus sampling, arXiv 1904.09751). The same `seed` gives the same
    draws. `repetition_penalty` above 1 makes tokens that were already read or said less likely (CTRL, arXiv
    1909.05858).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 256
    repetition_penalty: float = 1.0
    seed: int | None = None
    stop: tuple[str, ...] = ()

    @field_validator("temperature", "top_p", "max_tokens", "repetition_penalty", "seed", mode="before")
    @classmethod
    def _within_limits(cls, value: Any, info: ValidationInfo) -> Any:
        name = str(info.field_name)
        if value is None and name == "seed":
            return None
        low, high = LIMITS[name]
        whole = isinstance(value, int) and not isinstance(value, bool)
        number = whole or (isinstance(value, float) and math.isfinite(value))
        if not number or not low <= value <= high or (name == "top_p" and value == 0):
            raise cannot_be(name, value)
        if name in WHOLE and value != int(value):
            raise cannot_be(name, value)
        return value

    @field_validator("stop", mode="before")
    @classmethod
    def _some_texts(cls, value: Any) -> Any:
        texts = () if value is None else (value,) if isinstance(value, str) else value
        listed = isinstance(texts, list | tuple) and len(texts) <= MAX_STOPS
        if not listed or not all(isinstance(text, str) and text for text in texts):
            raise ChatError("chat.stop", most=MAX_STOPS)
        return tuple(texts)

    @property
    def greedy(self) -> bool:
        return self.temperature == 0

    def notes(self) -> tuple[str, ...]:
        """Keys of what the person should know about these settings, if anything."""
        return ("chat.greedy",) if self.greedy and "temperature" in self.model_fields_set else ()


def cannot_be(name: str, value: object) -> ChatError:
    low, high = LIMITS[name]
    return ChatError(f"chat.{name}", value=quoted(value), low=low, high=high)


def quoted(value: object) -> Phrase:
    """A wrong value as a sentence shows it: cut where it is long, a sign in place of what cannot be seen."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**MOST_SHOWN:
        return Phrase("chat.value", text="…")  # more digits than Python writes down
    seen = "".join("·" if names.unseen(letter) else letter for letter in str(value).strip()[: MOST_SHOWN + 1])
    text = seen if len(seen) <= MOST_SHOWN else seen[:MOST_SHOWN] + "…"
    return Phrase("chat.value", text=text) if text else Phrase("chat.no_value")
