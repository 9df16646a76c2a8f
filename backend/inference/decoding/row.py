"""One answer in the making: its tokens so far, and what of them may be shown."""

from dataclasses import dataclass, field

from backend.inference.ask import Ask, Piece
from backend.inference.decoding.choose import Draw
from backend.inference.decoding.loaded import Loaded
from backend.inference.text import Detokeniser, StopWatch
from backend.sight.eyes import Inputs


@dataclass(eq=False)
class Row:
    """`length`: how many tokens of prompt and answer the cache holds; `limit`: new ones at most; `shown`: what the
    model's eyes are given of each picture in the prompt; `shift`: how far the place of the next token is from its
    number, where places are counted in three directions.
    """

    ask: Ask
    prompt: list[int]
    limit: int
    ends: frozenset[int]
    detokeniser: Detokeniser
    context: int = 0
    adapter: str | None = None
    token: int = -1
    made: int = 0
    done: bool = False
    shown: tuple[Inputs, ...] = ()
    shift: int = 0
    draw: Draw = field(init=False)
    stops: StopWatch = field(init=False)

    def __post_init__(self) -> None:
        self.draw = Draw.of(self.ask.sampling, self.prompt)
        self.stops = StopWatch(self.ask.sampling.stop)

    @classmethod
    def of(cls, ask: Ask, prompt: list[int], loaded: Loaded, shown: tuple[Inputs, ...] = ()) -> "Row":
        limit = min(ask.sampling.max_tokens, loaded.context - len(prompt))
        words = Detokeniser(loaded.voice_of(ask.target).decoder())
        return cls(ask, prompt, limit, loaded.ends_of(ask.target), words, loaded.context, shown=shown)

    @property
    def length(self) -> int:
        """Tokens in the cache: all but the newest, which the next step feeds in."""
        return len(self.prompt) + max(0, self.made - 1)

    def take(self, token: int) -> Piece:
        """The model's next token; the piece has the text that became certain, and the end if this was it."""
        self.token = token
        if token in self.ends:
            return self._last("stop", self.stops.rest())
        self.made += 1
        self.draw.said(token)
        text = self.stops.add(self.detokeniser.add(token))
        if self.stops.stopped:
            return self._last("stop", text)
        if self.made >= self.limit:
            return self._last("length", text + self.stops.rest())
        return Piece(text, None, len(self.prompt), self.made, self.context)

    def _last(self, finish: str, text: str) -> Piece:
        self.done = True
        return Piece(text, "stop" if finish == "stop" else "length", len(self.prompt), self.made, self.context)
