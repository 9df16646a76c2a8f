"""The words that a model takes as commands, from its tokenizer's files alone."""

import json
from pathlib import Path

# A word without any of these ("the") may be special to a tokenizer and still be written by anybody.
SIGNS = frozenset("<|>[]")


def control_words(folder: Path) -> list[str]:
    """Special tokens such as "<|im_end|>", longest first; [] when the folder has no tokenizer.json."""
    path = folder / "tokenizer.json"
    if not path.is_file():
        return []
    added = json.loads(path.read_text(encoding="utf-8")).get("added_tokens") or []
    words = {str(token["content"]) for token in added if token.get("special")}
    return sorted((word for word in words if SIGNS & set(word)), key=lambda word: (-len(word), word))
