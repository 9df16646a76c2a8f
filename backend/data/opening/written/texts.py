"""The texts of plain text, Markdown and HTML files: one record for each that stands by itself."""

import re
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from backend.data.opening.characters import streams
from backend.data.opening.meter import Meter
from backend.data.opening.opened import Opened, Record, Understood
from backend.data.opening.written import inside
from backend.data.sources import plain
from backend.errors import DataError

MOST_BYTES = 64 << 20
"""Of a page of HTML or Markdown, which is read as a whole."""
HEADING = re.compile(r"#{1,2} +\S")
FENCE = re.compile(r" {0,3}(```|~~~)")
FRONT = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
UNSEEN = ("script", "style", "noscript", "template", "svg", "nav", "footer", "header", "aside", "form", "head")
BLOCKS = "p,div,section,article,main,li,ul,ol,table,tr,h1,h2,h3,h4,h5,h6,blockquote,pre,figure,figcaption,dt,dd,br,hr"


def opened(path: Path, encoding: str) -> Opened:
    """A text file: parted by empty lines, or one text to a line."""
    meter = Meter()
    return Opened(Understood(kind="text", encoding=encoding), partial(_records, path, encoding, meter), meter=meter)


def markdown(path: Path, encoding: str) -> Opened:
    """A text for each heading of the first two levels; what stands before the first one is a text too."""
    return Opened(Understood(kind="markdown", encoding=encoding), partial(_sections, path, encoding))


def html(path: Path, encoding: str) -> Opened:
    """What a reader sees of a page, as one text: no menus, no scripts. A page that is a table is one."""
    found = _table(path, encoding)
    return found or Opened(Understood(kind="html", encoding=encoding), partial(_page, path, encoding))


def _table(path: Path, encoding: str) -> Opened | None:
    if path.stat().st_size > MOST_BYTES:
        return None
    _, page = _seen(path, encoding)
    tables = page.find_all("table")
    if len(tables) != 1:
        return None
    rows = [
        [" ".join(cell.get_text(" ").split()) for cell in row.find_all(("td", "th"))]
        for row in tables[0].find_all("tr")
    ]
    held = len("".join(tables[0].get_text().split()))
    return inside.table(rows, len("".join(page.get_text().split())) - held, "html", encoding)


def _seen(path: Path, encoding: str) -> tuple[str, Any]:
    """The title of a page, and the page without what no reader sees of it."""
    soups: Any = import_module("bs4")
    page = soups.BeautifulSoup(_whole(path, encoding), "html.parser")
    title = page.title.get_text(" ", strip=True) if page.title else ""
    for tag in page.find_all(UNSEEN):
        tag.decompose()
    return title, page


def pieces(place: str, text: str, **values: Any) -> Iterator[Record]:
    """The records of one text: none of an empty one, several of a very long one."""
    text = text.replace("\x00", "").strip()
    for piece in plain.pieces(text) if text else ():
        yield Record(place, {"text": piece, **values})


def _records(path: Path, encoding: str, meter: Meter) -> Iterator[Record]:
    for number, values in plain.documents(path, partial(streams.utf_8, encoding=encoding, meter=meter)):
        yield Record(str(number), values)


def _whole(path: Path, encoding: str) -> str:
    with streams.utf_8(path, encoding) as file:
        raw = file.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        raise DataError("opening.text_too_long", most=MOST_BYTES >> 20)
    return raw.decode("utf-8-sig", errors="replace").replace("\r\n", "\n")


def _sections(path: Path, encoding: str) -> Iterator[Record]:
    text = _whole(path, encoding)
    front = FRONT.match(text)
    # Lines are counted as they stand in the file, what stands before the text included.
    skipped = front.group().count("\n") if front else 0
    waiting: list[str] = []
    begun, fenced = skipped + 1, False
    for number, line in enumerate(text.split("\n")[skipped:], start=skipped + 1):
        fenced ^= bool(FENCE.match(line))
        if not fenced and HEADING.match(line):
            yield from pieces(str(begun), "\n".join(waiting))
            waiting, begun = [], number
        waiting.append(line)
    yield from pieces(str(begun), "\n".join(waiting))


def _page(path: Path, encoding: str) -> Iterator[Record]:
    title, page = _seen(path, encoding)
    for tag in page.find_all(BLOCKS.split(",")):
        tag.insert_before("\n")
        tag.append("\n")
    lines = (" ".join(line.split()) for line in page.get_text().split("\n"))
    yield from pieces("1", "\n".join(line for line in lines if line), **({"title": title} if title else {}))
