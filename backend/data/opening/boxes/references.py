"""Where a row of a table names its pictures, and the pictures themselves put in place of their names."""

import json
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from backend.data.opening import kinds
from backend.data.opening.opened import Picture, Values

NAMES = ("file_name", "image", "images", "image_path", "image_file", "image_name", "filename", "file", "path", "img",
         "picture", "pictures", "photo", "photos")  # fmt: skip
NUMBER = "image_id"
OWN = ("image", "file_name", "folder")
PARTS = ("image", "image_url", "input_image")
LONGEST = 500
Find = Callable[[str | int], Picture]


def names_any(values: Values) -> bool:
    return _column(values) is not None or any(_in_parts(value) for value in values.values())


def pictured(values: Values, find: Find) -> Values:
    """The row with pictures instead of their names. One that has one picture, in a column of its own, gets {"image",
    "file_name", "folder"}; a list of pictures, and those in the parts of messages, stay where they are.
    """
    column = _column(values)
    found = {name: _put(value, find) if isinstance(value, list) else value for name, value in values.items()}
    if column is None:
        return found
    named = _listed(values[column])
    if isinstance(named, list):
        return {**found, column: [find(_name(one)) for one in named]}
    picture = find(named if isinstance(named, int) else _name(named))
    rest = {name: value for name, value in found.items() if name != column and name not in OWN}
    return {**own(picture), **rest}


def own(picture: Picture) -> Values:
    return {"image": picture, "file_name": picture.name, "folder": PurePosixPath(picture.name).parent.name}


def _column(values: Values) -> str | None:
    """By its name, else by what stands in it, else by the number of the picture."""
    known = next((name for name in NAMES if _names(values.get(name))), None)
    found = known or next((name for name, value in values.items() if _names(value) and _ends_as_picture(value)), None)
    number = values.get(NUMBER)
    if isinstance(number, str) and number.isascii() and number.isdigit():
        values[NUMBER] = int(number)
    return found or (NUMBER if isinstance(values.get(NUMBER), int) else None)


def _names(value: Any) -> bool:
    """Whether a cell holds the name of a picture, or a list of such."""
    found = _listed(value)
    return all(map(_is_name, found)) and bool(found) if isinstance(found, list) else _is_name(found)


def _is_name(value: Any) -> bool:
    name = _name(value)
    return bool(name.strip()) and len(name) <= LONGEST and "://" not in name and not name.startswith("data:")


def _ends_as_picture(value: Any) -> bool:
    found = _listed(value)
    return all(
        kinds.by_name(_name(one).strip()) == "pictures" for one in (found if isinstance(found, list) else [found])
    )


def _name(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("path") or value.get("url")
    return value if isinstance(value, str) else ""


def _listed(value: Any) -> Any:
    """A list that a table keeps as text; anything else as it is."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            found = json.loads(value)
        except (ValueError, RecursionError):
            return value
        return found if isinstance(found, list) else value
    return value


def _in_parts(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_in_parts, value))
    if isinstance(value, dict):
        return _key(value) is not None or any(map(_in_parts, value.values()))
    return False


def _put(value: Any, find: Find) -> Any:
    if isinstance(value, list):
        return [_put(one, find) for one in value]
    if isinstance(value, dict):
        key = _key(value)
        if key is not None:
            return {**value, key: find(_name(value[key]))}
        return {name: _put(child, find) for name, child in value.items()}
    return value


def _key(part: dict[str, Any]) -> str | None:
    """Under which of its fields a part of a message names a picture."""
    if str(part.get("type")) not in PARTS:
        return None
    return next((key for key in ("image", "path", "url", "image_url") if _is_name(part.get(key))), None)
