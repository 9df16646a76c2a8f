"""What is said before a start: memory by part, time, disk; and after it, how true that was."""

from pydantic import BaseModel, ConfigDict

PARTS = ("runtime", "weights", "adapter", "gradients", "optimizer", "activations", "logits", "loading")


class Forecast(BaseModel):
    """Bytes and seconds. The sum of `parts` is `total_bytes`, the highest moment of the run.

    `device_bytes` and `free_bytes`: memory of the device it would run on, and how much of it is free now. `seconds` is
    None until this machine has been measured. `advice` is the key of a sentence, or "" when there is nothing to say.
    """

    model_config = ConfigDict(frozen=True)
    parts: dict[str, int]
    total_bytes: int
    device_bytes: int
    free_bytes: int
    steps: int
    tokens_per_step: int
    gradient_checkpointing: bool
    disk_bytes: int
    disk_free_bytes: int
    seconds: float | None = None
    advice: str = ""

    @property
    def fits(self) -> bool:
        """Whether the memory that is free now is enough."""
        return self.total_bytes <= self.free_bytes


class Comparison(BaseModel):
    """Forecast beside measured; `memory_error` and `time_error` are (forecast - measured) / measured."""

    model_config = ConfigDict(frozen=True)
    forecast_bytes: int
    measured_bytes: int
    forecast_seconds: float | None
    measured_seconds: float

    @property
    def memory_error(self) -> float:
        return (self.forecast_bytes - self.measured_bytes) / self.measured_bytes

    @property
    def time_error(self) -> float | None:
        if self.forecast_seconds is None or self.measured_seconds <= 0:
            return None
        return (self.forecast_seconds - self.measured_seconds) / self.measured_seconds
