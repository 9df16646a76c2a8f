"""The steps of a preparation and their settings: one schema for a YAML file, a job and the record of a version."""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from backend.data.datasets import Dataset
from backend.errors import DataError

NAME = "prepare"
LARGEST_FILE = 1_000_000
Share = Annotated[float, Field(ge=0, lt=1)]
Language = Literal["ro", "it", "en"]
Part = Literal["train", "dev", "test"]


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Split(Settings):
    """Every row gets a part: train is learned, dev measured while training, test kept for the end. `dev` and `test` are
    shares of the groups: rows with the same first question, or the same value in the column `group`, stay together.
    `by`: each label, or language, has its share in every part; auto: label where there is one.
    """

    step: Literal["split"]
    dev: Share = 0.1
    test: Share = 0.1
    by: Literal["auto", "label", "language", "nothing"] = "auto"
    group: str = ""
    seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def some_left(self) -> "Split":
        if self.dev + self.test >= 1:
            raise ValueError("dev and test")
        return self


class Other(Settings):
    """Another data set, by name or id, and its weight."""

    data: str = Field(min_length=1, max_length=200)
    weight: float = Field(1.0, gt=0, le=1e9)


class Mix(Settings):
    """Rows of several data sets, as many of each as its weight says; every row gets the name of its data set in
    `origin`. `rows`: of all together (None: as many as there are without taking one twice). They are drawn by `seed`.
    """

    step: Literal["mix"]
    others: tuple[Other, ...] = Field(min_length=1, max_length=50)
    weight: float = Field(1.0, gt=0, le=1e9)
    rows: int | None = Field(None, ge=1)
    seed: int = Field(0, ge=0)


class Filter(Settings):
    """Only rows for which all of this is true. Characters are those of all that is written in a row; `contains` and
    `without` look for a text in it, whatever its case; `column` has one of `values`.
    """

    step: Literal["filter"]
    languages: tuple[str, ...] = ()
    least_characters: int = Field(0, ge=0)
    most_characters: int | None = Field(None, ge=1)
    contains: str = ""
    without: str = ""
    parts: tuple[Part, ...] = ()
    column: str = ""
    values: tuple[str, ...] = ()


class Clean(Settings):
    """Raw text from the web, line by line and then as a whole. Where the rules are from: `cleaning`.

    `language`: at least `least_share` of the words that are common in one of our three languages are of this one.
    """

    step: Literal["clean"]
    language: Language | None = None
    least_share: float = Field(0.7, ge=0, le=1)
    least_words: int = Field(50, ge=0)
    most_words: int = Field(100_000, ge=1)
    line_words: int = Field(5, ge=0)
    whole_sentences: bool = True
    boilerplate: bool = True
    repetition: bool = True


class AsChat(Settings):
    """Labels, scores and exam questions as chats: asked in this language."""

    step: Literal["as_chat"]
    language: Language = "ro"


AnyStep = Annotated[Split | Mix | Filter | Clean | AsChat, Field(discriminator="step")]


class Plan(Settings):
    """One step after another."""

    steps: tuple[AnyStep, ...] = Field(min_length=1, max_length=20)


def read(path: Path) -> Plan:
    """Of a YAML file; DataError says which of its settings is not known or out of range."""
    if not path.is_file() or path.stat().st_size > LARGEST_FILE:
        raise DataError("preparing.no_file", path=str(path)[:200])
    try:
        values: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError("preparing.no_yaml", file=path.name) from error
    return checked(values)


def checked(values: Any) -> Plan:
    """DataError names the setting that is wrong."""
    try:
        return Plan.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        at = ".".join(str(part) for part in first["loc"]) or "steps"
        raise DataError("preparing.setting", at=at, value=str(first.get("input", ""))[:60]) from error


def written(plan: Plan) -> str:
    """As a YAML file, without what is as it would be anyway."""
    steps = [one.model_dump(mode="json", exclude_defaults=True) for one in plan.steps]
    return yaml.safe_dump({"steps": steps}, sort_keys=False, allow_unicode=True)


def of(dataset: Dataset) -> Plan:
    """What was done to this version to prepare it, to do it to another one; DataError where nothing was."""
    steps = _recorded(dataset)
    if not steps:
        raise DataError("preparing.none", name=dataset.name)
    return checked({"steps": steps})


def is_of(dataset: Dataset) -> bool:
    """Whether it was prepared by steps that could be done to another one."""
    return bool(_recorded(dataset))


def refuse_parts(dataset: Dataset) -> None:
    """DataError for texts that were split, where a run reads all that a corpus has."""
    parted = False
    for step in _recorded(dataset):
        parted = step["step"] == "split" or (parted and tuple(step.get("parts", ())) != ("train",))
    if parted:
        raise DataError("preparing.parts", name=dataset.name)


def _recorded(dataset: Dataset) -> list[dict[str, Any]]:
    return [one for made in dataset.steps if made.name == NAME for one in made.settings.get("steps", ())]
