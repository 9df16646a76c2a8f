"""The same recipe on a smaller or a larger graphics card: the settings that its file names for one of so many GB.

What such a variant changes is ours, and what was published in its place stays beside it.
"""

from collections.abc import Iterable

from backend.errors import RecipeError
from backend.recipes import provenance
from backend.recipes.changes import compare, with_changes
from backend.recipes.leaves import value
from backend.recipes.schema import Recipe

SIZES = (6, 8, 12, 16, 24, 48, 80)
# A card sold as one of 24 GB has between 22.5 and 24 gibibytes: so much may be missing.
SHORT_OF = 0.94
MARK = "@"


def parted(ref: str) -> tuple[str, int | None]:
    """("roqllama", 12) from "roqllama@12"; None for no card."""
    name, mark, size = ref.rpartition(MARK)
    return (name, int(size)) if mark and size.isdecimal() else (ref, None)


def on_card(recipe: Recipe, size: int) -> Recipe:
    """The recipe for a card of `size` gigabytes; RecipeError where there is none.

    Between two sizes the smaller one holds; above the largest, that one.
    """
    known = [own for own in recipe.cards if own <= size]
    if not recipe.cards:
        raise RecipeError("recipes.no_cards")
    changes = recipe.cards[max(known)] if known else None
    if changes is None:
        raise RecipeError("recipes.card_too_small", size=size, least=smallest(recipe))
    made = with_changes(recipe, changes)
    note, moved = f"for a card of {size} GB", [change.name for change in compare(recipe, made)]
    changed = {name: provenance.instead(_of(recipe, name), value(recipe, name), note) for name in moved}
    return made.model_copy(update={"provenance": made.provenance | changed, "cards": {}})


def smallest(recipe: Recipe) -> int:
    """The smallest card, in GB, that there is a variant for; RecipeError when there is none."""
    known = [size for size, changes in recipe.cards.items() if changes is not None]
    if not known:
        raise RecipeError("recipes.no_cards")
    return min(known)


def of_machine(cards: Iterable[int]) -> int | None:
    """The size that the largest of these cards counts as (bytes); None without a card, or with one below 6 GB."""
    most = max(cards, default=0) / 2**30
    fitting = [size for size in SIZES if size * SHORT_OF <= most]
    return max(fitting, default=None)


def _of(recipe: Recipe, name: str) -> provenance.Provenance | None:
    return provenance.of(recipe.provenance, name)
