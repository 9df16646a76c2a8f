"""Words in a text that a model takes as a command: the end of a message, the beginning of another."""

import re

from backend.data.doctor.rules.rule import Span, Writing
from backend.data.doctor.seen import Reader, Seen
from backend.messages import Phrase

COMMON = ("<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>",
          "<|begin_of_text|>", "<|end_of_text|>", "<start_of_turn>", "<end_of_turn>", "<bos>", "<eos>", "</s>", "<s>",
          "[INST]", "[/INST]", "<|user|>", "<|assistant|>", "<|system|>", "<|end|>")  # fmt: skip


class Controls(Writing):
    """Of the chosen model, which refuses such rows; of many models, where none was chosen yet."""

    code, fix = "control_words", "part_control_words"

    def __init__(self, reader: Reader | None) -> None:
        super().__init__()
        self._first = ""
        self._chosen = reader is not None
        words = reader.words if reader else COMMON
        # Nothing matches where a model has no such words.
        written = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)) or r"(?!)"
        self.hint = re.compile(written)
        self.severity = "error" if self._chosen else "warning"
        self.safe = not self._chosen

    def spans(self, text: str, seen: Seen) -> list[Span]:
        found = list(self.hint.finditer(text))
        if found and not self._first:
            self._first = found[0][0]
        # A space after its first sign, and it is a word like any other.
        return [Span(one.start(), one.end(), f"{one[0][0]} {one[0][1:]}") for one in found]

    def values(self) -> dict[str, object]:
        whose = Phrase("doctor.this_model" if self._chosen else "doctor.many_models")
        return {"word": self._first, "whose": whose}
