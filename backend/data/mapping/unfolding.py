"""Records that hold many rows: a text with its paragraphs and their questions, as SQuAD has them."""

from collections.abc import Iterator
from typing import Any

from backend.data.mapping import exports

Values = dict[str, Any]
LISTS = ("paragraphs", "qas")


def unfolded(values: Values) -> Iterator[Values]:
    """The record itself, or each question of its texts with what stands above it."""
    values = exports.plain(values)
    name = next((name for name in LISTS if _objects(values.get(name))), None)
    if name is None:
        several = list(exports.intents(values))
        yield from several or [values]
        return
    above = {key: value for key, value in values.items() if key != name}
    for inner in values[name]:
        yield from unfolded({**above, **inner})


def _objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)
