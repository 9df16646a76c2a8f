"""Recipes on disk: those that ship with the studio, and those a person saved."""

import dataclasses
import logging
import uuid
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from backend import names
from backend.errors import AccessError, RecipeError
from backend.paths import CHAINS, RECIPES, Workspace, write_atomically
from backend.people import Person
from backend.recipes import cards, text
from backend.recipes.changes import Change, Checked, checked, compare, parse, with_changes
from backend.recipes.leaves import Field, leaves
from backend.recipes.schema import Recipe

__all__ = [
    "Change",
    "Checked",
    "Field",
    "RecipeFile",
    "as_yaml",
    "available",
    "bring",
    "checked",
    "compare",
    "delete",
    "find",
    "leaves",
    "parse",
    "read",
    "replace",
    "save",
    "shipped",
    "take",
    "with_changes",
    "write",
]

# The family of the models that ship with the studio.
FIRST = "starter"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RecipeFile:
    """A recipe and the file it is in; a shipped one is `shipped`, the others belong to one person."""

    id: str
    recipe: Recipe
    path: Path
    shipped: bool = True

    def title(self, language: str = "en") -> str:
        words: dict[Any, str] = dict(self.recipe.title)
        return words.get(language) or words.get("en") or self.id


def read(path: Path) -> Recipe:
    """The recipe in a file; RecipeError says what is wrong with it, OSError when it cannot be read at all."""
    if path.stat().st_size > text.LARGEST:
        raise RecipeError("recipes.too_big")
    try:
        written = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise RecipeError("recipes.not_utf_8") from error
    return parse(text.values(written))


def write(recipe: Recipe, path: Path) -> None:
    """Every setting is written, also those left at their default: a later version may have other defaults."""
    write_atomically(path, as_yaml(recipe))


def as_yaml(recipe: Recipe) -> str:
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=100)


def shipped() -> list[RecipeFile]:
    """recipes/<family>/<id>.yaml, by family and id, those for the models that ship first; chains of recipes are another
    thing (`backend.recipes.chains`).
    """
    found = [path for path in RECIPES.glob("*/*.yaml") if path.parent != CHAINS]
    return [_file(path, is_shipped=True) for path in sorted(found, key=lambda path: (path.parent.name != FIRST, path))]


def available(person: Person, workspace: Workspace) -> list[RecipeFile]:
    """The shipped recipes, then the person's own by title; without those that this version cannot read."""
    own = []
    for path in _folder(person, workspace).glob("*.yaml"):
        try:
            own.append(_file(path, is_shipped=False))
        except RecipeError as error:
            log.warning("%s is left out: %s", path.name, error)
    return [*shipped(), *sorted(own, key=lambda file: (names.folded(file.title()), file.id))]


def find(person: Person, workspace: Workspace, ref: str) -> RecipeFile:
    """The recipe with this id, or this title in any language; AccessError when the person has none.

    `roqllama@12` is its variant for a card of 12 GB; RecipeError where it has none.
    """
    name, size = cards.parted(ref)
    if size is not None:
        plain = find(person, workspace, name)
        return dataclasses.replace(plain, id=f"{plain.id}{cards.MARK}{size}", recipe=cards.on_card(plain.recipe, size))
    every = available(person, workspace)
    by_id = [file for file in every if file.id == ref]
    by_title = (file for file in every if any(names.same(words, ref) for words in file.recipe.title.values()))
    for file in by_id or by_title:
        return file
    raise AccessError("recipes.not_found", name=ref[:100])


def bring(person: Person, workspace: Workspace, ref: str) -> RecipeFile:
    """What the command line may name: a recipe by id or title, or a YAML file, which is only read."""
    path = Path(ref)
    if path.suffix in (".yaml", ".yml") and path.is_file():
        return _file(path, is_shipped=False)
    return find(person, workspace, ref)


def save(person: Person, workspace: Workspace, name: str, recipe: Recipe) -> RecipeFile:
    """Keep a recipe under a new name; JobError when the name is not allowed or taken."""
    taken = [file.title(language) for file in available(person, workspace) for language in ("en", "ro", "it")]
    title = names.unused(name, taken, "recipe")
    named = recipe.model_copy(update={"title": {"en": title, "ro": title, "it": title}})
    folder = _folder(person, workspace)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{uuid.uuid4().hex}.yaml"
    write(named, path)
    return _file(path, is_shipped=False)


def replace(person: Person, workspace: Workspace, recipe_id: str, recipe: Recipe) -> RecipeFile:
    """Put these settings in the place of one of the person's own recipes, under the name it has; AccessError when
    there is none with this id.
    """
    file = _own(person, workspace, recipe_id)
    write(recipe.model_copy(update={"title": file.recipe.title}), file.path)
    return _file(file.path, is_shipped=False)


def take(person: Person, workspace: Workspace, path: Path, name: str) -> RecipeFile:
    """Keep the recipe of a YAML file as the person's own, under its title or else `name`, numbered when that is taken;
    RecipeError as `read`.
    """
    recipe = read(path)
    wanted = names.from_file(recipe.title.get("en") or next(iter(recipe.title.values()), name), "recipe")
    taken = [words for file in available(person, workspace) for words in file.recipe.title.values()]
    return save(person, workspace, names.free(wanted, taken, "recipe"), recipe)


def delete(person: Person, workspace: Workspace, recipe_id: str) -> None:
    """Remove one of the person's own recipes; AccessError when there is none with this id."""
    _own(person, workspace, recipe_id).path.unlink()


def _own(person: Person, workspace: Workspace, recipe_id: str) -> RecipeFile:
    for file in available(person, workspace):
        if file.id == recipe_id and not file.shipped:
            return file
    raise AccessError("recipes.not_found", name=recipe_id[:100])


def _folder(person: Person, workspace: Workspace) -> Path:
    return workspace.recipes / person.id


def _file(path: Path, *, is_shipped: bool) -> RecipeFile:
    return RecipeFile(id=path.stem, recipe=_known(path, path.stat().st_mtime_ns), path=path, shipped=is_shipped)


@lru_cache(maxsize=256)
def _known(path: Path, _changed_at: int) -> Recipe:
    """Read once; again when the file has changed."""
    return read(path)
