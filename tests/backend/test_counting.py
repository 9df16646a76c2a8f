"""Tokens counted without a tokenizer's library."""

from hypothesis import given
from hypothesis import strategies as st

from backend.data.tokens.counting import WORD, vocabulary_of
from backend.paths import SHIPPED_MODELS

PARTS = ("acasă", "și", "l'acqua", "1.234,5", "…", "a", "?", "\x1c", " ", "  ", "\n", "\u00a0")
TEXTS = st.lists(st.sampled_from(PARTS)).map(" ".join) | st.lists(st.sampled_from(PARTS)).map("".join) | st.text()


@given(TEXTS)
def test_words_counted_one_by_one_are_as_many_tokens_as_the_text_at_once(text: str) -> None:
    vocabulary = vocabulary_of(SHIPPED_MODELS / "starter" / "tokenizer.json", 0)
    assert vocabulary.tokens(text) == sum(map(vocabulary.count, WORD.findall(text)))
