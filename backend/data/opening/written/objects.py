"""The rows of a file that is one JSON object: which of its lists they are, and lists that belong together joined."""

from collections.abc import Iterator
from typing import Any

Rows = list[Any]


def rows(whole: Any) -> Iterator[Any]:
    """One row after another; the object itself where it holds no list of objects."""
    lists = {name: value for name, value in whole.items() if _of_objects(value)}
    if "images" in lists and "annotations" in lists:
        yield from _joined(lists["annotations"], lists["images"], "image_id", "id")
    elif "questions" in lists:
        yield from _joined(lists["questions"], lists.get("annotations", []), "question_id", "question_id")
    elif lists:
        yield from _alike(lists)
    elif inner := _inside(whole):
        yield from rows(inner)
    elif columns := _columns(whole):
        yield from columns
    elif len(whole) > 1 and all(isinstance(value, dict) for value in whole.values()):
        yield from whole.values()
    else:
        yield whole


def _of_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _alike(lists: dict[str, Rows]) -> Iterator[Any]:
    """The longest list, with the others whose objects have the same fields: the parts of one data set."""
    fields = max(lists.values(), key=len)[0].keys()
    for found in lists.values():
        if found[0].keys() == fields:
            yield from found


def _inside(whole: dict[str, Any]) -> dict[str, Any] | None:
    """The only object in it, where that holds lists of objects; nothing beside it is of use."""
    inner = [value for value in whole.values() if isinstance(value, dict)]
    plain = all(isinstance(value, dict | str | int | float | None) for value in whole.values())
    return inner[0] if plain and len(inner) == 1 and any(map(_of_objects, inner[0].values())) else None


def _columns(whole: dict[str, Any]) -> Rows:
    """Lists of the same length under the names of columns, or such columns by number, as pandas writes them."""
    if all(isinstance(value, dict) for value in whole.values()) and len({tuple(one) for one in whole.values()}) == 1:
        numbers = list(next(iter(whole.values())))
        if numbers and all(number.isdecimal() for number in numbers):
            return [{name: column[number] for name, column in whole.items()} for number in numbers]
    sizes = {len(value) if isinstance(value, list) else -1 for value in whole.values()}
    if len(sizes) != 1 or sizes <= {-1, 0}:
        return []
    return [dict(zip(whole, values, strict=True)) for values in zip(*whole.values(), strict=True)]


def _joined(found: Rows, others: Rows, field: str, key: str) -> Iterator[Any]:
    """Each with the fields of the other that it names; its own come first."""
    by_key = {_plain(other.get(key)): other for other in others if isinstance(other, dict)}
    for row in found:
        other = by_key.get(_plain(row.get(field))) if isinstance(row, dict) else None
        yield {**other, **row} if other else row


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int) else None
