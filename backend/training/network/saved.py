"""What is trained, as files: the adapter in the format of peft, or the whole model; and back again."""

from pathlib import Path

from peft import PeftModel, set_peft_model_state_dict
from safetensors.torch import load_file

from backend.training.network.adapter import Network
from backend.training.ranks.shards import Whole, spread
from backend.training.text.tokens import ADAPTER


def save_weights(model: Network, folder: Path, whole: Whole | None = None) -> None:
    """What was trained, as safetensors: the adapter in the format of peft, or the whole model.

    `whole`: the trained weights, where this process has only a part of them itself.
    """
    if not isinstance(model, PeftModel):
        model.save_pretrained(str(folder), state_dict=whole)
        return
    model.save_pretrained(str(folder), save_embedding_layers=False, selected_adapters=[ADAPTER], state_dict=whole)
    # An empty form of a model card.
    (folder / "README.md").unlink(missing_ok=True)


def load_weights(model: Network, folder: Path) -> None:
    """What `save_weights` wrote."""
    if isinstance(model, PeftModel):
        set_peft_model_state_dict(model, spread(load_file(folder / "adapter_model.safetensors"), model))
        return
    for path in sorted(folder.glob("*.safetensors")):
        # A head that shares the embeddings is not in the file.
        model.load_state_dict(spread(load_file(path), model), strict=False)
