"""A Modelfile for Ollama: the chat template as a Go template, and the texts that end an answer.

A Jinja template is a program. What it writes around messages is found by rendering one conversation, said again in Go,
and compared with what the template itself makes of conversations of every shape; when they differ, it is refused.
Ollama's template language: docs/template.md and docs/modelfile.md of github.com/ollama/ollama.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jinja2

from backend.errors import ModelError

Messages = list[dict[str, str]]
Render = Callable[[Messages], str]
SYSTEM, USER, ANSWER, AGAIN = "⟦system⟧", "⟦user⟧", "⟦answer⟧", "⟦again⟧"


@dataclass(frozen=True)
class Markers:
    """What stands around messages. `start`: before a conversation without a system prompt; `start_with`: with one.

    `folded`: the system prompt stands inside the first question, behind `before_user`. `between` is what stands from
    the end of a question to the beginning of its answer.
    """

    start: str
    start_with: str
    before_system: str
    after_system: str
    before_user: str
    between: str
    after_answer: str
    folded: bool
    system: bool

    def written(self, messages: Messages) -> str:
        """The conversation as Ollama will write it."""
        has_system = messages[0]["role"] == "system"
        text = self.start_with if has_system else self.start
        for at, message in enumerate(messages):
            role, content = message["role"], message["content"]
            if role == "system":
                text += (self.before_user if self.folded else "") + self.before_system + content + self.after_system
            elif role == "user":
                inside = self.folded and has_system and at == 1
                text += ("" if inside else self.before_user) + content + self.between
            else:
                text += content + self.after_answer
        return text


def markers(render: Render, bos: str = "") -> Markers:
    """Find them; ModelError when this template says more than markers can. `bos` is put before everything by Ollama.

    `render` writes a conversation that ends with a question, up to where the answer begins; it may raise for a
    conversation with a system prompt.
    """
    plain = _talk(render, USER, ANSWER, AGAIN)
    if plain is None:
        raise ModelError("export.ollama_template")
    head, (between, joint), tail = _cut(plain, USER, ANSWER, AGAIN)
    # Some templates put the first token of all before every question; the first of all is Ollama's to write.
    before_user = _common_end(joint, head.removeprefix(bos))
    if not before_user or tail != between:
        raise ModelError("export.ollama_template")
    start = head.removesuffix(before_user)
    after_answer = joint.removesuffix(before_user)
    with_system = _talk(render, USER, ANSWER, AGAIN, system=True)
    found = Markers(start, start, "", "", before_user, between, after_answer, folded=False, system=False)
    if with_system is not None and SYSTEM in with_system:
        found = _with_system(found, with_system)
    _require_same(found, render)
    return _without_bos(found, bos)


def modelfile(gguf: str, found: Markers, stops: Sequence[str]) -> str:
    """The text of the file; `gguf` is the name of the file beside it."""
    lines = [f"FROM ./{gguf}", f'TEMPLATE """{go_template(found)}"""']
    lines += [f"PARAMETER stop {_quoted(stop)}" for stop in stops]
    return "\n".join(lines) + "\n"


def go_template(found: Markers) -> str:
    """Every text is a Go string, so that no line break and no brace of a marker is read as anything else."""
    user = f"{_text(found.before_user)}"
    if found.folded:
        user = "{{ if not (and $.System (eq $at 1)) }}" + user + "{{ end }}"
    system = (_text(found.before_user) if found.folded else "") + _text(found.before_system)
    parts = []
    if found.start or found.start_with:
        parts.append(f"{{{{ if .System }}}}{_text(found.start_with)}{{{{ else }}}}{_text(found.start)}{{{{ end }}}}")
    parts.append("{{ range $at, $message := .Messages }}")
    parts.append('{{ if eq .Role "user" }}' + user + "{{ .Content }}" + _text(found.between))
    if found.system:
        parts.append('{{ else if eq .Role "system" }}' + system + "{{ .Content }}" + _text(found.after_system))
    parts.append('{{ else if eq .Role "assistant" }}{{ .Content }}' + _text(found.after_answer))
    parts.append("{{ end }}{{ end }}")
    return "".join(parts)


def _with_system(found: Markers, text: str) -> Markers:
    before, rest = text.split(SYSTEM, 1)
    after = rest.split(USER, 1)[0]
    if after.endswith(found.before_user):
        start_with, inside = _longest_start(before, found.start), after.removesuffix(found.before_user)
        values = {"start_with": start_with, "before_system": before.removeprefix(start_with), "after_system": inside}
        return Markers(**{**found.__dict__, **values, "system": True})
    start_with, _, inside = before.partition(found.before_user)
    values = {"start_with": start_with, "before_system": inside, "after_system": after}
    return Markers(**{**found.__dict__, **values, "folded": True, "system": True})


def _longest_start(text: str, start: str) -> str:
    """As much of `start` as `text` begins with; a default system prompt in it stands only where there is no other."""
    length = 0
    while length < min(len(text), len(start)) and text[length] == start[length]:
        length += 1
    return start if length == len(start) else ""


def _talk(render: Render, *said: str, system: bool = False) -> str | None:
    roles = ("user", "assistant") * len(said)
    messages = [{"role": role, "content": text} for role, text in zip(roles, said, strict=False)]
    try:
        return render([{"role": "system", "content": SYSTEM}, *messages] if system else messages)
    except (jinja2.TemplateError, TypeError, ValueError):
        return None  # some templates take no system prompt


def _cut(text: str, *marks: str) -> tuple[str, list[str], str]:
    """What stands before, between and behind the marks; ModelError unless each stands there once and in order."""
    pieces, rest = [], text
    for mark in marks:
        before, found, rest = rest.partition(mark)
        if not found or mark in rest:
            raise ModelError("export.ollama_template")
        pieces.append(before)
    return pieces[0], pieces[1:], rest


def _common_end(one: str, other: str) -> str:
    length = 0
    while length < min(len(one), len(other)) and one[-length - 1] == other[-length - 1]:
        length += 1
    return one[len(one) - length :]


def _require_same(found: Markers, render: Render) -> None:
    words = ("Ciao\nche ore sono?", "Sono le {{ tre }}.", "Și acum?", "Patru.", "Bene")
    for count in (1, 3, 5):
        for system in (False, True) if found.system else (False,):
            turns = [
                {"role": "assistant" if at % 2 else "user", "content": word} for at, word in enumerate(words[:count])
            ]
            messages = [{"role": "system", "content": "Rispondi breve."}, *turns] if system else turns
            if render(messages) != found.written(messages):
                raise ModelError("export.ollama_template")


def _without_bos(found: Markers, bos: str) -> Markers:
    values = {name: getattr(found, name).removeprefix(bos) for name in ("start", "start_with")}
    return Markers(**{**found.__dict__, **values}) if bos else found


def _text(text: str) -> str:
    return "{{ " + _quoted(text) + " }}" if text else ""


def _quoted(text: str) -> str:
    """A Go string; JSON writes the same escapes."""
    return json.dumps(text, ensure_ascii=False)
