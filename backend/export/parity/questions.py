"""What both models are asked: a run's own test questions and those of its check set, as many of each language."""

from itertools import chain, zip_longest
from typing import Any

from backend.data import checks
from backend.inference.ask import Message
from backend.paths import ROOT

MOST = 32
# For a run that had none: short, and in the languages of the studio.
OWN = ("Hello. What can you do?", "Bună ziua. Ce poți face?", "Buongiorno. Che cosa sai fare?")


def of(request: dict[str, Any]) -> list[list[Message]]:
    """Conversations that wait for an answer, from a run's request.json."""
    recipe, check = request.get("recipe") or {}, request.get("check") or {}
    asked = [str(one["question"]) for one in (recipe.get("watching") or {}).get("questions", [])]
    found = [[{"role": "user", "content": text}] for text in asked]
    path = ROOT / str(check.get("path", ""))
    if check and path.is_file():
        groups = [[list(row["messages"][:-1]) for row in rows] for rows in checks.grouped(path, MOST).values()]
        found += [one for one in chain.from_iterable(zip_longest(*groups)) if one]
    return found[:MOST] or [[{"role": "user", "content": text}] for text in OWN]
