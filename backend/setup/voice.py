"""How set-up speaks to a person: one sentence a line, in English, Romanian or Italian."""

import json
import locale
import os
import sys
from typing import Any, TextIO

from backend.errors import StudioError
from backend.messages import LANGUAGES, sentence


def language(environment: dict[str, str] | None = None) -> str:
    """The person's language when we have it, else English: LC_ALL, LC_MESSAGES, LANG, then the system's own setting."""
    variables = os.environ if environment is None else environment
    named = next((variables[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if variables.get(name)), "")
    if not named and environment is None:
        named = locale.getlocale()[0] or ""
    short = named[:2].lower()
    # Windows calls its languages by name: "Romanian_Romania", "Italian_Italy".
    return short if short in LANGUAGES else "en"


class Voice:
    """Says sentences of `backend/messages/<language>/setup.json` on one stream."""

    def __init__(self, spoken: str, stream: TextIO | None = None, *, as_json: bool = False) -> None:
        self.language = spoken
        self.stream = stream or sys.stderr
        self.as_json = as_json

    def say(self, key: str, **values: object) -> None:
        self.line(sentence(f"setup.{key}", self.language, **values))

    def line(self, text: str = "") -> None:
        print(text, file=self.stream, flush=True)

    def error(self, error: StudioError) -> None:
        """The error's sentence on standard error and, for a program that listens, as the last line of output."""
        print(error.say(self.language), file=sys.stderr, flush=True)
        self.answer({"error": str(error), "key": error.key})

    def answer(self, values: dict[str, Any]) -> None:
        """One JSON object on standard output when --json was given, else nothing."""
        if self.as_json:
            print(json.dumps(values, ensure_ascii=False), flush=True)


def bytes_text(count: float) -> str:
    """`2.7 GB`, `350 MB`: powers of ten, as shops and file managers count."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
