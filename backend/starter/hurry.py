"""Questions as somebody types who does not care for capitals, marks and accents, so that those are answered too."""

import random
from collections.abc import Callable

from backend.starter.splits import Chat
from backend.starter.topics import SMALL_TALK

PLAIN = str.maketrans("àèéìòùÈăâîșțĂÂÎȘȚ", "aeeiouEaaistAAIST", '"«»„”')
CARELESS: tuple[Callable[[str], str], ...] = (
    str.lower,
    lambda text: text.rstrip(".?!"),
    lambda text: text.translate(PLAIN),
)
EACH = 0.6  # how likely each of these is


def typed_in_a_hurry(chat: Chat, chance: random.Random) -> str:
    """The question of `chat` in a hurry. Small talk stays as it is: there, ways of writing are the wordings, and some
    of them are held out."""
    return chat.question if chat.topic == SMALL_TALK else in_a_hurry(chat.question, chance)


def in_a_hurry(question: str, chance: random.Random) -> str:
    """Without capitals, last mark, or quotation marks and accents: all, some or none of these."""
    for change in CARELESS:
        if chance.random() < EACH:
            question = change(question)
    return question
