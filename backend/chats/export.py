"""A conversation as a file: Markdown to read, JSON with everything, JSONL to train on; with its pictures a ZIP."""

import io
import json
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from backend.chats.feedback import Mark
from backend.chats.model import Conversation

Marks = Mapping[str, Mark]


def markdown(conversation: Conversation, marks: Marks) -> str:
    """Title, date and models, then every question with its answers, each exactly as it was written."""
    made = datetime.fromtimestamp(conversation.created_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    parts = [f"# {conversation.title}", made]
    for turn in conversation.turns:
        parts += [f"## {_quoted(turn.question)}", *(f"![]({name})" for name in turn.pictures)]
        parts += [f"= {turn.reference}"] if turn.reference else []
        for answer in turn.answers:
            parts += [f"**{answer.label or answer.model}** ({answer.state})", answer.text]
            if corrected := marks.get(answer.id, Mark()).corrected:
                parts += ["✎", corrected]
    return "\n\n".join(parts) + "\n"


def whole(conversation: Conversation, marks: Marks) -> str:
    """Everything that is kept, with what was thought of it."""
    found = conversation.model_dump(mode="json")
    found["feedback"] = {answer: mark._asdict() for answer, mark in marks.items()}
    return json.dumps(found, ensure_ascii=False, indent=1) + "\n"


def jsonl(conversation: Conversation, marks: Marks) -> str:
    """One line for each model: what it was told and what it said, corrected where it was corrected."""
    lines = []
    last = len(conversation.turns) - 1
    models = {answer.model: answer.label for turn in conversation.turns for answer in turn.answers}
    better = {
        answer.id: answer.model_copy(update={"text": marks[answer.id].corrected})
        for turn in conversation.turns
        for answer in turn.answers
        if marks.get(answer.id, Mark()).corrected
    }
    corrected = conversation.with_answers(better)
    for model, label in models.items():
        messages = corrected.heard(last, model)
        said = corrected.turns[last].answer(model)
        if said is not None and said.text.strip():
            messages = [*messages, {"role": "assistant", "content": said.text}]
        else:
            messages = messages[:-1]
        if messages and messages[-1]["role"] == "assistant":
            lines.append(json.dumps({"messages": messages, "model": label or model}, ensure_ascii=False) + "\n")
    return "".join(lines)


def packed(said: str, name: str, pictures: Mapping[str, Path]) -> bytes:
    """A ZIP of a file called `name` and of the pictures that it names, by those names."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, said)
        for stored, path in pictures.items():
            archive.write(path, stored, zipfile.ZIP_STORED)
    return raw.getvalue()


def _quoted(question: str) -> str:
    """The first line is the heading; what follows stands below it."""
    first, _, rest = question.partition("\n")
    return first if not rest else f"{first}\n\n{rest}"
