"""The layouts that the documentation of LLaMA-Factory, Axolotl, TRL and Unsloth describes, as their users have them in
files: each is read without a change and becomes the row it means.
"""

import base64
from typing import Any

import pytest

from backend.data.intake import conversion
from backend.data.mapping.recognition import recognise
from backend.data.opening.opened import Opened, Record, Understood
from backend.data.shapes import Row, Shape
from backend.errors import DataError
from tests import photos

ASKED, ANSWERED, WORSE = "Care este capitala Italiei?", "Roma.", "Milano."
SYSTEM = "Răspunde scurt."
USER, BOT = {"role": "user", "content": ASKED}, {"role": "assistant", "content": ANSWERED}
BAD = {"role": "assistant", "content": WORSE}
HUMAN, GPT = {"from": "human", "value": ASKED}, {"from": "gpt", "value": ANSWERED}
CHAT = {"messages": [USER, BOT]}
RULED = {"messages": [{"role": "system", "content": SYSTEM}, USER, BOT]}
PAIR = {"prompt": [USER], "chosen": ANSWERED, "rejected": WORSE}
RULED_PAIR = {**PAIR, "prompt": [{"role": "system", "content": SYSTEM}, USER]}
ABOUT: Row = {
    "messages": [{"role": "user", "content": f"{ASKED}\n\nItalia.", "input": "Italia."}, BOT],
}
TEXT = {"text": "O pagină întreagă."}
IMAGE = "poze/roma.png"
SEEN: Row = {
    "messages": [
        {"role": "user", "content": [{"type": "image", "image": IMAGE}, {"type": "text", "text": ASKED}]},
        BOT,
    ]
}
CALL = {"type": "function", "function": {"name": "vremea", "arguments": {"oras": "Roma"}}}
TOOLS = [{"type": "function", "function": {"name": "vremea", "parameters": {}}}]

