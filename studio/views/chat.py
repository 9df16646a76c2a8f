"""A conversation as plain values: the list of turns that the page shows and the messages that a model is asked."""

from typing import Any

Turn = dict[str, Any]
Turns = list[Turn]


def asked(turns: Turns, question: str) -> Turns:
    return [*turns, {"role": "user", "content": question.strip()}]


def answered(turns: Turns, said: str) -> Turns:
    """The turns with this answer after the question."""
    return [*turns, {"role": "assistant", "content": said}]


def conversation(turns: Turns, system: str) -> list[dict[str, str]]:
    """What the model is asked, from the turns as Gradio hands them back."""
    first = [{"role": "system", "content": system.strip()}] if system.strip() else []
    return [*first, *({"role": turn["role"], "content": plain(turn["content"])} for turn in turns)]


def plain(content: Any) -> str:
    """Gradio hands text back as a list of parts."""
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content if part.get("type") == "text")


def number(text: str) -> Any:
    """A number as people write it, with a point or a comma; text that is none stays, for `Sampling` to refuse."""
    try:
        return float(str(text).strip().replace(",", "."))
    except ValueError:
        return text
