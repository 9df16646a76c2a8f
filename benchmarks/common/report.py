"""How a benchmark ends: a table for a person, one JSON object as the last line, and a file to commit if asked for."""

import json
import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

PACKAGES = ("torch", "transformers", "peft", "trl", "bitsandbytes", "gradio", "datasets", "orjson")


@dataclass(frozen=True)
class Target:
    """A figure that must be at least, or at most, `target`."""

    value: float
    target: float
    side: Literal["above", "below"] = "above"

    @property
    def met(self) -> bool:
        return self.value >= self.target if self.side == "above" else self.value <= self.target


def machine() -> dict[str, Any]:
    """What a reader needs to know to compare: processor, cores, versions, date."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := installed(name))},
    }


def processor() -> str:
    described = Path("/proc/cpuinfo")
    if not described.exists():
        return platform.processor()
    lines = described.read_text(encoding="utf-8").splitlines()
    name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    wide = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in flags]
    return f"{name} ({', '.join(wide)})"


def installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def finish(name: str, figures: dict[str, float], targets: dict[str, Target]) -> int:
    """Print everything; the exit code is 0 when every target is met, else 1."""
    for figure, value in figures.items():
        print(f"{figure:48} {value:12.3f}")
    for figure, target in targets.items():
        sign = "≥" if target.side == "above" else "≤"
        print(f"{figure:48} {target.value:12.3f} {sign} {target.target:g}  {'met' if target.met else 'NOT MET'}")
    answer = {
        "name": name,
        "figures": figures,
        "targets": {k: {"value": t.value, "target": t.target, "met": t.met} for k, t in targets.items()},
    }
    keep(name, answer)
    print(json.dumps(answer), flush=True)
    return 0 if all(target.met for target in targets.values()) else 1


def keep(name: str, answer: dict[str, Any]) -> None:
    """With STUDIO_BENCH_RESULTS=FOLDER the figures are kept there with the machine, to be committed."""
    if folder := os.environ.get("STUDIO_BENCH_RESULTS"):
        path = Path(folder) / f"{name}.json"
        path.write_text(json.dumps(answer | {"machine": machine()}, indent=1) + "\n", encoding="utf-8")
