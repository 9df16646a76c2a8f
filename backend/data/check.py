"""What must hold between a data set and the model or recipe it is used with."""

import re
from collections.abc import Iterable, Sequence

from backend.data.datasets import Dataset
from backend.data.rows import Row, plain, question, texts
from backend.data.shapes import Shape
from backend.data.tasks.asking import ASKED
from backend.errors import DataError
from backend.messages import Named, Phrase

PICTURED: tuple[Shape, ...] = ("caption", "visual")


def refuse_other_shape(data: Dataset, wanted: str) -> None:
    """DataError when the rows are of another kind than what is trained on (the objective of a recipe): it says what can
    be done.
    """
    if data.shape == wanted or (wanted == "vision" and data.shape in (*PICTURED, "chat")):
        return
    kinds = {"shape": Phrase(f"training.shape.{data.shape}"), "wanted": Phrase(f"training.shape.{wanted}")}
    what = "with_pictures" if data.shape in PICTURED else "as_chats_first" if data.shape in ASKED else "other_shape"
    raise DataError(f"training.{what}", data=Named(data.name, data.titles), **kinds)


def control_words(rows: Iterable[Row], words: Sequence[str]) -> None:
    """DataError for the first row that holds one of the model's control words: the model would take it as a command."""
    if not words:
        return
    pattern = re.compile("|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)))
    for number, row in enumerate(rows, start=1):
        for text in texts(row):
            if found := pattern.search(text):
                raise DataError("data.control_word", row=number, word=found[0])


def questions_in(rows: Iterable[Row], questions: Sequence[str]) -> list[str]:
    """Those of the test questions that the rows already ask, case and spacing aside."""
    asked = {question(row) for row in rows}
    return [text for text in questions if plain(text) in asked]


def refuse_known_questions(rows: Iterable[Row], questions: Sequence[str]) -> None:
    """DataError when a test question is in the training data: its answer would show nothing."""
    for known in questions_in(rows, questions):
        raise DataError("data.question_in_training", question=known)
