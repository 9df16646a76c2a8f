"""What a job's `device` stands for: the processor, the Hub, one card, or several cards of this machine."""

from collections.abc import Iterable

CARD = "gpu:"


def parts(device: str) -> frozenset[str]:
    """Everything that is busy while a job has this device: "gpu:0,1" is "gpu:0" and "gpu:1"."""
    if not device.startswith(CARD):
        return frozenset({device})
    return frozenset(f"{CARD}{index}" for index in device.removeprefix(CARD).split(","))


def together(cards: Iterable[int]) -> str:
    """One device of these cards."""
    return CARD + ",".join(map(str, sorted(cards)))


def count(device: str) -> int:
    """Cards of this device; 1 for anything that is no card."""
    return len(parts(device))


def apart(one: str, other: str) -> bool:
    """Whether jobs on these two devices may run side by side."""
    return not parts(one) & parts(other)
