"""A supervisor that is killed at one chosen point of starting or settling a job: WORKSPACE POINT."""

import sys
from pathlib import Path

from backend.jobs.claims import Claims
from backend.jobs.supervisor import loop
from tests.faults.fake_worker import die, dying
from tests.faults.stage import Stage, until

POINTS = {
    "in the transaction of the claim": lambda: setattr(Claims, "_claim", dying(Claims._claim, "after")),
    "between claim and process": lambda: setattr(loop, "spawn", die),
    "just after the process was made": lambda: setattr(loop, "spawn", dying(loop.spawn, "after")),
    "before it settles": lambda: setattr(Claims, "conclude", dying(Claims.conclude, "before")),
    "after it settled": lambda: setattr(Claims, "conclude", dying(Claims.conclude, "after")),
}

if __name__ == "__main__":
    POINTS[sys.argv[2]]()
    turning = Stage.at(Path(sys.argv[1])).loop()
    until(lambda: False, each=turning.beat)
