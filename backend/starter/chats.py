"""The shipped data sets of the starter: `python -m backend.starter.chats` writes sample_data/chats from the tables."""

import json
import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from backend.paths import SAMPLE_DATA
from backend.starter.splits import Chat, splits

Row = dict[str, Any]

CONVERSATIONS = 500  # of several questions, in each language, so that a second or fourth question is nothing new
TURNS = (2, 3, 4)


def romanian() -> list[Row]:
    """Every Romanian training chat, and some of them again one after another in longer conversations."""
    return _shuffled(_rows("ro"))


def english_and_italian() -> list[Row]:
    """What the starter was made from, in the same form: to be replayed while it learns something else."""
    return _shuffled([*_rows("en"), *_rows("it")])


def romanian_sentences() -> list[Row]:
    """The answers of the Romanian training chats, as plain sentences."""
    return _shuffled({"text": sentence} for sentence in sorted({chat.answer for chat in _training("ro")}))


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


def _training(language: str) -> list[Chat]:
    return [chat for chat in splits().train if chat.language == language]


def _rows(language: str) -> list[Row]:
    chats = _training(language)
    chance = random.Random(2)
    longer = [chance.sample(chats, chance.choice(TURNS)) for _ in range(CONVERSATIONS)]
    return [_conversation(together) for together in (*([chat] for chat in chats), *longer)]


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
