"""Which column of a file is what, as data."""

from pydantic import BaseModel, ConfigDict, Field

from backend.data.mapping import roles
from backend.data.opening.opened import Notice
from backend.data.shapes import Shape


class Fields(BaseModel):
    """`fields`: role to column (`backend.data.mapping.roles`); `options`: the columns with one exam option each.

    `labels`: the name of each label that the file writes otherwise; `first_answer`: the number of an exam's first
    option in the file; `empty_answer`: what is answered where the file has no answer; `numbers_as_text`: a number where
    a text is expected is one. `also`: other shapes that these columns may be; `notices`: what was unsure.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    shape: Shape
    fields: dict[str, str] = Field(default_factory=dict)
    options: tuple[str, ...] = ()
    labels: dict[str, str] = Field(default_factory=dict)
    first_answer: int = Field(1, ge=0, le=1)
    empty_answer: str = ""
    numbers_as_text: bool = False
    also: tuple[Shape, ...] = ()
    notices: tuple[Notice, ...] = ()

    def role_of(self, column: str) -> str:
        """What a column is for; "" for one that is left out."""
        if column in self.options:
            return "options"
        return next((role for role, named in self.fields.items() if named == column), "")

    def missing(self) -> list[str]:
        """The roles that a row of this shape needs and no column has."""
        if self.shape in ("chat", "visual"):
            needed = ["question"] if self.empty_answer and self.shape == "chat" else ["question", "answer"]
            return [] if "messages" in self.fields else [role for role in needed if role not in self.fields]
        return [role.name for role in roles.ROLES[self.shape] if role.one_of and role.name not in self.fields]
