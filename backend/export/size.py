"""How much memory and disk an export takes, before it is started."""

from backend.export.request import Choice
from backend.export.source import Source

# torch, transformers and peft, loaded.
IMPORTS = 700 * 10**6
BYTES = {"float16": 2, "bfloat16": 2, "float32": 4}
SPARE = 20 * 10**6


def memory_bytes(source: Source, choice: Choice) -> int:
    """The larger of merging (all weights, and three copies of the largest matrix in fp32) and of the check after it,
    for which the chat has the model in fp32 on a CPU.
    """
    facts = source.facts()
    largest = max([facts.vocab_size * facts.hidden_size, *(one.parameters for one in facts.linears)])
    merging = facts.parameters * BYTES[_dtype(source, choice)] + 3 * 4 * largest
    return IMPORTS + int(max(merging, facts.parameters * 4) * 1.1)


def disk_bytes(source: Source, choice: Choice) -> int:
    """All that lies on the disk at once: a GGUF file is made from a merged model, and read back into another; an
    adapter alone is only copied.
    """
    if choice.to == "capsule" or (choice.to == "hub" and choice.what == "adapter" and source.adapter):
        carried = choice.to == "hub" or choice.weights
        return SPARE + (sum(path.stat().st_size for path in source.made.iterdir()) if carried else 0)
    count = source.facts().parameters
    if choice.to == "gguf":
        return int(count * (2 + (2 if choice.precision == "f16" else 1.0625) + 2)) + SPARE
    return count * BYTES[_dtype(source, choice)] + SPARE


def _dtype(source: Source, choice: Choice) -> str:
    if choice.to == "gguf":
        return "float16"
    return source.stored() if choice.dtype == "auto" else choice.dtype
