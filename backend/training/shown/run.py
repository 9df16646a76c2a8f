"""`python -m backend.training.shown.run`: reads what is asked from standard input, writes rows as tokens, or an error.

Every row goes through the same functions as in a training (`backend.training.text`).
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from backend.data import rows
from backend.errors import DataError, StudioError
from backend.training.network.load import load_tokenizer
from backend.training.shown.rows import Asked, Piece, Shown
from backend.training.text.batches import Document
from backend.training.text.chat import ChatFormat
from backend.training.text.documents import texts
from backend.training.text.pairs import whole_pair
from backend.training.text.tokens import NewTokens

SPACE = "▁"  # how SentencePiece writes the space before a word


def answer(asked: Asked) -> list[Shown]:
    """DataError or ModelError as a training would say it."""
    tokenizer = load_tokenizer(asked.model.location, asked.recipe.own_template)
    if asked.recipe.new_tokens:
        NewTokens.of(tokenizer, asked.recipe.new_tokens)
    found = dict(_wanted(asked))
    missing = [number for number in asked.rows if number not in found]
    if missing:
        raise DataError("training.shown_no_row", row=missing[0])
    return [one for number in asked.rows for one in _row(found[number], number, asked, tokenizer)]


def _wanted(asked: Asked) -> Iterator[tuple[int, rows.Row]]:
    last = max(asked.rows)
    for number, row in enumerate(rows.read(Path(asked.path)), start=1):
        if number in asked.rows:
            yield number, row
        if number >= last:
            return


def _row(row: rows.Row, number: int, asked: Asked, tokenizer: PreTrainedTokenizerBase) -> Iterator[Shown]:
    most, objective = asked.recipe.batch.max_length, asked.recipe.objective
    if objective == "text":
        windows = list(texts([row], tokenizer, most))
        every = [piece for window in windows for piece in _pieces(window, most, tokenizer)]
        yield Shown(row=number, pieces=tuple(every))
        return
    chat = ChatFormat.of(tokenizer, asked.model.name, asked.recipe.new_tokens)
    if objective == "preference":
        pair = whole_pair(row, chat, number)
        for side, ending in (("chosen", pair.chosen), ("rejected", pair.rejected)):
            document = pair.with_answer(ending)
            yield Shown(row=number, side=side, pieces=tuple(_pieces(document, most, tokenizer)))
        return
    yield Shown(row=number, pieces=tuple(_pieces(chat.document(row["messages"], row=number), most, tokenizer)))


def _pieces(document: Document, most: int, tokenizer: PreTrainedTokenizerBase) -> Iterator[Piece]:
    for at, (token, learned) in enumerate(zip(document.tokens.tolist(), document.learned.tolist(), strict=True)):
        kept = at < most
        yield Piece(text=_text(token, tokenizer), token=token, learned=learned and kept, kept=kept)


def _text(token: int, tokenizer: PreTrainedTokenizerBase) -> str:
    """A token by itself; one that is a part of a letter only is shown as �."""
    text = str(tokenizer.decode([token], skip_special_tokens=False, clean_up_tokenization_spaces=False))
    named = str(tokenizer.convert_ids_to_tokens(token))
    return f" {text}" if named.startswith(SPACE) and not text.startswith(" ") else text


def main() -> int:
    said: dict[str, Any]
    try:
        said = {"rows": [one.model_dump(mode="json") for one in answer(Asked.model_validate_json(sys.stdin.read()))]}
    except StudioError as error:
        said = {"error": {"kind": type(error).__name__, "key": error.key, "values": error.values}}
    json.dump(said, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
