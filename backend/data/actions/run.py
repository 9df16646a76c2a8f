"""The job that works on data: what it was asked to do is the one name in its request."""

from importlib import import_module

from backend.data.opening import limits
from backend.jobs.context import JobContext

ACTIONS = {
    "import": "backend.data.intake.run",
    "check": "backend.data.doctor.run",
    "fix": "backend.data.doctor.run",
    "prepare": "backend.data.preparing.run",
    "review": "backend.data.review.run",
}


def run(job: JobContext) -> int:
    """The exit code of the action; errors are its own."""
    limits.limit()
    action = next(name for name in ACTIONS if name in job.request)
    code: int = import_module(ACTIONS[action]).run(job)
    return code
