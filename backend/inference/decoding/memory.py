"""How much memory there is for models and their caches, on the processor or on a GPU."""

import ctypes
import gc
import sys
from pathlib import Path

import psutil
import torch

from backend.inference.decoding.loaded import Loaded
from backend.inference.shelf import Target

SPARE = 1.15
CACHE_SHARE = 0.4
MAX_CELLS = 2**20
WORD_BYTES = {"F64": 8, "F32": 4, "BF16": 2, "F16": 2}


def pick(name: str) -> torch.device:
    """ "auto" is the first GPU there is."""
    if name == "auto":
        name = "cuda:0" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def free_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free)
    return int(psutil.virtual_memory().available)


def used_bytes(device: torch.device) -> int:
    """What this process holds: on a GPU reserved by torch, else its resident set."""
    if device.type == "cuda":
        return int(torch.cuda.memory_reserved(device))
    return int(psutil.Process().memory_info().rss)


def give_back(device: torch.device) -> None:
    """After models were let go: hand their memory back to the GPU or to the system.

    The C library keeps freed memory for itself until it is asked.
    """
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # not in every C library
        if trim is not None:
            trim(0)


def needed_bytes(target: Target, device: torch.device) -> int:
    """What loading will take, from the size of the weight files; 0 when they are not in a folder we can see.

    Files are nearly always in 16 bits: in fp32 on a CPU they take twice their size, in four bits a good quarter.
    """
    files = sum(path.stat().st_size for path in Path(target.location).glob("*.safetensors"))
    factor = 2.0 if device.type == "cpu" else 0.35 if target.quantised else 1.0
    return int(files * factor * SPARE)


def cells(loaded: Loaded) -> int:
    """How many tokens the caches of all answers may hold together, from what is free after loading."""
    config = loaded.model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    token_bytes = 2 * loaded.layers * heads * size * loaded.model.dtype.itemsize
    return min(MAX_CELLS, int(free_bytes(loaded.device) * CACHE_SHARE / token_bytes))
