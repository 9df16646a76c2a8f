"""What the environment decides, read once and frozen."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from backend.errors import SetupError


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
        """SetupError when a number is not one."""

        def number(name: str, default: float) -> float:
            text = environment.get(name, "")
            try:
                return float(text) if text else default
            except ValueError as error:
                raise SetupError("jobs.bad_setting", name=name, value=text) from error

        return cls(
            database_url=environment.get("STUDIO_DATABASE_URL") or None,
            disk_floor=int(number("STUDIO_DISK_FLOOR_BYTES", cls.disk_floor)),
            grace=number("STUDIO_STOP_GRACE_SECONDS", cls.grace),
            losses=int(number("STUDIO_MAX_LOSSES", cls.losses)),
            starting=number("STUDIO_STARTING_SECONDS", cls.starting),
            stall=number("STUDIO_STALL_SECONDS", cls.stall),
        )
