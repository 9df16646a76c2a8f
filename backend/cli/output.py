"""What a headless command prints: sentences on standard error, one JSON object as the last line of standard output."""

import json
import sys
from typing import Any


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def answer(values: dict[str, Any], *, as_json: bool, text: str = "") -> None:
    """`values` as one line of JSON, or `text` for a person."""
    print(json.dumps(values, ensure_ascii=False) if as_json else text, flush=True)
