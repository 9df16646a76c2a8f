"""What the columns of a file are, by their names and by what stands in the first records.

Names decide where they are known; what stands in the columns decides between shapes that share names (an answer that
is the number of an option, a label with few values). What is guessed or could be otherwise is said in `notices`.
"""

from collections.abc import Callable, Sequence
from typing import Any

from backend.data.mapping import guessing, roles
from backend.data.mapping.building import cells, exams, turns
from backend.data.mapping.mapping import Mapping
from backend.data.mapping.unfolding import unfolded
from backend.data.opening.opened import Notice
from backend.data.shapes import Shape
from backend.errors import DataError

Values = dict[str, Any]
Found = dict[str, str] | None
HALVES = (("prompt", "text"), ("text", "summary"), ("content", "summary"), ("input", "content"), ("input", "target"))
ENOUGH = 0.8
"""So large a share of the rows looked at has to be as a shape wants them."""


def recognise(columns: Sequence[str], sample: Sequence[Values]) -> Mapping:
    """The shape and the roles of these columns; a mapping without a text column where nothing fits."""
    rows = [row for record in sample for row in unfolded(record)]
    names = list(dict.fromkeys([*columns, *(name for row in rows for name in row)]))
    found = [(shape, fields) for shape, look in LOOKS if (fields := look(names, rows)) is not None]
    if not found:
        return guessing.guessed(names, rows)
    shape, fields = found[0]
    mapping = Mapping(shape=shape, fields=fields, also=tuple(other for other, _ in found[1:]))
    return _settled(mapping, names, rows)


def _settled(mapping: Mapping, columns: list[str], rows: list[Values]) -> Mapping:
    """With what only the rows say: columns of options, where answers are counted from, numbers among texts."""
    changes: dict[str, Any] = {}
    notices = [*_doubles(mapping, columns)]
    if mapping.shape == "exam":
        if "options" not in mapping.fields:
            changes["options"] = tuple(roles.option_columns(columns))
        changes["first_answer"], unsure = _first_answer(mapping.model_copy(update=changes), rows)
        notices += unsure
    if guessing.only_numbers(mapping, rows):
        changes["numbers_as_text"] = True
    if mapping.fields.get("caption") == "folder":
        notices.append(Notice(key="mapping.folder_names"))
    if "verdict" in mapping.fields:
        notices.append(Notice(key="mapping.verdict", values={"column": mapping.fields["verdict"]}))
    notices += [Notice(key=f"mapping.{key}") for key in guessing.kept_otherwise(mapping, rows)]
    if guessing.unanswerable(mapping, rows):
        changes["empty_answer"] = guessing.no_answer(mapping, rows)
        notices.append(Notice(key="mapping.no_answer", values={"answer": changes["empty_answer"]}))
    return mapping.model_copy(update={**changes, "notices": tuple(notices)})


def _doubles(mapping: Mapping, columns: list[str]) -> list[Notice]:
    """A notice for each column that fits a role another column has got and has got none itself."""
    free = [column for column in columns if not mapping.role_of(column)]
    found: dict[str, str] = {}
    for role, column in mapping.fields.items():
        for other in roles.fitting(role, free):
            found.setdefault(other, column)
    if mapping.shape in ("exam", "caption", "visual") or "messages" in mapping.fields:
        return []
    return [Notice(key="mapping.several", values={"column": free, "other": read}) for free, read in found.items()]


def _first_answer(mapping: Mapping, rows: list[Values]) -> tuple[int, list[Notice]]:
    """Whether the file counts options from 0 or from 1; where no row decides, 1, and that is said."""
    lowest, highest, fewest = 9, -1, 9
    for row in rows:
        value = cells.parsed(row.get(mapping.fields["answers"]))
        written = cells.written(value).strip() if value is not None else ""
        if written.isascii() and written.isdigit():
            lowest, highest = min(lowest, int(written)), max(highest, int(written))
            fewest = min(fewest, len(_options(mapping, row)))
    if highest < 0 or lowest == 0:
        return (0 if lowest == 0 else 1), []
    if highest >= fewest or "options" not in mapping.fields:
        return 1, []
    return 1, [Notice(key="mapping.counted_from", values={"column": mapping.fields["answers"]})]


