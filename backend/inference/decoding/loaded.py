"""A base model in memory, with the adapters that were attached to it."""

import logging
import time
from pathlib import Path
from typing import Any

import torch
from bitsandbytes.nn import Linear4bit
from peft import PeftModel
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, PreTrainedModel

from backend.errors import ChatError
from backend.inference.decoding.mixing import Mixer
from backend.inference.decoding.threads import Threads
from backend.inference.decoding.voice import SeeingVoice, Voice
from backend.inference.shelf import Quantised, Target
from backend.models.sight.config import PROJECTORS, TOWERS
from backend.models.vocabulary import enlarge, rows, tokenizer_of
from backend.sight import load as sight
from backend.sight.eyes import Eyes
from backend.sight.looker import Looker

MAX_ADAPTERS = 8
PLAIN_LAYERS = ("full_attention", "sliding_attention")
log = logging.getLogger("engine.models")


class Loaded:
    """One base model, what it takes to talk to it, and up to `MAX_ADAPTERS` adapters; the least used one leaves."""

    def __init__(self, target: Target, device: torch.device) -> None:
        """ChatError when the files cannot be had or the architecture cannot be decoded in a padded batch."""
        self.target = target
        self.device = device
        try:
            self.eyes = Eyes(sight.load_processor(target.location)) if target.sees else None
            words = tokenizer_of(target.location, target.adapter if target.alone else None)
            self.voice = self._voice(words, own=words == target.location)
            self.model = load(target, device)
        except OSError as error:
            raise ChatError("chat.not_installed", name=target.base or target.location) from error
        self.model.requires_grad_(requires_grad=False).train(mode=False)
        self.looker = Looker(self.model) if target.sees else None
        # Whether places are counted in three directions.
        self.places = hasattr(getattr(self.model, "model", None), "get_rope_index")
        self.mixer = Mixer()
        self._peft: PeftModel | None = None
        self._used: dict[str, float] = {}
        config = self.model.config.get_text_config()
        self.layers: int = config.num_hidden_layers
        self.context: int = int(getattr(config, "max_position_embeddings", 0) or 2048)
        self.sliding_window, self.layer_types = attention_kinds(config)
        # Only scaled-dot-product attention takes a boolean mask; others add theirs to the scores.
        self.added_mask: torch.dtype | None = None if config._attn_implementation == "sdpa" else self.model.dtype
        with torch.inference_mode():
            self.threads = Threads.measured(self._one_step, device)
        self.ends = frozenset(self.voice.ends | generation_ends(self.model))
        self._voices: dict[Path, Voice] = {}

    def voice_of(self, target: Target) -> Voice:
        """The tokenizer and chat template that this target was trained with; one of its own is read once."""
        if target.words is None or target.alone:
            return self.voice
        if target.words not in self._voices:
            self._voices[target.words] = self._voice(str(target.words), own=False)
        return self._voices[target.words]

    def _voice(self, location: str, *, own: bool) -> Voice:
        """`own`: the words are those of the model, whose processor may have a chat template that they have not."""
        if self.eyes is None:
            return Voice(location)
        return SeeingVoice(location, self.eyes, self.eyes.processor.tokenizer.chat_template if own else None)

    def ends_of(self, target: Target) -> frozenset[int]:
        """The tokens after which this target has said all."""
        return self.ends | self.voice_of(target).ends

    def _one_step(self, rows: int) -> None:
        """A forward pass of one token for each of `rows` rows."""
        self.model(input_ids=torch.zeros((rows, 1), dtype=torch.long, device=self.device), use_cache=False)

    def attach(self, target: Target, busy: set[str]) -> str | None:
        """The name of the target's adapter on this model, put on it if need be while those in `busy` stay.

        None when the base model answers as it is.
        """
        if target.adapter is None or target.alone:
            return None
        if target.label not in self._used:
            self._make_room(busy)
            self._put_on(target.adapter, target.label)
        self._used[target.label] = time.monotonic()
        return target.label

    def _put_on(self, folder: Path, name: str) -> None:
        """ChatError when peft refuses it, so that only its own question fails and not the whole batch."""
        started = time.monotonic()
        try:
            if self._peft is None:
                self._peft = PeftModel.from_pretrained(self.model, str(folder), adapter_name=name, is_trainable=False)
            else:
                self._peft.load_adapter(str(folder), adapter_name=name, is_trainable=False)
        except (ValueError, RuntimeError, KeyError, TypeError, OSError) as error:
            log.exception("adapter %s could not be attached", name)
            raise ChatError("chat.adapter_failed", name=folder.parent.name) from error
        self.mixer.take_over(self.model)
        self.model.train(mode=False)
        log.info("adapter %s attached in %.2f s", name, time.monotonic() - started)

    def _make_room(self, busy: set[str]) -> None:
        idle = sorted(self._used.keys() - busy, key=lambda name: self._used[name])
        while self._peft and len(self._used) >= MAX_ADAPTERS and idle:
            self._used.pop(idle[0])
            self._peft.delete_adapter(idle.pop(0))

    def adapters(self) -> list[str]:
        return list(self._used)

    def memory_bytes(self) -> int:
        return int(self.model.get_memory_footprint())


