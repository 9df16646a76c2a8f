"""An adapter worked into the weights of its base, so that the result is a model like any other."""

from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from backend.training.network.load import load_tokenizer


def merge(
    location: str, adapter: Path, into: Path, *, dtype: torch.dtype, seen: BitsAndBytesConfig | None = None
) -> None:
    """Write base plus adapter into the folder `into`, as safetensors in `dtype`, with the tokenizer.

    The sum is made in fp32 and rounded once. `seen`: how the base was quantised while the adapter learned; then the
    adapter is added to the rounded weights that it knows, made 32 bits again.
    """
    options: dict[str, Any] = {"quantization_config": seen} if seen else {}
    base: Any = AutoModelForCausalLM.from_pretrained(
        location, dtype=torch.float32, trust_remote_code=False, use_safetensors=True, **options
    )
    if seen:
        base.dequantize(dtype=torch.float32)
    whole: Any = PeftModel.from_pretrained(base, str(adapter)).merge_and_unload(safe_merge=True)
    whole.to(dtype).save_pretrained(str(into))
    load_tokenizer(location).save_pretrained(str(into))
