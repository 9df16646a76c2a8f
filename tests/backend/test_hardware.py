"""What this machine has: told quickly, without torch, and with no card where there is none."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from backend import hardware


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three cards of 8 GB, with 1, 5 and 3 GB free."""

    @contextmanager
    def present() -> Iterator[bool]:
        yield True

    free = [1, 5, 3]
    fake = SimpleNamespace(
        nvmlDeviceGetCount=lambda: 3,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetMemoryInfo=lambda index: SimpleNamespace(total=8 * 2**30, free=free[index] * 2**30),
        nvmlDeviceGetName=lambda index: f"Card {index}",
    )
    monkeypatch.setattr(hardware, "nvml", present)
    monkeypatch.setattr(hardware, "pynvml", fake)


def test_the_machine_is_described_within_fifty_milliseconds(tmp_path: Path) -> None:
    hardware.this_machine(tmp_path)
    began = time.process_time()
    machine = hardware.this_machine(tmp_path)
    assert time.process_time() - began < 0.05
    assert machine.cpu_name
    assert 1 <= machine.cores <= psutil.cpu_count()
    assert 0 < machine.memory_free_bytes <= machine.memory_bytes <= psutil.virtual_memory().total
    assert 0 < machine.disk_free_bytes <= machine.disk_bytes


def test_torch_is_not_loaded_for_it() -> None:
    code = "import sys; from backend import hardware; hardware.this_machine(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.usefixtures("cards")
def test_a_job_without_a_choice_gets_the_card_with_the_most_free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    machine = hardware.this_machine()
    assert ([gpu.name for gpu in machine.gpus], machine.device) == (["Card 0", "Card 1", "Card 2"], "gpu:1")


@pytest.mark.usefixtures("cards")
@pytest.mark.parametrize(("allowed", "left"), [("", []), ("2,0", [0, 2]), ("GPU-8f1c", [0, 1, 2]), ("-1", [])])
def test_cards_hidden_from_us_are_not_offered(monkeypatch: pytest.MonkeyPatch, allowed: str, left: list[int]) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", allowed)
    assert [gpu.index for gpu in hardware.gpus()] == left


def test_without_a_card_jobs_run_on_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "gpus", lambda: iter(()))
    assert hardware.this_machine().device == "cpu"
