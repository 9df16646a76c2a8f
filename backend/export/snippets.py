"""How to use what was exported without the studio: short programs and commands, ready to be copied."""

import json
import re
import unicodedata
from pathlib import Path
from typing import Any

from backend.models.packing import program


def transformers(base: str | None, folder: str = ".", *, tokens: bool = False, sees: bool = False) -> str:
    """Plain transformers (and peft, when there is a `base` to put an adapter on); prints one answer. `tokens`: the
    adapter brings some of its own. `sees`: the answer is to a question about a picture.
    """
    return program(base, tokens=tokens, sees=sees).replace('"."', json.dumps(folder))


def vllm(base: str | None, folder: str, name: str, rank: int | None = None) -> str:
    """A server with OpenAI's interface on port 8000."""
    if base is None:
        return f"vllm serve {_word(folder)} --served-model-name {_word(name)}\n"
    most = f" --max-lora-rank {rank}" if rank else ""
    return f"vllm serve {_word(base)} --enable-lora{most} --lora-modules {_word(f'{name}={folder}')}\n"


def ollama(name: str) -> str:
    """In the folder with the GGUF file and its Modelfile."""
    called = plain_name(name)
    return f"ollama create {called} -f Modelfile\nollama run {called}\n"


def of(told: dict[str, Any], name: str) -> dict[str, str]:
    """By program, how to use what an export job has made, from its result; `name`: of the run."""
    called = plain_name(name)
    if told["form"] == "merged":
        opened = transformers(None, told["folder"], sees=bool(told.get("sees")))
        return {"transformers": opened, "vllm": vllm(None, told["folder"], called)}
    if told["form"] == "gguf":
        llama = {"llama.cpp": f"llama-server -m {_word(told['file'])}\n"}
        return llama | ({"ollama": ollama(name)} if (Path(told["folder"]) / "Modelfile").is_file() else {})
    return {}


def plain_name(name: str) -> str:
    """As programs name models: small letters of the alphabet, digits, dots and dashes."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9.]+", "-", letters).strip("-.") or "model"


def _word(text: str) -> str:
    """As one word of a POSIX shell."""
    plain = text and all(letter.isalnum() or letter in "/._-=:" for letter in text)
    return text if plain else "'" + text.replace("'", "'\"'\"'") + "'"
