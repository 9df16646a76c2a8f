"""The starter's shipped chats and check questions: `python -m backend.starter.chats` writes them from the tables."""

import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

from backend.data.rows import plain
from backend.paths import SAMPLE_DATA
from backend.starter.hurry import typed_in_a_hurry
from backend.starter.preferences import pairs
from backend.starter.splits import Chat, splits
from backend.starter.topics import LANGUAGES

Row = dict[str, Any]

CONVERSATIONS = 500  # of several questions, in each language, so that a second or fourth question is nothing new
TURNS = (2, 3, 4)
HURRIED = 0.5  # share of their questions typed without care for capitals, marks and accents
CHECKED = 30  # questions in each language


def romanian() -> list[Row]:
    """Every Romanian training chat, and some of them again one after another in longer conversations."""
    return _shuffled(_rows("ro"))


def english_and_italian() -> list[Row]:
    """What the starter was made from, in the same form: to be replayed while it learns something else."""
    return _shuffled([*_rows("en"), *_rows("it")])


def romanian_sentences() -> list[Row]:
    """The answers of the Romanian training chats, as plain sentences."""
    return _shuffled({"text": sentence} for sentence in sorted({chat.answer for chat in _training("ro")}))


def checks() -> list[Row]:
    """Dev questions, the same ones in each language and of all topics alike, to ask before and after a training.

    A question that training rows ask in other capitals is left out: its answer would show nothing.
    """
    by_topic: dict[str, list[tuple[str, str, int]]] = {}
    by_language: dict[str, dict[tuple[str, str, int], Chat]] = {language: {} for language in LANGUAGES}
    for chat in splits().dev.new_wordings:
        by_language[chat.language][chat.key] = chat
        if chat.language == LANGUAGES[0]:
            by_topic.setdefault(chat.topic, []).append(chat.key)
    chance = random.Random(4)
    for keys in by_topic.values():
        chance.shuffle(keys)
    trained = {plain(words) for language in LANGUAGES for row in _rows(language) for words in _questions(row)}
    known = {key for chats in by_language.values() for key, chat in chats.items() if plain(chat.question) in trained}
    in_turn = [key for keys in zip_longest(*by_topic.values()) for key in keys if key and key not in known]
    return [
        {**_conversation([by_language[language][key]]), "language": language}
        for language in LANGUAGES
        for key in in_turn[:CHECKED]
    ]


def _questions(row: Row) -> Iterator[str]:
    return (message["content"] for message in row["messages"] if message["role"] == "user")


TRAINED_ON = {
    "chats/starter-ro.jsonl": romanian,
    "chats/starter-en-it.jsonl": english_and_italian,
    "chats/starter-ro-plain.jsonl": romanian_sentences,
    "chats/starter-pairs.jsonl": pairs,
}
FILES = {**TRAINED_ON, "checks/starter-dev.jsonl": checks}


def write(folder: Path) -> None:
    """Write all files; the same bytes on every machine."""
    for name, rows in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("".join(lines(rows())), "utf-8")


def lines(rows: Iterable[Row]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(row, ensure_ascii=False) + "\n"


def _training(language: str) -> list[Chat]:
    return [chat for chat in splits().train if chat.language == language]


def _rows(language: str) -> list[Row]:
    """Every training chat alone, as it should be written, then some in conversations, about half typed in a hurry."""
    chats = _training(language)
    chance = random.Random(2)
    longer = [chance.sample(chats, chance.choice(TURNS)) for _ in range(CONVERSATIONS)]
    hurried = [[replace(chat, question=_asked(chat, chance)) for chat in together] for together in longer]
    return [_conversation(together) for together in (*([chat] for chat in chats), *hurried)]


def _asked(chat: Chat, chance: random.Random) -> str:
    return typed_in_a_hurry(chat, chance) if chance.random() < HURRIED else chat.question


def _conversation(chats: Iterable[Chat]) -> Row:
    messages: list[dict[str, str]] = []
    for chat in chats:
        messages.append({"role": "user", "content": chat.question})
        messages.append({"role": "assistant", "content": chat.answer})
    return {"messages": messages}


def _shuffled(rows: Iterable[Row]) -> list[Row]:
    listed = list(rows)
    random.Random(3).shuffle(listed)
    return listed


if __name__ == "__main__":
    write(SAMPLE_DATA)
