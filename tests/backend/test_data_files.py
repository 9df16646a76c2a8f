"""Files that people bring: each bad file gets the sentence of the bad-input table."""

import json
import os
from pathlib import Path

import pytest

from backend.data import datasets, rows
from backend.data.datasets import Dataset
from backend.errors import AccessError, DataError, JobError
from backend.messages import LANGUAGES
from backend.paths import Workspace
from backend.people import HOME, Person


def chat(question: str, answer: str = "Da.") -> dict[str, object]:
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


GOOD = [chat(f"Întrebarea {n}?") for n in range(12)]


def jsonl(*lines: object) -> bytes:
    return "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines).encode()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace").create()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "brought.jsonl"


def refusal(workspace: Workspace, file: Path, content: bytes) -> str:
    file.write_bytes(content)
    with pytest.raises(DataError) as caught:
        datasets.add(HOME, workspace, file, "mine")
    for language in LANGUAGES:
        assert "{" not in caught.value.say(language).replace('{"messages": …}', "").replace('{"text": …}', "")
    assert list(workspace.datasets.iterdir()) == [], "A refused file leaves nothing behind."
    return str(caught.value)


def add(workspace: Workspace, file: Path, content: bytes, **how: bool) -> Dataset:
    file.write_bytes(content)
    return datasets.add(HOME, workspace, file, "mine", **how)


LINES = [
    (jsonl({"text": "a"}, '{"a":', {"text": "b"}),
     "Line 2 is not valid JSON (column 6: value missing). 1 of 3 lines affected."),
    (jsonl(GOOD[0], "{'a': 1}", "{]", GOOD[1]),
     "Line 2 is not valid JSON (column 2: name in double quotes missing). 2 of 4 lines affected."),
    (jsonl('{"text": "a'), "Line 1 is not valid JSON (column 10: closing quote missing). 1 of 1 lines affected."),
    (b"", "The file is empty."),
    (b"\n  \n\n", "The file is empty."),
    ('{"text": "ciao"}\n'.encode("utf-16"), "The file is UTF-16. Save it as UTF-8."),
    ('{"text": "un caffè nero"}\n'.encode("latin-1"),
     'The file is not UTF-8 (byte 0xE8 in line 1). Looks like Western European: "caffè".'),
    ('{"text": "a"}\n{"text": "o faţă şi o ţară"}\n'.encode("cp1250"),
     'The file is not UTF-8 (byte 0xFE in line 2). Looks like Central European: "faţă".'),
    (jsonl('{"a": 1, "a": 2}'), 'Line 1 has the field "a" twice.'),
    (jsonl({"text": "a"}, {"text": 5}), 'Field "text" is text in line 1 but a number in line 2.'),
    (jsonl('{"text": NaN}'), 'Line 1: "NaN" is not a valid number in JSON.'),
    (jsonl('{"a": -Infinity}'), 'Line 1: "-Infinity" is not a valid number in JSON.'),
    (jsonl('{"a": ' + "[" * 5000 + "]" * 5000 + "}"), "Line 1 is nested too deeply (limit 50)."),
    (jsonl('{"a": ' + "[" * 60 + "]" * 60 + "}"), "Line 1 is nested too deeply (limit 50)."),
    (jsonl({"text": "x" * 1_000_001}, GOOD[0]), "Line 1 is longer than 1 MB."),
    (jsonl('{"a": ' + "9" * 5000 + "}"), "Line 1: the number has too many digits."),
    (jsonl(*[{"text": "a"}] * 6, '{"text": "\\ud800"}'), "Line 7 contains a broken character (U+D800)."),
    (jsonl("[", '{"text": "a"},', "]"),
     "The file is one JSON list (line 1). Put each example on a line of its own, without the outer brackets."),
    (jsonl("5"), 'Line 1 must be a JSON object: {"messages": …} or {"text": …}.'),
    (b"PK\x03\x04rest of a workbook",
     "This is a zip archive or an Excel workbook. Save its table as JSONL (UTF-8), one example per line."),
    (jsonl(GOOD[0], {"text": "a"}),
     "Line 2 is of another kind than the lines before: a data set holds either chats, or plain text, "
     "or pairs of answers."),
    (jsonl({"title": "a"}),
     "Line 1 has none of the fields that are understood: messages, conversations, prompt and completion, "
     "instruction and output, question and answer, chosen and rejected, or text. Found: title."),
    (jsonl({"text": "  "}), "Line 1: the text is empty."),
    (jsonl({"messages": "hello"}), 'Line 1: "messages" must be a list of messages.'),
    (jsonl({"messages": [{"role": "user"}]}), 'Line 1: every message in "messages" needs "role" and "content".'),
]  # fmt: skip


