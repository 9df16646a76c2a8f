"""From the corpora of a request to the stream of texts a run trains on, and the few it is measured on.

Control words in a text are tokenised as what anybody may write: nobody can look through 45 GB beforehand, and a run of
days must not end at one of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from transformers import PreTrainedTokenizerBase

from backend.data import intact
from backend.data.corpora import index
from backend.data.corpora.order import Mixture
from backend.data.corpora.share import HELD_DOCUMENTS, HELD_TOKENS, Weighed, held_of
from backend.paths import Workspace
from backend.recipes.schema import Recipe
from backend.training.request import TrainRequest
from backend.training.text.batches import Document
from backend.training.text.windows import Corpus, Position, Texts, Tokenise, document

SAMPLE = 256
"""Documents of each corpus that say how many tokens a byte makes."""
LOOKED_AT = 64
"""Windows that an adapter that begins with what the texts look like is shown."""


@dataclass(frozen=True)
class Streamed:
    """`windows`: how many full windows all texts make, judged by a sample of each corpus."""

    texts: Texts
    held_out: list[Document]
    windows: int

    def first(self) -> list[Document]:
        """What the run begins with."""
        found: list[Document] = []
        at = Position()
        for _ in range(min(LOOKED_AT, self.windows)):
            window, at = self.texts.window(at)
            found += window
        return found


def streamed(request: TrainRequest, tokenizer: PreTrainedTokenizerBase, workspace: Workspace) -> Streamed:
    """DataError when a file is gone or was changed, or when there is nothing to learn."""
    recipe = request.recipe
    tokenise = tokeniser(tokenizer)
    weighed = request.weighed
    corpora = tuple(_corpus(one, recipe, workspace) for one in weighed)
    weights = tuple(one.weight for one in weighed)
    mixture = Mixture(weights, tuple((len(one.index), one.index.bytes) for one in corpora), recipe.compute.seed)
    texts = Texts(corpora, mixture, tokenise, recipe.batch.max_length)
    tokens = sum(_tokens(corpus, tokenise) for corpus in corpora)
    windows = max(1, round(tokens / recipe.batch.max_length))
    return Streamed(texts, list(_held(texts, weights)), windows)


def tokeniser(tokenizer: PreTrainedTokenizerBase) -> Tokenise:
    """Tokens of a text and the one that ends it; whatever looks like a command in it is plain text."""
    end = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]

    def tokens(text: str) -> list[int]:
        found: Any = tokenizer(text, add_special_tokens=False, split_special_tokens=True, verbose=False)
        return [*found["input_ids"], *end]

    return tokens


def _corpus(one: Weighed, recipe: Recipe, workspace: Workspace) -> Corpus:
    found = index.of(one.dataset, workspace)
    most = held_of(len(found), recipe.watching.eval_share)
    held = found.apart(most, recipe.compute.seed)
    return Corpus(one.dataset, found, held, recipe.compute.seed, intact.state(one.dataset))


def _tokens(corpus: Corpus, tokenise: Tokenise) -> float:
    """Of the whole corpus, by the bytes of a sample that is spread over it."""
    sample = corpus.index.spread(SAMPLE)
    size = sum(corpus.index.place(at)[1] for at in sample)
    return sum(len(tokenise(corpus.text(at))) for at in sample) / max(size, 1) * corpus.index.bytes


def _held(texts: Texts, weights: tuple[float, ...]) -> Iterator[Document]:
    """Of the documents kept apart, the beginnings of different ones: of each corpus as many tokens as its weight."""
    for corpus, weight in zip(texts.corpora, weights, strict=True):
        left = ceil(HELD_TOKENS * weight / sum(weights))
        seen: set[int] = set()
        keys = corpus.index.keys[corpus.held]
        for at in np.argsort(keys, kind="stable")[: 4 * HELD_DOCUMENTS]:
            number, said = int(corpus.held[at]), int(keys[at])
            tokens = texts.tokenise(corpus.text(number))[: min(texts.length, left)]
            if said in seen or len(tokens) < 2:
                continue
            seen.add(said)
            left -= len(tokens)
            yield document(tokens)
