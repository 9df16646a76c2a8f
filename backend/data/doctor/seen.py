"""A row as the rules look at it, and for which model they do."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from backend.data import rows
from backend.data.doctor import tongues
from backend.data.rows import Row
from backend.data.shapes import BEFORE_INPUT, Shape


class Reader(BaseModel):
    """The model that is to learn from the rows. `model`: its name; `tokenizer`: its tokenizer.json; `words`: those that
    it takes as commands; `most`: tokens of a row, what goes beyond is cut.
    """

    model_config = ConfigDict(frozen=True)
    model: str
    tokenizer: Path
    words: tuple[str, ...] = ()
    most: int


@dataclass
class Seen:
    """A stored row: its number from 1, and the place that a person knows it by. `asking`: where its words leave the
    language open, py3langid is asked.
    """

    number: int
    place: str
    row: Row
    asking: bool = True

    @cached_property
    def shape(self) -> Shape:
        return rows.shape(self.row)

    @cached_property
    def texts(self) -> list[str]:
        return list(rows.texts(self.row))

    @cached_property
    def whole(self) -> str:
        return "\n".join(self.texts)

    @cached_property
    def ascii(self) -> bool:
        return self.whole.isascii()

    @cached_property
    def language(self) -> str:
        """Of what is said, without system messages and labels; "" where that is not certain."""
        row = self.row
        if "label" in row:
            return tongues.of(row["text"], asking=self.asking)
        if row.get("messages") and row["messages"][0]["role"] == "system":
            return tongues.of("\n".join(self.texts[1:]), asking=self.asking)
        return tongues.of(self.whole, asking=self.asking)

    def said_in(self, text: str) -> str:
        """The language of one text of the row, where its own words tell; else that of the row."""
        return tongues.by_words(text[: tongues.MORE].casefold()) or self.language


def rewritten(row: Row, change: Callable[[str], str]) -> Row:
    """The row with all its texts changed; places, roles, scores and pictures stay."""
    made = dict(row)
    for field in ("text", "first", "second", "label", "caption", "question", "chosen", "rejected"):
        if isinstance(made.get(field), str):
            made[field] = change(made[field])
    if "options" in made:
        made["options"] = [change(option) for option in made["options"]]
    for field in ("messages", "prompt"):
        if isinstance(made.get(field), list):
            made[field] = [_message(message, change) for message in made[field]]
    return made


def _message(message: Row, change: Callable[[str], str]) -> Row:
    content = message["content"]
    if isinstance(content, list):
        parts = [part | {"text": change(part["text"])} if part.get("type") == "text" else part for part in content]
        return message | {"content": parts}
    given = message.get("input")
    if not given:
        return message | {"content": change(content)}
    # The input is the end of the message: both stay the same text.
    asked, given = change(content[: -len(BEFORE_INPUT + given)]), change(given)
    return message | {"content": f"{asked}{BEFORE_INPUT}{given}", "input": given}
