"""Ask the chat, force its words on the exported model, and see how far apart the two are. Heavy.

Both sides go through the chat's own code: its loading, its prompts, its batch, its adapters. The exported model is read
from its files.
"""

from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch

from backend.export.parity.figures import Parity
from backend.export.source import Source
from backend.inference.ask import Ask, Message, Piece
from backend.inference.decoding import memory
from backend.inference.decoding.batch import Size
from backend.inference.decoding.loaded import Loaded
from backend.inference.decoding.looking import batch_of, digest, seen
from backend.inference.decoding.row import Row
from backend.inference.decoding.run import CHUNK, ROWS
from backend.inference.sampling import Sampling
from backend.inference.shelf import Target, mixable, own_words, sees
from backend.models.adapters import CONFIG
from backend.sight.eyes import Inputs

LONGEST = 48
# Log-probabilities that are kept of the first model until the second has been asked.
MOST_NUMBERS = 2**26


@dataclass(frozen=True)
class How:
    """`precision`: a key of `figures.BOUNDS`. `rounded`: the run is asked on the weights as QLoRA rounded them, else an
    adapter of QLoRA is asked on the base as it is. `device`: "cpu" or "cuda:0".
    """

    precision: str
    rounded: bool = False
    device: str = "cpu"


@dataclass(eq=False)
class Heard(Row):
    """A row of the chat's batch that keeps its tokens, the one that ended it included."""

    said: list[int] = field(default_factory=list)

    def take(self, token: int) -> Piece:
        self.said.append(token)
        return super().take(token)


@dataclass(frozen=True)
class Read:
    """A question as a model reads it: its tokens, and what its eyes are given of each picture."""

    tokens: list[int]
    shown: tuple[Inputs, ...] = ()

    def same(self, other: "Read") -> bool:
        return self.tokens == other.tokens and list(map(digest, self.shown)) == list(map(digest, other.shown))


def heard(ask: Ask, read: Read, loaded: Loaded) -> Heard:
    made = Heard.of(ask, read.tokens, loaded, read.shown)
    assert isinstance(made, Heard)
    return made


@dataclass
class Speaker:
    """One model in memory, as the chat has it."""

    loaded: Loaded
    target: Target

    @classmethod
    def of(cls, target: Target, device: torch.device) -> "Speaker":
        return cls(Loaded(target, device), target)

    @property
    def vocabulary(self) -> int:
        return int(self.loaded.model.config.get_text_config().vocab_size)

    def prompts(self, questions: list[list[Message]]) -> list[Read]:
        """ChatError or DataError for a picture that this model cannot be shown."""
        if self.loaded.looker is None:
            return [Read(self.loaded.voice_of(self.target).prompt(messages)) for messages in questions]
        rows = [seen(Ask(self.target, messages, Sampling()), self.loaded) for messages in questions]
        return [Read(row.prompt, row.shown) for row in rows]

    @property
    def ends(self) -> frozenset[int]:
        return self.loaded.ends_of(self.target)

    def answers(self, prompts: list[Read]) -> list[list[int]]:
        """The chat's greedy answer to each, as tokens, with the token that ended it if one did."""
        settings = Sampling(max_tokens=LONGEST)
        rows = [heard(Ask(self.target, [], settings), prompt, self.loaded) for prompt in prompts]
        kind = self.loaded.device.type
        batch = batch_of(self.loaded, Size(ROWS.get(kind, 16), CHUNK.get(kind, 1024), memory.cells(self.loaded)))
        batch.waiting.extend(rows)
        with torch.inference_mode():
            while batch.busy:
                for _, piece in batch.turn():
                    if piece.error:
                        raise piece.error
        return [row.said for row in rows]

    @torch.inference_mode()
    def log_probabilities(self, prompt: Read, answer: list[int]) -> torch.Tensor:
        """Of every token of the vocabulary at every place of the answer, shape (answer, vocabulary), on the CPU."""
        device = self.loaded.device
        self.loaded.mixer.use([self.loaded.attach(self.target, set())], device)
        tokens = torch.tensor([prompt.tokens + answer], device=device)
        found = self.loaded.model(input_ids=tokens, use_cache=False, **self._given(prompt, tokens))
        logits = found.logits[0, len(prompt.tokens) - 1 : -1]
        certain: torch.Tensor = logits.float().log_softmax(-1).cpu()
        return certain

    def _given(self, prompt: Read, tokens: torch.Tensor) -> dict[str, Any]:
        """What a model that sees is given beside the tokens, from its own eyes."""
        looker = self.loaded.looker
        if looker is None:
            return {}
        return looker.given(tokens, [[looker.features(inputs) for inputs in prompt.shown]], [tokens.shape[1]])

    def text(self, tokens: list[int]) -> str:
        words = self.loaded.voice_of(self.target).decoder()
        return words([token for token in tokens if token not in self.ends])


