"""The starter's tables, sentences, splits and shipped chats."""

import json
import random
import re
import unicodedata
from collections import Counter, defaultdict

import pytest

from backend.data import rows
from backend.paths import SAMPLE_DATA
from backend.starter import chats
from backend.starter.hurry import PLAIN, typed_in_a_hurry
from backend.starter.splits import Chat, splits
from backend.starter.topics import LANGUAGES, SMALL_TALK, WORDS, forms_of, topics, words

EVERY_CHAT = (
    *splits().train,
    *(chat for split in (splits().dev, splits().test) for chat in (*split.new_wordings, *split.unseen_entities)),
)
TABLES = [words(name) for name in ("things", "countries", "animals", "opposites", "numbers", "nouns")]
TABLES += [*words("calendar").values(), words("people")["foods"]]

WRONG = {
    "cedilla instead of comma": r"[şţŞŢ]",
    "old spelling": r"\b(sînt|cîte|pîine|cîine|mîine|în\sgeneral)\b",
    "two spaces, or one at an end": r"  |^ | $",
    "space before punctuation": r" [.,?!]",
    "unfilled column": r"[{}]",
    "a before a vowel": r"\ba [aeio]\w",
    "an before a consonant": r"\ban [^aeio\W]",
    "article not elided": r"\b(il|lo|la|gli|le|del|dello|della|dell|di il|di lo|di la|di l)(') ",
    "il or lo before a vowel": r"\b(il|lo|del|dello) [aeiouàèéìòù]",
    "la before a vowel": r"\b(la|della) [aeou]\w",
    "di with its article apart": r"\bdi (il|lo|la|l'|gli|le|i)\b",
    "il before s and consonant or z": r"\b(il|del) (s[bcdfglmnpqrtv]|z|gn|ps|x|y)",
    "one with a plural": r"\b(one|un|una) (legs|zampe|picioare)\b",
    "masculine number before picioare": r"\bdoi picioare\b",
    "apostrophe for an accent": r"\b(e'|piu'|perche'|citta'|puo')",
}


@pytest.mark.parametrize("reason", WRONG)
def test_no_sentence_shows_a_known_mistake(reason: str) -> None:
    english_only = reason.startswith(("a before", "an before"))
    italian_only = any(word in reason for word in ("elided", "vowel", "article", "il before")) and not english_only
    languages = ["en"] if english_only else ["it"] if italian_only else LANGUAGES
    found = {
        text
        for chat in EVERY_CHAT
        if chat.language in languages
        for text in (chat.question, chat.answer)
        if re.search(WRONG[reason], text)
    }
    assert not found


def test_the_known_mistakes_are_recognised() -> None:
    mistakes = {
        "a before a vowel": "What colour is a elephant?",
        "an before a consonant": "an dog",
        "la before a vowel": "la ape ronza",
        "il or lo before a vowel": "il asino",
        "di with its article apart": "la capitale di l'Egitto",
        "il before s and consonant or z": "il struzzo",
        "cedilla instead of comma": "şarpele",
    }
    assert all(re.search(WRONG[reason], text) for reason, text in mistakes.items())


@pytest.mark.parametrize(
    ("language", "question", "answer"),
    [
        ("ro", "Câte picioare are șarpele?", "Șarpele nu are picioare."),
        ("ro", "Care este capitala Irlandei?", "Capitala Irlandei este Dublin."),
        ("ro", "Care este opusul cuvântului „mare”?", "Opusul cuvântului „mare” este „mic”."),
        ("ro", "Cât fac doi plus trei?", "Doi plus trei fac cinci."),
        ("ro", "Câte picioare are cocoșul?", "Cocoșul are două picioare."),
        ("it", "Qual è la capitale dell'Egitto?", "La capitale dell'Egitto è Il Cairo."),
        ("it", "Di che colore è lo smeraldo?", "Lo smeraldo è verde."),
        ("it", "Qual è il contrario di «grande»?", "Il contrario di «grande» è «piccolo»."),
        ("en", "What is the capital of Egypt?", "The capital of Egypt is Cairo."),
        ("en", "How many legs does an ant have?", "An ant has six legs."),
    ],
)
def test_sentences_have_their_articles_elisions_and_cases(language: str, question: str, answer: str) -> None:
    assert (language, question, answer) in {(chat.language, chat.question, chat.answer) for chat in EVERY_CHAT}


