"""How much a run writes: checkpoints, and what is trained at the end."""

from backend.forecast.memory import FP32, Load

RECORDS = 2 * 2**20


def disk_bytes(load: Load) -> int:
    """Checkpoints hold what is trained and Adam's two moments; the oldest stands until the newest is written."""
    checkpoints = load.recipe.watching.keep_checkpoints + 1
    # What was best so far, and an adapter that began elsewhere than at nothing, which is kept with twice the rank.
    more = int(load.recipe.watching.keep == "best") + int(load.begun > 0)
    return checkpoints * 3 * FP32 * load.trained + (1 + more) * FP32 * load.trained + RECORDS
