"""What a captioning job is asked to do: the contents of its request.json."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

KIND = "caption"
LONGEST_PROMPT = 2_000
LONGEST_CAPTION = 1_024


class CaptionRequest(BaseModel):
    """`source`: a folder, an archive or one picture; `called`: as the person knows it. `model`: as the engine names it,
    `label` as the person does; `base`: the model that a run began with, else the model itself, as the person knows it.
    `with_base`: what the base of an adapter says stands beside.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    source: Path
    called: str
    model: str
    label: str
    base: str = ""
    prompt: str = Field(max_length=LONGEST_PROMPT)
    with_base: bool = False
    max_tokens: int = Field(128, ge=1, le=LONGEST_CAPTION)
