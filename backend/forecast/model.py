"""What is said before a start: memory by part, time, disk."""

from pydantic import BaseModel, ConfigDict

PARTS = ("runtime", "weights", "adapter", "gradients", "optimizer", "activations", "logits", "loading")


class Forecast(BaseModel):
    """Bytes and seconds. The sum of `parts` is `total_bytes`, the highest moment of the run.

    `needed_bytes`: what must be free for it, without the pages of files that the system takes back when it wants them.
    `device_bytes` and `free_bytes`: memory of the device it would run on, and how much of it is free now. `measured`:
    this machine has been measured by training on it; until then `seconds` is a rough estimate, or None where there is
    nothing to estimate it from. `advice` is the key of a sentence, or "" when there is nothing to say.
    `sampled`: the length of the texts was judged by a sample of them.
    """

    model_config = ConfigDict(frozen=True)
    parts: dict[str, int]
    total_bytes: int
    needed_bytes: int = 0
    device_bytes: int
    free_bytes: int
    steps: int
    tokens_per_step: int
    gradient_checkpointing: bool
    disk_bytes: int
    disk_free_bytes: int
    seconds: float | None = None
    measured: bool = False
    advice: str = ""
    sampled: bool = False

    @property
    def needs(self) -> int:
        """`needed_bytes`; of a forecast that was kept before there was such a figure, the whole."""
        return self.needed_bytes or self.total_bytes

    @property
    def fits(self) -> bool:
        """Whether the memory that is free now is enough."""
        return self.needs <= self.free_bytes
