"""A file of chats imported by the job of the studio, loaded by `datasets.load_dataset`, and looked at."""

import json
import tempfile
from pathlib import Path

from benchmarks.reading.program import Found, once

WORDS = "Aceasta este o întrebare despre viața de zi cu zi în țară, cu diacritice și semne: „ghilimele”. " * 5
OURS = """
from pathlib import Path
from backend.data.intake import run, submit
from backend.jobs.context import JobContext
from backend.jobs.service import Jobs
from backend.ledger.store import Ledger
from backend.paths import Workspace
from backend.people import HOME
file, folder = Path(sys.argv[1]), Path(sys.argv[2])
workspace = Workspace(folder).create()
jobs = Jobs(Ledger.of(workspace), workspace)
job = submit.start(HOME, jobs, [(file.name, file)])
asked = jobs.folder(job)
request = {"import": asked.read(asked.request)["import"]}
with Meter() as meter:
    run.run(JobContext(folder=asked, request=request))
meter.tell(rows=submit.made(HOME, jobs, job).rows)
"""
THEIRS = """
os.environ["HF_HUB_OFFLINE"] = "1"
import datasets
datasets.disable_progress_bars()
with Meter() as meter:
    found = datasets.load_dataset("json", data_files=sys.argv[1], cache_dir=sys.argv[2], split="train")
meter.tell(rows=len(found))
"""
LOOK = """
from pathlib import Path
from backend.data.intake.preview import preview
from backend.paths import Workspace
from backend.people import HOME
file, folder = Path(sys.argv[1]), Path(sys.argv[2])
with Meter() as meter:
    found = preview(HOME, Workspace(folder).create(), [(file.name, file)])
meter.tell(rows=len(found.records))
"""


def make(path: Path, rows: int) -> Path:
    """So many chats of a kilobyte."""
    with path.open("w", encoding="utf-8") as file:
        for at in range(rows):
            asked = {"role": "user", "content": f"{at}: {WORDS[:380]}"}
            said = {"role": "assistant", "content": f"Răspunsul {at}. {WORDS[:430]}"}
            file.write(json.dumps({"messages": [asked, said]}, ensure_ascii=False) + "\n")
    return path


def measured(program: str, file: Path, rows: int) -> Found:
    """In an empty folder; AssertionError when it did not read as many rows."""
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        found = once(program, str(file), str(Path(folder) / "place"))
    assert found["rows"] == rows, found
    return found
