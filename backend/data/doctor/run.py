"""The job that looks at the rows of a data set, or makes the next version of it. Killed at any moment, there is the
whole report and the whole version, or none.
"""

from backend.data import datasets, intact
from backend.data.actions.progress import StoppedError, Watch, already, owner
from backend.data.doctor import fixing, report
from backend.data.doctor.check import check
from backend.data.doctor.request import Check, Fix
from backend.data.versions.deriving import derive
from backend.jobs.context import JobContext
from backend.jobs.events import Phase
from backend.jobs.model import ExitCode


def run(job: JobContext) -> int:
    """AccessError when the data set is no longer there, DataError when its rows are gone or others than were added, or
    nothing is to be mended.
    """
    job.say(Phase(name="checking"))
    try:
        found = _checked(job) if "check" in job.request else _fixed(job)
    except StoppedError:
        return ExitCode.STOPPED
    job.folder.write(job.folder.result, found)
    return ExitCode.DONE


def _checked(job: JobContext) -> dict[str, object]:
    asked = Check(**job.request["check"])
    dataset = datasets.find(owner(job), job.workspace, asked.dataset)
    intact.require(dataset)
    found = check(dataset, asked.reader, Watch(job))
    report.keep(job.workspace, dataset, found)
    return {"data": dataset.id, "rows": found.rows, "findings": len(found.findings)}


def _fixed(job: JobContext) -> dict[str, object]:
    asked = Fix(**job.request["fix"])
    step = fixing.step(asked.fixes, asked.reader, job.folder.path.name)
    made = already(job)
    if made is None:
        parent = datasets.find(owner(job), job.workspace, asked.dataset)
        rows = fixing.mended(parent, asked.fixes, asked.reader, Watch(job))
        made = derive(owner(job), job.workspace, parent, step, rows)
    return {"data": made.id, "rows": made.rows, "version": made.version}
