"""Tokens per second of the chat engine over HTTP: `python -m benchmarks.chat [--repeats 5] [--json]`.

Peer: transformers' `generate`, the questions of all users one after another, in the same run and in turn with the
engine. The model has 22.9M random parameters (Llama, vocabulary 16,000, width 384, 6 layers), every prompt 64 tokens,
every answer 48, greedy. Counted is the wall time from the first question to the last token, streaming, and for the
engine the time to the first token of each user.
"""

import argparse
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel, PreTrainedTokenizerFast
from transformers.utils import logging as transformers_logging

from backend.inference.client import Engine
from backend.inference.sampling import Sampling
from backend.paths import ROOT, Workspace
from backend.people import HOME
from benchmarks.common.report import Target, finish

VOCABULARY, PROMPT, NEW = 16_000, 64, 48
USERS = {1: 0.95, 4: 2.0, 16: 4.0}
PATIENCE_SECONDS = 180.0
MODEL = "random-23m"


@dataclass(frozen=True)
class Round:
    """One measurement: tokens per second, and the seconds until the first token of each user (none for the peer)."""

    speed: float
    first: tuple[float, ...] = ()


def make_model(folder: Path) -> PreTrainedModel:
    """Written as a model of the workspace, and returned for the peer."""
    words = {f"w{number}": number for number in range(VOCABULARY)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="w1"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    template = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, chat_template=template)
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=384, intermediate_size=1024, num_hidden_layers=6, num_attention_heads=6,
        num_key_value_heads=6, max_position_embeddings=1024, pad_token_id=0, eos_token_id=None, bos_token_id=None,
    )  # fmt: skip
    model: PreTrainedModel = LlamaForCausalLM(config)
    model.train(mode=False)
    model.save_pretrained(folder)
    (folder / "model.json").write_text(json.dumps({"name": MODEL, "owner": HOME.id}), encoding="utf-8")
    return model


@contextlib.contextmanager
def engine(workspace: Workspace) -> Iterator[Engine]:
    command = [sys.executable, "-m", "backend.inference.run", "--workspace", str(workspace.root), "--device", "cpu"]
    running = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        client = Engine(workspace)
        client.wait_ready(PATIENCE_SECONDS)
        yield client
    finally:
        running.terminate()
        running.wait(timeout=20)


def prompts(users: int, chance: random.Random) -> list[list[int]]:
    return [[chance.randrange(5, VOCABULARY) for _ in range(PROMPT)] for _ in range(users)]


def one_after_another(model: PreTrainedModel, asked: list[list[int]]) -> Round:
    started = time.perf_counter()
    for prompt in asked:
        ids = torch.tensor([prompt])
        model.generate(  # type: ignore[operator]
            input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=NEW, min_new_tokens=NEW, do_sample=False
        )
    return Round(len(asked) * NEW / (time.perf_counter() - started))


def over_http(client: Engine, asked: list[list[int]]) -> Round:
    """All users at once, each streaming."""

    def one(prompt: list[int]) -> tuple[float, float, int]:
        message = {"role": "user", "content": " ".join(f"w{number}" for number in prompt)}
        stream = client.stream([message], model=MODEL, settings=Sampling(max_tokens=NEW))
        next(stream)
        first = time.perf_counter()
        for _ in stream:
            pass
        return first, time.perf_counter(), stream.tokens

    with ThreadPoolExecutor(len(asked)) as pool:
        started = time.perf_counter()
        done = list(pool.map(one, asked))
    tokens = sum(count for _, _, count in done)
    if tokens != len(asked) * NEW:
        raise RuntimeError(f"{tokens} tokens instead of {len(asked) * NEW}")
    last = max(end for _, end, _ in done)
    return Round(tokens / (last - started), tuple(first - started for first, _, _ in done))


def measure(model: PreTrainedModel, client: Engine, repeats: int) -> tuple[dict[str, float], dict[str, Target]]:
    chance = random.Random(0)
    over_http(client, prompts(1, chance))
    figures: dict[str, float] = {}
    targets: dict[str, Target] = {}
    for users, target in USERS.items():
        rounds = [
            (over_http(client, p), one_after_another(model, p))
            for p in (prompts(users, chance) for _ in range(repeats))
        ]
        ours, theirs = median(r.speed for r, _ in rounds), median(r.speed for _, r in rounds)
        figures[f"engine_{users}_users_tokens_per_second"] = ours
        figures[f"generate_{users}_users_tokens_per_second"] = theirs
        figures[f"engine_{users}_users_first_token_seconds"] = median(first for r, _ in rounds for first in r.first)
        targets[f"speed_{users}_users"] = Target(ours / theirs, target)
    return figures, targets


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="the last line is JSON in any case")
    options = parser.parse_args()
    transformers_logging.set_verbosity_error()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder)).create()
        model = make_model(workspace.models / MODEL)
        with engine(workspace) as client:
            figures, targets = measure(model, client, options.repeats)
    return finish("chat", figures, targets)


if __name__ == "__main__":
    sys.exit(main())