@pytest.mark.parametrize(("content", "sentence"), LINES, ids=[sentence[:45] for _, sentence in LINES])
def test_a_bad_file_is_refused_in_one_sentence(workspace: Workspace, file: Path, content: bytes, sentence: str) -> None:
    assert refusal(workspace, file, content) == sentence


def turns(*said: tuple[str, str]) -> dict[str, object]:
    return {"messages": [{"role": role, "content": content} for role, content in said]}


CONVERSATIONS = [
    (turns(("user", "a"), ("assistant", "b"), ("assistant", "c")), 'two "assistant" messages in a row (turn 3).'),
    (turns(("user", "a"), ("user", "b")), 'two "user" messages in a row (turn 2).'),
    (turns(("user", "a"), ("bot", "b")), 'unknown role "bot" (turn 2). Use system, user or assistant.'),
    (turns(("user", " "), ("assistant", "b")), "the message is empty (turn 1)."),
    (turns(("user", "a"), ("assistant", "")), "the answer is empty (turn 2)."),
    (turns(("assistant", "a")), "an answer without a question before it (turn 1)."),
    (turns(("user", "a"), ("system", "b")), "the system message must come first (turn 2)."),
    (turns(("user", "a")), "the last message must be an answer."),
]


@pytest.mark.parametrize(("bad", "fault"), CONVERSATIONS, ids=[fault for _, fault in CONVERSATIONS])
def test_a_conversation_out_of_order_is_named_with_its_turn(
    workspace: Workspace, file: Path, bad: dict[str, object], fault: str
) -> None:
    assert refusal(workspace, file, jsonl(*GOOD[:3], bad, GOOD[4])) == f"Conversation 4: {fault}"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ([GOOD[0], GOOD[1], GOOD[0]], "Only 3 examples (2 different). At least 10 are needed to train."),
        ([GOOD[0]], "Only 1 example (1 different). At least 10 are needed to train."),
        ([GOOD[0]] * 20, "20 examples, but only 1 different. At least 10 different ones are needed to train."),
        ([chat(f"{n}?", "") for n in range(12)], "The answers of 12 examples are all empty."),
        ([{"text": "short"}] * 3, "Only 3 examples (1 different). At least 10 are needed to train."),
    ],
)
def test_too_little_to_learn_from_is_refused(
    workspace: Workspace, file: Path, content: list[object], sentence: str
) -> None:
    assert refusal(workspace, file, jsonl(*content)) == sentence


def test_counts_follow_the_grammar_of_the_reader(workspace: Workspace, file: Path) -> None:
    file.write_bytes(jsonl(*[GOOD[0]] * 20))
    with pytest.raises(DataError) as caught:
        datasets.add(HOME, workspace, file, "mine")
    assert caught.value.say("ro").startswith("20 de exemple, dar numai 1")
    assert caught.value.say("it").startswith("20 esempi, ma solo 1")


def test_bad_lines_can_be_skipped(workspace: Workspace, file: Path) -> None:
    dataset = add(workspace, file, jsonl(*GOOD, "{broken", chat("a", "")), skip_bad=True)
    assert (dataset.rows, dataset.skipped) == (12, 2)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1250"])
def test_a_file_in_another_encoding_can_be_converted(workspace: Workspace, file: Path, encoding: str) -> None:
    content = "".join(json.dumps(chat(f"{n} ţări?"), ensure_ascii=False) + "\n" for n in range(12))
    dataset = add(workspace, file, content.encode(encoding), convert=True)
    assert next(rows.read(dataset.path))["messages"][0]["content"] == "0 ţări?"


def test_a_byte_order_mark_and_windows_line_ends_are_accepted(workspace: Workspace, file: Path) -> None:
    assert add(workspace, file, b"\xef\xbb\xbf" + jsonl(*GOOD).replace(b"\n", b"\r\n\r\n")).rows == 12


@pytest.mark.parametrize(
    "other",
    [
        {"conversations": [{"from": "human", "value": "Q?"}, {"from": "gpt", "value": "A."}]},
        {"prompt": "Q?", "completion": "A."},
        {"instruction": "Q?", "input": "", "output": "A."},
        {"question": "Q?", "answer": "A.", "topic": "ignored"},
    ],
)
def test_other_known_forms_are_stored_as_chats(workspace: Workspace, file: Path, other: dict[str, object]) -> None:
    dataset = add(workspace, file, jsonl(other, *GOOD))
    assert next(rows.read(dataset.path)) == chat("Q?", "A.")


