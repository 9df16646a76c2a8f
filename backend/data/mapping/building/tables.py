"""Plain texts, texts with a label, and pairs of sentences with a score."""

from typing import Any

from backend.data.mapping.building import cells
from backend.data.mapping.building.cells import Values
from backend.data.mapping.fields import Fields
from backend.data.shapes import Row
from backend.errors import DataError


def text(mapping: Fields, values: Values, place: str) -> Row:
    """{"text"}; DataError for an empty one. Segments of a text, as in files without a template, are put together."""
    column = mapping.fields["text"]
    value = cells.parsed(values.get(column))
    if isinstance(value, list) and value and all(isinstance(one, dict) and "text" in one for one in value):
        found = "".join(str(one["text"]) for one in value)
    else:
        found = cells.text(values, column, place, numbers=mapping.numbers_as_text)
    return {"text": _filled(found, place)}


def label(mapping: Fields, values: Values, place: str) -> Row:
    """{"text", "label"}: a number by its name where the names are known, several labels with commas between them."""
    found = _filled(cells.text(values, mapping.fields["text"], place, numbers=mapping.numbers_as_text), place)
    if title := mapping.fields.get("title"):
        above = cells.text(values, title, place, numbers=True).strip()
        found = f"{above}\n\n{found}" if above else found
    named = [mapping.labels.get(one, one) for one in labels(values.get(mapping.fields["label"]))]
    joined = ", ".join(one for one in named if one)
    if not joined:
        raise DataError("mapping.no_label", line=place, field=mapping.fields["label"])
    return {"text": found, "label": joined}


def labels(value: Any) -> list[str]:
    """The labels of a cell; of a list of noughts and ones the places of the ones, from 0."""
    found = cells.parsed(value)
    if isinstance(found, list | tuple):
        if len(found) > 2 and all(one in (0, 1) for one in found):
            return [str(at) for at, one in enumerate(found) if one]
        return [cells.written(one).strip() for one in found]
    return [] if found is None else [cells.written(found).strip()]


def score(mapping: Fields, values: Values, place: str) -> Row:
    """{"first", "second", "score"}."""
    sides = {
        side: _filled(cells.text(values, mapping.fields[side], place, numbers=mapping.numbers_as_text), place)
        for side in ("first", "second")
    }
    return {**sides, "score": cells.number(values, mapping.fields["score"], place)}


def _filled(found: str, place: str) -> str:
    if not found.strip():
        raise DataError("data.empty_text", line=place)
    return found