def test_there_are_ten_topics_and_more() -> None:
    assert len(topics()) >= 10
    assert {len(topic.questions) >= 4 for topic in topics()} == {True}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: next(iter(table["rows"])))
def test_every_row_has_the_same_columns_in_the_three_languages(table: dict) -> None:
    for key, row in table["rows"].items():
        missing = {language: len(table["columns"][language]) - len(row[language]) for language in LANGUAGES}
        assert len(set(missing.values())) == 1, key
        assert all(isinstance(word, str) and word.strip() for language in LANGUAGES for word in row[language]), key


def test_unseen_entities_exist_and_belong_to_one_split() -> None:
    for topic in topics():
        assert topic.unseen["dev"] | topic.unseen["test"] <= topic.entities.keys()
        assert not topic.unseen["dev"] & topic.unseen["test"]
    for table in TABLES:
        for split in ("dev", "test"):
            assert all(isinstance(key, list) or key in table["rows"] for key in table["unseen"][split])


def test_every_wording_is_there_in_the_three_languages() -> None:
    for topic in topics():
        assert all(set(wording) == set(LANGUAGES) for wording in (*topic.questions, topic.answer))


def test_letters_are_composed_and_romanian_quotes_are_romanian() -> None:
    for chat in EVERY_CHAT:
        text = chat.question + chat.answer
        assert unicodedata.is_normalized("NFC", text)
        quotes = set(text) & set('"„”«»')
        assert quotes <= {"en": set('"'), "it": set("«»"), "ro": set("„”")}[chat.language], text


def test_a_question_has_one_answer() -> None:
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for chat in EVERY_CHAT:
        found[chat.question].add((chat.language, chat.answer))
    assert not {question: answers for question, answers in found.items() if len(answers) > 1}


def test_no_question_is_in_two_splits() -> None:
    parts = [splits().train]
    for split in (splits().dev, splits().test):
        parts += [split.new_wordings, split.unseen_entities]
    seen = Counter(question for part in parts for question in {(chat.language, chat.question) for chat in part})
    assert max(seen.values()) == 1
    assert sum(map(len, parts)) == len(EVERY_CHAT) == len(seen)


def test_a_held_out_wording_is_held_out_in_every_language() -> None:
    trained = {chat.key for chat in splits().train}
    for split in (splits().dev, splits().test):
        by_key = Counter(chat.key for chat in split.new_wordings)
        assert set(by_key.values()) == {len(LANGUAGES)}
        assert trained.isdisjoint(by_key)
        trained_entities = {(chat.language, *chat.key[:2]) for chat in splits().train}
        assert all((chat.language, *chat.key[:2]) in trained_entities for chat in split.new_wordings)


def test_no_romanian_training_sentence_has_the_word_of_an_unseen_entity() -> None:
    """Only whole facts are hidden for sums and meals, whose words are common; there the sentence itself is compared."""
    trained = [chat for chat in splits().train if chat.language == "ro"]
    known = {word for chat in trained for word in _words(chat)}
    answers = {chat.answer for chat in trained}
    for split in (splits().dev, splits().test):
        for chat in split.unseen_entities:
            assert chat.answer not in answers
            if chat.topic != "addition":
                assert set(_words(chat)) - known, chat


def _words(chat: Chat) -> list[str]:
    return re.findall(r"\w+", f"{chat.question} {chat.answer}".casefold())


