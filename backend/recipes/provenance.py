"""Where the values of a recipe come from, and which of them somebody published."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

# paper: stated by the paper, or by digests of it that agree. public card: by the authors on a model's or data set's
# page. repository: in the authors' code or README. third party: by others, in code that the work builds on or in one
# review of the paper. inferred: worked out from what is published; the note shows how. ours: chosen here. not
# published: nobody said; chosen here.
Source = Literal["paper", "public card", "repository", "third party", "inferred", "ours", "not published"]
PUBLISHED = frozenset({"paper", "public card", "repository", "third party"})


class Provenance(BaseModel):
    """`published`: what was published where the recipe has another value; None where it has that value, or where
    nothing was published.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    source: Source
    note: str = Field("", max_length=1000)
    published: bool | int | float | str | None = None

    @property
    def departs(self) -> bool:
        """Whether something else was published than what the recipe has."""
        return self.published is not None


def of(known: Mapping[str, Provenance], name: str) -> Provenance | None:
    """That of a setting; what stands under the name of its section, such as "watching", is for all its others."""
    return known.get(name) or known.get(name.partition(".")[0])


def instead(before: Provenance | None, value: Any, note: str) -> Provenance:
    """For a value that was put in the place of `value`: what was published stays known."""
    published = before.published if before else None
    if before and before.source in PUBLISHED and published is None and isinstance(value, bool | int | float | str):
        published = value
    return Provenance(source="ours", note=note, published=published)
