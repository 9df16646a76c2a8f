"""How a model is adapted: the sections of a recipe about adapter, pictures, precision and preferences."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


def advanced(**condition: Any) -> dict[str, Any]:
    """Marks a field as folded away; `condition` names the field values under which it has an effect."""
    return {"level": "advanced", "when": condition}


def basic(**condition: Any) -> dict[str, Any]:
    return {"level": "basic", "when": condition}


class Part(BaseModel):
    """A frozen section of a recipe; an unknown key is an error, not a surprise."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


ADAPTED = ["lora", "qlora"]
# Letters that can be seen, none of them a space.
SEEN = r"^[^\s\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]+$"
Token = Annotated[str, Field(max_length=50, pattern=SEEN)]
CHATTING = ["chat", "preference"]
WRITING = ["chat", "text"]
SEEING = ["vision"]
MIXING = ["chat", "vision"]


class Preference(Part):
    """DPO (arXiv 2305.18290): the better of two answers is made likelier, beside what the model was before.

    `loss`: "sigmoid" is that paper's; "robust" (arXiv 2403.00409) takes a share of pairs, `flipped`, to be the wrong
    way round; "ipo" (arXiv 2310.12036) pulls the lead of the better answer towards `1 / (2 * beta)` per token.
    """

    beta: float = Field(0.1, gt=0, le=10, json_schema_extra=basic(objective=["preference"]))
    loss: Literal["sigmoid", "robust", "ipo"] = Field("sigmoid", json_schema_extra=advanced(objective=["preference"]))
    flipped: float = Field(
        0.1, ge=0, lt=0.5, json_schema_extra=advanced(objective=["preference"], **{"preference.loss": ["robust"]})
    )


class Lora(Part):
    """LoRA (arXiv 2106.09685): the update of each target matrix is `alpha / rank * B @ A`.

    `rslora` divides by the root of the rank (arXiv 2312.03732); `dora` trains the length of each column apart (arXiv
    2402.09353); `rate_ratio` is how much faster B learns than A (LoRA+, arXiv 2402.12354). `start`: B begins with
    zeros ("zero"), A and B begin as the strongest part of the weights (PiSSA, arXiv 2404.02948), or A as what the
    training rows look like inside the model (EVA, arXiv 2410.07170; every layer keeps its rank). `new_tokens`: words
    that are each read and written as one token, whose embeddings are trained beside the adapter.
    """

    rank: int = Field(16, ge=1, le=256, json_schema_extra=basic(method=ADAPTED))
    alpha: int = Field(32, ge=1, le=1024, json_schema_extra=basic(method=ADAPTED))
    dropout: float = Field(0.0, ge=0, le=0.9, json_schema_extra=advanced(method=ADAPTED, objective=[*WRITING, *SEEING]))
    target_modules: Literal["all-linear", "attention", "mlp"] = Field(
        "all-linear", json_schema_extra=advanced(method=ADAPTED)
    )
    rslora: bool = Field(default=False, json_schema_extra=advanced(method=ADAPTED))
    dora: bool = Field(default=False, json_schema_extra=advanced(method=ADAPTED))
    rate_ratio: float = Field(1.0, ge=1, le=64, json_schema_extra=advanced(method=ADAPTED))
    start: Literal["zero", "pissa", "eva"] = Field("zero", json_schema_extra=advanced(method=ADAPTED))
    new_tokens: tuple[Token, ...] = Field(
        (), max_length=100, json_schema_extra=advanced(method=ADAPTED, objective=WRITING)
    )

    @property
    def scaling(self) -> float:
        """What B @ A is multiplied by."""
        return self.alpha / (self.rank**0.5 if self.rslora else self.rank)


class Vision(Part):
    """What sees in a model: the tower, and the projector between it and the language model. Each stays as it is, or
    gets an adapter on all of its linear layers too. `keep`: what a tower that is not trained sees of a picture is kept
    on the disk, for the next time and the next run.
    """

    projector: bool = Field(default=False, json_schema_extra=advanced(method=ADAPTED, objective=SEEING))
    tower: bool = Field(default=False, json_schema_extra=advanced(method=ADAPTED, objective=SEEING))
    keep: bool = Field(default=True, json_schema_extra=advanced(method=ADAPTED, objective=SEEING))


class Quantisation(Part):
    """bitsandbytes: 4 bits (QLoRA, arXiv 2305.14314) or 8 (LLM.int8, arXiv 2208.07339)."""

    kind: Literal["nf4", "fp4", "int8"] = Field("nf4", json_schema_extra=advanced(method=["qlora"]))
    double: bool = Field(
        default=True, json_schema_extra=advanced(method=["qlora"], **{"quantisation.kind": ["nf4", "fp4"]})
    )
