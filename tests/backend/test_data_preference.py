"""Pairs of answers: every form that is written somewhere becomes one, and what cannot be one is said by its line."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from backend.data import reading, rows, shapes, split
from backend.errors import DataError
from backend.messages import sentence

USER = {"role": "user", "content": "Cât fac doi plus doi?"}
ASKED = [USER]


def answer(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


STORED = {"prompt": ASKED, "chosen": "Patru.", "rejected": "Cinci."}


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": USER["content"], "chosen": "Patru.", "rejected": "Cinci."},
        {"question": USER["content"], "chosen": "Patru.", "rejected": "Cinci.", "id": 7},
        {"prompt": ASKED, "chosen": [answer("Patru.")], "rejected": [answer("Cinci.")]},
        {"chosen": [USER, answer("Patru.")], "rejected": [USER, answer("Cinci.")]},
        # As in HuggingFaceH4/ultrafeedback_binarized and mlabonne/orpo-dpo-mix-40k.
        {
            "prompt": USER["content"], "prompt_id": "a", "score_chosen": 8.0, "messages": [USER, answer("Patru.")],
            "chosen": [USER, answer("Patru.")], "rejected": [USER, answer("Cinci.")],
        },
        {"source": "x", "chosen": [USER, answer("Patru.")], "rejected": [USER, answer("Cinci.")], "prompt": None},
        STORED,
    ],
)  # fmt: skip
def test_every_form_is_stored_as_one(row: dict[str, Any]) -> None:
    assert shapes.normalise(row, 1, 1) == ("preference", STORED)


def test_a_system_message_and_earlier_turns_belong_to_the_prompt() -> None:
    row = {"system": "Scurt.", "question": "Salut", "chosen": "Bună!", "rejected": "Ce vrei?"}
    assert shapes.normalise(row, 1, 1)[1]["prompt"] == [
        {"role": "system", "content": "Scurt."},
        {"role": "user", "content": "Salut"},
    ]
    turns = [USER, answer("Patru."), {"role": "user", "content": "Și trei plus trei?"}]
    both = {"prompt": "Și trei plus trei?", "chosen": [*turns, answer("Șase.")], "rejected": [*turns, answer("Opt.")]}
    assert shapes.normalise(both, 1, 1)[1] == {"prompt": turns, "chosen": "Șase.", "rejected": "Opt."}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"prompt": "a", "chosen": "b"}, 'Line 3: the field "rejected" is missing.'),
        ({"prompt": "a", "chosen": "b", "rejected": None}, 'Line 3: the field "rejected" is missing.'),
        ({"chosen": "b", "rejected": "c"}, "Line 3: what was asked is missing."),
        ({"prompt": "a", "chosen": "b", "rejected": " b\n"}, "are the same answer"),
        ({"prompt": "a", "chosen": "", "rejected": "c"}, 'Line 3: "chosen" is empty.'),
        ({"prompt": "  ", "chosen": "b", "rejected": "c"}, 'Line 3: "prompt" is empty.'),
        ({"prompt": "a", "chosen": 3, "rejected": "c"}, 'Line 3: the field "chosen" must be text.'),
        ({"prompt": "a", "chosen": [], "rejected": "c"}, 'Line 3: "chosen" must be a list of messages.'),
        ({"prompt": "a", "chosen": [{"role": "assistant"}], "rejected": "c"}, 'needs "role" and "content"'),
        ({"prompt": "a", "chosen": [USER], "rejected": "c"}, 'the last message of "chosen" must be an answer'),
        ({"prompt": "other", "chosen": [USER, answer("b")], "rejected": [USER, answer("c")]}, "same conversation"),
        (
            {"chosen": [USER, answer("b")], "rejected": [{"role": "user", "content": "x"}, answer("c")]},
            "same conversation",
        ),
        ({"prompt": [{"role": "tool", "content": "a"}], "chosen": "b", "rejected": "c"}, 'unknown role "tool"'),
        ({"prompt": [USER, answer("a")], "chosen": "b", "rejected": "c"}, "end with the user"),
        ({"prompt": [USER, USER], "chosen": "b", "rejected": "c"}, "take turns"),
        ({"prompt": [{"role": "system", "content": "a"}], "chosen": "b", "rejected": "c"}, "end with the user"),
    ],
)
def test_what_is_no_pair_is_said_by_its_line(row: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError) as error:
        shapes.normalise(row, 3, 3)
    assert said in sentence(error.value.key, "en", **error.value.values)


def test_a_file_of_pairs_is_stored_whole_and_mixes_with_nothing(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    made = [{"prompt": f"{at}?", "chosen": f"{at}.", "rejected": "?"} for at in range(12)]
    path.write_text("".join(json.dumps(row) + "\n" for row in made), encoding="utf-8")
    target = io.BytesIO()
    found = reading.store([path], target)
    assert (found.rows, found.shape) == (12, "preference")
    first = json.loads(target.getvalue().splitlines()[0])
    assert list(rows.texts(first)) == ["0?", "0.", "?"]
    path.write_text(path.read_text() + '{"text": "x"}\n', encoding="utf-8")
    with pytest.raises(DataError) as error:
        reading.store([path], io.BytesIO())
    assert error.value.key == "data.mixed"


def test_pairs_of_one_question_are_kept_apart_together() -> None:
    made = [{**STORED, "prompt": [{"role": "user", "content": f"{at // 3}"}], "chosen": f"{at}"} for at in range(30)]
    train, held = split.split(made, 0.2)
    assert {rows.question(row) for row in train} & {rows.question(row) for row in held} == set()
    assert len(held) == 6
