"""What a person may choose about a file, what was understood of it, and its records."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from backend.data.files.blocks import Block, Chats
from backend.data.opening.meter import Meter
from backend.errors import DataError
from backend.messages import catalogue, plural_form, sentence

Kind = Literal[
    "csv",
    "workbook",
    "json",
    "jsonl",
    "parquet",
    "arrow",
    "text",
    "markdown",
    "html",
    "pdf",
    "docx",
    "pictures",
    "archive",
]
Values = dict[str, Any]


class Choices(BaseModel):
    """What a person has chosen about a file; None: look for yourself.

    `encoding`: a codec of `characters.names`. `separator` and `quote`: one letter each, of a table in text. `sheet`:
    one of a workbook's, by name. `header`: whether the first row holds the names of the columns. `strict`: take a file
    of lines for UTF-8 and say where it is not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    encoding: str | None = None
    separator: str | None = Field(None, min_length=1, max_length=1)
    quote: str | None = Field(None, min_length=1, max_length=1)
    sheet: str | None = None
    header: bool | None = None
    strict: bool = False


class Notice(BaseModel):
    """A sentence about how the file was read; it does not keep anybody from going on. One that counts has the forms
    `.one`, `.few` and `.other`, chosen by `count`.
    """

    model_config = ConfigDict(frozen=True)
    key: str
    values: dict[str, str | int | float] = Field(default_factory=dict)

    def say(self, language: str = "en") -> str:
        counts = f"{self.key}.other" in catalogue(language)
        form = f".{plural_form(int(self.values['count']), language)}" if counts else ""
        return sentence(self.key + form, language, **self.values)


class Understood(BaseModel):
    """How a file was read. What a kind does not have is empty: a workbook has no encoding.

    `columns`: the names of the fields, where the file itself says them. `members`: the files of an archive or folder
    that are read (the first 100), of `member_count`; `member` says how the first of them was understood. `bytes`: size
    of the file itself.
    """

    model_config = ConfigDict(frozen=True)
    kind: Kind
    encoding: str = ""
    separator: str = ""
    quote: str = ""
    header: bool | None = None
    sheet: str = ""
    sheets: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    member_count: int = 0
    member: "Understood | None" = None
    notices: tuple[Notice, ...] = ()
    bytes: int = 0


class Record(NamedTuple):
    """`place`: where it stands, as a person would look for it: a line, a row, "sheet 2", "file.csv:12". `fault`: why it
    cannot be read; `values` are then empty.
    """

    place: str
    values: Values
    fault: DataError | None = None


@dataclass(frozen=True)
class Picture:
    """A picture of a folder, an archive or a table, readable while the records are walked through: `name` inside of it
    ("" where it has none). It lies at `path`, is `data`, or is what `load` gives.
    """

    name: str
    path: Path | None = None
    data: bytes = b""
    load: Callable[[], bytes] | None = None

    def read(self) -> bytes:
        if self.load is not None:
            return self.load()
        return self.data if self.path is None else self.path.read_bytes()


@dataclass(frozen=True)
class Opened:
    """`blocks`: the same file as blocks of lines of JSON; None where it cannot be read like that. `meter`: how far
    `records` is.
    """

    understood: Understood
    read: Callable[[], Iterator[Record]]
    blocks: Callable[[], AbstractContextManager[Iterator[Block | Chats]]] | None = None
    meter: Meter = field(default_factory=Meter)

    def records(self) -> Iterator[Record]:
        """From the first one, each time. A fault of a record is in it; DataError ends a file that cannot go on."""
        return self.read()
