"""What a recipe may say: the only list of hyper-parameters.

The form of the page, the YAML files, `launch.py train --set`, the bounds, the defaults and docs/recipe-reference.md all
come from here. Label and help of a field, in three languages, are in backend/messages/<language>/recipe_fields.json.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from backend.errors import RecipeError

Source = Literal["paper", "public card", "inferred", "ours"]


def advanced(**condition: Any) -> dict[str, Any]:
    """Marks a field as folded away; `condition` names the field values under which it has an effect."""
    return {"level": "advanced", "when": condition}


def basic(**condition: Any) -> dict[str, Any]:
    return {"level": "basic", "when": condition}


class Part(BaseModel):
    """A frozen section of a recipe; an unknown key is an error, not a surprise."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Lora(Part):
    """LoRA (arXiv 2106.09685): the update of each target matrix is `alpha / rank * B @ A`."""

    rank: int = Field(16, ge=1, le=256, json_schema_extra=basic(method=["lora", "qlora"]))
    alpha: int = Field(32, ge=1, le=1024, json_schema_extra=basic(method=["lora", "qlora"]))
    dropout: float = Field(0.0, ge=0, le=0.9, json_schema_extra=advanced(method=["lora", "qlora"]))
    target_modules: Literal["all-linear", "attention", "mlp"] = Field(
        "all-linear", json_schema_extra=advanced(method=["lora", "qlora"])
    )


class Quantisation(Part):
    """bitsandbytes 4-bit (QLoRA, arXiv 2305.14314)."""

    kind: Literal["nf4", "fp4"] = Field("nf4", json_schema_extra=advanced(method=["qlora"]))
    double: bool = Field(default=True, json_schema_extra=advanced(method=["qlora"]))


class Schedule(Part):
    epochs: float = Field(1.0, gt=0, le=1000, json_schema_extra=basic())
    max_steps: int | None = Field(None, ge=1, le=10_000_000, json_schema_extra=advanced())
    learning_rate: float = Field(2e-4, ge=1e-7, le=1, json_schema_extra=basic())
    scheduler: Literal["linear", "cosine", "constant"] = Field("linear", json_schema_extra=advanced())
    warmup_ratio: float = Field(0.03, ge=0, le=0.5, json_schema_extra=advanced())
    weight_decay: float = Field(0.0, ge=0, le=1, json_schema_extra=advanced())
    max_grad_norm: float = Field(1.0, gt=0, le=1000, json_schema_extra=advanced())
    adam_beta2: float = Field(0.999, ge=0.5, lt=1, json_schema_extra=advanced())


class Batch(Part):
    """Effective batch = `size * accumulation` conversations (or windows of text)."""

    size: int = Field(4, ge=1, le=4096, json_schema_extra=basic())
    accumulation: int = Field(1, ge=1, le=4096, json_schema_extra=advanced())
    max_length: int = Field(1024, ge=16, le=131_072, json_schema_extra=advanced())


class Replay(Part):
    """Rows of a second data set mixed in, so that what the model knew is kept; `share` of all rows trained on."""

    data: str | None = Field(None, max_length=200, json_schema_extra=advanced(objective=["chat"]))
    share: float = Field(0.0, ge=0, le=0.9, json_schema_extra=advanced(objective=["chat"]))


class Compute(Part):
    precision: Literal["auto", "fp32", "bf16"] = Field("auto", json_schema_extra=advanced())
    gradient_checkpointing: Literal["auto", "on", "off"] = Field("auto", json_schema_extra=advanced())
    seed: int = Field(0, ge=0, le=2**31 - 1, json_schema_extra=advanced())


class Question(Part):
    """A test question, asked before, during and after training; it must not be in the training data."""

    question: str = Field(min_length=1, max_length=2000)
    expected: str = Field("", max_length=4000)


class Watching(Part):
    """Steps between evaluations, answers and checkpoints; `check`: a check set, asked before and after training."""

    eval_share: float = Field(0.02, ge=0, le=0.5, json_schema_extra=advanced())
    eval_every: int = Field(50, ge=1, le=1_000_000, json_schema_extra=advanced())
    answer_every: int = Field(50, ge=1, le=1_000_000, json_schema_extra=advanced())
    save_every: int = Field(50, ge=1, le=1_000_000, json_schema_extra=advanced())
    keep_checkpoints: int = Field(2, ge=1, le=100, json_schema_extra=advanced())
    check: str | None = Field(None, max_length=200, json_schema_extra=advanced(objective=["chat"]))
    check_questions: int = Field(30, ge=1, le=1000, json_schema_extra=advanced(objective=["chat"]))
    questions: tuple[Question, ...] = Field((), max_length=20, json_schema_extra=advanced(objective=["chat"]))


class Provenance(Part):
    source: Source
    note: str = Field("", max_length=1000)


class Defaults(Part):
    """The model and data a recipe is meant for; a person may choose others."""

    model: str = Field("starter", min_length=1, max_length=300, json_schema_extra=basic())
    data: str = Field("starter-ro", min_length=1, max_length=300, json_schema_extra=basic())


class Recipe(Part):
    """Everything that decides how a model is trained. Defaults are ours unless a preset's provenance says otherwise."""

    title: Annotated[dict[Literal["en", "ro", "it"], str], Field(default_factory=dict)]
    about: Annotated[dict[Literal["en", "ro", "it"], str], Field(default_factory=dict)]
    defaults: Defaults = Defaults()
    method: Literal["lora", "qlora", "full"] = Field("lora", json_schema_extra=basic())
    objective: Literal["chat", "text"] = Field("chat", json_schema_extra=basic())
    lora: Lora = Lora()
    quantisation: Quantisation = Quantisation()
    schedule: Schedule = Schedule()
    batch: Batch = Batch()
    replay: Replay = Replay()
    compute: Compute = Compute()
    watching: Watching = Watching()
    provenance: Annotated[dict[str, Provenance], Field(default_factory=dict)]

    @property
    def effective_batch(self) -> int:
        """Conversations (or windows of text) behind one optimizer step."""
        return self.batch.size * self.batch.accumulation

    @model_validator(mode="after")
    def _parts_fit_together(self) -> "Recipe":
        if self.replay.share > 0 and not self.replay.data:
            raise RecipeError("recipes.replay_without_data")
        if self.replay.share > 0 and self.objective == "text":
            raise RecipeError("recipes.replay_of_text")
        return self
