"""What other programs export becomes the rows it means: chats, files for other services, labels."""

from typing import Any

import pytest

from backend.data.intake import conversion
from backend.data.mapping.recognition import recognise
from backend.data.opening.opened import Opened, Record, Understood
from backend.data.shapes import Row, Shape

ASKED, ANSWERED, WORSE = "Unde se varsă Dunărea?", "În Marea Neagră.", "În Adriatica."
SYSTEM = "Răspunde scurt."
USER, BOT = {"role": "user", "content": ASKED}, {"role": "assistant", "content": ANSWERED}
CHAT = {"messages": [USER, BOT]}
RULED = {"messages": [{"role": "system", "content": SYSTEM}, USER, BOT]}


def node(who: str, text: str, parent: str | None) -> dict[str, Any]:
    content = {"content_type": "text", "parts": [text]}
    return {"message": {"author": {"role": who}, "content": content} if who else None, "parent": parent}


TREE = {
    "root": node("", "", None),
    "s": node("system", "", "root"),
    "u": node("user", ASKED, "s"),
    "other": node("assistant", "Un alt răspuns, care a fost părăsit.", "u"),
    "t": node("tool", "căutare", "u"),
    "a": node("assistant", ANSWERED, "t"),
}
EXPORTS: dict[str, tuple[dict[str, Any], Shape, Row]] = {
    "ChatGPT": ({"title": "Dunărea", "mapping": TREE, "current_node": "a", "id": "1"}, "chat", CHAT),
    "Claude": (
        {"uuid": "1", "name": "Dunărea", "chat_messages": [
            {"uuid": "2", "text": ASKED, "sender": "human"}, {"uuid": "3", "text": ANSWERED, "sender": "assistant"}]},
        "chat", CHAT),
    "OpenAI, developer, name and weight": (
        {"messages": [{"role": "developer", "content": SYSTEM}, USER | {"name": "ana"}, BOT | {"weight": 1}]},
        "chat", RULED),
    "OpenAI, pairs": (
        {"input": {"messages": [USER], "tools": [], "parallel_tool_calls": True}, "preferred_output": [BOT],
         "non_preferred_output": [{"role": "assistant", "content": WORSE}]},
        "preference", {"prompt": [USER], "chosen": ANSWERED, "rejected": WORSE}),
    "Anthropic, parts": (
        {"system": SYSTEM, "messages": [{"role": "user", "content": [{"type": "text", "text": ASKED}]}, BOT]},
        "chat", RULED),
    "Gemini": (
        {"systemInstruction": {"role": "system", "parts": [{"text": SYSTEM}]},
         "contents": [{"role": "user", "parts": [{"text": ASKED}]}, {"role": "model", "parts": [{"text": ANSWERED}]}]},
        "chat", RULED),
    "Gemini, tables": ({"text_input": ASKED, "output": ANSWERED}, "chat", CHAT),
    "Mistral": ({"messages": [USER, BOT | {"prefix": False}]}, "chat", CHAT),
    "Cohere": (
        {"messages": [{"role": "User", "content": ASKED}, {"role": "Chatbot", "content": ANSWERED}]}, "chat", CHAT),
    "OpenAssistant, tree": (
        {"message_tree_id": "1", "tree_state": "ready", "prompt": {"text": ASKED, "role": "prompter", "replies": [
            {"text": ANSWERED, "role": "assistant", "replies": []}, {"text": WORSE, "role": "assistant"}]}},
        "chat", CHAT),
    "ms-swift": ({"query": ASKED, "response": ANSWERED, "system": SYSTEM}, "chat", RULED),
    "intents": ({"tag": "dunarea", "patterns": [ASKED], "responses": [ANSWERED, WORSE]}, "chat", CHAT),
    "rows of the Hub's viewer": (
        {"row_idx": 0, "row": {"question": ASKED, "answer": ANSWERED}, "truncated_cells": []}, "chat", CHAT),
    "Label Studio": (
        {"id": 1, "data": {"text": ANSWERED}, "annotations": [
            {"was_cancelled": True, "result": []}, {"result": [{"value": {"choices": ["ape"]}, "type": "choices"}]}]},
        "label", {"text": ANSWERED, "label": "ape"}),
    "Argilla": (
        {"id": "1", "fields": {"text": ANSWERED}, "responses": {"label": [{"value": "ape", "user_id": "u"}]}},
        "label", {"text": ANSWERED, "label": "ape"}),
    "doccano": ({"id": 1, "text": ANSWERED, "label": ["ape"], "Comments": []}, "label",
                {"text": ANSWERED, "label": "ape"}),
    "AG News": ({"Class Index": 3, "Title": ASKED, "Description": ANSWERED}, "label",
                {"text": f"{ASKED}\n\n{ANSWERED}", "label": "3"}),
    "ARC": (
        {"id": "1", "question": {"stem": ASKED, "choices": [
            {"text": "lac", "label": "A"}, {"text": "mare", "label": "B"}]},
         "answerKey": "B"}, "exam", {"question": ASKED, "options": ["lac", "mare"], "answers": [2]}),
    "HellaSwag": (
        {"ctx": ASKED, "endings": ["lac", "mare", "fluviu"], "label": "0"}, "exam",
        {"question": ASKED, "options": ["lac", "mare", "fluviu"], "answers": [1]}),
}  # fmt: skip


@pytest.mark.parametrize("program", EXPORTS)
def test_what_a_program_exports_is_read_as_it_means_it(program: str) -> None:
    values, shape, row = EXPORTS[program]
    mapping = recognise(list(values), [values])
    assert (mapping.shape, next(mapping.rows(values, "1"))) == (shape, row)


def test_each_way_to_ask_has_an_answer() -> None:
    values = {"tag": "salut", "patterns": ["Bună", "Salut", "Bună ziua"], "responses": ["Bună ziua.", "Salut."]}
    said = [row["messages"][1]["content"] for row in recognise(list(values), [values]).rows(values, "1")]
    assert said == ["Bună ziua.", "Salut.", "Bună ziua."]


def test_the_old_way_to_call_a_function_is_a_call() -> None:
    call = {"role": "assistant", "content": None, "function_call": {"name": "harta", "arguments": "{}"}}
    values = {"messages": [USER, call], "functions": [{"name": "harta"}]}
    mapping = recognise(list(values), [values])
    assert [notice.key for notice in mapping.notices] == ["mapping.tools"]
    assert "harta" in next(mapping.rows(values, "1"))["messages"][-1]["content"]


@pytest.mark.parametrize(("mark", "told"), [({"weight": 0}, True), ({"train": False}, True), ({"weight": 1}, False)])
def test_answers_that_should_not_be_learned_are_told(mark: dict[str, Any], told: bool) -> None:
    values = {"messages": [USER, BOT | mark, USER, BOT]}
    opened = Opened(Understood(kind="jsonl"), lambda: iter([Record("1", values)]))
    keys = [notice.key for notice in conversion.notices(conversion.chosen(opened, None))]
    assert keys == ["mapping.unlearned"] * told


def test_a_tree_that_leads_in_a_circle_ends() -> None:
    values = {"mapping": {"a": node("user", ASKED, "b"), "b": node("assistant", ANSWERED, "a")}, "current_node": "b"}
    assert next(recognise(list(values), [values]).rows(values, "1")) == CHAT
