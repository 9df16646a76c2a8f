"""What pictures need in a run: the tower looks at one at a time, and hands on what it saw of it.

Counted as in `memory` (tests/backend/test_forecast_sight.py).
"""

from backend.forecast.lengths import Seen
from backend.models.facts import ModelFacts
from backend.models.sight.tower import Sight
from backend.recipes.schema import Recipe

MULTIPLY_ADD = 2
# Floats of an MLP that are there at once for each patch: what goes into its activation function, and two on the way.
INNER, GATED = 3, 4
# Bytes of a pixel while a picture is opened, turned into a tensor and made smaller.
PIXEL_BYTES = 9


def adapted(facts: ModelFacts, recipe: Recipe) -> int:
    """Numbers of the adapters on tower and projector."""
    if facts.sight is None or recipe.objective != "vision" or recipe.method == "full":
        return 0
    parts = [facts.sight.tower] * recipe.vision.tower + [facts.sight.projector] * recipe.vision.projector
    return recipe.lora.rank * sum(part.sides for part in parts)


def looking(sight: Sight, seen: Seen, number_bytes: int) -> int:
    """Bytes while the largest picture goes through the tower."""
    inner = (GATED if sight.gated else INNER) * sight.inner
    passing = seen.most * ((sight.states + 2) * sight.width + inner)
    # Mllama is told with a number for each pair of patches which of them may look at one another.
    pairs = seen.most**2 if sight.beside else 0
    return number_bytes * (passing + pairs) + PIXEL_BYTES * seen.pixels


def handed(facts: ModelFacts, sight: Sight, seen: Seen, rows: int) -> int:
    """Numbers that stay while the language model works on so many rows: what was seen of their pictures."""
    if not sight.beside:
        return round(rows * seen.words * facts.hidden_size)
    key, query = facts.kv_heads * facts.head_dim, facts.heads * facts.head_dim
    # Each layer that looks at them makes keys, normed, and values of them, for every head that asks.
    each = facts.hidden_size + sight.looking * (2 * key + 2 * query)
    return round(rows * seen.pictures * seen.patches * each)


def remembered(sight: Sight, recipe: Recipe, seen: Seen, rows: int) -> int:
    """Numbers that autograd keeps of the tower where it is adapted, for all pictures of so many rows."""
    if not recipe.vision.tower:
        return 0
    inner = (GATED if sight.gated else INNER) * sight.inner
    layer = 8 * sight.width + sight.heads + inner + recipe.lora.rank * sight.tower.matrices // sight.layers
    return round(rows * seen.pictures * seen.patches * sight.layers * layer)


def flops(sight: Sight, seen: Seen) -> float:
    """Operations of looking at a picture once."""
    tile = sight.tile or seen.patches
    attention = 2 * sight.layers * sight.width * tile
    return MULTIPLY_ADD * seen.patches * (sight.tower.parameters + sight.projector.parameters / 4 + attention)


def looks(recipe: Recipe, seen: Seen, shown: int) -> float:
    """How often a picture is looked at where `shown` rows go through the model; what is kept is looked at once."""
    every = shown * seen.pictures
    learns = recipe.vision.tower or recipe.vision.projector
    return every if learns or not recipe.vision.keep else min(every, seen.distinct)
