"""How much a run writes: checkpoints, and what is trained at the end."""

from backend.forecast.memory import FP32, Load

RECORDS = 2 * 2**20


def disk_bytes(load: Load) -> int:
    """Checkpoints hold what is trained and Adam's two moments; the oldest stands until the newest is written."""
    checkpoints = load.recipe.watching.keep_checkpoints + 1
    return checkpoints * 3 * FP32 * load.trained + FP32 * load.trained + RECORDS
