"""Chat templates are programs that came with a model: they are tried in a limited process before they are used."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from backend.errors import ModelError
from backend.paths import RECIPES, SHIPPED_MODELS

PROBE = Path(__file__).with_name("template_probe.py")
SECONDS = 1
MEGABYTES = 200
# For start-up on a busy machine, and for systems that cannot limit processor time.
PATIENCE = 20
TIMER = getattr(signal, "SIGPROF", 0)
KEPT = ("PATH", "SYSTEMROOT", "LANG", "LC_ALL")
# Qwen 3 and SmolLM 3 think before they answer unless they are told not to; what is learned from holds no thoughts.
PLAINLY: dict[str, Any] = {"enable_thinking": False}
CONVERSATION = [
    {"role": "user", "content": "Ciao"},
    {"role": "assistant", "content": "Salut!"},
    {"role": "user", "content": "Che ore sono?"},
]


def named(name: str) -> str:
    """The template of recipes/templates with this name."""
    return (RECIPES / "templates" / f"{name}.jinja").read_text(encoding="utf-8")


def of(folder: Path) -> str | None:
    """The chat template among a model's files, or None."""
    path = folder / "chat_template.jinja"
    if path.is_file():
        return path.read_text(encoding="utf-8")
    config = folder / "tokenizer_config.json"
    found = json.loads(config.read_text(encoding="utf-8")).get("chat_template") if config.is_file() else None
    if isinstance(found, list):
        named = {one.get("name"): one.get("template") for one in found}
        found = named.get("default")
    return found if isinstance(found, str) else None


@cache
def shipped() -> frozenset[str]:
    """SHA-256 of the templates that come with the studio, which need no trial."""
    ours = [*SHIPPED_MODELS.glob("*/chat_template.jinja"), *RECIPES.glob("templates/*.jinja")]
    return frozenset(_hash(path.read_text(encoding="utf-8")) for path in ours)


def check(template: str) -> None:
    """ModelError when a template reaches for what it must not, does not end, takes too much memory or does not work."""
    if _hash(template) not in shipped():
        _try(template)


@cache
def _try(template: str) -> None:
    asked = {"template": template, "messages": CONVERSATION, "seconds": SECONDS, "megabytes": MEGABYTES}
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(PROBE)],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
            env={name: os.environ[name] for name in KEPT if name in os.environ},
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError("models.template_slow", seconds=SECONDS) from error
    if done.returncode != 0:
        raise _ended(done)
    _refuse(json.loads(done.stdout))


def _ended(done: subprocess.CompletedProcess[str]) -> ModelError:
    """The process was ended by its timer, or could not go on for want of memory."""
    if done.returncode == -TIMER:
        return ModelError("models.template_slow", seconds=SECONDS)
    if done.returncode < 0 or "MemoryError" in done.stderr:
        return ModelError("models.template_memory", megabytes=MEGABYTES)
    return ModelError("models.template_broken", reason="".join(done.stderr.strip().splitlines()[-1:]))


def _refuse(answer: dict[str, str]) -> None:
    if answer["fault"] == "forbidden":
        raise ModelError("models.template_forbidden")
    if answer["fault"] == "memory":
        raise ModelError("models.template_memory", megabytes=MEGABYTES)
    if answer["fault"]:
        raise ModelError("models.template_broken", reason=answer["reason"])


def _hash(template: str) -> str:
    return hashlib.sha256(template.encode()).hexdigest()
