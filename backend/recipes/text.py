"""The YAML of a recipe, read without surprises: no aliases, no tags, `1e-4` is a number and `no` is a word."""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from backend.errors import RecipeError

LARGEST = 1_000_000
DEEPEST = 20
MOST_ENTRIES = 5000
OPENING = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
CLOSING = (yaml.MappingEndEvent, yaml.SequenceEndEvent)


class _Loader(yaml.SafeLoader):
    """SafeLoader with the scalars of YAML 1.2: no octal numbers, no dates, only true and false are truth values."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - overrides the mutable one of the base class

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Names are kept as they are written, also those that look like numbers."""
        found: dict[Any, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise RecipeError("recipes.bad_key", line=key.start_mark.line + 1)
            if key.value in found:
                raise RecipeError("recipes.key_twice", line=key.start_mark.line + 1, key=key.value)
            found[key.value] = self.construct_object(value, deep=deep)
        return found

    def construct_decimal(self, node: yaml.ScalarNode) -> int:
        return int(self.construct_scalar(node))


def _resolve(tag: str, pattern: str, first: str) -> None:
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), list(first))


_resolve("null", "~|null|Null|NULL|", "~nN")
_Loader.yaml_implicit_resolvers.setdefault("", []).extend(_Loader.yaml_implicit_resolvers["~"])
_resolve("bool", "true|True|TRUE|false|False|FALSE", "tTfF")
_resolve("int", r"[-+]?[0-9]{1,18}", "-+0123456789")
_resolve("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|nan)", "-+.0123456789")
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_decimal)


def values(text: str) -> dict[str, Any]:
    """The settings written in `text`; RecipeError says where it cannot be read."""
    if len(text.encode("utf-8", errors="replace")) > LARGEST:
        raise RecipeError("recipes.too_big")
    try:
        _refuse_tricks(yaml.parse(text, Loader=_Loader))
        found = yaml.load(text, Loader=_Loader)  # _Loader is a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise RecipeError("recipes.bad_yaml", line=line, column=column) from error
    except yaml.YAMLError as error:
        raise RecipeError("recipes.unreadable") from error
    if not isinstance(found, dict):
        raise RecipeError("recipes.no_settings")
    return found


def _refuse_tricks(events: Iterator[yaml.Event]) -> None:
    """Looks at one event after another, so that a file that would unfold to something huge is never unfolded."""
    depth = 0
    for count, event in enumerate(events):
        if count > MOST_ENTRIES:
            raise RecipeError("recipes.too_many", most=MOST_ENTRIES)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise RecipeError("recipes.alias")
        if getattr(event, "tag", None):
            raise RecipeError("recipes.forbidden_tag", line=_line(event))
        depth += isinstance(event, OPENING) - isinstance(event, CLOSING)
        if depth > DEEPEST:
            raise RecipeError("recipes.too_deep", most=DEEPEST)


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1
