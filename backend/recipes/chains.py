"""Chains on disk: several recipes that are trained one after the other, each from what the one before has made."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError

from backend import names
from backend.errors import AccessError, RecipeError
from backend.paths import CHAINS
from backend.recipes import text
from backend.recipes.parts.adapting import Part

Way = Literal["stacked", "merged"]
WAYS: tuple[Way, ...] = ("stacked", "merged")
Said = Annotated[dict[Literal["en", "ro", "it"], str], Field(default_factory=dict)]


class Stage(Part):
    """One recipe of a chain, by its id; `changes` are settings that it has differently here. `data` None: what the
    recipe is meant for.
    """

    recipe: str = Field(min_length=1, max_length=200)
    title: Said
    about: Said
    data: str | None = Field(None, max_length=300)
    changes: Annotated[dict[str, Any], Field(default_factory=dict)]

    def called(self, language: str) -> str:
        return self.titles.get(language) or self.titles.get("en") or self.recipe

    @property
    def titles(self) -> dict[str, str]:
        return {str(language): words for language, words in self.title.items()}


class Chain(Part):
    """`way`: how a stage starts from the adapter of the one before. "stacked": that stays as it is under the new one,
    on the same base; "merged": it is added to the weights first. A stage that trains all weights, or follows one that
    did, starts from the whole model either way. `model` None: what the first recipe is meant for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    title: Said
    about: Said
    model: str | None = Field(None, max_length=300)
    way: Way = "stacked"
    stages: tuple[Stage, ...] = Field(min_length=2, max_length=8)

    def called(self, language: str, otherwise: str) -> str:
        words: Mapping[Any, str] = self.title
        return words.get(language) or words.get("en") or otherwise


@dataclass(frozen=True)
class ChainFile:
    id: str
    chain: Chain

    def title(self, language: str = "en") -> str:
        return self.chain.called(language, self.id)


def shipped() -> list[ChainFile]:
    """recipes/chains/<id>.yaml, by id."""
    return [ChainFile(path.stem, read(path)) for path in sorted(CHAINS.glob("*.yaml"))]


def find(ref: str) -> ChainFile:
    """The chain with this id, or this title in any language; AccessError when there is none."""
    every = shipped()
    by_id = [file for file in every if file.id == ref]
    for file in by_id or [one for one in every if any(names.same(words, ref) for words in one.chain.title.values())]:
        return file
    raise AccessError("chains.not_found", name=ref[:100])


def bring(ref: str) -> ChainFile | None:
    """What the command line may name: a chain by id or title, or a YAML file with stages in it; None for neither."""
    path = Path(ref)
    if path.suffix in (".yaml", ".yml") and path.is_file():
        return ChainFile(path.stem, read(path)) if "stages" in text.values(_written(path)) else None
    try:
        return find(ref)
    except AccessError:
        return None


def read(path: Path) -> Chain:
    """The chain in a file; RecipeError says what is wrong with it."""
    return parse(text.values(_written(path)))


def parse(values: Mapping[str, Any]) -> Chain:
    """A chain from nested plain values; RecipeError names the place of the first fault."""
    try:
        return Chain.model_validate(values)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors(include_url=False)[0]["loc"])
        raise RecipeError("chains.bad_file", place=place[:100]) from error


def _written(path: Path) -> str:
    if path.stat().st_size > text.LARGEST:
        raise RecipeError("recipes.too_big")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise RecipeError("recipes.not_utf_8") from error
