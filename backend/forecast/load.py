"""What a run puts through its model, as the arithmetic of its memory and time needs it; and how much it writes."""

from dataclasses import dataclass

from backend.forecast.besides import departures, sight
from backend.forecast.lengths import Seen
from backend.models.facts import ModelFacts
from backend.recipes.schema import Recipe

FP32, BF16 = 4, 2
RECORDS = 2 * 2**20


@dataclass(frozen=True)
class Load:
    """What goes through the model at once.

    `tokens`: of the largest micro-batch; `learned`: of those, the ones that count in the loss; `evaluated`: tokens of
    the largest group of held-out rows; `span`: tokens of the document that a token stands in, on average (0: as many as
    it may have); `seen`: pictures; `runtime`: bytes of the process before it has a model; `grown`: how many times
    as much as forecast the activations of earlier runs here took.
    """

    facts: ModelFacts
    recipe: Recipe
    tokens: int
    learned: int
    evaluated: int
    runtime: int
    gpu: bool = False
    checkpointing: bool = False
    grown: float = 1.0
    span: int = 0
    seen: Seen | None = None

    @property
    def full(self) -> bool:
        return self.recipe.method == "full"

    @property
    def preferring(self) -> bool:
        """Two answers go through the model side by side, and are compared with what it was before."""
        return self.recipe.objective == "preference"

    @property
    def number_bytes(self) -> int:
        """Bytes of a number that goes from layer to layer."""
        return BF16 if self.gpu and self.recipe.compute.precision != "fp32" else FP32

    @property
    def weight_bytes(self) -> int:
        """Bytes of a number of the base model; weights that are trained themselves stay fp32."""
        return FP32 if self.full else self.number_bytes

    @property
    def trained(self) -> int:
        """Parameters that are trained."""
        lora = self.recipe.lora
        if self.full:
            return self.facts.parameters
        adapter = self.facts.lora_parameters(lora.rank, lora.target_modules)
        more = departures.new_rows(self.facts, self.recipe) + sight.adapted(self.facts, self.recipe)
        return adapter + departures.magnitudes(self.facts, self.recipe) + more

    @property
    def begun(self) -> int:
        """Numbers of the adapter as it began, which PiSSA has to remember."""
        return 0 if self.full or self.recipe.lora.start != "pissa" else self.trained

    @property
    def table(self) -> int:
        """Numbers in the embeddings, and in the head."""
        return self.facts.vocab_size * self.facts.hidden_size


def disk_bytes(load: Load) -> int:
    """Checkpoints hold what is trained and Adam's two moments; the oldest stands until the newest is written."""
    checkpoints = load.recipe.watching.keep_checkpoints + 1
    # What was best so far, and an adapter that began elsewhere than at nothing, which is kept with twice the rank.
    more = int(load.recipe.watching.keep == "best") + int(load.begun > 0)
    return checkpoints * 3 * FP32 * load.trained + (1 + more) * FP32 * load.trained + RECORDS
