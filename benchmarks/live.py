"""How much the live page costs: `python -m benchmarks.live [--quick]`.

1. 30 pages listen to a run that trains: processor time of the studio for each update of a page.
2. 60 pages for 60 seconds with 10 conversations at once. The engine is a process that speaks as ours and thinks
   nothing (`benchmarks.living.engine`): what is measured is the studio. Gaps between updates, errors, growth of memory.
3. In Chromium: the main thread's time to open a run of 100,000 steps beyond that of a run of one step, and how long a
   click takes until what it asked for is drawn.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from backend.jobs.folder import RunFolder
from backend.jobs.model import JobState
from backend.paths import ROOT, Workspace
from benchmarks.common.report import Target, finish
from benchmarks.living import browser
from benchmarks.living.clients import Heard, Studio, converse, pages, studio, training
from benchmarks.living.staged import Course, stage, write

SETTLE_SECONDS = 3.0
CHATS = 10
LONG = 100_000
FIRST = 140


def p95(values: list[float]) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]


def prepared(workspace: Workspace) -> RunFolder:
    """A run that trains, a long one, a short one, and a list as long as after a term; the one that trains."""
    course = Course(every=100)
    for number in range(40):
        write(stage(workspace, f"run {number}", JobState.DONE).events, Course(steps=60, seed=number).whole())
    write(stage(workspace, "short", JobState.DONE).events, Course(steps=1).whole())
    write(stage(workspace, "long", JobState.DONE).events, Course(steps=LONG, every=500).whole())
    running = stage(workspace, "running", JobState.RUNNING)
    write(running.events, course.whole(FIRST))
    return running


def cost_of_updates(server: Studio, run: RunFolder, seconds: float) -> dict[str, float]:
    """Processor seconds of the studio while 30 pages listen, by update told to a page."""

    async def measured() -> tuple[float, int]:
        listening = asyncio.create_task(pages(server, run.path.name, 30, seconds + 2 * SETTLE_SECONDS))
        await asyncio.sleep(SETTLE_SECONDS)
        before, begin = server.cpu_seconds, time.monotonic()
        await asyncio.sleep(seconds)
        used, end = server.cpu_seconds - before, time.monotonic()
        heard = await listening
        return used, sum(begin <= moment <= end for one in heard for moment in one.at)

    with training(run, FIRST):
        used, updates = asyncio.run(measured())
    return {"updates": updates, "cpu_ms_per_update": 1000 * used / max(updates, 1)}


def crowd(server: Studio, run: RunFolder, seconds: float) -> dict[str, float]:
    """60 pages and 10 conversations."""
    engine = subprocess.Popen([sys.executable, "-m", "benchmarks.living.engine", str(server.workspace)], cwd=ROOT)
    try:
        wait_for_engine(server)
        resident, begin = server.resident, time.monotonic()
        with training(run, 10_000), ThreadPoolExecutor(CHATS) as pool:
            chats = [pool.submit(converse, server, begin + seconds) for _ in range(CHATS)]
            heard = asyncio.run(pages(server, run.path.name, 60, seconds + SETTLE_SECONDS))
            answers = sum(chat.result() for chat in chats)
        grown = server.resident - resident
    finally:
        engine.kill()
        engine.wait()
    gaps = [gap for one in heard for gap in one.gaps(begin + SETTLE_SECONDS, begin + seconds)]
    return {
        "gap_p95_seconds": p95(gaps),
        "gap_most_seconds": max(gaps),
        "errors": float(sum(broke(one) for one in heard)),
        "answers": float(answers),
        "memory_growth_mb": grown / 1e6,
    }


def broke(heard: Heard) -> bool:
    return heard.broken or not heard.at


def wait_for_engine(server: Studio) -> None:
    """RuntimeError when the engine's address does not appear."""
    end = time.monotonic() + 30
    while not Workspace(server.workspace).engine_address.exists():
        if time.monotonic() > end:
            raise RuntimeError("the fake engine did not start")
        time.sleep(0.1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="the last line is JSON in any case")
    parser.add_argument("--quick", action="store_true", help="ten seconds for each load: to try it, not to report it")
    options = parser.parse_args()
    first, second = (10.0, 20.0) if options.quick else (30.0, 60.0)
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder)).create()
        run = prepared(workspace)
        with studio(workspace.root) as server:
            seen = browser.measure(server)
            cost = cost_of_updates(server, run, first)
            load = crowd(server, run, second)
    targets = {
        "cpu_ms_per_update": Target(cost.pop("cpu_ms_per_update"), 1.0, "below"),
        "gap_p95_seconds": Target(load.pop("gap_p95_seconds"), 1.5, "below"),
        "errors": Target(load.pop("errors"), 0.0, "below"),
        "memory_growth_mb": Target(load.pop("memory_growth_mb"), 50.0, "below"),
        "long_run_main_thread_seconds": Target(seen.pop("long_run_main_thread_seconds"), 0.5, "below"),
        "click_p95_seconds": Target(seen.pop("click_p95_seconds"), 0.5, "below"),
    }
    return finish("live", {**cost, **load, **seen}, targets)


if __name__ == "__main__":
    sys.exit(main())
