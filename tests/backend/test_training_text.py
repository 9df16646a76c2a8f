"""What is learned of a chat: the answers and the tokens that end them, nothing else, or the run is refused."""

import os

import pytest
import torch

from backend.errors import DataError, ModelError
from backend.training.text import documents
from backend.training.text.chat import ChatFormat
from backend.training.text.documents import chats, texts
from tests import tiny

TALK = [
    {"role": "system", "content": "Fii scurt."},
    {"role": "user", "content": "Ce culoare are cerul?"},
    {"role": "assistant", "content": "Albastru, de obicei."},
    {"role": "user", "content": "Și iarba?"},
    {"role": "assistant", "content": "Verde."},
]
TRAILING = tiny.UNMARKED.replace("<|end|>{% endif %}", "<|end|>\n{% endif %}")


def _learned(template: str, messages=TALK) -> str:
    tokenizer = tiny.make_tokenizer(template)
    document = ChatFormat.of(tokenizer, "tiny").document(messages, row=1)
    return tokenizer.decode(document.tokens[document.learned].tolist())


@pytest.mark.parametrize("template", [tiny.MARKED, tiny.UNMARKED, TRAILING])
def test_only_answers_and_their_end_of_turn_are_learned(template):
    assert _learned(template) == "Albastru, de obicei.<|end|>Verde.<|end|>"


def test_the_tokens_of_a_chat_are_those_of_its_rendered_text():
    tokenizer = tiny.make_tokenizer()
    document = ChatFormat.of(tokenizer, "tiny").document(TALK, row=1)
    assert tokenizer.decode(document.tokens.tolist()) == tokenizer.apply_chat_template(TALK, tokenize=False)


def test_a_template_that_needs_a_token_which_is_not_there_is_refused():
    with pytest.raises(ModelError, match='needs "bos_token"'):
        _learned("{{ bos_token + messages[0]['content'] }}" + tiny.MARKED)


def test_a_template_that_leaves_out_the_end_of_turn_is_refused():
    template = tiny.MARKED.replace("<|end|>{% endgeneration %}", "{% endgeneration %}<|end|>")
    with pytest.raises(ModelError, match="never learn to stop"):
        _learned(template)


def test_a_template_that_marks_something_else_is_refused():
    template = tiny.MARKED.replace("{% generation %}", "{% generation %}Asistent: ")
    with pytest.raises(DataError, match="instead of the answer"):
        _learned(template)


def test_a_template_that_marks_nothing_is_refused():
    template = tiny.MARKED.replace("message['role'] == 'assistant'", "message['role'] == 'robot'")
    with pytest.raises(DataError, match="0 of 2 answers"):
        _learned(template)


def test_a_model_without_a_template_is_refused():
    with pytest.raises(ModelError, match="has no chat template"):
        ChatFormat.of(tiny.make_tokenizer(None), "tiny")


def test_a_question_ends_where_the_answer_begins_and_the_end_of_turn_is_known():
    tokenizer = tiny.make_tokenizer()
    chat = ChatFormat.of(tokenizer, "tiny")
    assert tokenizer.decode(chat.question("Ce faci?")) == "<|user|>Ce faci?<|end|><|assistant|>"
    assert chat.ends() == [tokenizer.eos_token_id]


def test_a_long_chat_is_cut_and_dropped_when_no_answer_is_left():
    tokenizer = tiny.make_tokenizer()
    chat = ChatFormat.of(tokenizer, "tiny")
    rows = [{"messages": TALK}, {"messages": [{"role": "user", "content": "a" * 90}, TALK[2]]}]
    (kept,) = chats(rows, chat, 60)
    assert len(kept) == 60
    assert tokenizer.decode(kept.tokens[kept.learned].tolist()).startswith("Albastru")


@pytest.mark.parametrize("template", [tiny.MARKED, tiny.UNMARKED, TRAILING])
def test_chats_become_the_same_tokens_together_and_one_by_one(template, monkeypatch):
    monkeypatch.setattr(documents, "AT_ONCE", 3)
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    chat = ChatFormat.of(tiny.make_tokenizer(template), "tiny")
    talks = [
        TALK[1:3],
        TALK,
        TALK[:3],
        TALK[1:],
        [TALK[1], {"role": "assistant", "content": "a " * 90}],
        TALK,
        TALK[1:3],
    ]
    together = list(chats([{"messages": talk} for talk in talks], chat, 300))
    for talk, found in zip(talks, together, strict=True):
        alone = chat.document(talk, row=1)
        assert (found.tokens.tolist(), found.learned.tolist()) == (alone.tokens.tolist(), alone.learned.tolist())
        assert (found.tokens.dtype, found.learned.dtype) == (torch.int32, torch.bool)
    assert os.environ["TOKENIZERS_PARALLELISM"] == "false"


def test_of_chats_that_are_read_together_the_faulty_one_is_named(monkeypatch):
    monkeypatch.setattr(documents, "AT_ONCE", 3)
    monkeypatch.delenv("TOKENIZERS_PARALLELISM", raising=False)
    chat = ChatFormat.of(tiny.make_tokenizer(tiny.MARKED.replace("== 'assistant'", "== 'robot'")), "tiny")
    good = [TALK[1]]
    with pytest.raises(DataError) as caught:
        list(chats([{"messages": talk} for talk in (good, good, good, good, TALK, good)], chat, 300))
    assert caught.value.values["row"] == 5
    assert "TOKENIZERS_PARALLELISM" not in os.environ


def test_a_text_is_cut_into_windows_that_end_with_the_end_and_learn_all_but_their_first_token():
    tokenizer = tiny.make_tokenizer()
    windows = list(texts([{"text": "abcdefghij"}, {"text": "klm"}], tokenizer, 8))
    assert [tokenizer.decode(window.tokens.tolist()) for window in windows] == ["abcdefgh", "ij<|end|>", "klm<|end|>"]
    for window in windows:
        assert not window.learned[0]
        assert window.learned[1:].all()
