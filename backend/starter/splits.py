"""Every chat of the starter, and which of them are for training, for choices (dev) and for the final figure (test).

Two things are held out. *New wordings*: a pair of entity and wording, the same pair in the three languages, so that no
language gives it away. *Unseen entities*: known in English and Italian, never mentioned in Romanian training rows.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from backend.starter.topics import LANGUAGES, Topic, topics

HELD_OUT_PER_TOPIC = 20


@dataclass(frozen=True)
class Chat:
    """One question and its only right answer."""

    language: str
    topic: str
    entity: str
    wording: int
    question: str
    answer: str

    @property
    def key(self) -> tuple[str, str, int]:
        """The same in the three languages."""
        return self.topic, self.entity, self.wording


@dataclass(frozen=True)
class Split:
    """`new_wordings` has the three languages; `unseen_entities` is Romanian, for English and Italian train on them."""

    new_wordings: tuple[Chat, ...]
    unseen_entities: tuple[Chat, ...]


@dataclass(frozen=True)
class Splits:
    train: tuple[Chat, ...]
    dev: Split
    test: Split


@cache
def splits() -> Splits:
    """The splits, the same on every machine and for every seed of a training."""
    held = {name: frozenset(_held_out(name)) for name in ("dev", "test")}
    unseen = {name: {(topic.name, key) for topic in topics() for key in topic.unseen[name]} for name in held}
    train: list[Chat] = []
    new_wordings: dict[str, list[Chat]] = {"dev": [], "test": []}
    unseen_entities: dict[str, list[Chat]] = {"dev": [], "test": []}
    for chat in _every_chat():
        wording_of = next((name for name in held if chat.key in held[name]), None)
        entity_of = next((name for name in unseen if chat.key[:2] in unseen[name]), None)
        if wording_of:
            new_wordings[wording_of].append(chat)
        elif entity_of and chat.language == "ro":
            unseen_entities[entity_of].append(chat)
        else:
            train.append(chat)
    dev, test = (Split(tuple(new_wordings[name]), tuple(unseen_entities[name])) for name in ("dev", "test"))
    return Splits(tuple(train), dev, test)


def _every_chat() -> Iterator[Chat]:
    for topic in topics():
        for entity in topic.entities:
            for wording, question in enumerate(topic.questions):
                for language in LANGUAGES:
                    asked = topic.sentence(question[language], entity, language)
                    answer = topic.sentence(topic.answer[language], entity, language)
                    yield Chat(language, topic.name, entity, wording, asked, answer)


def _held_out(split: str) -> Iterator[tuple[str, str, int]]:
    """(topic, entity, wording) of `split`; an entity gives at most one wording, to one split."""
    for topic in topics():
        entities = _shuffled_entities(topic)
        count = min(HELD_OUT_PER_TOPIC, len(entities) // 2)
        start = 0 if split == "dev" else count
        for place, entity in enumerate(entities[start : start + count]):
            yield topic.name, entity, place % len(topic.questions)


def _shuffled_entities(topic: Topic) -> list[str]:
    hidden = topic.unseen["dev"] | topic.unseen["test"]
    entities = [entity for entity in topic.entities if entity not in hidden]
    random.Random(topic.name).shuffle(entities)
    return entities
