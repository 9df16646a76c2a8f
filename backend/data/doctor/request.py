"""What a job is asked to do with the rows of a data set."""

from pydantic import BaseModel, ConfigDict

from backend.data.doctor.seen import Reader


class Check(BaseModel):
    """Look for all that is the matter with this version."""

    model_config = ConfigDict(frozen=True)
    dataset: str
    reader: Reader | None = None


class Fix(BaseModel):
    """Make the next version of this one, with these fixes."""

    model_config = ConfigDict(frozen=True)
    dataset: str
    fixes: tuple[str, ...]
    reader: Reader | None = None
