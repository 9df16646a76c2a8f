"""Rows as tokens are shown exactly as a training reads them."""

import json
from pathlib import Path
from typing import Any

import pytest

from backend.cli import __main__ as cli
from backend.data import datasets, rows
from backend.data.datasets import Dataset, Step
from backend.data.review.standing import Standing
from backend.data.versions.deriving import derive
from backend.errors import DataError
from backend.models import catalogue
from backend.models.catalogue import Model
from backend.paths import Workspace
from backend.people import HOME
from backend.recipes.schema import Recipe
from backend.training.shown import run
from backend.training.shown.rows import Asked, shown


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace").create()


def starter(workspace: Workspace) -> Model:
    return catalogue.find(HOME, workspace, "starter")


def recipe(objective: str = "chat", length: int = 256) -> Recipe:
    return Recipe.model_validate({"objective": objective, "batch": {"max_length": length}})


def asked(data: Dataset, model: Model, wanted: Recipe, *numbers: int) -> Asked:
    return Asked(model=model, recipe=wanted, path=str(data.path), rows=numbers)


def test_the_tokens_of_a_chat_are_those_of_a_training_and_so_are_the_learned_ones(workspace: Workspace) -> None:
    from backend.training.network.load import load_tokenizer
    from backend.training.text.batches import collate
    from backend.training.text.chat import ChatFormat
    from backend.training.text.documents import chats

    data, model = datasets.find(HOME, workspace, "starter-ro"), starter(workspace)
    found = shown(data, model, recipe(length=24), [1, 5])
    tokenizer = load_tokenizer(str(model.location))
    chosen = [row for number, row in enumerate(rows.read(data.path), start=1) if number in (1, 5)]
    documents = list(chats(chosen, ChatFormat.of(tokenizer, model.name), 24))
    assert [one.row for one in found] == [1, 5]
    for one, document in zip(found, documents, strict=True):
        kept = [piece for piece in one.pieces if piece.kept]
        assert "".join(piece.text for piece in kept) == tokenizer.decode(document.tokens)
        assert [piece.learned for piece in kept] == document.learned.tolist()
        assert one.cut == len(one.pieces) - len(document.tokens)
    whole = collate(documents)
    learned = sum(piece.learned for one in found for piece in one.pieces)
    assert learned == len(whole["targets"])
    (whole_row,) = run.answer(asked(data, model, recipe(), 1))
    assert whole_row.cut == 0
    assert "".join(piece.text for piece in whole_row.pieces if piece.learned).rstrip().endswith("<|im_end|>")


def test_of_a_text_all_but_the_first_token_of_a_window_is_learned(workspace: Workspace) -> None:
    data = datasets.find(HOME, workspace, "starter-ro-plain")
    (one,) = run.answer(asked(data, starter(workspace), recipe("text", 16), 2))
    assert [piece.learned for piece in one.pieces] == [at % 16 != 0 for at in range(len(one.pieces))]
    text = next(row["text"] for number, row in enumerate(rows.read(data.path), start=1) if number == 2)
    assert "".join(piece.text for piece in one.pieces).startswith(text)


def test_of_a_pair_both_answers_are_shown(workspace: Workspace) -> None:
    data = datasets.find(HOME, workspace, "starter-pairs")
    row = next(rows.read(data.path))
    better, worse = run.answer(asked(data, starter(workspace), recipe("preference"), 1))
    for one, side in ((better, "chosen"), (worse, "rejected")):
        assert one.side == side
        assert "".join(piece.text for piece in one.pieces if piece.learned).startswith(row[side])


@pytest.mark.parametrize(
    ("name", "objective"), [("starter-ro", "chat"), ("starter-ro-plain", "text"), ("starter-pairs", "preference")]
)
def test_columns_of_a_review_change_nothing_of_what_is_learned(workspace: Workspace, name: str, objective: str) -> None:
    before, model = datasets.find(HOME, workspace, name), starter(workspace)
    said = Standing("approved", ("Ana", "Ion"), 1e9)
    judged = [row | said.columns(number) for number, row in zip(range(20), rows.read(before.path), strict=False)]
    after = derive(HOME, workspace, before, Step(name="review"), judged)
    wanted = recipe(objective, 64)
    same = run.answer(asked(before, model, wanted, 1, 2, 20))
    assert run.answer(asked(after, model, wanted, 1, 2, 20)) == same


def test_what_cannot_be_shown_is_said(workspace: Workspace) -> None:
    data, model = datasets.find(HOME, workspace, "starter-ro"), starter(workspace)
    with pytest.raises(DataError, match="no row 99999999"):
        shown(data, model, recipe(), [99999999])
    with pytest.raises(DataError):
        shown(data, model, recipe("text"), [1])


def test_rows_are_shown_on_the_command_line(capsys, tmp_path: Path) -> None:
    def told(*arguments: str) -> tuple[int, str]:
        code = cli.main(["data", "tokens", "starter-ro", *arguments, "--workspace", str(tmp_path)])
        return code, capsys.readouterr().out

    code, text = told("--rows", "1")
    assert code == 0
    assert text.startswith("row 1: ")
    assert "[" in text
    code, text = told("--rows", "2-3", "--json")
    found: dict[str, Any] = json.loads(text.splitlines()[-1])
    assert [one["row"] for one in found["rows"]] == [2, 3]
    assert found["rows"][0]["tokens"] == len(found["rows"][0]["pieces"])
    assert cli.main(["data", "tokens", "starter-ro", "--rows", "3-1", "--workspace", str(tmp_path)]) != 0
