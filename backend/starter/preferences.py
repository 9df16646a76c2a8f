"""The starter's shipped pairs of answers: the right one, and one that is wrong in one of two ways."""

import random
from collections.abc import Iterator
from typing import Any

from backend.starter.splits import Chat, splits
from backend.starter.topics import SMALL_TALK

LANGUAGES = ("ro", "it")
EACH = 400  # in each language


def pairs() -> list[dict[str, Any]]:
    """Romanian and Italian questions with their right answer as the better one. The worse one is, in turn, the same
    answer in the other language, and an answer of the same kind about something else.
    """
    rows = [row for language in LANGUAGES for row in _of(language)]
    random.Random(6).shuffle(rows)
    return rows


def _of(language: str) -> Iterator[dict[str, Any]]:
    other = next(one for one in LANGUAGES if one != language)
    known = {chat.key: chat for chat in splits().train if chat.language == other}
    chats = [
        chat for chat in splits().train if chat.language == language and chat.topic != SMALL_TALK and chat.key in known
    ]
    chance = random.Random(5)
    for at, chat in enumerate(chance.sample(chats, EACH)):
        wrong = known[chat.key] if at % 2 else chance.choice(_beside(chat, chats))
        yield {
            "prompt": [{"role": "user", "content": chat.question}],
            "chosen": chat.answer,
            "rejected": wrong.answer,
        }


def _beside(chat: Chat, chats: list[Chat]) -> list[Chat]:
    """Chats of the same topic with another answer."""
    return [one for one in chats if one.topic == chat.topic and one.answer != chat.answer]