Layouts = dict[str, tuple[dict[str, Any], Shape, Row]]
LLAMA_FACTORY: Layouts = {
    "alpaca": ({"instruction": ASKED, "input": "", "output": ANSWERED, "system": SYSTEM, "history": []}, "chat", RULED),
    "alpaca, only what is needed": ({"instruction": ASKED, "output": ANSWERED}, "chat", CHAT),
    "alpaca, pre-training": (TEXT, "text", TEXT),
    "alpaca, preference": (
        {"instruction": ASKED, "input": "", "chosen": ANSWERED, "rejected": WORSE}, "preference", PAIR),
    "alpaca, kto": ({"instruction": ASKED, "input": "", "output": ANSWERED, "kto_tag": True}, "chat", CHAT),
    "alpaca, pictures": (
        {"instruction": ASKED, "input": "", "output": ANSWERED, "images": [IMAGE]}, "visual", SEEN),
    "sharegpt": ({"conversations": [HUMAN, GPT], "system": SYSTEM}, "chat", RULED),
    "sharegpt, system among the turns": (
        {"conversations": [{"from": "system", "value": SYSTEM}, HUMAN, GPT], "tools": ""}, "chat", RULED),
    "sharegpt, preference": (
        {"conversations": [HUMAN], "chosen": GPT, "rejected": {"from": "gpt", "value": WORSE}}, "preference", PAIR),
    "sharegpt, kto": ({"conversations": [HUMAN, GPT], "kto_tag": True}, "chat", CHAT),
    "sharegpt, pictures": (
        {"conversations": [{"from": "human", "value": f"<image>{ASKED}"}, GPT], "images": [IMAGE]}, "visual", SEEN),
    "openai": ({"messages": [{"role": "system", "content": SYSTEM}, USER, BOT]}, "chat", RULED),
    "openai, kto": ({"messages": [USER, BOT], "label": True}, "chat", CHAT),
    "messages under completion, kto": ({"completion": [USER, BOT], "label": True}, "chat", CHAT),
    "prompt and text": ({"prompt": ASKED, "text": ANSWERED, "token_length": 9}, "chat", CHAT),
    "prompt and response": ({"prompt": ASKED, "response": ANSWERED}, "chat", CHAT),
    "input and target": ({"kind": "x", "input": ASKED, "target": ANSWERED}, "chat", CHAT),
    "content and summary": ({"content": ASKED, "summary": ANSWERED}, "chat", CHAT),
    "raw content": ({"raw_content": TEXT["text"], "doc_id": "1"}, "text", TEXT),
    "openai, pictures": (
        {"messages": [{"role": "user", "content": f"<image>{ASKED}"}, BOT], "images": [IMAGE]}, "visual", SEEN),
}  # fmt: skip
AXOLOTL: Layouts = {
    "pretraining": (TEXT, "text", TEXT),
    "alpaca_chat.load_qa": ({"question": ASKED, "answer": ANSWERED}, "chat", CHAT),
    "alpaca_chat.load_concise": ({"instruction": ASKED, "input": "", "response": ANSWERED}, "chat", CHAT),
    "alpaca_chat.load_camel_ai": ({"message_1": ASKED, "message_2": ANSWERED}, "chat", CHAT),
    "alpaca_w_system.load_open_orca": (
        {"system_prompt": SYSTEM, "question": ASKED, "response": ANSWERED}, "chat", RULED),
    "jeopardy": ({"question": ASKED, "category": "geografie", "answer": ANSWERED}, "chat", CHAT),
    "oasst": ({"INSTRUCTION": ASKED, "RESPONSE": ANSWERED}, "chat", CHAT),
    "gpteacher": ({"instruction": ASKED, "input": "", "response": ANSWERED}, "chat", CHAT),
    "reflection": (
        {"instruction": ASKED, "input": "", "output": ANSWERED, "reflection": "x", "corrected": "y"}, "chat", CHAT),
    "explainchoice, concisechoice": (
        {"question": ASKED, "choices": ["Milano", "Roma"], "solution": "Roma", "explanation": "x"}, "exam",
        {"question": ASKED, "options": ["Milano", "Roma"], "answers": [2]}),
    "explainchoice, in words": (
        {"question": ASKED, "choices": ["Milano", "Roma"], "solution": "E Roma, din 1871."}, "chat",
        {"messages": [{**USER, "content": f"{ASKED}\n\nMilano\nRoma", "input": "Milano\nRoma"},
                      {**BOT, "content": "E Roma, din 1871."}]}),
    "explainchoice, only explained": (
        {"question": ASKED, "choices": ["Milano", "Roma"], "explanation": "E Roma, din 1871."}, "chat",
        {"messages": [{**USER, "content": f"{ASKED}\n\nMilano\nRoma", "input": "Milano\nRoma"},
                      {**BOT, "content": "E Roma, din 1871."}]}),
    "context_qa": ({"article": "Italia.", "question": ASKED, "answer": ANSWERED}, "chat", ABOUT),
    "context_qa.load_v2": ({"context": "Italia.", "question": ASKED, "answer": ANSWERED}, "chat", ABOUT),
    "context_qa.load_404": (
        {"article": "Italia.", "unanswerable_question": ASKED}, "chat",
        {"messages": [ABOUT["messages"][0], {"role": "assistant", "content": "Textul nu spune."}]}),
    "creative_acr.load_revise": (
        {"scores": "1", "critiques": "", "instruction": ASKED, "answer": WORSE, "revision": ANSWERED}, "chat", CHAT),
    "chat_template, per turn": (
        {"conversations": [{"from": "human", "value": ASKED, "train": False},
                           {"from": "assistant", "value": ANSWERED, "train_detail": []}]}, "chat", CHAT),
    "metharme": ({"prompt": ASKED, "generation": ANSWERED}, "chat", CHAT),
    "summarizetldr": ({"article": ASKED, "summary": ANSWERED}, "chat", CHAT),
    "creative_acr.load_answer": ({"instruction": ASKED, "revision": ANSWERED}, "chat", CHAT),
    "creative_acr.load_critique": (
        {"scores": "1", "critiques": "scurt", "instruction": ASKED, "answer": ANSWERED}, "chat", CHAT),
    "chat_template": ({"messages": [USER, BOT | {"train": True}]}, "chat", CHAT),
    "chat_template, sharegpt": ({"conversations": [HUMAN, GPT]}, "chat", CHAT),
    "pygmalion": (
        {"conversations": [{"role": "human", "value": ASKED}, {"role": "model", "value": ANSWERED}]}, "chat", CHAT),
    "input_output": ({"segments": [{"label": True, "text": "O pagină "}, {"label": False, "text": "întreagă."}]},
                     "text", TEXT),
    "chatml.argilla": (
        {"system": SYSTEM, "instruction": ASKED, "chosen_response": ANSWERED, "rejected_response": WORSE},
        "preference", RULED_PAIR),
    "chatml.argilla_chat": ({"chosen": [USER, BOT], "rejected": [USER, BAD]}, "preference", PAIR),
    "chatml.icr": (
        {"system": SYSTEM, "input": ASKED, "chosen": ANSWERED, "rejected": WORSE}, "preference", RULED_PAIR),
    "chatml.intel": (
        {"system": SYSTEM, "question": ASKED, "chosen": ANSWERED, "rejected": WORSE}, "preference", RULED_PAIR),
    "chatml.prompt_pairs": (
        {"system": SYSTEM, "prompt": ASKED, "chosen": ANSWERED, "rejected": WORSE}, "preference", RULED_PAIR),
    "chatml.ultra": (
        {"system": "", "prompt": ASKED, "chosen": [USER, BOT], "rejected": [USER, BAD]}, "preference", PAIR),
    "zephyr.nectar": (
        {"prompt": ASKED, "answers": [{"answer": WORSE, "rank": 7}, {"answer": ANSWERED, "rank": 1}]},
        "preference", PAIR),
    "chat_template.default": ({"messages": [USER], "chosen": BOT, "rejected": BAD}, "preference", PAIR),
    "kto, chatml.prompt_pairs": (
        {"system": SYSTEM, "prompt": ASKED, "completion": ANSWERED, "label": True}, "chat", RULED),
    "kto, chatml.intel": ({"system": SYSTEM, "question": ASKED, "completion": ANSWERED}, "chat", RULED),
    "chat_template.argilla": (
        {"system": SYSTEM, "prompt": ASKED, "chosen": [USER, BOT], "rejected": [USER, BAD]}, "preference", RULED_PAIR),
    "user_defined.default": (
        {"system": SYSTEM, "prompt": ASKED, "chosen": ANSWERED, "rejected": WORSE}, "preference", RULED_PAIR),
    "kto, chatml.argilla": ({"system": SYSTEM, "instruction": ASKED, "completion": ANSWERED}, "chat", RULED),
    "kto, chatml.argilla_chat": ({"chosen": [USER], "completion": [BOT]}, "chat", CHAT),
    "kto, llama3.argilla_chat": ({"completion": [USER, BOT]}, "chat", CHAT),
    "kto, user_defined": ({"system": SYSTEM, "prompt": ASKED, "completion": ANSWERED, "label": "true"}, "chat", RULED),
    "multimodal": (
        {"messages": [{"role": "user", "content": [{"type": "image", "path": IMAGE}, {"type": "text", "text": ASKED}]},
                      {"role": "assistant", "content": [{"type": "text", "text": ANSWERED}]}]}, "visual", SEEN),
    "multimodal, url": (
        {"messages": [{"role": "user", "content": [{"type": "image", "url": IMAGE}, {"type": "text", "text": ASKED}]},
                      BOT]}, "visual", SEEN),
}  # fmt: skip
TRL: Layouts = {
    "language modeling": (TEXT, "text", TEXT),
    "language modeling, conversational": ({"messages": [USER, BOT]}, "chat", CHAT),
    "prompt-completion": ({"prompt": ASKED, "completion": ANSWERED}, "chat", CHAT),
    "prompt-completion, conversational": ({"prompt": [USER], "completion": [BOT]}, "chat", CHAT),
    "preference": ({"prompt": ASKED, "chosen": ANSWERED, "rejected": WORSE}, "preference", PAIR),
    "preference, implicit prompt": (
        {"chosen": f"{ASKED} {ANSWERED}", "rejected": f"{ASKED} {WORSE}"}, "preference", PAIR),
    "preference, conversational": ({"prompt": [USER], "chosen": [BOT], "rejected": [BAD]}, "preference", PAIR),
    "preference, conversational, implicit prompt": (
        {"chosen": [USER, BOT], "rejected": [USER, BAD]}, "preference", PAIR),
    "unpaired preference": ({"prompt": ASKED, "completion": ANSWERED, "label": True}, "chat", CHAT),
    "unpaired preference, conversational": ({"prompt": [USER], "completion": [BOT], "label": True}, "chat", CHAT),
    "vision": (
        {"images": [IMAGE], "messages": [
            {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": ASKED}]},
            {"role": "assistant", "content": [{"type": "text", "text": ANSWERED}]}]}, "visual", SEEN),
    "vision, prompt-completion": (
        {"images": [IMAGE],
         "prompt": [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": ASKED}]}],
         "completion": [{"role": "assistant", "content": [{"type": "text", "text": ANSWERED}]}]}, "visual", SEEN),
    "vision, one picture": ({"image": IMAGE, "prompt": [USER], "completion": [BOT]}, "visual", SEEN),
}  # fmt: skip
UNSLOTH: Layouts = {
    "raw corpus": (TEXT, "text", TEXT),
    "instruct": ({"Instruction": ASKED, "Input": "", "Output": ANSWERED}, "chat", CHAT),
    "conversation": ({"conversations": [HUMAN, GPT]}, "chat", CHAT),
    "chatml": ({"messages": [USER, BOT]}, "chat", CHAT),
    "conversations with roles": ({"conversations": [USER, BOT]}, "chat", CHAT),
    "reasoning": ({"question": ASKED, "answer": ANSWERED}, "chat", CHAT),
    "vision": (
        {"messages": [{"role": "user", "content": [{"type": "image", "image": IMAGE}, {"type": "text", "text": ASKED}]},
                      {"role": "assistant", "content": [{"type": "text", "text": ANSWERED}]}]}, "visual", SEEN),
    "picture and caption": (
        {"image": IMAGE, "image_id": "a1", "caption": ANSWERED, "cui": "x"}, "caption",
        {"image": IMAGE, "caption": ANSWERED}),
    "picture and text": ({"image": IMAGE, "text": ANSWERED}, "caption", {"image": IMAGE, "caption": ANSWERED}),
}  # fmt: skip
ALL = {
    f"{name}: {layout}": case
    for name, layouts in (
        ("LLaMA-Factory", LLAMA_FACTORY),
        ("Axolotl", AXOLOTL),
        ("TRL", TRL),
        ("Unsloth", UNSLOTH),
    )
    for layout, case in layouts.items()
}


@pytest.mark.parametrize("layout", ALL)
def test_every_documented_layout_is_read_as_it_is(layout: str) -> None:
    values, shape, row = ALL[layout]
    mapping = recognise(list(values), [values])
    assert (mapping.shape, list(mapping.rows(values, "1"))) == (shape, [row])


@pytest.mark.parametrize(
    "values",
    [
        {"messages": [USER, {"role": "assistant", "tool_calls": [CALL]}, {"role": "tool", "name": "vremea",
         "content": "22"}, BOT], "tools": TOOLS},
        {"messages": [USER, {"role": "assistant", "content": None, "tool_calls": [CALL]},
                      {"role": "tool", "tool_call_id": "1", "content": "22"}, BOT]},
        {"conversations": [HUMAN, {"from": "function_call", "value": "{}"}, {"from": "observation", "value": "22"},
                           GPT], "tools": "[]"},
    ],
)  # fmt: skip
def test_calls_of_tools_are_kept_as_text_and_that_is_said(values: dict[str, Any]) -> None:
    mapping = recognise(list(values), [values])
    (row,) = mapping.rows(values, "1")
    said = [message["role"] for message in row["messages"] if message["role"] != "system"]
    assert said == ["user", "assistant", "user", "assistant"]
    assert "mapping.tools" in [notice.key for notice in mapping.notices]


OTHERWISE = {
    "mapping.thoughts": {"messages": [USER, BOT | {"thinking": "Mă gândesc."}]},
    "mapping.media": {"messages": [USER, BOT], "videos": ["a.mp4"]},
    "mapping.no_pictures": {"prompt": ASKED, "chosen": ANSWERED, "rejected": WORSE, "image": IMAGE},
    "mapping.verdict": {"messages": [USER, BOT], "label": True},
}


@pytest.mark.parametrize("key", OTHERWISE)
def test_what_is_not_kept_is_told(key: str) -> None:
    opened = Opened(Understood(kind="jsonl"), lambda: iter([Record("1", OTHERWISE[key])]))
    assert [notice.key for notice in conversion.notices(conversion.chosen(opened, None))] == [key]


@pytest.mark.parametrize(
    "values",
    [
        {"messages": [USER, BOT], "label": False},
        {"instruction": ASKED, "output": ANSWERED, "kto_tag": False},
        {"prompt": ASKED, "completion": ANSWERED, "label": False},
    ],
)
def test_an_answer_that_is_marked_as_bad_is_never_learned(values: dict[str, Any]) -> None:
    good = {name: True if value is False else value for name, value in values.items()}
    records = [Record("1", good), Record("2", values)]
    convert = conversion.chosen(Opened(Understood(kind="jsonl"), lambda: iter(records)), None)
    assert list(convert(records[0], 1)) == [("chat", CHAT)]
    with pytest.raises(DataError, match="marked as a bad one"):
        list(convert(records[1], 2))


def test_a_picture_inside_of_a_message_is_read() -> None:
    inline = "data:image/png;base64," + base64.b64encode(photos.written(photos.drawn())).decode()
    parts = [{"type": "image_url", "image_url": {"url": inline}}, {"type": "text", "text": ASKED}]
    values = {"messages": [{"role": "user", "content": parts}, BOT]}
    mapping = recognise(list(values), [values])
    (row,) = mapping.rows(values, "1")
    assert (mapping.shape, row["messages"][0]["content"][0]) == ("visual", {"type": "image", "image": inline})
