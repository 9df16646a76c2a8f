"""A folder of transformers becomes a GGUF file, tensor by tensor: never more than one of them is in memory.

Names and order of rows as llama.cpp wants them (gguf-py and `convert_hf_to_gguf.py` of github.com/ggml-org/llama.cpp,
gguf 0.19); for the Llama, Mistral and Qwen families.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from gguf import (
    MODEL_ARCH,
    MODEL_ARCH_NAMES,
    GGMLQuantizationType,
    GGUFWriter,
    LlamaFileType,
    TensorNameMap,
    get_tensor_name_map,
    quants,
)
from safetensors import safe_open

from backend.errors import ModelError
from backend.export.gguf import metadata, vocabulary
from backend.models.facts import ModelFacts, facts, read_config
from backend.models.weights import files

Precision = Literal["f16", "q8_0"]
FAMILIES = {
    "llama": MODEL_ARCH.LLAMA,
    "mistral": MODEL_ARCH.LLAMA,
    "qwen2": MODEL_ARCH.QWEN2,
    "qwen3": MODEL_ARCH.QWEN3,
}
KINDS = {
    "f16": (GGMLQuantizationType.F16, LlamaFileType.MOSTLY_F16),
    "q8_0": (GGMLQuantizationType.Q8_0, LlamaFileType.MOSTLY_Q8_0),
}
BLOCK = 32
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Entry:
    """One tensor: what it is called there, where it is here, its shape, and the type it is written in."""

    name: str
    source: str
    file: Path
    shape: tuple[int, ...]
    kind: GGMLQuantizationType


def write(model: Path, path: Path, precision: Precision, *, name: str) -> None:
    """Write the model in the folder `model` (16 or 32 bits) to `path`. ModelError for what cannot be written so."""
    known, config = facts(model), read_config(model)
    arch = family(known.model_type)
    words = vocabulary.read(model, known.vocab_size)
    kind, file_type = KINDS[precision]
    entries = list(_entries(model, get_tensor_name_map(arch, known.layers), kind))
    writer = GGUFWriter(path, MODEL_ARCH_NAMES[arch])
    metadata.add(writer, known, config, name=name, file_type=file_type)
    vocabulary.add(writer, words)
    extra = metadata.rope_factors(config, known.head_dim)
    if extra is not None:
        writer.add_tensor("rope_freqs.weight", extra)
    for entry in entries:
        _announce(writer, entry)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    if extra is not None:
        writer.write_tensor_data(extra)
    for entry in entries:
        writer.write_tensor_data(_made(entry, arch, known))
    writer.close()


def family(model_type: str) -> MODEL_ARCH:
    """ModelError for a type that only llama.cpp's own converter knows."""
    if model_type not in FAMILIES:
        raise ModelError("export.gguf_family", type=model_type, families=", ".join(sorted(FAMILIES)))
    return FAMILIES[model_type]


def _entries(model: Path, names: TensorNameMap, kind: GGMLQuantizationType) -> Iterator[Entry]:
    for file in files(model):
        with safe_open(file, framework="np") as opened:
            for source in opened.keys():  # noqa: SIM118 - safe_open is no mapping
                name = names.get_name(source, try_suffixes=(".weight", ".bias"))
                if name is None:
                    raise ModelError("export.gguf_tensor", tensor=source)
                shape = tuple(opened.get_slice(source).get_shape())
                yield Entry(name, source, file, shape, _type(shape, kind))


def _type(shape: tuple[int, ...], wanted: GGMLQuantizationType) -> GGMLQuantizationType:
    """Vectors stay fp32; a matrix whose rows are no whole blocks cannot be Q8_0."""
    if len(shape) < 2:
        return GGMLQuantizationType.F32
    whole = wanted is not GGMLQuantizationType.Q8_0 or shape[-1] % BLOCK == 0
    return wanted if whole else GGMLQuantizationType.F16


def _announce(writer: GGUFWriter, entry: Entry) -> None:
    if entry.kind is GGMLQuantizationType.Q8_0:
        shape = quants.quant_shape_to_byte_shape(entry.shape, entry.kind)
        writer.add_tensor_info(entry.name, shape, np.dtype(np.uint8), int(np.prod(shape)), raw_dtype=entry.kind)
        return
    kind: np.dtype[Any] = np.dtype(np.float32 if entry.kind is GGMLQuantizationType.F32 else np.float16)
    writer.add_tensor_info(entry.name, entry.shape, kind, int(np.prod(entry.shape)) * kind.itemsize)


def _made(entry: Entry, arch: MODEL_ARCH, known: ModelFacts) -> Array:
    with safe_open(entry.file, framework="np") as opened:
        values: Array = opened.get_tensor(entry.source)
    if arch is MODEL_ARCH.LLAMA:
        for part, heads in (("q_proj", known.heads), ("k_proj", known.kv_heads)):
            if entry.source.rsplit(".", 1)[0].endswith(part):
                values = paired(values, heads)
    return quants.quantize(np.ascontiguousarray(values), entry.kind)


def paired(values: Array, heads: int) -> Array:
    """Rows of a query or key matrix (or its bias) in llama.cpp's order for rotary positions.

    transformers turns the halves of a head against each other, llama.cpp neighbours of the `llama` architecture.
    """
    halves = values.reshape(heads, 2, values.shape[0] // heads // 2, *values.shape[1:])
    return halves.swapaxes(1, 2).reshape(values.shape)
