"""Which types of model the installed transformers knows, read from its source without importing it."""

import ast
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from backend.errors import ModelError

Known = Literal["text", "vision"]
TABLES: dict[Known, str] = {
    "vision": "MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES",
    "text": "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES",
}


def kind_of(model_type: str) -> Known:
    """What a model of this type reads; ModelError when transformers has no text or vision model of it."""
    for kind in TABLES:  # what stands in both reads pictures too
        if model_type in _table(kind):
            return kind
    raise ModelError("models.unknown_type", type=model_type[:60], version=installed())


def installed() -> str:
    return ".".join(version("transformers").split(".")[:2])


@cache
def _table(kind: Known) -> frozenset[str]:
    spec = find_spec("transformers")
    if spec is None or spec.origin is None:
        return frozenset()
    source = Path(spec.origin).parent / "models" / "auto" / "modeling_auto.py"
    wanted = TABLES[kind]
    for node in ast.parse(source.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == wanted:
            pairs = (pair.elts[0] for pair in ast.walk(node.value) if isinstance(pair, ast.Tuple))
            return frozenset(str(first.value) for first in pairs if isinstance(first, ast.Constant))
    raise LookupError(wanted)
