"""What a job is asked to do with a review."""

from pydantic import BaseModel, ConfigDict

NAME = "review"
"""Of the request, and of the step of the version that it makes."""


class Approved(BaseModel):
    """Make the next version of this one out of the rows that its review let through."""

    model_config = ConfigDict(frozen=True)
    dataset: str
