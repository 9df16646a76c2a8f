"""The processes that share the steps of one run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Group:
    """Which of them this process is, and how many there are."""

    rank: int = 0
    ranks: int = 1
