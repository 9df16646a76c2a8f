"""What both models are asked: a run's own test questions and those of its check set, as many of each language; a model
that sees is asked about the pictures that the run was watched with.
"""

from itertools import chain, zip_longest
from typing import Any

from backend.data import checks
from backend.export.source import Source
from backend.inference.ask import Message
from backend.jobs import events
from backend.jobs.folder import RunFolder
from backend.paths import ROOT, SAMPLE_PICTURES

MOST = 32
# Of a model that sees: so many are about pictures, which take longer than words.
MOST_SHOWN = 12
# For a run that had none: short, and in the languages of the studio.
OWN = ("Hello. What can you do?", "Bună ziua. Ce poți face?", "Buongiorno. Che cosa sai fare?")
SHOWN = ("What does the picture show?", "Ce arată imaginea?", "Che cosa mostra l'immagine?")


def asked(source: Source) -> list[list[Message]]:
    """Conversations that wait for an answer; pictures in them are the bytes of their files."""
    if not source.sees:
        return of(source.request)
    shown = about_pictures(source.folder)[:MOST_SHOWN] or shipped()
    return [*shown, *of(source.request)[: MOST - len(shown)]]


def of(request: dict[str, Any]) -> list[list[Message]]:
    """Of words alone, from a run's request.json."""
    recipe, check = request.get("recipe") or {}, request.get("check") or {}
    own = [str(one["question"]) for one in (recipe.get("watching") or {}).get("questions", [])]
    found = [[{"role": "user", "content": text}] for text in own]
    path = ROOT / str(check.get("path", ""))
    if check and path.is_file():
        groups = [[list(row["messages"][:-1]) for row in rows] for rows in checks.grouped(path, MOST).values()]
        found += [one for one in chain.from_iterable(zip_longest(*groups)) if one]
    return found[:MOST] or [[{"role": "user", "content": text}] for text in OWN]


def about_pictures(folder: RunFolder) -> list[list[Message]]:
    """What a run was asked about pictures while it learned, each once; without those whose pictures are gone."""
    samples = [one for one in folder.said() if isinstance(one, events.Sample) and one.pictures]
    different = dict.fromkeys((one.question, one.pictures) for one in samples)
    kept = [(text, [folder.path / name for name in names]) for text, names in different]
    return [
        _about([path.read_bytes() for path in paths], text)
        for text, paths in kept
        if all(path.is_file() for path in paths)
    ]


def shipped() -> list[list[Message]]:
    """For a run that was watched with none: pictures of the studio, in its languages."""
    pictures = sorted(SAMPLE_PICTURES.glob("*.png"))
    return [_about([path.read_bytes()], text) for path, text in zip(pictures, SHOWN, strict=False)]


def _about(pictures: list[bytes], text: str) -> list[Message]:
    shown = [{"type": "image", "image": picture} for picture in pictures]
    return [{"role": "user", "content": [*shown, {"type": "text", "text": text}]}]
