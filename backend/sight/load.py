"""A vision-language model and its processor, from safetensors only, without programs of their own."""

from pathlib import Path
from typing import Any

from transformers import AutoModelForImageTextToText, AutoProcessor, PreTrainedModel, ProcessorMixin

from backend.models import templates
from backend.models.facts import read_config
from backend.models.sight.config import sees


def looks(location: str | Path) -> bool:
    """Whether the model in this folder can be shown pictures; ModelError when its config cannot be read."""
    return sees(read_config(Path(location)))


def load_processor(location: str | Path, template: str = "auto") -> ProcessorMixin:
    """What turns pictures and words into the model's inputs. Its tokenizer has its chat template too: that of the
    model, or the one of this name.
    """
    found: Any = AutoProcessor.from_pretrained(str(location), trust_remote_code=False)
    if template != "auto":
        found.chat_template = templates.named(template)
    found.tokenizer.chat_template = found.chat_template or found.tokenizer.chat_template
    processor: ProcessorMixin = found
    return processor


def load_model(location: str | Path, attention: str, **options: Any) -> PreTrainedModel:
    """The model. `attention`: how its language model attends, as transformers calls it; the tower does so as usual."""
    model: PreTrainedModel = AutoModelForImageTextToText.from_pretrained(
        str(location),
        attn_implementation={"text_config": attention, "vision_config": "sdpa"},
        trust_remote_code=False,
        use_safetensors=True,
        **options,
    )
    return model