def load(target: Target, device: torch.device) -> PreTrainedModel:
    """The base model: fp32 on a CPU, half precision on a GPU, quantised as its own files or the adapter's training say.

    On a CPU the rounded weights of a QLoRA base are kept in fp32: the same values, at twice the speed of four bits.
    """
    options: dict[str, Any] = {"dtype": dtype(device), "device_map": {"": device}}
    if target.quantised:
        whole = (*TOWERS, *PROJECTORS) if target.sees else ()
        options["quantization_config"] = four_bits(target.quantised, options["dtype"], whole)
    model = base(target, **options)
    if target.quantised and device.type == "cpu":
        model.dequantize(dtype=torch.float32)
    for module in model.modules():
        # Weights that were saved in four bits stay in four bits. bitsandbytes 0.50 repacks them at the first question
        # to a CPU with bf16 instructions, and an adapter put on after that was on other weights (logits off by 0.5).
        if isinstance(module, Linear4bit):
            module.support_avx512bf16_for_cpu = False
    if target.adapter and target.alone:
        enlarge(model, rows(target.adapter))
        merged: PreTrainedModel = PeftModel.from_pretrained(model, str(target.adapter)).merge_and_unload()
        return merged
    return model


def base(target: Target, **options: Any) -> PreTrainedModel:
    """From files that are on this machine, without programs of their own."""
    options["local_files_only"] = True
    if target.sees:
        return sight.load_model(target.location, "sdpa", **options)
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
        target.location, trust_remote_code=False, use_safetensors=True, **options
    )
    return model


def dtype(device: torch.device) -> torch.dtype:
    if device.type == "cpu":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


def four_bits(quantised: Quantised, compute: torch.dtype, whole: tuple[str, ...] = ()) -> BitsAndBytesConfig:
    """As training rounded the weights; "int8" is the one kind that has eight. `whole`: parts that stay as they are."""
    kept = {"llm_int8_skip_modules": [*(rf".*\.{part}" for part in whole), "lm_head"]} if whole else {}
    if quantised.kind == "int8":
        return BitsAndBytesConfig(load_in_8bit=True, **kept)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=quantised.kind,
        bnb_4bit_use_double_quant=quantised.double,
        bnb_4bit_compute_dtype=compute,
        **kept,
    )


def attention_kinds(config: Any) -> tuple[int | None, frozenset[str]]:
    """The sliding window, if any, and the kinds of attention layers; ChatError when there are kinds without keys."""
    window = getattr(config, "sliding_window", None)
    kinds = getattr(config, "layer_types", None) or ["sliding_attention" if window else "full_attention"]
    if unknown := set(kinds) - set(PLAIN_LAYERS):
        raise ChatError("chat.architecture", kind=", ".join(sorted(unknown)))
    return (window if "sliding_attention" in kinds else None), frozenset(kinds)


def generation_ends(model: PreTrainedModel) -> set[int]:
    """The end tokens in generation_config.json: a number, a list or none."""
    ends = getattr(model.generation_config, "eos_token_id", None)
    if ends is None:
        return set()
    return {int(end) for end in ends} if isinstance(ends, list) else {int(ends)}
