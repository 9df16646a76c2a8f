"""Which rows a run trains on and which it is measured on, as documents."""

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase

from backend.data import check, checks, intact, rows
from backend.data.split import split, trained
from backend.errors import DataError
from backend.models.control_words import control_words
from backend.recipes.schema import Recipe
from backend.training.request import TrainRequest
from backend.training.text.batches import Document
from backend.training.text.chat import ChatFormat
from backend.training.text.corpora import Streamed
from backend.training.text.pairs import Pair, pairs

AT_ONCE = 256
"""Conversations that are tokenised together."""


@dataclass(frozen=True)
class Material:
    """`train` and `held_out` are documents, or pairs where the recipe's objective is preference; `chat` is None where
    it is plain text. `dropped` rows of `train` had no answer that fits, `cut` pairs one that does not fit whole.

    `streamed`: texts that are read while they are trained on; then `train` is empty. `check`: rows of the check set by
    group, without the `known` ones, which are trained on. `shown`: rows that are asked about with their pictures.
    """

    train: list[Any]
    held_out: list[Any]
    chat: ChatFormat | None
    dropped: int = 0
    cut: int = 0
    check: dict[str, list[rows.Row]] = field(default_factory=dict)
    known: int = 0
    streamed: Streamed | None = None
    shown: list[rows.Row] = field(default_factory=list)

    @property
    def count(self) -> int:
        """What an epoch has: documents, or full windows of texts that are streamed."""
        return self.streamed.windows if self.streamed else len(self.train)


def material(request: TrainRequest, tokenizer: PreTrainedTokenizerBase) -> Material:
    """Read, split, mix and tokenise the rows of a request, once. DataError or ModelError for what cannot be learned."""
    recipe = request.recipe
    check.refuse_other_shape(request.data, recipe.objective)
    for dataset in filter(None, (request.data, request.replay)):
        intact.require(dataset)
    if request.check:
        intact.state(request.check)  # what is only asked may have changed
    every = list(rows.read(request.data.path))
    check.control_words(every, control_words(request.model.folder))
    learned, held_out = split(every, recipe.watching.eval_share, recipe.compute.seed)
    if request.replay is not None:
        learned += replayed(request, len(learned))
    if recipe.objective == "text":
        read: list[list[Any]] = [list(texts(part, tokenizer, recipe.batch.max_length)) for part in (learned, held_out)]
        return Material(some(read[0], request), read[1], None)
    chat = ChatFormat.of(tokenizer, request.model.name, recipe.new_tokens)
    check.refuse_known_questions(learned, [asked.question for asked in recipe.watching.questions])
    read_as: Callable[..., Iterator[Any]] = pairs if recipe.objective == "preference" else chats
    read = [list(read_as(part, chat, recipe.batch.max_length)) for part in (learned, held_out)]
    asked = checks.grouped(request.check.path, recipe.watching.check_questions) if request.check else {}
    unknown = checks.unknown(asked, learned)
    known = sum(map(len, asked.values())) - sum(map(len, unknown.values()))
    dropped = len(learned) - len(read[0])
    cut = sum(isinstance(one, Pair) and one.cut for one in read[0])
    return Material(some(read[0], request), read[1], chat, dropped=dropped, cut=cut, check=unknown, known=known)


def replayed(request: TrainRequest, count: int) -> list[rows.Row]:
    """Rows of the second data set, as many as make `share` of all when `count` others are trained on."""
    assert request.replay is not None
    pool = [row for row in rows.read(request.replay.path) if trained(row)]
    check.control_words(pool, control_words(request.model.folder))
    return drawn(pool, count, request.recipe)


def drawn(pool: list[rows.Row], count: int, recipe: Recipe) -> list[rows.Row]:
    """As many rows of a second data set as make the share of all that the recipe wants beside `count` others."""
    wanted = round(count * recipe.replay.share / (1 - recipe.replay.share))
    draw = random.Random(recipe.compute.seed)
    picked: list[rows.Row] = []
    while len(picked) < wanted:
        picked += draw.sample(pool, min(len(pool), wanted - len(picked)))
    return picked


def chats(found: Iterable[rows.Row], chat: ChatFormat, max_length: int) -> Iterator[Document]:
    """One document per conversation, cut at `max_length`; one with nothing left to learn is dropped."""
    every, first = iter(found), 1
    while batch := [row["messages"] for row in islice(every, AT_ONCE)]:
        for document in chat.documents(batch, first=first):
            cut = Document(document.tokens[:max_length], document.learned[:max_length])
            if cut.learned.any():
                yield cut
        first += len(batch)


def texts(found: Iterable[rows.Row], tokenizer: PreTrainedTokenizerBase, max_length: int) -> Iterator[Document]:
    """Windows of at most `max_length` tokens, each text ended by the tokenizer's end; all but the first are learned."""
    end = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
    for row in found:
        encoded: Any = tokenizer(row["text"], add_special_tokens=False)
        tokens: list[int] = [*encoded["input_ids"], *end]
        for at in range(0, len(tokens), max_length):
            window = torch.tensor(tokens[at : at + max_length], dtype=torch.int32)
            learned = torch.ones(len(window), dtype=torch.bool)
            learned[0] = False
            if len(window) > 1:
                yield Document(window, learned)


def some(documents: list[Any], request: TrainRequest) -> list[Any]:
    """The same documents; DataError when there are none."""
    if not documents:
        raise DataError("training.nothing_to_learn", data=request.data.name, length=request.recipe.batch.max_length)
    return documents
