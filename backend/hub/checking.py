"""Whether a folder holds a model that may be loaded: the same for downloads, uploads and folders of this computer."""

from pathlib import Path

from backend.hub import architectures, selection
from backend.hub.architectures import Known
from backend.models import weights
from backend.models.facts import FAMILIES, facts, read_config
from backend.models.sight.config import sees


def require_model(folder: Path, name: str) -> tuple[Known, str]:
    """Its kind, and how its weights are rounded already ("" for not at all); ModelError says why it is none.

    Nothing is loaded: config.json is read, the headers of the safetensors files, and that all of them are there.
    """
    names = [path.name for path in folder.iterdir() if path.is_file()]
    config = read_config(folder)
    kind = architectures.kind_of(str(config.get("model_type", "")))
    if config["model_type"] in FAMILIES or sees(config):
        facts(folder)
    rounded = selection.quantised(config) or ""
    selection.refuse_without_weights(name, names, here=True)
    selection.refuse_without_tokenizer(name, names)
    selection.require_complete(folder)
    weights.require(folder)
    return kind, rounded
