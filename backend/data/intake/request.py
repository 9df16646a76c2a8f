"""What an import is asked to do."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from backend.data.mapping.mapping import Mapping
from backend.data.opening.opened import Choices


class Source(BaseModel):
    """`name`: as the person called the file; `path`: where it lies."""

    model_config = ConfigDict(frozen=True)
    name: str
    path: Path


class Import(BaseModel):
    """These files become one data set of this name. `mapping` None: as its columns are recognised. `digest`: of the
    files and of all that was chosen, the same for the same rows; "" when it was not asked for. `origin`: hub_id,
    revision and licence of files from the Hub.
    """

    model_config = ConfigDict(frozen=True)
    sources: tuple[Source, ...]
    name: str
    choices: Choices = Choices()
    mapping: Mapping | None = None
    skip_bad: bool = False
    digest: str = ""
    origin: dict[str, str] = Field(default_factory=dict)
