"""What is trained, as files: the adapter in the format of peft, or the whole model; and back again."""

from pathlib import Path

from peft import PeftModel, set_peft_model_state_dict
from safetensors.torch import load_file

from backend.training.network.adapter import Network
from backend.training.text.tokens import ADAPTER


def save_weights(model: Network, folder: Path) -> None:
    """What was trained, as safetensors: the adapter in the format of peft, or the whole model."""
    if not isinstance(model, PeftModel):
        model.save_pretrained(str(folder))
        return
    model.save_pretrained(str(folder), save_embedding_layers=False, selected_adapters=[ADAPTER])
    # An empty form of a model card.
    (folder / "README.md").unlink(missing_ok=True)


def load_weights(model: Network, folder: Path) -> None:
    """What `save_weights` wrote."""
    if isinstance(model, PeftModel):
        set_peft_model_state_dict(model, load_file(folder / "adapter_model.safetensors"))
        return
    for path in sorted(folder.glob("*.safetensors")):
        model.load_state_dict(load_file(path), strict=False)  # a head that shares the embeddings is not in the file
