"""Reading data: `python -m benchmarks.data [--quick] [--json]`.

A file of 50,000 chats is imported by us and loaded by `datasets.load_dataset`, each time in a new process and by turns,
into an empty folder; the medians are compared. One of 1,000,000 chats (about 1 GB) is looked at and imported once, for
processor time and memory; `--quick` leaves that out. Romanian chats are checked (`benchmarks.checking`). Time is that
of the work alone, without loading the libraries.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import checking
from benchmarks.report import Target, finish

ROWS, MANY, TIMES, CHECKS = 50_000, 1_000_000, 5, 3
WORDS = "Aceasta este o întrebare despre viața de zi cu zi în țară, cu diacritice și semne: „ghilimele”. " * 5

OURS = """
import json, resource, sys, time
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
begun = time.perf_counter()
run.run(JobContext(folder=asked, request=request))
seconds = time.perf_counter() - begun
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"seconds": seconds, "memory": memory, "rows": submit.made(HOME, jobs, job).rows}))
"""
THEIRS = """
import json, os, resource, sys, time
os.environ["HF_HUB_OFFLINE"] = "1"
import datasets
datasets.disable_progress_bars()
begun = time.perf_counter()
found = datasets.load_dataset("json", data_files=sys.argv[1], cache_dir=sys.argv[2], split="train")
seconds = time.perf_counter() - begun
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"seconds": seconds, "memory": memory, "rows": len(found)}))
"""
LOOK = """
import json, resource, sys
from pathlib import Path
from backend.data.intake.preview import preview
from backend.paths import Workspace
from backend.people import HOME
file, folder = Path(sys.argv[1]), Path(sys.argv[2])
found = preview(HOME, Workspace(folder).create(), [(file.name, file)])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
seconds = used.ru_utime + used.ru_stime
print(json.dumps({"seconds": seconds, "memory": used.ru_maxrss * 1024, "rows": len(found.records)}))
"""


def make(path: Path, rows: int) -> Path:
    with path.open("w", encoding="utf-8") as file:
        for at in range(rows):
            asked = {"role": "user", "content": f"{at}: {WORDS[:380]}"}
            said = {"role": "assistant", "content": f"Răspunsul {at}. {WORDS[:430]}"}
            file.write(json.dumps({"messages": [asked, said]}, ensure_ascii=False) + "\n")
    return path


def once(program: str, file: Path, rows: int) -> dict[str, float]:
    """Seconds and bytes of one process that does it; AssertionError when it did not read as many rows."""
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        command = [sys.executable, "-c", program, str(file), str(Path(folder) / "place")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    assert found["rows"] == rows, found
    return found


def main(arguments: list[str]) -> int:
    options = argparse.ArgumentParser(prog="benchmarks.data")
    options.add_argument("--quick", action="store_true")
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args(arguments)
    figures: dict[str, float] = {}
    targets: dict[str, Target] = {}
    with tempfile.TemporaryDirectory() as folder:
        few = make(Path(folder) / "few.jsonl", ROWS)
        by_turns = [(once(OURS, few, ROWS), once(THEIRS, few, ROWS)) for _ in range(TIMES)]
        figures["import of 50,000 chats, s"] = statistics.median(ours["seconds"] for ours, _ in by_turns)
        figures["load_dataset of the same, s"] = statistics.median(theirs["seconds"] for _, theirs in by_turns)
        ratio = figures["load_dataset of the same, s"] / figures["import of 50,000 chats, s"]
        targets["times as fast as load_dataset"] = Target(ratio, 1.5)
        checked = [checking.once(checking.make(Path(folder) / "check.jsonl", ROWS), ROWS) for _ in range(CHECKS)]
        seconds = statistics.median(one["seconds"] for one in checked) * MANY / ROWS
        targets["check of a million chats by 50,000, s of processor"] = Target(seconds, 400, "below")
        if not chosen.quick:
            many = make(Path(folder) / "many.jsonl", MANY)
            figures["size of 1,000,000 chats, GB"] = many.stat().st_size / 1e9
            targets["a look at it, s of processor"] = Target(once(LOOK, many, 50)["seconds"], 2.0, "below")
            whole = once(OURS, many, MANY)
            figures["import of it, s"] = whole["seconds"]
            targets["memory of its import, GB"] = Target(whole["memory"] / 1e9, 1.5, "below")
            checked_many = checking.once(checking.make(Path(folder) / "check-many.jsonl", MANY), MANY)
            figures["check of 1,000,000 chats, s of processor"] = checked_many["seconds"]
            targets["memory of their check, GB"] = Target(checked_many["memory"] / 1e9, 1.5, "below")
    return finish("data", figures, targets)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
