"""What a cell holds, as the text, number or list that a row needs of it."""

import ast
import json
import math
import re
from typing import Any

from backend.errors import DataError

Values = dict[str, Any]
LONGEST_LIST = 1_000_000
NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?")


def text(values: Values, column: str, place: str, *, numbers: bool = False) -> str:
    """The text of a cell, "" for none; DataError for a list, or for a number unless they are to be texts."""
    value = values.get(column)
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if numbers and isinstance(value, bool | int | float):
        return written(value)
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
        return value[0]
    raise DataError("data.not_text", line=place, field=column)


def written(value: Any) -> str:
    """A number as people write it: a workbook keeps 3 as 3.0."""
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return str(int(value))
    return str(value)


def number(values: Values, column: str, place: str) -> float:
    """The number of a cell, with a point or a decimal comma; DataError when there is none."""
    value = values.get(column)
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    if isinstance(value, str) and NUMBER.fullmatch(value.strip()):
        return float(value.strip().replace(",", "."))
    raise DataError("mapping.no_number", line=place, field=column, found=str(value)[:40])


def parsed(value: Any) -> Any:
    """A list or an object that a table keeps as text, as JSON or as Python writes it; anything else as it is."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("[", "{") or len(value) > LONGEST_LIST:
        return value
    try:
        return json.loads(value)
    except (json.JSONDecodeError, RecursionError, ValueError):
        pass
    try:
        return ast.literal_eval(value.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return value


def names(value: Any) -> list[str]:
    """A list of texts: of the list in a cell, of {"text": [...]}, or of lines or parts between | or ;."""
    found = parsed(value)
    if isinstance(found, dict):
        found = found.get("text", list(found.values()))
    if isinstance(found, str):
        mark = next((mark for mark in ("\n", "|", ";") if mark in found), None)
        found = found.split(mark) if mark else [found]
    if not isinstance(found, list | tuple):
        return []
    texts = [
        part.get("text", part.get("answer", "")) if isinstance(part, dict) else part
        for part in found
        if part is not None
    ]
    return [text.strip() if isinstance(text, str) else written(text) for text in texts]