def test_unseen_entities_are_known_in_english_and_italian() -> None:
    trained = {(chat.language, *chat.key[:2]) for chat in splits().train}
    for split in (splits().dev, splits().test):
        for chat in split.unseen_entities:
            assert chat.language == "ro"
            assert {("en", *chat.key[:2]), ("it", *chat.key[:2])} <= trained


@pytest.mark.parametrize("name", chats.FILES)
def test_a_shipped_file_is_what_the_tables_make(name: str) -> None:
    assert (SAMPLE_DATA / name).read_text("utf-8") == "".join(chats.lines(chats.FILES[name]()))


@pytest.mark.parametrize("name", chats.TRAINED_ON)
def test_no_shipped_row_holds_a_dev_or_test_question(name: str) -> None:
    held = {
        chat.question
        for split in (splits().dev, splits().test)
        for chat in (*split.new_wordings, *split.unseen_entities)
    }
    for line in (SAMPLE_DATA / name).read_text("utf-8").splitlines():
        assert held.isdisjoint(rows.texts(json.loads(line)))


@pytest.mark.parametrize("name", chats.TRAINED_ON)
def test_no_held_out_question_is_shipped_as_if_typed_in_a_hurry(name: str) -> None:
    held = {
        _without_care(chat.question)
        for split in (splits().dev, splits().test)
        for chat in (*split.new_wordings, *split.unseen_entities)
        if chat.topic != SMALL_TALK
    }
    for line in (SAMPLE_DATA / name).read_text("utf-8").splitlines():
        assert held.isdisjoint(map(_without_care, rows.texts(json.loads(line))))


def _without_care(text: str) -> str:
    return text.lower().rstrip(".?!").translate(PLAIN)


def test_a_question_typed_in_a_hurry_loses_care_and_no_word() -> None:
    question = "Știi care este opusul cuvântului „înalt”?"
    chat = next(chat for chat in EVERY_CHAT if chat.question == question)
    typed = {typed_in_a_hurry(chat, random.Random(seed)) for seed in range(50)}
    assert {question, "stii care este opusul cuvantului inalt", "Știi care este opusul cuvântului „înalt”"} <= typed
    assert {_without_care(text) for text in typed} == {"stii care este opusul cuvantului inalt"}


def test_small_talk_is_shipped_as_its_wordings_are() -> None:
    chat = next(chat for chat in EVERY_CHAT if chat.question == "Bună!")
    assert {typed_in_a_hurry(chat, random.Random(seed)) for seed in range(50)} == {"Bună!"}


def test_the_check_questions_are_from_dev_and_the_same_in_every_language() -> None:
    dev = {(chat.language, chat.question, chat.answer): chat.key for chat in splits().dev.new_wordings}
    asked: dict[str, list[tuple[str, str, int]]] = {language: [] for language in LANGUAGES}
    for line in (SAMPLE_DATA / "checks" / "starter-dev.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        user, assistant = row["messages"]
        assert (user["role"], assistant["role"]) == ("user", "assistant")
        asked[row["language"]].append(dev[row["language"], user["content"], assistant["content"]])
    assert asked["en"] == asked["it"] == asked["ro"]
    assert len(set(asked["en"])) == chats.CHECKED
    # What people say by way of greeting is held out in other capitals and marks only, which would show nothing.
    assert {topic for topic, _, _ in asked["en"]} == {topic.name for topic in topics()} - {"small talk"}


def test_columns_are_read_by_name() -> None:
    table = {"columns": {language: ["x", "to"] for language in LANGUAGES}, "rows": {"k": {"en": ["a", "b"]}}}
    table["rows"]["k"] |= {"it": ["c", "d"], "ro": ["e", "f"]}
    assert forms_of(table)["k"]["it"] == {"x": "c", "to": "d"}


def test_the_folder_of_words_holds_tables_only() -> None:
    assert {path.suffix for path in WORDS.iterdir()} == {".yaml"}
