"""The shipped data sets of the starter: `python -m backend.starter.chats` writes sample_data/chats from the tables."""

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from backend.paths import SAMPLE_DATA
from backend.starter.splits import Chat, splits

Row = dict[str, Any]

TWO_TURNS = 500  # Romanian conversations of two questions, so that a second question is nothing new


def romanian() -> list[Row]:
    """Every Romanian training chat, and some of them again as conversations of two turns."""
    chats = _training(["ro"])
    chance = random.Random(2)
    pairs = [chance.sample(chats, 2) for _ in range(TWO_TURNS)]
    return _shuffled([*(_conversation([chat]) for chat in chats), *(_conversation(pair) for pair in pairs)])


def english_and_italian() -> list[Row]:
    """What the starter was made from: to be replayed while it learns something else."""
    return _shuffled(_conversation([chat]) for chat in _training(["en", "it"]))


def romanian_sentences() -> list[Row]:
    """The answers of the Romanian training chats, as plain sentences."""
    return _shuffled({"text": sentence} for sentence in sorted({chat.answer for chat in _training(["ro"])}))


FILES = {
    "starter-ro.jsonl": romanian,
    "starter-en-it.jsonl": english_and_italian,
    "starter-ro-plain.jsonl": romanian_sentences,
}


def write(folder: Path) -> None:
    """Write all files; the same bytes on every machine."""
    for name, rows in FILES.items():
        (folder / name).write_text("".join(lines(rows())), "utf-8")


def lines(rows: Iterable[Row]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(row, ensure_ascii=False) + "\n"


def _training(languages: Sequence[str]) -> list[Chat]:
    return [chat for chat in splits().train if chat.language in languages]


def _conversation(chats: Iterable[Chat]) -> Row:
    messages = []
    for chat in chats:
        messages.append({"role": "user", "content": chat.question})
        messages.append({"role": "assistant", "content": chat.answer})
    return {"messages": messages}


def _shuffled(rows: Iterable[Row]) -> list[Row]:
    listed = list(rows)
    random.Random(3).shuffle(listed)
    return listed


if __name__ == "__main__":
    write(SAMPLE_DATA / "chats")
