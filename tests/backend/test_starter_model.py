"""The shipped starters: what is in their folders, their tokenizer, and what they answer."""

import json
from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from backend.paths import SHIPPED_MODELS
from backend.starter.scoring import answers, exact_match
from backend.starter.splits import Chat, splits
from backend.starter.tokenizer import END, LETTERS, PAD

STARTERS = ("starter", "starter-no-romanian")
WEIGHTS_LIMIT = 6_000_000  # bytes
ROMANIAN_BEFORE = 0.05  # exact match a starter must stay below before anybody teaches it
FIRST_WORDS = {  # what a newcomer types, and how the answer begins
    "Hello": "Hello! You can ask me about colours",
    "hello!": "Hello! You can ask me about colours",
    "Good morning!": "Good morning!",
    "how are you?": "I am fine, thank you.",
    "Thank you": "You are welcome.",
    "Who are you?": "I am a small practice model.",
    "What can you do?": "I know colours, capitals",
    "Goodbye!": "Goodbye!",
    "Ciao!": "Ciao! Puoi farmi domande su colori",
    "ciao": "Ciao! Puoi farmi domande su colori",
    "buonasera": "Buonasera!",
    "Come stai?": "Sto bene, grazie.",
    "Grazie!": "Prego.",
    "Chi sei?": "Sono un piccolo modello di prova.",
    "Cosa sai fare?": "Conosco colori, capitali",
}


@pytest.fixture(scope="module", params=STARTERS)
def folder(request: pytest.FixtureRequest) -> Path:
    return SHIPPED_MODELS / request.param


@pytest.fixture(scope="module")
def tokenizer(folder: Path):
    return AutoTokenizer.from_pretrained(folder)


def test_the_weights_are_small_and_there_is_a_card(folder: Path) -> None:
    assert (folder / "model.safetensors").stat().st_size < WEIGHTS_LIMIT
    assert "exact match" in (folder / "README.md").read_text("utf-8").lower()
    described = json.loads((folder / "model.json").read_text("utf-8"))
    assert described["id"] == folder.name
    assert set(described["title"]) == set(described["about"]) == {"en", "ro", "it"}


def test_every_romanian_and_italian_letter_is_one_token(tokenizer) -> None:
    for letter in LETTERS:
        assert len(tokenizer.encode(letter)) == 1, letter
        assert tokenizer.decode(tokenizer.encode(letter)) == letter


def test_every_chat_survives_the_tokenizer(tokenizer) -> None:
    for chat in (*splits().train[::10], *splits().dev.new_wordings, *splits().dev.unseen_entities):
        for text in (chat.question, chat.answer):
            tokens = tokenizer.encode(text)
            assert tokenizer.decode(tokens) == text
            assert tokenizer.unk_token_id not in tokens


def test_text_of_other_alphabets_survives_too(tokenizer) -> None:
    text = "Привет, 世界! 🙂\tl’été\n"
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_the_special_tokens_are_told_apart(tokenizer) -> None:
    assert (tokenizer.eos_token, tokenizer.pad_token, tokenizer.bos_token) == (END, PAD, None)
    assert tokenizer.eos_token_id != tokenizer.pad_token_id
    assert tokenizer.encode("ciao")[0] not in {tokenizer.eos_token_id, tokenizer.pad_token_id}


def test_the_template_marks_the_answers_and_their_ends(tokenizer) -> None:
    messages = [
        {"role": "user", "content": "Bună!"},
        {"role": "assistant", "content": "Salut!"},
        {"role": "user", "content": "Ce faci?"},
        {"role": "assistant", "content": "Bine."},
    ]
    found = tokenizer.apply_chat_template(messages, return_dict=True, return_assistant_tokens_mask=True)
    marked = [token for token, mark in zip(found["input_ids"], found["assistant_masks"], strict=True) if mark]
    assert tokenizer.decode(marked) == "Salut!<|im_end|>Bine.<|im_end|>"


def test_both_starters_have_the_same_tokenizer() -> None:
    first, second = ((SHIPPED_MODELS / name / "tokenizer.json").read_bytes() for name in STARTERS)
    assert first == second


def test_the_starter_knows_english_and_italian_and_cannot_chat_in_romanian(folder: Path, tokenizer) -> None:
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert str(model.dtype) == "torch.float32"
    dev = splits().dev.new_wordings
    scores = exact_match(model, tokenizer, [*_some(dev, "en", 4), *_some(dev, "it", 4), *_some(dev, "ro", 4)])
    assert scores["en"] >= 0.9
    assert scores["it"] >= 0.9
    assert scores["ro"] < ROMANIAN_BEFORE
    assert answers(model, tokenizer, ["Quante zampe ha il pinguino?"]) == ["Il pinguino ha due zampe."]


def test_the_first_words_of_a_newcomer_are_answered(folder: Path, tokenizer) -> None:
    said = answers(AutoModelForCausalLM.from_pretrained(folder), tokenizer, list(FIRST_WORDS))
    wrong = {
        question: answer
        for (question, begin), answer in zip(FIRST_WORDS.items(), said, strict=True)
        if not answer.startswith(begin)
    }
    assert not wrong


def _some(chats: tuple[Chat, ...], language: str, every: int) -> list[Chat]:
    return [chat for chat in chats if chat.language == language][::every]