@dataclass(frozen=True)
class Account:
    """What the chat read and said, and how sure it was of each word."""

    prompts: list[Read]
    answers: list[list[int]]
    texts: list[str]
    ends: frozenset[int]
    certain: list[torch.Tensor]


def compare(source: Source, exported: Path, questions: list[list[Message]], how: How) -> Parity:
    """Chat with the run against the model in the folder `exported`."""
    device = torch.device(how.device)
    wanted = _chat(spoken(source, rounded=how.rounded), questions, device)
    memory.give_back(device)
    other = Speaker.of(Target("exported", "exported", str(exported), sees=sees(str(exported))), device)
    pairs = list(zip(wanted.prompts, wanted.answers, wanted.certain, strict=False))
    found = [other.log_probabilities(prompt, answer) for prompt, answer, _ in pairs]
    apart = torch.cat([divergence(sure, also) for (_, _, sure), also in zip(pairs, found, strict=True)])
    again = [other.text(tokens) for tokens in other.answers(wanted.prompts)]
    parity = Parity(
        precision=how.precision,
        questions=len(questions),
        tokens=len(apart),
        kl_mean=float(apart.mean()),
        kl_max=float(apart.max()),
        ends_agree=sum(_ends_agree(sure, also, wanted.ends) for sure, also in zip(wanted.certain, found, strict=True)),
        same_texts=sum(one == two for one, two in zip(wanted.texts, again, strict=True)),
        coarse=other.loaded.model.dtype.itemsize < torch.float32.itemsize,
        prompts_same=_read_alike(wanted.prompts, other.prompts(questions)) and other.ends == wanted.ends,
    )
    del other
    memory.give_back(device)
    return parity


def _chat(target: Target, questions: list[list[Message]], device: torch.device) -> Account:
    """Ask everything; the certainty of each word is kept for as many answers as there is memory for."""
    chat = Speaker.of(target, device)
    prompts = chat.prompts(questions)
    answers = chat.answers(prompts)
    room = MOST_NUMBERS // chat.vocabulary
    totals = accumulate(map(len, answers))
    forced = [pair for pair, total in zip(zip(prompts, answers, strict=True), totals, strict=False) if total <= room]
    certain = [chat.log_probabilities(prompt, answer) for prompt, answer in forced]
    return Account(prompts, answers, [chat.text(tokens) for tokens in answers], chat.ends, certain)


def spoken(source: Source, *, rounded: bool) -> Target:
    """The run as the chat's own shelf names it."""
    alone = bool(source.adapter) and not mixable(source.folder.read(source.folder.adapter / CONFIG))
    kept = source.quantised if rounded else None
    words = own_words(source.adapter) if source.adapter else None
    base = str(source.base)
    return Target("run", source.name, base, source.adapter, kept, alone=alone, words=words, sees=sees(base))


def _read_alike(wanted: list[Read], found: list[Read]) -> bool:
    return all(one.same(other) for one, other in zip(wanted, found, strict=True))


def divergence(wanted: torch.Tensor, found: torch.Tensor) -> torch.Tensor:
    """Kullback-Leibler divergence of each row in nats: what is lost by believing `found` where `wanted` is true."""
    exact, other = wanted.double(), found.double()
    return (exact.exp() * (exact - other)).sum(-1).clamp(min=0)


def _ends_agree(wanted: torch.Tensor, found: torch.Tensor, ends: frozenset[int]) -> int:
    pairs = zip(wanted.argmax(-1).tolist(), found.argmax(-1).tolist(), strict=True)
    return sum((one in ends) == (two in ends) for one, two in pairs)
