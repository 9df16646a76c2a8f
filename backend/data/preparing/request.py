"""What a preparation is asked to do."""

from pydantic import BaseModel, ConfigDict

from backend.data.preparing.plan import Plan


class Prepare(BaseModel):
    """Make the next version of this one by these steps."""

    model_config = ConfigDict(frozen=True)
    dataset: str
    plan: Plan
