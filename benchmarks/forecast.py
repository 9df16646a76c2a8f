"""Forecast of memory against the measured peak: `python -m benchmarks.forecast [--only starter,30m,120m] [--json]`.

Each setting is a real training of a few steps in a process of its own, through the runner that jobs use; its peak is
VmHWM. Models are the starter and Llamas of 30M and 120M parameters with random weights; methods are LoRA, QLoRA and
full; batch and length vary. The forecast has the memory of a process after the imports, measured once in another
process, and otherwise only config.json, recipe and data; but its two factors for the holes of the heap were chosen on
earlier runs of these settings (docs/forecast.md).
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from backend.data import rows
from backend.data.datasets import Dataset
from backend.forecast import lengths
from backend.forecast.calibration import Calibration
from backend.forecast.estimate import estimate
from backend.forecast.model import Forecast
from backend.hardware import Machine, this_machine
from backend.jobs.supervisor.start import environment
from backend.models.catalogue import Model
from backend.models.facts import facts
from backend.paths import ROOT, SAMPLE_DATA, SHIPPED_MODELS
from backend.recipes.schema import Recipe
from backend.training.request import TrainRequest
from benchmarks.report import Target, finish

STARTER = SHIPPED_MODELS / "starter"
CHATS = SAMPLE_DATA / "chats" / "starter-ro.jsonl"
SHAPES = {
    "30m": {"hidden_size": 512, "intermediate_size": 1376, "num_hidden_layers": 8, "vocab_size": 8000, "tied": True},
    "120m": {
        "hidden_size": 768,
        "intermediate_size": 2048,
        "num_hidden_layers": 14,
        "vocab_size": 16000,
        "tied": False,
    },
}
WITHIN_OF_TOTAL, WITHIN_OF_GROWTH = 0.20, 0.25
RUNNER = """
import sys
from pathlib import Path
from backend.jobs.context import JobContext
from backend.jobs.folder import RunFolder
from backend.training.run import run
folder = RunFolder(Path(sys.argv[1]))
sys.exit(run(JobContext(folder, folder.read(folder.request))))
"""
IMPORTS = "import backend.training.run, psutil; print(psutil.Process().memory_info().rss)"


@dataclass(frozen=True)
class Setting:
    model: str
    method: str
    batch: int
    length: int

    @property
    def name(self) -> str:
        return f"{self.model} {self.method} {self.batch}x{self.length}"


SETTINGS = (
    Setting("starter", "lora", 32, 256), Setting("starter", "qlora", 32, 256), Setting("starter", "full", 32, 256),
    Setting("30m", "lora", 8, 128), Setting("30m", "qlora", 4, 256), Setting("30m", "full", 16, 64),
    Setting("30m", "lora", 4, 512), Setting("30m", "full", 8, 256),
    Setting("120m", "lora", 4, 256), Setting("120m", "qlora", 8, 64), Setting("120m", "full", 4, 128),
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    setting: Setting
    forecast: Forecast
    runtime: int
    peak: int
    imports: int

    @property
    def total_error(self) -> float:
        return (self.forecast.total_bytes - self.peak) / self.peak

    @property
    def growth_error(self) -> float:
        """Of what is left after the memory of the imports is taken away on both sides."""
        grown = self.peak - self.imports
        return (self.forecast.total_bytes - self.runtime - grown) / grown


def make_model(name: str, folder: Path) -> Model:
    """A Llama with random weights and the starter's tokenizer; the starter itself for "starter"."""
    if name == "starter":
        return Model(id=name, name=name, location=str(STARTER))
    shape = dict(SHAPES[name])
    tied = bool(shape.pop("tied"))
    heads = shape["hidden_size"] // 64
    config = json.loads((STARTER / "config.json").read_text(encoding="utf-8")) | shape
    config |= {"num_attention_heads": heads, "num_key_value_heads": heads, "head_dim": 64, "tie_word_embeddings": tied}
    target = folder / name
    if not target.exists():
        target.mkdir()
        (target / "config.json").write_text(json.dumps(config), encoding="utf-8")
        for file in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json"):
            shutil.copy(STARTER / file, target)
        save_file(dict(tensors(config)), target / "model.safetensors", {"format": "pt"})
    return Model(id=name, name=name, location=str(target))


