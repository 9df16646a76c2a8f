"""Second stage: on the frozen features, the language model learns to answer about pictures and to describe them.

About ten questions share the tokens of one picture: each sees the picture and itself, none sees another. Half of the
rows have a sentence without picture as well, which sees itself alone; Romanian is met in those only.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from transformers import LlavaForConditionalGeneration, PreTrainedTokenizerFast

from backend.starter.hurry import in_a_hurry
from backend.starter.vision.model import ASSISTANT, END, PAD, PICTURE, PICTURE_TOKENS, USER, token
from backend.starter.vision.scenes import TRAINED, Scene, picture, scene
from backend.starter.vision.sentences import KINDS, LANGUAGES, Asked, ask, capital, statement, telling_words
from backend.starter.vision.tower import Optimizers, Report, features

IGNORED = -100


@dataclass(frozen=True)
class Lessons:
    """Chosen on dev. `weights`: how often each kind is asked; `telling`: the loss of a word that differs between
    answers is 1, that of any other word of an answer `common`, that of a sentence without picture `plain`."""

    steps: int = 2600
    pictures: int = 20
    room: int = 160  # tokens of a row
    learning_rate: float = 4e-3
    warmup: int = 60
    decay: float = 0.5  # share of the steps in which the rate falls
    languages: tuple[str, ...] = ("en", "it")
    plain_languages: tuple[str, ...] = ("en", "it", "ro", "ro")
    weights: tuple[float, ...] = (2.0, 2.0, 1.5, 5.0, 5.0, 2.5, 2.0)  # of KINDS
    common: float = 0.2
    plain: float = 0.5
    with_plain: float = 0.5  # share of rows
    paired: float = 0.4  # share of the sentences without picture that say the same in two languages
    further: float = 0.15  # share of the chats in which a second question follows
    hurried: float = 0.25  # share of questions typed without care for capitals, marks and accents


@dataclass(frozen=True)
class Piece:
    """Tokens of one chat or sentence with the weight of each in the loss; `sees` the picture or not."""

    tokens: list[int]
    weights: list[float]
    sees: bool


class Teacher:
    """Rows of pieces about scenes, drawn by chance."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, chance: random.Random, lessons: Lessons) -> None:
        self.tokenizer, self.chance, self.lessons = tokenizer, chance, lessons
        self._tokens: dict[str, list[int]] = {}
        self.mark = {name: token(tokenizer, name) for name in (PAD, USER, ASSISTANT, END, PICTURE)}
        self.head = [self.mark[USER]] + [self.mark[PICTURE]] * PICTURE_TOKENS
        telling = {part for language in LANGUAGES for word in telling_words(language) for part in self._forms(word)}
        telling.add(self.mark[END])
        self.weight = [1.0 if number in telling else lessons.common for number in range(len(tokenizer))]

    def _forms(self, word: str) -> list[int]:
        return [part for form in (word, f" {word}", capital(word)) for part in self.encode(form)]

    def encode(self, text: str) -> list[int]:
        if text not in self._tokens:
            self._tokens[text] = self.tokenizer.encode(text, add_special_tokens=False)
        return self._tokens[text]

    def row(self, things: Scene) -> list[Piece]:
        """Pieces until the room is used up."""
        lessons, chance = self.lessons, self.chance
        free = lessons.room - len(self.head)
        pieces: list[Piece] = []
        if chance.random() < lessons.with_plain:
            pieces.append(self._plain())
            free -= len(pieces[0].tokens)
        misses = 0
        while misses < 4:
            piece = self._chat(things)
            if len(piece.tokens) > free:
                misses += 1
            else:
                pieces.append(piece)
                free -= len(piece.tokens)
        return pieces

    def _chat(self, things: Scene) -> Piece:
        language = self.chance.choice(self.lessons.languages)
        piece = self.piece(self._asked(things, language))
        if self.chance.random() < self.lessons.further:
            more = self.piece(self._asked(things, language))
            piece = Piece(
                [*piece.tokens, self.mark[USER], *more.tokens], [*piece.weights, 0.0, *more.weights], sees=True
            )
        return piece

    def _asked(self, things: Scene, language: str) -> Asked:
        while True:
            kind = self.chance.choices(KINDS, self.lessons.weights)[0]
            asked = ask(things, kind, language, self.chance)
            if asked:
                hurried = self.chance.random() < self.lessons.hurried
                return Asked(
                    kind, language, in_a_hurry(asked.question, self.chance) if hurried else asked.question, asked.answer
                )

    def piece(self, asked: Asked) -> Piece:
        question = [*self.encode(asked.question), self.mark[END], self.mark[ASSISTANT]]
        answer = [*self.encode(asked.answer), self.mark[END]]
        return Piece(question + answer, [0.0] * len(question) + [self.weight[part] for part in answer], sees=True)

    def _plain(self) -> Piece:
        chance, lessons = self.chance, self.lessons
        things = scene(chance, TRAINED)
        if chance.random() < lessons.paired:
            # The same chance for both, so that both say the same of the same thing.
            seed = chance.getrandbits(32)
            first, second = chance.sample(LANGUAGES, 2)
            said = [statement(things, language, random.Random(seed)) for language in (first, second)]
            text = " = ".join(said)
        else:
            text = self._line(things, chance.choice(lessons.plain_languages))
        tokens = [self.mark[PAD], *self.encode(text), self.mark[PAD]]
        return Piece(tokens, [0.0] + [lessons.plain] * (len(tokens) - 1), sees=False)

    def _line(self, things: Scene, language: str) -> str:
        """A statement; or, as in a book, a question and its answer in one line."""
        if self.chance.random() < 0.5:
            return statement(things, language, self.chance)
        asked = ask(things, self.chance.choice(KINDS), language, self.chance)
        return f"{asked.question} {asked.answer}" if asked else statement(things, language, self.chance)


