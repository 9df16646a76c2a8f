"""How to use what was exported without the studio: short programs and commands, ready to be copied."""

import json

from backend.models.packing import ASK, LOAD_ADAPTER, LOAD_MODEL


def transformers(base: str | None, folder: str = ".") -> str:
    """Plain transformers (and peft, when there is a `base` to put an adapter on); prints one answer."""
    load = LOAD_MODEL if base is None else LOAD_ADAPTER.format(base=json.dumps(base))
    return f"{load}\n{ASK}".replace('"."', json.dumps(folder))


def vllm(base: str | None, folder: str, name: str, rank: int | None = None) -> str:
    """A server with OpenAI's interface on port 8000."""
    if base is None:
        return f"vllm serve {_word(folder)} --served-model-name {_word(name)}\n"
    most = f" --max-lora-rank {rank}" if rank else ""
    return f"vllm serve {_word(base)} --enable-lora{most} --lora-modules {_word(f'{name}={folder}')}\n"


def ollama(name: str) -> str:
    """In the folder with the GGUF file and its Modelfile."""
    called = name.lower()
    return f"ollama create {_word(called)} -f Modelfile\nollama run {_word(called)}\n"


def _word(text: str) -> str:
    """As one word of a POSIX shell."""
    plain = text and all(letter.isalnum() or letter in "/._-=:" for letter in text)
    return text if plain else "'" + text.replace("'", "'\"'\"'") + "'"
