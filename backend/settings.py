"""What the environment decides, read once and frozen."""

import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """`database_url`: a PostgreSQL ledger shared by several hosts; None is the SQLite file of the workspace.

    `disk_floor`: below this many free bytes no run is started. `grace`: seconds a run has to stop by itself.
    `losses`: how often in a row a run that lost its machine or process, with no checkpoint won, is started again.
    `starting`: seconds a claimed run has to show itself. `stall`: seconds without a word until a run is called stalled.
    """

    database_url: str | None = None
    disk_floor: int = 500 * 2**20
    grace: float = 60.0
    losses: int = 3
    starting: float = 60.0
    stall: float = 600.0

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """ValueError when a number is not one."""
        return cls(
            database_url=environment.get("STUDIO_DATABASE_URL") or None,
            disk_floor=int(environment.get("STUDIO_DISK_FLOOR_BYTES", cls.disk_floor)),
            grace=float(environment.get("STUDIO_STOP_GRACE_SECONDS", cls.grace)),
            losses=int(environment.get("STUDIO_MAX_LOSSES", cls.losses)),
            starting=float(environment.get("STUDIO_STARTING_SECONDS", cls.starting)),
            stall=float(environment.get("STUDIO_STALL_SECONDS", cls.stall)),
        )
