"""Which rows with pictures a run trains on and which it is measured on, as documents."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from transformers import ProcessorMixin

from backend.data import check, intact, rows
from backend.data.datasets import Dataset
from backend.data.rows import Row
from backend.data.split import split, trained
from backend.errors import DataError
from backend.models.control_words import control_words
from backend.sight.eyes import Eyes
from backend.training.pictures.chat import SightFormat, looked_at
from backend.training.pictures.probes import chosen
from backend.training.request import TrainRequest
from backend.training.text.documents import Material, drawn, some


def material(request: TrainRequest, processor: ProcessorMixin) -> Material:
    """Read, split, mix and tokenise the rows of a request, once; rows without pictures are chats like any other.
    DataError or ModelError for what cannot be learned.
    """
    recipe = request.recipe
    chat = SightFormat.seeing(processor.tokenizer, request.model.name, Eyes(processor))
    every = _rows(request, request.data)
    learned, held_out = split(every, recipe.watching.eval_share, recipe.compute.seed)
    check.refuse_known_questions(learned, [asked.question for asked in recipe.watching.questions])
    apart = held_out or [row for row in every if not trained(row)]
    shown = chosen(apart, learned, recipe.watching.pictures, recipe.compute.seed)
    learned, held_out, shown = [placed(part, request.data.path.parent) for part in (learned, held_out, shown)]
    if request.replay is not None:
        pool = [row for row in _rows(request, request.replay) if trained(row)]
        learned += placed(drawn(pool, len(learned), recipe), request.replay.path.parent)
    read = [list(looked_at(part, chat, recipe.batch.max_length)) for part in (learned, held_out)]
    return Material(some(read[0], request), read[1], chat, dropped=len(learned) - len(read[0]), shown=shown)


def _rows(request: TrainRequest, data: Dataset) -> list[Row]:
    check.refuse_other_shape(data, "vision")
    intact.require(data)
    found = list(rows.read(data.path))
    check.control_words(found, control_words(request.model.folder))
    return found


def placed(found: Iterable[Row], folder: Path) -> list[Row]:
    """The rows of a data set in this folder with the whole paths of their pictures."""
    return [_placed(row, folder) for row in found]


def _placed(row: Row, folder: Path) -> Row:
    if "image" in row:
        return row | {"image": _whole(folder, row["image"])}
    messages = [message | {"content": _said(message["content"], folder)} for message in row["messages"]]
    return row | {"messages": messages}


def _said(content: Any, folder: Path) -> Any:
    if isinstance(content, str):
        return content
    return [part | {"image": _whole(folder, part["image"])} if part["type"] == "image" else part for part in content]


def _whole(folder: Path, name: str) -> str:
    """DataError for a name that leads elsewhere."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise DataError("sight.gone", name=name)
    return str(path)
