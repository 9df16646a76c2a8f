"""This machine in one line that is always true."""

from backend.hardware import Machine
from studio.text import Words


def device_line(machine: Machine, words: Words) -> str:
    """CPU · 24 GB · free 21 GB, or the name of each GPU with what is taken of it."""
    if not machine.gpus:
        return words.t(
            "machine.cpu", total=words.size(machine.memory_bytes), free=words.size(machine.memory_free_bytes)
        )
    return " · ".join(
        words.t(
            "machine.gpu",
            name=gpu.name.removeprefix("NVIDIA "),
            used=words.size(gpu.memory_bytes - gpu.free_bytes),
            total=words.size(gpu.memory_bytes),
        )
        for gpu in machine.gpus
    )
