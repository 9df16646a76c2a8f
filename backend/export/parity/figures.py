"""The figures of one comparison, the bounds they are held against, and what they mean in one sentence.

The bounds are about ten times the largest mean that was measured for a precision (docs/export.md has the figures).
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

Verdict = Literal["same", "close", "differs"]
# Mean Kullback-Leibler divergence per token, in nats.
BOUNDS = {"float32": 5e-7, "float16": 4e-6, "bfloat16": 4e-4, "f16": 4e-6, "q8_0": 2e-3}
# Where the chat computes in 16 bits, as on a GPU, two models with equal weights are this far apart already.
COARSE = 2e-3


@dataclass(frozen=True)
class Parity:
    """Chat against the exported model, over the answers that the chat gave.

    `precision`: what the export is kept in, a key of BOUNDS. `coarse`: the chat computes in 16 bits here. `kl_mean`,
    `kl_max`: per token, in nats. `ends_agree`: how many of the `tokens` are an end of turn for both, or for neither.
    `same_texts`: how many of the `questions` both answer with the same text. `prompts_same`: both read every question
    as the same tokens.
    """

    precision: str
    questions: int
    tokens: int
    kl_mean: float
    kl_max: float
    ends_agree: int
    same_texts: int
    prompts_same: bool
    coarse: bool = False

    @property
    def bound(self) -> float:
        return max(BOUNDS[self.precision], COARSE if self.coarse else 0.0)

    @property
    def verdict(self) -> Verdict:
        if not self.prompts_same or not self.kl_mean <= self.bound:
            return "differs"
        alike = self.ends_agree == self.tokens and self.same_texts == self.questions
        return "same" if alike else "close"

    def told(self) -> dict[str, Any]:
        return asdict(self) | {"bound": self.bound, "verdict": self.verdict}


def sentence_of(told: dict[str, Any]) -> tuple[str, dict[str, str | int | float]]:
    """Key and values of the verdict, from what `Parity.told` wrote down."""
    key = "export.parity.prompts" if not told["prompts_same"] else f"export.parity.{told['verdict']}"
    values = {name: told[name] for name in ("questions", "tokens", "same_texts", "ends_agree")}
    return key, values | {"kl": f"{told['kl_mean']:.1e}", "bound": f"{told['bound']:.0e}"}
