"""Messages become the tokens of a prompt, exactly as in training, and tokens become words again."""

import re
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any

import jinja2
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from backend.errors import ChatError
from backend.inference.ask import Message
from backend.inference.parts import Part, words
from backend.models import templates
from backend.models.control_words import SIGNS
from backend.sight.eyes import Eyes

# Letters that nobody writes and no template looks at: they stand for control words while a template is filled.
PRIVATE = [chr(code) for code in range(0xE000, 0xF900)]
PROBE = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]


class Voice:
    """The tokenizer of one model with its chat template.

    `ends`: the tokens after which the model has said all: those the model's files name and the one its template puts
    behind an answer. A control word that a person types, such as "<|im_end|>", is read as the text it is: only the
    template may command.
    """

    def __init__(self, location: str, template: str | None = None) -> None:
        """`template`: instead of the one that is there."""
        self.tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            location, trust_remote_code=False, local_files_only=True
        )
        self.tokenizer.chat_template = template or self.tokenizer.chat_template
        self._lock = threading.Lock()
        template = self.tokenizer.chat_template
        if isinstance(template, str):
            templates.check(template)
        special = [str(token) for token in self.tokenizer.added_tokens_decoder.values() if token.special]
        self._control = sorted((word for word in special if SIGNS & set(word)), key=len, reverse=True)
        self.ends = frozenset(self._named_ends() | self._template_end())

    def prompt(self, messages: list[Message]) -> list[int]:
        """Token ids up to where the answer begins; without a chat template the texts themselves, to be gone on with.

        ChatError when the template refuses the conversation.
        """
        with self._lock:
            messages, marks = self._marked(messages)
            if not self.tokenizer.chat_template:
                return self._unmarked(self._untold(messages), marks, special=True)
            try:
                text = self._rendered(messages, add_generation_prompt=True)
            except jinja2.TemplateError as error:
                raise ChatError("chat.template", reason=str(error)) from error
            return self._unmarked(text, marks, special=False)

    def _marked(self, messages: list[Message]) -> tuple[list[Message], dict[str, str]]:
        """The messages with a private letter in place of each control word, and which word each letter stands for."""
        written = "".join(words(message["content"]) for message in messages)
        found = [word for word in self._control if word in written]
        if not found:
            return messages, {}
        letters = dict(zip(found, (letter for letter in PRIVATE if letter not in written), strict=False))
        pattern = re.compile("|".join(map(re.escape, found)))

        def plain(text: str) -> str:
            return pattern.sub(lambda found: letters[found[0]], text)

        marked = [{**message, "content": changed(message["content"], plain)} for message in messages]
        return marked, {letter: word for word, letter in letters.items()}

    def _untold(self, messages: list[Message]) -> str:
        """A conversation for a model without a chat template."""
        return "\n".join(message["content"] for message in messages)

    def _unmarked(self, text: str, marks: dict[str, str], *, special: bool) -> list[int]:
        """Tokens of a text with private letters; the words they stand for are read as any other text."""
        if not marks:
            return self._encode(text, special=special)
        tokens = self._encode("", special=special)
        for part in re.split(f"([{''.join(marks)}])", text):
            tokens += self._plain(marks[part]) if part in marks else self._encode(part, special=False)
        return tokens

    def _plain(self, word: str) -> list[int]:
        return list(self.tokenizer(word, add_special_tokens=False, split_special_tokens=True)["input_ids"])

    def decoder(self) -> Callable[[Sequence[int]], str]:
        """What turns tokens into text; special tokens are never shown."""
        backend = getattr(self.tokenizer, "backend_tokenizer", None)
        if backend is not None:
            return lambda tokens: str(backend.decode(tokens, skip_special_tokens=True))
        return lambda tokens: str(
            self.tokenizer.decode(list(tokens), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        )

    def _rendered(self, messages: list[Message], **options: Any) -> str:
        return str(self.tokenizer.apply_chat_template(messages, tokenize=False, **templates.PLAINLY, **options))

    def _encode(self, text: str, *, special: bool) -> list[int]:
        """The template writes its special tokens itself, so the tokenizer adds none behind it."""
        return list(self.tokenizer(text, add_special_tokens=special, verbose=False)["input_ids"])

    def _named_ends(self) -> set[int]:
        end = self.tokenizer.eos_token_id
        return set() if end is None else {int(end)}

    def _template_end(self) -> set[int]:
        """The first special token behind the answer of a rendered example."""
        if not self.tokenizer.chat_template:
            return set()
        try:
            question, whole = self._rendered(PROBE[:1], add_generation_prompt=True), self._rendered(PROBE)
        except jinja2.TemplateError:
            return set()
        special = set(self.tokenizer.all_special_ids) | set(self.tokenizer.added_tokens_decoder)
        behind = whole.removeprefix(question) if whole.startswith(question) else ""
        return set([token for token in self._encode(behind, special=False) if token in special][:1])


def changed(content: str | list[Part], change: Callable[[str], str]) -> str | list[Part]:
    """The same with other words."""
    if isinstance(content, str):
        return change(content)
    return [part | {"text": change(part["text"])} if part["type"] == "text" else part for part in content]


class SeeingVoice(Voice):
    """The voice of a model that sees: a prompt has the words of each picture where the template puts its mark.

    The pictures of a conversation are `PIL.Image.Image` here. A mark that a person types is only text.
    """

    def __init__(self, location: str, eyes: Eyes, template: str | None = None) -> None:
        self.eyes = eyes
        super().__init__(location, template)
        self._control = sorted({*self._control, eyes.mark}, key=len, reverse=True)
        self.mark = int(self.tokenizer.convert_tokens_to_ids(eyes.mark))  # type: ignore[arg-type]

    def prompt(self, messages: list[Message]) -> list[int]:
        """As of any voice; ChatError also when a word that a person typed would be taken for a part of a picture."""
        tokens = super().prompt(messages)
        with self._lock:
            shown = sum(self.eyes.words(size).count(self.eyes.mark) for size in sizes(messages))
        if tokens.count(self.mark) != shown:
            raise ChatError("chat.marks", mark=self.eyes.mark)
        return tokens

    def _rendered(self, messages: list[Message], **options: Any) -> str:
        told = [{**message, "content": self._told(message["content"])} for message in messages]
        return self.eyes.expanded(super()._rendered(told, **options), sizes(messages))

    def _untold(self, messages: list[Message]) -> str:
        text = "\n".join(self._written(message["content"]) for message in messages)
        return self.eyes.expanded(text, sizes(messages))

    @cached_property
    def _parted(self) -> bool:
        """Whether the template takes what is said in parts; few take a text as it is, and few nothing else."""
        said = [{"role": "user", "content": [{"type": "text", "text": "a"}]}]
        try:
            return "'type'" not in super()._rendered(said)
        except jinja2.TemplateError:
            return False

    def _told(self, content: str | list[Part]) -> str | list[Part]:
        if not self._parted:
            return self._written(content)
        return [{"type": "text", "text": content}] if isinstance(content, str) else content

    def _written(self, content: str | list[Part]) -> str:
        """As one text, with the mark of each picture."""
        if isinstance(content, str):
            return content
        return "".join(self.eyes.mark if part["type"] == "image" else part["text"] for part in content)


def sizes(messages: Iterable[Message]) -> list[tuple[int, int]]:
    """Width and height of each picture of a conversation."""
    contents = [message["content"] for message in messages if isinstance(message["content"], list)]
    return [part["image"].size for content in contents for part in content if part["type"] == "image"]