def test_an_instruction_with_input_and_system_keeps_both(workspace: Workspace, file: Path) -> None:
    row = {"system": "Be brief.", "instruction": "Sum up.", "input": "Long text.", "output": "Short."}
    first = next(rows.read(add(workspace, file, jsonl(row, *GOOD)).path))
    assert [m["content"] for m in first["messages"]] == ["Be brief.", "Sum up.\n\nLong text.", "Short."]


def test_one_long_text_is_enough_for_plain_text(workspace: Workspace, file: Path) -> None:
    dataset = add(workspace, file, jsonl({"text": "O carte lungă. " * 1000}))
    assert (dataset.shape, dataset.rows) == ("text", 1)


def test_a_line_that_is_too_long_never_comes_into_memory(workspace: Workspace, file: Path) -> None:
    import tracemalloc

    with file.open("wb") as sink:
        sink.write(b'{"text": "')
        sink.writelines(b"x" * 1_000_000 for _ in range(60))
    tracemalloc.start()
    with pytest.raises(DataError, match=r"Line 1 is longer than 1 MB\."):
        datasets.add(HOME, workspace, file, "mine")
    assert tracemalloc.get_traced_memory()[1] < 8_000_000
    tracemalloc.stop()


def test_a_data_set_is_found_by_id_and_by_name_and_only_by_its_owner(workspace: Workspace, file: Path) -> None:
    dataset = add(workspace, file, jsonl(*GOOD))
    assert datasets.find(HOME, workspace, dataset.id) == dataset
    assert datasets.find(HOME, workspace, "MINE") == dataset
    for ref in ("mine", dataset.id, "../../etc", "no such"):
        with pytest.raises(AccessError, match="There is no data set"):
            datasets.find(Person("other"), workspace, ref)
    assert dataset not in datasets.available(Person("other"), workspace)


def test_a_path_or_an_address_is_no_data_set(workspace: Workspace) -> None:
    with pytest.raises(DataError, match="You can only use files from your own workspace"):
        datasets.find(HOME, workspace, "/etc/passwd")
    for address in ("http://127.0.0.1/x", "file:///etc/passwd", "ftp://host/x"):
        with pytest.raises(DataError, match="An address on the internet cannot be used"):
            datasets.find(HOME, workspace, address)


def test_the_same_file_is_kept_once(workspace: Workspace, file: Path) -> None:
    first = add(workspace, file, jsonl(*GOOD))
    assert datasets.add(HOME, workspace, file, "another name") == first
    assert datasets.bring(HOME, workspace, str(file)) == first
    assert datasets.bring(HOME, workspace, "mine") == first


def test_a_changed_file_from_the_command_line_gets_the_next_free_name(workspace: Workspace, file: Path) -> None:
    file.write_bytes(jsonl(*GOOD))
    assert datasets.bring(HOME, workspace, str(file)).name == "brought"
    file.write_bytes(jsonl(*GOOD, chat("one more?")))
    assert datasets.bring(HOME, workspace, str(file)).name == "brought 2"


def test_two_sets_cannot_have_one_name(workspace: Workspace, file: Path) -> None:
    add(workspace, file, jsonl(*GOOD))
    file.write_bytes(jsonl(*GOOD, chat("new?")))
    with pytest.raises(JobError, match=r'A data set with this name already exists \("mine"\)\.'):
        datasets.add(HOME, workspace, file, "Mine")


def test_a_set_without_its_record_does_not_exist(workspace: Workspace, file: Path) -> None:
    dataset = add(workspace, file, jsonl(*GOOD))
    (dataset.path.parent / "dataset.json").unlink()
    with pytest.raises(AccessError):
        datasets.find(HOME, workspace, "mine")


def test_what_an_interrupted_addition_left_is_removed_after_a_day(workspace: Workspace, file: Path) -> None:
    old, new = workspace.datasets / ".incoming-old", workspace.datasets / ".incoming-new"
    for folder in (old, new):
        folder.mkdir()
    os.utime(old, (0, 0))
    dataset = add(workspace, file, jsonl(*GOOD))
    assert {new, dataset.path.parent} == set(workspace.datasets.iterdir())


def test_a_set_can_be_deleted_by_its_owner_only(workspace: Workspace, file: Path) -> None:
    dataset = add(workspace, file, jsonl(*GOOD))
    with pytest.raises(AccessError):
        datasets.delete(Person("other"), workspace, dataset.id)
    datasets.delete(HOME, workspace, dataset.id)
    assert not dataset.path.exists()


def test_a_moved_workspace_still_knows_its_sets(workspace: Workspace, file: Path) -> None:
    dataset = add(workspace, file, jsonl(*GOOD))
    moved = Workspace(workspace.root.rename(workspace.root.with_name("moved")))
    assert list(rows.read(datasets.find(HOME, moved, dataset.id).path)) == GOOD
