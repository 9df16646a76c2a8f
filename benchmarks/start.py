"""Second start to a usable page: `python -m benchmarks.start [--repeats 5] [--peer PYTHON] [--json]`.

Usable: the page of the first language has answered in full and its Gradio configuration with it. Counted is the
processor time of launch.py, studio and supervisor together up to then, and the resident memory of the studio process.
`--peer PYTHON` names the interpreter of an environment with LLaMA-Factory; its web UI is then started in the same run,
the two in turn, and measured in the same way.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx
import psutil

from backend.paths import ROOT
from benchmarks.common.report import Target, finish

PATIENCE_SECONDS = 120.0
PEER_PORT = 17861


@dataclass(frozen=True)
class Start:
    cpu_seconds: float
    wall_seconds: float
    web_process_mb: float
    web_process_has_torch: bool


def tree(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def cpu_seconds(processes: list[psutil.Process]) -> float:
    """User and system seconds of these processes and of their children that have ended."""
    total = 0.0
    for process in processes:
        with process.oneshot():
            times = process.cpu_times()
        total += times.user + times.system + times.children_user + times.children_system
    return total


def has_torch(process: psutil.Process) -> bool:
    return any("libtorch" in region.path for region in process.memory_maps())


@contextmanager
def child(command: list[str], environment: dict[str, str], folder: Path = ROOT) -> Iterator[subprocess.Popen[str]]:
    running = subprocess.Popen(
        command, cwd=folder, env=os.environ | environment, stdin=subprocess.DEVNULL, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        yield running
    finally:
        members = tree(psutil.Process(running.pid)) if running.poll() is None else []
        for process in reversed(members):
            process.terminate()
        psutil.wait_procs(members, timeout=20)
        running.wait()


def fetch(client: httpx.Client, url: str) -> httpx.Response | None:
    try:
        return client.get(url)
    except httpx.TransportError:
        return None


def wait_for_page(url: str) -> None:
    """Until the page and its configuration have been answered, as a browser would ask for them."""
    end = time.monotonic() + PATIENCE_SECONDS
    with httpx.Client(follow_redirects=True, timeout=60) as client:
        while time.monotonic() < end:
            answered = fetch(client, url)
            if answered is not None and answered.status_code == 200 and "gradio" in answered.text:
                client.get(str(answered.url).split("?")[0].rstrip("/") + "/config").raise_for_status()
                return
            time.sleep(0.05)
    raise TimeoutError(f"{url} did not answer in {PATIENCE_SECONDS:.0f} s")


def address(running: subprocess.Popen[str]) -> str:
    assert running.stdout is not None
    for line in running.stdout:
        if found := re.search(r"https?://\S+token=\S+", line):
            return found.group(0)
    raise RuntimeError("launch.py ended without an address")


def measured(running: subprocess.Popen[str], began: float) -> Start:
    processes = tree(psutil.Process(running.pid))
    web = [p for p in processes if "studio.app" in " ".join(p.cmdline())] or [
        max(processes, key=lambda p: p.memory_info().rss)
    ]
    return Start(cpu_seconds(processes), time.monotonic() - began, web[0].memory_info().rss / 1e6, has_torch(web[0]))


def ours() -> Start:
    with tempfile.TemporaryDirectory() as workspace:
        began = time.monotonic()
        command = [sys.executable, "launch.py", "--no-browser", "--port", "0", "--workspace", workspace]
        with child(command, {}) as running:
            wait_for_page(address(running))
            return measured(running, began)


def peer(python: Path) -> Start:
    began = time.monotonic()
    code = "from llamafactory.webui.interface import run_web_ui; run_web_ui()"
    environment = {"GRADIO_SERVER_PORT": str(PEER_PORT), "GRADIO_SERVER_NAME": "127.0.0.1", "HF_HUB_OFFLINE": "1"}
    with (
        tempfile.TemporaryDirectory() as folder,
        child([str(python), "-c", code], environment, Path(folder)) as running,
    ):
        wait_for_page(f"http://127.0.0.1:{PEER_PORT}/")
        return measured(running, began)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--peer", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    ours()  # the first start compiles and warms the disk cache; it is not counted
    starts: dict[str, list[Start]] = {"studio": [], "llama_board": []}
    for _ in range(options.repeats):
        starts["studio"].append(ours())
        if options.peer:
            starts["llama_board"].append(peer(options.peer))
    figures: dict[str, float] = {}
    for name, found in starts.items():
        if found:
            figures |= {
                f"{name}_cpu_seconds": median(s.cpu_seconds for s in found),
                f"{name}_wall_seconds": median(s.wall_seconds for s in found),
                f"{name}_web_process_mb": median(s.web_process_mb for s in found),
            }
    figures["studio_web_process_has_torch"] = float(any(s.web_process_has_torch for s in starts["studio"]))
    targets = {
        "studio_cpu_seconds": Target(figures["studio_cpu_seconds"], 8.0, "below"),
        "studio_web_process_mb": Target(figures["studio_web_process_mb"], 300.0, "below"),
        "studio_web_process_has_torch": Target(figures["studio_web_process_has_torch"], 0.0, "below"),
    }
    return finish("start", figures, targets)


if __name__ == "__main__":
    sys.exit(main())
