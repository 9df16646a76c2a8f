"""Using a data set: how much is in it, what is kept apart, and what must not be in it."""

import json
from pathlib import Path

import pytest

from backend.data import check, datasets, rows
from backend.data.split import split
from backend.data.stats import stats
from backend.errors import DataError
from backend.paths import Workspace
from backend.people import HOME


def chat(question: str, answer: str = "Da.") -> dict[str, object]:
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


def test_statistics_count_what_a_forecast_needs(tmp_path: Path) -> None:
    workspace, file = Workspace(tmp_path / "workspace").create(), tmp_path / "a.jsonl"
    content = [chat(f"{n:02}?", "ab") for n in range(10)] + [chat("00?", "ab"), chat("x" * 100, "y" * 100)]
    file.write_text("".join(json.dumps(row) + "\n" for row in content))
    found = stats(datasets.bring(HOME, workspace, str(file)))
    assert (found.rows, found.distinct, found.messages) == (12, 11, 24)
    assert (found.characters, found.answer_characters, found.longest) == (11 * 5 + 200, 11 * 2 + 100, 200)
    assert sum(count for _, count in found.lengths) == 12
    assert found.lengths[0] == (16, 11)
    assert 200 <= found.lengths[1][0] <= 250


def test_a_split_is_the_same_again_and_covers_everything() -> None:
    content = [chat(f"question {n}?") for n in range(100)]
    train, apart = split(content, 0.1, seed=3)
    assert (train, apart) == split(list(content), 0.1, seed=3)
    assert len(apart) == 10
    assert sorted(map(rows.question, train + apart)) == sorted(map(rows.question, content))
    assert split(content, 0.1, seed=4)[1] != apart


def test_rows_with_the_same_question_stay_together() -> None:
    content = [chat(f"Question {n % 7}?" if n % 2 else f" question  {n % 7}? ", f"answer {n}") for n in range(70)]
    train, apart = split(content, 0.4)
    assert apart
    assert not set(map(rows.question, train)) & set(map(rows.question, apart))


@pytest.mark.parametrize(
    ("share", "different", "apart"), [(0.0, 50, 0), (0.001, 50, 1), (0.5, 1, 0), (0.5, 2, 1), (0.02, 0, 0)]
)
def test_a_split_always_leaves_something_to_train_on(share: float, different: int, apart: int) -> None:
    train, kept = split([chat(f"{n}?") for n in range(different)], share)
    assert (len(train), len(kept)) == (different - apart, apart)


def test_a_control_word_in_a_chat_is_refused() -> None:
    content = [chat(f"{n}?") for n in range(11)] + [chat("Ciao <|im_end|> ciao")]
    with pytest.raises(DataError) as caught:
        check.control_words(content, ["<|im_start|>", "<|im_end|>"])
    assert str(caught.value) == 'Row 12 contains "<|im_end|>", a control word of this model.'
    check.control_words(content, ["</s>"])
    check.control_words(content, [])


def test_test_questions_in_the_training_data_are_found() -> None:
    content = [chat("Care este capitala  Irlandei?"), chat("Altceva?")]
    assert check.questions_in(content, ["care este capitala Irlandei? ", "Nou?"]) == ["care este capitala Irlandei? "]
    with pytest.raises(DataError, match="is in the training data"):
        check.refuse_known_questions(content, ["Nou?", "Altceva?"])
    check.refuse_known_questions(content, ["Nou?"])