def tensors(config: dict[str, Any]) -> Iterator[tuple[str, np.ndarray]]:
    """Every weight of a Llama, fp32."""
    hidden, inner, count = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    draw = np.random.default_rng(0)

    def table(outputs: int, inputs: int) -> np.ndarray:
        return draw.normal(0, 0.02, (outputs, inputs)).astype(np.float32)

    yield "model.embed_tokens.weight", table(count, hidden)
    yield "model.norm.weight", np.ones(hidden, np.float32)
    if not config["tie_word_embeddings"]:
        yield "lm_head.weight", table(count, hidden)
    for layer in range(config["num_hidden_layers"]):
        path = f"model.layers.{layer}"
        for name in ("input_layernorm", "post_attention_layernorm"):
            yield f"{path}.{name}.weight", np.ones(hidden, np.float32)
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            yield f"{path}.self_attn.{name}.weight", table(hidden, hidden)
        yield f"{path}.mlp.gate_proj.weight", table(inner, hidden)
        yield f"{path}.mlp.up_proj.weight", table(inner, hidden)
        yield f"{path}.mlp.down_proj.weight", table(hidden, inner)


def make_data(setting: Setting, folder: Path) -> Dataset:
    """The shipped chats for the starter; for the others conversations of a quarter up to the whole of the length."""
    path = CHATS
    if setting.model != "starter":
        path = folder / f"chats-{setting.length}.jsonl"
        path.write_text("\n".join(conversations(setting.length)) + "\n", encoding="utf-8")
    count = sum(1 for _ in rows.read(path))
    return Dataset(id=path.stem, name=path.stem, path=path, rows=count, shape="chat", sha256="0" * 64)


def conversations(length: int) -> Iterator[str]:
    """200 of them, made of the shipped ones; about 18 tokens a message."""
    said = cycle([message for row in rows.read(CHATS) for message in row["messages"]])
    draw = np.random.default_rng(length)
    for _ in range(200):
        messages = [next(said) for _ in range(2 * max(1, round(draw.uniform(length / 4, length) / 36)))]
        yield json.dumps({"messages": messages}, ensure_ascii=False)


def recipe(setting: Setting, steps: int) -> Recipe:
    values = {
        "method": setting.method,
        "schedule": {"max_steps": steps},
        "batch": {"size": setting.batch, "max_length": setting.length},
    }
    return Recipe.model_validate(values)


def measure(setting: Setting, folder: Path, machine: Machine, known: Calibration, steps: int) -> Outcome:
    chosen, model, data = recipe(setting, steps), make_model(setting.model, folder), make_data(setting, folder)
    counted = lengths.measured(data.path, data.rows, model.folder / "tokenizer.json")
    forecast = estimate(facts(model.folder), chosen, counted, machine, known)
    request = TrainRequest(recipe=chosen, model=model, data=data, forecast=forecast.model_dump(mode="json"))
    run = Path(tempfile.mkdtemp(dir=folder))
    (run / "request.json").write_text(request.model_dump_json(), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", RUNNER, str(run)], cwd=ROOT, env=environment(), capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{setting.name}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    result = json.loads((run / "result.json").read_text(encoding="utf-8"))
    shutil.rmtree(run)
    return Outcome(setting, forecast, known.runtime_bytes, result["peak_memory_bytes"], result["imports_memory_bytes"])


def imports() -> Calibration:
    """The memory of a process after the imports; no speed, for none is compared here."""
    found = subprocess.run(
        [sys.executable, "-c", IMPORTS], cwd=ROOT, env=environment(), check=True, capture_output=True, text=True
    )
    size = int(found.stdout.split()[-1])
    return Calibration(runtime_bytes=size, seconds_per_flop=1e-10, seconds_per_layer=1e-3, seconds_per_number=1e-9)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="starter,30m,120m", help="models, with commas between them")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    machine, known = this_machine(), imports()
    outcomes = []
    print(f"{'setting':24} {'forecast':>9} {'measured':>9} {'error':>7} {'growth':>9} {'error':>7}   MB")
    with tempfile.TemporaryDirectory() as folder:
        for setting in (s for s in SETTINGS if s.model in options.only.split(",")):
            found = measure(setting, Path(folder), machine, known, options.steps)
            outcomes.append(found)
            print(line(found), flush=True)
    return report(outcomes)


def line(found: Outcome) -> str:
    grown = (found.peak - found.imports) / 1e6
    return (
        f"{found.setting.name:24} {found.forecast.total_bytes / 1e6:9.0f} {found.peak / 1e6:9.0f} "
        f"{found.total_error:+7.1%} {grown:9.0f} {found.growth_error:+7.1%}"
    )


def report(outcomes: list[Outcome]) -> int:
    figures: dict[str, float] = {}
    for found in outcomes:
        figures[f"{found.setting.name} total"] = round(found.total_error, 4)
        figures[f"{found.setting.name} growth"] = round(found.growth_error, 4)
    large = [found for found in outcomes if found.setting.model != "starter"]
    targets = {"worst total": Target(max(abs(f.total_error) for f in outcomes), WITHIN_OF_TOTAL, "below")}
    if large:
        targets["worst growth"] = Target(max(abs(f.growth_error) for f in large), WITHIN_OF_GROWTH, "below")
    return finish("forecast", figures, targets)


if __name__ == "__main__":
    sys.exit(main())
