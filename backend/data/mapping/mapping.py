"""Which column of a file is what: said by recognition, corrected by a person, kept with the data set, and applied."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from backend.data.mapping import roles
from backend.data.mapping.building import chats, exams, pairs, tables, visuals
from backend.data.mapping.fields import Fields
from backend.data.mapping.unfolding import unfolded
from backend.data.shapes import Row, Shape
from backend.errors import DataError
from backend.messages import Phrase

Values = dict[str, Any]


class Mapping(Fields):
    """What `Fields` says, checked, corrected and applied to records."""

    def checked(self, columns: Sequence[str]) -> "Mapping":
        """The mapping itself; DataError when it names a column that is not there, a role its shape does not know, or
        lacks one.
        """
        known = {role.name for role in roles.ROLES[self.shape]}
        for role, column in [*self.fields.items(), *(("options", column) for column in self.options)]:
            if role not in known:
                raise DataError("mapping.unknown_role", role=role[:40], shape=_named(self.shape))
            if column not in columns:
                raise DataError("data.no_column", field=column[:80], columns=", ".join(columns)[:200])
        for role in self.missing():
            raise self._lacking(role)
        return self

    def _lacking(self, role: str) -> DataError:
        if role == "caption" and "image" in self.fields:
            return DataError("mapping.missing_caption")
        return DataError("mapping.missing", role=Phrase(f"mapping.role.{role}"), shape=_named(self.shape))

    def given(self, column: str, role: str) -> "Mapping":
        """With this column for this role ("" leaves it out): what a choice in the header of a table does."""
        fields = {known: named for known, named in self.fields.items() if named != column and known != role}
        options = tuple(named for named in self.options if named != column)
        if role in roles.MANY:
            options = (*options, column)
        elif role:
            fields[role] = column
        return self.model_copy(update={"fields": fields, "options": options})

    def rows(
        self, values: Values, place: str, number: int | None = None, keep: visuals.Keep = visuals.named
    ) -> Iterator[Row]:
        """The stored rows of one record: several where it holds a text with many questions, or a picture with many
        captions. DataError as `row`.
        """
        for found in unfolded(values):
            several = visuals.captions(self, found) if self.shape == "caption" and not self.missing() else []
            for text in several if len(several) > 1 else [None]:
                one = found if text is None else {**found, self.fields["caption"]: text}
                yield self.row(one, place, number, keep)

    def row(self, values: Values, place: str, number: int | None = None, keep: visuals.Keep = visuals.named) -> Row:
        """The record in its stored form (`backend.data.shapes`); `keep` stores a picture and says how it is called, as
        `backend.data.pictures.keeping.Keeper.keep` does, and without it pictures stay as the file names them.

        DataError says what is wrong with it: at `place` of the file, or in conversation `number` from 1.
        """
        for role in self.missing():
            raise self._lacking(role)
        conversation = place if number is None else number
        if self.shape == "chat":
            return chats.row(self, values, place, conversation)
        if self.shape == "visual":
            return visuals.row(self, values, place, conversation, keep)
        if self.shape == "caption":
            return visuals.caption(self, values, place, keep)
        return MAKERS[self.shape](self, values, place)


MAKERS: dict[Shape, Callable[[Mapping, Values, str], Row]] = {
    "text": tables.text,
    "preference": pairs.row,
    "label": tables.label,
    "score": tables.score,
    "exam": exams.row,
}


def _named(shape: Shape) -> Phrase:
    return Phrase(f"mapping.shape.{shape}")
