"""What an export job is asked to make: the contents of its request.json."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Form = Literal["merged", "gguf", "capsule", "hub"]
DType = Literal["auto", "float16", "bfloat16", "float32"]
Precision = Literal["f16", "q8_0"]


class Choice(BaseModel):
    """What a person chooses.

    `dtype`: of a merged model; "auto" is what the base is kept in. `rounded`: merge into the weights as QLoRA rounded
    them. `precision`: of a GGUF file. `hub`: owner/name of the repository, `what` goes there, `private` unless said
    otherwise, with `card` as its page ("" for the one made of the run). `texts`: a capsule also tells the test
    questions and the answers; `weights`: it holds the adapter.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    to: Form
    dtype: DType = "auto"
    rounded: bool = False
    precision: Precision = "q8_0"
    hub: str = Field("", max_length=200)
    what: Literal["adapter", "merged"] = "adapter"
    private: bool = True
    card: str = Field("", max_length=100_000)
    texts: bool = False
    weights: bool = False


class ExportRequest(BaseModel):
    """`run`: id of the run whose work is exported, `run_name` as it was called then."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    run: str
    run_name: str
    choice: Choice
