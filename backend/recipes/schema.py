"""What a recipe may say: the only list of hyper-parameters.

The form of the page, the YAML files, `launch.py train --set`, the bounds, the defaults and docs/recipe-reference.md all
come from here. Label and help of a field, in three languages, are in backend/messages/<language>/recipe_fields.json.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from backend.errors import RecipeError
from backend.recipes.parts.adapting import (
    ADAPTED,
    CHATTING,
    MIXING,
    SEEING,
    WRITING,
    Lora,
    Part,
    Preference,
    Quantisation,
    Vision,
    advanced,
    basic,
)
from backend.recipes.provenance import Provenance

ADAM = ["adamw", "paged_adamw", "adamw_8bit", "paged_adamw_8bit"]
Optimizer = Literal["adamw", "paged_adamw", "adamw_8bit", "paged_adamw_8bit", "adafactor"]
Scheduler = Literal[
    "linear",
    "cosine",
    "constant",
    "constant_with_warmup",
    "polynomial",
    "cosine_with_restarts",
    "cosine_with_min_lr",
    "inverse_sqrt",
    "warmup_stable_decay",
]


# Files of recipes/templates; "auto" is the chat template that the model brings itself.
Template = Literal[
    "auto", "llama2-it", "llama2-ro", "llama3-it", "chatml", "alpaca-it", "alpaca-it-dense", "alpaca-ro"
]  # fmt: skip


class Schedule(Part):
    """How long, how fast, and by which rule. `neftune`: noise on what goes into the model (arXiv 2310.05914)."""

    epochs: float = Field(1.0, gt=0, le=1000, json_schema_extra=basic())
    max_steps: int | None = Field(None, ge=1, le=10_000_000, json_schema_extra=advanced())
    learning_rate: float = Field(2e-4, ge=1e-7, le=1, json_schema_extra=basic())
    optimizer: Optimizer = Field("adamw", json_schema_extra=advanced())
    scheduler: Scheduler = Field("linear", json_schema_extra=advanced())
    cycles: int = Field(2, ge=1, le=100, json_schema_extra=advanced(**{"schedule.scheduler": ["cosine_with_restarts"]}))
    lowest_rate: float = Field(
        0.1, ge=0, lt=1, json_schema_extra=advanced(**{"schedule.scheduler": ["cosine_with_min_lr", "polynomial"]})
    )
    decay_share: float = Field(
        0.2, ge=0.01, le=0.9, json_schema_extra=advanced(**{"schedule.scheduler": ["warmup_stable_decay"]})
    )
    warmup_ratio: float = Field(0.03, ge=0, le=0.5, json_schema_extra=advanced())
    warmup_steps: int | None = Field(None, ge=0, le=1_000_000, json_schema_extra=advanced())
    weight_decay: float = Field(0.0, ge=0, le=1, json_schema_extra=advanced())
    max_grad_norm: float = Field(1.0, gt=0, le=1000, json_schema_extra=advanced())
    adam_beta2: float = Field(0.999, ge=0.5, lt=1, json_schema_extra=advanced(**{"schedule.optimizer": ADAM}))
    neftune: float = Field(0.0, ge=0, le=100, json_schema_extra=advanced(objective=WRITING))


class Batch(Part):
    """Effective batch = `size * accumulation` conversations (or windows of text)."""

    size: int = Field(4, ge=1, le=4096, json_schema_extra=basic())
    accumulation: int = Field(1, ge=1, le=4096, json_schema_extra=advanced())
    max_length: int = Field(1024, ge=16, le=131_072, json_schema_extra=advanced())


class Replay(Part):
    """Rows of a second data set mixed in, so that what the model knew is kept; `share` of all rows trained on."""

    data: str | None = Field(None, max_length=200, json_schema_extra=advanced(objective=MIXING))
    share: float = Field(0.0, ge=0, le=0.9, json_schema_extra=advanced(objective=MIXING))


class Corpus(Part):
    """A data set of plain text, by id or name, that is mixed with the run's own; that one has weight 1 unless it is
    named here too. Weights are of text, not of documents: 3 and 1 are three quarters and one quarter of the bytes.
    """

    data: str = Field(min_length=1, max_length=200)
    weight: float = Field(1.0, gt=0, le=1_000_000)


SEVERAL = [str(count) for count in range(2, 9)]


class Compute(Part):
    """`devices`: how many cards, or processes on a machine without cards, share every step. `sharding`: each of them
    holds the whole model ("ddp", arXiv 2006.15704), or a part of it ("fsdp2", arXiv 2304.11277).
    """

    precision: Literal["auto", "fp32", "bf16"] = Field("auto", json_schema_extra=advanced())
    gradient_checkpointing: Literal["auto", "on", "off"] = Field("auto", json_schema_extra=advanced())
    seed: int = Field(0, ge=0, le=2**31 - 1, json_schema_extra=advanced())
    devices: int = Field(1, ge=1, le=8, json_schema_extra=advanced())
    sharding: Literal["ddp", "fsdp2"] = Field("ddp", json_schema_extra=advanced(**{"compute.devices": SEVERAL}))


class Question(Part):
    """A test question, asked before, during and after training; it must not be in the training data."""

    question: str = Field(min_length=1, max_length=2000)
    expected: str = Field("", max_length=4000)


class Watching(Part):
    """Steps between evaluations, answers and checkpoints; `check`: a check set, asked before and after training.

    `keep`: the weights of the last step, or those of the best evaluation. `patience`: a run ends after so many
    evaluations in a row that were not better than the best one. `pictures`: how many rows with pictures that are kept
    apart are asked about as test questions are.
    """

    eval_share: float = Field(0.02, ge=0, le=0.5, json_schema_extra=advanced())
    eval_every: int = Field(50, ge=1, le=1_000_000, json_schema_extra=advanced())
    keep: Literal["last", "best"] = Field("last", json_schema_extra=advanced())
    patience: int | None = Field(None, ge=1, le=1000, json_schema_extra=advanced())
    answer_every: int = Field(50, ge=1, le=1_000_000, json_schema_extra=advanced())
    save_every: int = Field(50, ge=1, le=1_000_000, json_schema_extra=advanced())
    keep_checkpoints: int = Field(2, ge=1, le=100, json_schema_extra=advanced())
    check: str | None = Field(None, max_length=200, json_schema_extra=advanced(objective=CHATTING))
    check_questions: int = Field(30, ge=1, le=1000, json_schema_extra=advanced(objective=CHATTING))
    pictures: int = Field(6, ge=0, le=20, json_schema_extra=advanced(objective=SEEING))
    questions: tuple[Question, ...] = Field((), max_length=20, json_schema_extra=advanced(objective=CHATTING))


class Defaults(Part):
    """The model and data a recipe is meant for; a person may choose others."""

    model: str = Field("starter", min_length=1, max_length=300, json_schema_extra=basic())
    data: str = Field("starter-ro", min_length=1, max_length=300, json_schema_extra=basic())


class Recipe(Part):
    """Everything that decides how a model is trained. Defaults are ours unless a preset's provenance says otherwise.

    `cards`: by the gigabytes of a graphics card, the settings to change so that the recipe fits; None where no change
    would leave it what it is (`backend.recipes.cards`).
    """

    title: Annotated[dict[Literal["en", "ro", "it"], str], Field(default_factory=dict)]
    about: Annotated[dict[Literal["en", "ro", "it"], str], Field(default_factory=dict)]
    defaults: Defaults = Defaults()
    method: Literal["lora", "qlora", "full"] = Field("lora", json_schema_extra=basic())
    objective: Literal["chat", "text", "preference", "vision"] = Field("chat", json_schema_extra=basic())
    template: Template = Field("auto", json_schema_extra=advanced(objective=[*CHATTING, *SEEING]))
    preference: Preference = Preference()
    lora: Lora = Lora()
    vision: Vision = Vision()
    quantisation: Quantisation = Quantisation()
    schedule: Schedule = Schedule()
    batch: Batch = Batch()
    replay: Replay = Replay()
    corpora: tuple[Corpus, ...] = Field((), max_length=20, json_schema_extra=basic(objective=["text"]))
    compute: Compute = Compute()
    watching: Watching = Watching()
    provenance: Annotated[dict[str, Provenance], Field(default_factory=dict)]
    cards: Annotated[dict[int, dict[str, Any] | None], Field(default_factory=dict)]

    @property
    def new_tokens(self) -> tuple[str, ...]:
        """Words that get a token of their own: none where every weight is trained anyhow, or nothing is written."""
        return self.lora.new_tokens if self.method in ADAPTED and self.objective in WRITING else ()

    @property
    def own_template(self) -> str:
        """The chat template that the run brings; "auto" where it takes that of the model, or has no chats."""
        return "auto" if self.objective == "text" else self.template

    @property
    def effective_batch(self) -> int:
        """Conversations (or windows of text) behind one optimizer step."""
        return self.batch.size * self.batch.accumulation

    @model_validator(mode="after")
    def _parts_fit_together(self) -> "Recipe":
        if self.replay.share > 0:
            self._refuse_replay()
        if self.corpora:
            self._refuse_corpora()
        if self.watching.eval_share == 0 and (self.watching.keep == "best" or self.watching.patience):
            raise RecipeError("recipes.nothing_to_measure")
        if self.method != "full" and self.lora.start == "pissa":
            self._refuse_pissa()
        if self.method == "qlora" and self.lora.dora and self.quantisation.kind == "int8":
            # peft 0.21 loses the scales of the weights when it looks for the lengths of their columns.
            raise RecipeError("recipes.dora_int8")
        if self.compute.devices > 1:
            self._refuse_unshared()
        if self.objective == "vision":
            self._refuse_unseen()
        return self

    def _refuse_unseen(self) -> None:
        """What cannot be done yet with pictures."""
        if self.method == "full":
            raise RecipeError("recipes.vision_full")
        if self.lora.start == "eva":
            raise RecipeError("recipes.vision_start")
        if self.compute.devices > 1:
            raise RecipeError("recipes.devices_vision")

    def _refuse_replay(self) -> None:
        """Rows are mixed in from a data set that is named, into others like them."""
        if not self.replay.data:
            raise RecipeError("recipes.replay_without_data")
        if self.objective not in MIXING:
            raise RecipeError("recipes.replay_of_text")

    def _refuse_corpora(self) -> None:
        """Several corpora are for plain text, and each of them is named once."""
        if self.objective != "text":
            raise RecipeError("recipes.corpora_not_text")
        named = [corpus.data for corpus in self.corpora]
        if twice := [name for name in named if named.count(name) > 1]:
            raise RecipeError("recipes.corpora_twice", name=twice[0])

    def _refuse_unshared(self) -> None:
        """What several devices cannot share: less than one example each, and parts of what must be whole."""
        if self.objective == "preference":
            raise RecipeError("recipes.devices_preference")
        if self.effective_batch < self.compute.devices:
            raise RecipeError("recipes.devices_batch", devices=self.compute.devices, batch=self.effective_batch)
        if self.compute.sharding == "ddp":
            return
        if self.method == "qlora":
            raise RecipeError("recipes.fsdp2_quantised")
        if self.schedule.optimizer != "adamw":
            raise RecipeError("recipes.fsdp2_optimizer", optimizer=self.schedule.optimizer)
        if self.method == "lora" and self.lora.start != "zero":
            raise RecipeError("recipes.fsdp2_start")
        if self.method == "lora" and self.lora.new_tokens:
            raise RecipeError("recipes.fsdp2_tokens")

    def _refuse_pissa(self) -> None:
        """PiSSA takes a part out of the weights: they must not be rounded, and their lengths not be kept apart."""
        if self.method == "qlora":
            raise RecipeError("recipes.pissa_quantised")
        if self.lora.dora:
            raise RecipeError("recipes.pissa_dora")
