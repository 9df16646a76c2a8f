"""A conversation as plain values: the turns that the page shows and the messages that a model is asked.

Gradio's chatbot reads what it shows as markup, with `render_markdown=False` too. So the turns hold escaped text: a tag
that a person or a model wrote is seen as it was written, and no picture is fetched.
"""

import html
from typing import Any

Turn = dict[str, Any]
Turns = list[Turn]


def asked(turns: Turns, question: str) -> Turns:
    return [*turns, {"role": "user", "content": html.escape(question.strip(), quote=False)}]


def answered(turns: Turns, said: str) -> Turns:
    """The turns with this answer after the question."""
    return [*turns, {"role": "assistant", "content": html.escape(said, quote=False)}]


def conversation(turns: Turns, system: str) -> list[dict[str, str]]:
    """What the model is asked, from the turns as Gradio hands them back."""
    first = [{"role": "system", "content": system.strip()}] if system.strip() else []
    return [*first, *({"role": turn["role"], "content": plain(turn["content"])} for turn in turns)]


def plain(content: Any) -> str:
    """What was written, from what Gradio hands back: a list of parts of escaped text."""
    parts = [content] if isinstance(content, str) else [one["text"] for one in content if one.get("type") == "text"]
    return html.unescape("".join(parts))


def number(text: str) -> Any:
    """A number as people write it, with a point or a comma; text that is none stays, for `Sampling` to refuse."""
    try:
        return float(str(text).strip().replace(",", "."))
    except ValueError:
        return text