@dataclass(frozen=True)
class Batch:
    """Rows as tensors: tokens, places, labels and weights (rows, length), mask (rows, 1, length, length)."""

    tokens: torch.Tensor
    places: torch.Tensor
    labels: torch.Tensor
    weights: torch.Tensor
    mask: torch.Tensor


def batch_of(rows: Sequence[Sequence[Piece]], head: Sequence[int], pad: int) -> Batch:
    """Pads to the longest row; a padded place sees itself alone."""
    start = len(head)
    length = max(start + sum(len(piece.tokens) for piece in row) for row in rows)
    shape = (len(rows), length)
    tokens, labels = np.full(shape, pad), np.full(shape, IGNORED)
    weights, places = np.zeros(shape, np.float32), np.zeros(shape, int)
    sees = np.zeros((len(rows), 1, length, length), bool)
    tokens[:, :start], places[:, :start] = head, np.arange(start)
    sees[:, 0, :start, :start] = np.tril(np.ones((start, start), bool))
    for number, row in enumerate(rows):
        at = start
        for piece in row:
            size = len(piece.tokens)
            here = slice(at, at + size)
            counted = np.array(piece.weights) > 0
            tokens[number, here] = piece.tokens
            labels[number, here] = np.where(counted, piece.tokens, IGNORED)
            weights[number, here] = piece.weights
            places[number, here] = (start if piece.sees else 0) + np.arange(size)
            sees[number, 0, here, :start] = piece.sees
            sees[number, 0, here, here] = np.tril(np.ones((size, size), bool))
            at += size
        rest = np.arange(at, length)
        sees[number, 0, rest, rest] = True
    hidden = torch.zeros(sees.shape).masked_fill(~torch.from_numpy(sees), -1e9)
    of = torch.from_numpy
    return Batch(of(tokens), of(places), of(labels), of(weights), hidden)


def language_loss(model: LlavaForConditionalGeneration, seen: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Weighted mean cross-entropy of the next token; `seen` (rows, cells, HIDDEN) takes the places of `<image>`."""
    embedded = model.model.language_model.get_input_embeddings()(batch.tokens)
    embedded = torch.cat([embedded[:, :1], seen, embedded[:, 1 + PICTURE_TOKENS :]], 1)
    hidden = model.model.language_model(
        inputs_embeds=embedded, position_ids=batch.places, attention_mask=batch.mask, use_cache=False
    ).last_hidden_state
    counted = batch.labels[:, 1:] != IGNORED
    loss = cross_entropy(model.lm_head(hidden[:, :-1][counted]), batch.labels[:, 1:][counted], reduction="none")
    weight = batch.weights[:, 1:][counted]
    return (loss * weight).sum() / weight.sum()


def train_language(
    model: LlavaForConditionalGeneration,
    tokenizer: PreTrainedTokenizerFast,
    seed: int,
    lessons: Lessons,
    report: Report = lambda *_: None,
) -> None:
    """Trains the language model in place on pictures that are drawn anew for every step."""
    chance = random.Random(seed + 1)
    teacher = Teacher(tokenizer, chance, lessons)
    optimizers = Optimizers(model.model.language_model.named_parameters(), lessons.learning_rate)
    for step in range(lessons.steps):
        scenes = [scene(chance, TRAINED) for _ in range(lessons.pictures)]
        with torch.no_grad():
            seen = features(model, [picture(one, chance) for one in scenes])
        batch = batch_of([teacher.row(one) for one in scenes], teacher.head, teacher.mark[PAD])
        loss = language_loss(model, seen, batch)
        loss.backward()
        left = (1 - step / lessons.steps) / lessons.decay
        optimizers.step(min(1.0, (step + 1) / lessons.warmup) * min(1.0, max(0.02, left)))
        report(step + 1, loss.item())