def _options(mapping: Mapping, row: Values) -> list[str]:
    try:
        return exams.asked(mapping, row, "")[1]
    except DataError:
        return []


def _first(role: str, columns: Sequence[str]) -> str | None:
    return next(iter(roles.fitting(role, columns)), None)


def _with(needed: Sequence[str], free: Sequence[str], columns: list[str]) -> Found:
    """A column for each role, none for two; None when a needed one is missing."""
    fields: dict[str, str] = {}
    for role in (*needed, *free):
        column = _first(role, [name for name in columns if name not in fields.values()])
        if column is not None:
            fields[role] = column
        elif role in needed:
            return None
    return fields


def _share(rows: list[Values], holds: Callable[[Values], bool]) -> bool:
    return bool(rows) and sum(map(holds, rows)) >= ENOUGH * len(rows)


def _column(columns: list[str], rows: list[Values], holds: Callable[[Any], bool]) -> str | None:
    """The first column that nearly always holds such a value."""
    for name in columns:
        found = [holds(row.get(name)) for row in rows]
        if found and sum(found) >= ENOUGH * len(found):
            return name
    return None


def _lists(columns: list[str], rows: list[Values]) -> str | None:
    """The column whose cells are lists of messages; a known name before an unknown one."""
    ordered = [*roles.fitting("messages", columns), *columns]
    return _column(ordered, rows, turns.is_list)


def _preference(columns: list[str], rows: list[Values]) -> Found:
    ranked = _column(columns, rows, guessing.is_ranked)
    sides = {"chosen": ranked, "rejected": ranked} if ranked else _with(("chosen", "rejected"), (), columns)
    if sides is None:
        return None
    rest = [name for name in columns if name not in sides.values()]
    asked = _with((), ("question", "context", "system", "history"), rest)
    messages = _lists(rest, rows)
    if messages and messages not in (asked or {}).values():
        asked = {"messages": messages} | {k: v for k, v in (asked or {}).items() if k == "system"}
    return {**sides, **(asked or {})}


def _messages(columns: list[str], rows: list[Values]) -> Found:
    column = _lists([name for name in columns if roles.fold(name) not in ("prompt", "completion")], rows)
    answer = _lists([name for name in columns if roles.fold(name) == "completion"], rows)
    named = {"messages": column or ""}
    if answer and column:
        named = {"question": column, "answer": answer}
    elif answer and "prompt" not in map(roles.fold, columns):
        named = {"messages": answer}
    if not all(named.values()) or guessing.pictures_in(columns, rows, next(iter(named.values()))):
        return None
    rest = [name for name in columns if name not in named.values()]
    return _judged({**named, **(_with((), ("system", "tools", "verdict"), rest) or {})}, rest, rows)


def _judged(fields: dict[str, str], columns: list[str], rows: list[Values]) -> dict[str, str]:
    """With a column of labels that say nothing but true and false, which mark good and bad answers."""
    rest = [name for name in columns if name not in fields.values() and roles.fold(name) == "label"]
    truth = next((name for name in rest if guessing.is_verdict(rows, name)), None)
    return fields | ({"verdict": truth} if truth and "verdict" not in fields else {})


def _visual(columns: list[str], rows: list[Values]) -> Found:
    """Chats about pictures: messages with parts or with pictures beside them, or a picture with question and answer."""
    messages = _lists([name for name in columns if roles.fold(name) not in ("prompt", "completion")], rows)
    image = _pictures(columns, rows)
    beside = {"image": image} if image else {}
    rest = [name for name in columns if name != image]
    if messages and guessing.pictures_in(columns, rows, messages):
        system = _first("system", [name for name in rest if name != messages])
        return {"messages": messages, **beside, **({"system": system} if system else {})}
    asked = _with(("question", "answer"), ("context", "system"), rest)
    return {**beside, **asked} if image and asked else None


