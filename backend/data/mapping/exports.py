"""Records as other programs export them, with what they mean in fields of its own: ChatGPT's tree of messages, OpenAI's
pairs, OpenAssistant's trees, tasks of Label Studio and Argilla, rows as the Hub's viewer gives them.
"""

from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

Values = dict[str, Any]


def plain(values: Values) -> Values:
    """The record with such fields laid out; as it is where it has none."""
    for field, laid_out in LAYOUTS:
        if isinstance(values.get(field), dict) and (found := laid_out(values)) is not None:
            return found
    return values


def intents(values: Values) -> Iterator[Values]:
    """Each thing that may be said with one of the answers to it, as files for simple chat programs have them."""
    asked, answered = values.get("patterns"), values.get("responses")
    if _texts(asked) and _texts(answered):
        pairs: Iterator[tuple[str, str]] = zip(asked or (), cycle(answered or ()), strict=False)
        yield from ({"question": one, "answer": other} for one, other in pairs)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)


def _chatgpt(values: Values) -> Values | None:
    """The messages from the first one to the one that was open last; what came between, such as searches, is left."""
    nodes = values["mapping"]
    if not nodes or not all(isinstance(node, dict) and {"message", "parent"} <= node.keys() for node in nodes.values()):
        return None
    at, path = values.get("current_node") or list(nodes)[-1], list[Values]()
    seen = set[str]()
    while isinstance(at, str) and at in nodes and at not in seen:
        seen.add(at)
        path.append(nodes[at].get("message") or {})
        at = nodes[at].get("parent")
    messages = list[Values]()
    for message in reversed(path):
        said, who = _said(message)
        if said and messages and messages[-1]["role"] == who:
            messages[-1]["content"] += f"\n\n{said}"
        elif said:
            messages.append({"role": who, "content": said})
    return {"messages": messages}


def _said(message: Values) -> tuple[str, str]:
    """(text, who); "" for what neither of the two has said to the other."""
    author, content = message.get("author"), message.get("content")
    who = author.get("role") if isinstance(author, dict) else None
    if who not in ("user", "assistant") or not isinstance(content, dict) or message.get("recipient", "all") != "all":
        return "", ""
    parts = content.get("parts") if content.get("content_type") in ("text", "multimodal_text") else None
    return "\n".join(part for part in parts or () if isinstance(part, str) and part.strip()), who


def _tree(values: Values) -> Values | None:
    """The first answer to each message of a tree is the conversation."""
    node, messages = values["prompt"], list[Values]()
    if not {"text", "replies"} <= node.keys():
        return None
    while isinstance(node, dict) and "text" in node:
        messages.append({"role": node.get("role", ""), "content": node["text"]})
        replies = node.get("replies")
        node = replies[0] if isinstance(replies, list) and replies else None
    return {"messages": messages}


def _openai_pair(values: Values) -> Values | None:
    asked = values["input"]
    return {**values, **asked, "input": None} if isinstance(asked.get("messages"), list) else None


def _label_studio(values: Values) -> Values | None:
    done = values.get("annotations", values.get("completions"))
    if not isinstance(done, list):
        return None
    first = next((one for one in done if isinstance(one, dict) and not one.get("was_cancelled")), {})
    results = first.get("result")
    chosen = [
        choice
        for result in (results if isinstance(results, list) else ())
        if isinstance(result, dict) and isinstance(result.get("value"), dict)
        for choice in result["value"].get("choices", ())
    ]
    return {**values["data"], "label": chosen or None}


def _argilla(values: Values) -> Values | None:
    given = values.get("responses")
    if not isinstance(given, dict):
        return None
    answers = {name: found[0].get("value") for name, found in given.items() if _filled(found)}
    return {**values["fields"], **answers}


def _filled(found: Any) -> bool:
    return isinstance(found, list) and bool(found) and isinstance(found[0], dict)


def _stem(values: Values) -> Values | None:
    asked = values["question"]
    if not {"stem", "choices"} <= asked.keys():
        return None
    return {**values, "question": asked["stem"], "choices": asked["choices"]}


def _languages(values: Values) -> Values | None:
    """The same sentence in two languages."""
    found = values["translation"]
    return found if len(found) > 1 and all(isinstance(text, str) for text in found.values()) else None


def _viewed(values: Values) -> Values | None:
    return values["row"] if "row_idx" in values else None


LAYOUTS: tuple[tuple[str, Callable[[Values], Values | None]], ...] = (
    ("mapping", _chatgpt),
    ("prompt", _tree),
    ("input", _openai_pair),
    ("data", _label_studio),
    ("fields", _argilla),
    ("question", _stem),
    ("translation", _languages),
    ("row", _viewed),
)