def _caption(columns: list[str], rows: list[Values]) -> Found:
    """A picture and a text about it; the names of folders where there is none, if there are several."""
    image = _pictures(columns, rows)
    if image is None:
        return None
    rest = [name for name in columns if name != image and roles.fold(name) not in roles.names("image")]
    caption = _first("caption", rest)
    if caption is None and "folder" in rest and len({row.get("folder") for row in rows}) > 1:
        caption = "folder"
    return {"image": image, **({"caption": caption} if caption else {})}


def _pictures(columns: list[str], rows: list[Values]) -> str | None:
    return _column([*roles.fitting("image", columns), *columns], rows, guessing.is_picture)


def _exam(columns: list[str], rows: list[Values]) -> Found:
    options = roles.option_columns(columns)
    fields = _with(("question",), (), [name for name in columns if name not in options])
    rest = [name for name in columns if name not in options and name not in (fields or {}).values()]
    if fields is None or (answer := _with(("answers",), ("options",), rest)) is None:
        return None
    fields |= answer
    if context := _first("context", [name for name in rest if name not in fields.values()]):
        fields["context"] = context
    mapping = Mapping(shape="exam", fields=fields, options=tuple(options))
    return fields if _share(rows, lambda row: _answered(mapping, row)) else None


def _answered(mapping: Mapping, row: Values) -> bool:
    options = _options(mapping, row)
    value = row.get(mapping.fields["answers"])
    return len(options) >= exams.FEWEST and any(exams.answers(value, options, first) for first in (1, 0))


def _score(columns: list[str], rows: list[Values]) -> Found:
    fields = _with(("first", "second", "score"), (), columns)
    return fields if fields and _share(rows, lambda row: guessing.is_number(row.get(fields["score"]))) else None


def _question(columns: list[str], rows: list[Values]) -> Found:
    fields = _with(("question", "answer"), ("context", "system", "history", "tools", "verdict"), columns)
    if fields is None:
        fields = _with(("context", "answer"), ("system",), columns) or _unanswered(columns) or _halves(columns)
        if fields is None:
            return None
        fields = {
            "question" if role == "context" and "question" not in fields else role: name
            for role, name in fields.items()
        }
    known = {roles.fold(name): name for name in columns}
    if {"critiques", "revision"} <= known.keys():
        fields["answer"] = known["revision"]
    options = _first("options", [name for name in columns if name not in fields.values()])
    if options and "context" not in fields:
        fields["context"] = options
    return _judged(fields, columns, rows)


def _halves(columns: list[str]) -> Found:
    """Names that say what they are only where both are there."""
    known = {roles.fold(name): name for name in columns}
    found = next(((one, other) for one, other in HALVES if one in known and other in known), None)
    return {"question": known[found[0]], "answer": known[found[1]]} if found else None


def _unanswered(columns: list[str]) -> Found:
    """A text and a question that it does not answer."""
    fields = _with(("question",), ("context",), columns)
    return fields if fields and roles.fold(fields["question"]) == "unanswerable_question" else None


def _label(columns: list[str], rows: list[Values]) -> Found:
    fields = _with(("text", "label"), ("title",), columns)
    return fields if fields and _share(rows, lambda row: row.get(fields["label"]) is not None) else None


def _text(columns: list[str], rows: list[Values]) -> Found:
    segments = _column(columns, rows, guessing.is_segments)
    return {"text": segments} if segments else _with(("text",), (), columns)


LOOKS: tuple[tuple[Shape, Callable[[list[str], list[Values]], Found]], ...] = (
    ("preference", _preference),
    ("visual", _visual),
    ("chat", _messages),
    ("caption", _caption),
    ("exam", _exam),
    ("score", _score),
    ("chat", _question),
    ("label", _label),
    ("text", _text),
)
