"""A file that is about to become a data set: how it was understood, its columns and what each is, its first rows."""

from typing import Any

from backend.data.intake.preview import Preview, Shown
from backend.data.mapping import roles
from backend.data.mapping.mapping import Mapping
from backend.data.opening.characters.names import CHOICES
from backend.data.opening.opened import Understood
from studio.text import Words
from studio.views.data import rows
from studio.views.data.sets import findings
from studio.views.models.found import spoken

ENCODINGS = {
    "utf-8": "UTF-8", "utf-16": "UTF-16", "utf-16-le": "UTF-16 LE", "utf-16-be": "UTF-16 BE", "cp1250": "Windows-1250",
    "cp1252": "Windows-1252", "iso8859-16": "ISO 8859-16", "cp852": "CP 852", "cp850": "CP 850",
    "iso8859-2": "ISO 8859-2", "iso8859-15": "ISO 8859-15", "mac-roman": "Mac Roman", "mac-latin2": "Mac Latin 2",
    "cp1251": "Windows-1251", "cp1253": "Windows-1253",
}  # fmt: skip
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", ":": "colon", " ": "space"}
MOST_CELL = 400
MOST_DRAWN = 12
Options = list[dict[str, str]]


def shown(found: Preview, words: Words) -> dict[str, Any]:
    """`can`: it can be imported. `mapping` is sent back with the next choice."""
    known, mapping = found.understood, found.mapping
    drawn = [row for record in found.records for row in record.rows]
    return {
        "kind": kind(known, words) if known else "",
        "fields": [*_fields(known, words), *([_shape(mapping, words)] if mapping else [])],
        "languages": spoken(found.languages, words) if found.languages else "",
        "columns": [_column(name, mapping, words) for name in found.columns] if mapping else [],
        "records": [_record(record, found.columns, words) for record in found.records],
        "rows": [rows.shown(row, words) for row in drawn[:MOST_DRAWN]],
        "findings": findings([one.model_dump() for one in found.findings], words),
        "more": found.more,
        "pictures": found.pictures,
        "mapping": mapping.model_dump(mode="json", exclude={"notices"}) if mapping else None,
        "can": bool(drawn),
    }


def kind(known: Understood, words: Words) -> str:
    """What the file is; of an archive or a folder, what is in it."""
    several = known.member_count > 1
    inside = known.member.kind if known.member else known.kind
    named = words.said(f"opening.kind.{inside if several else known.kind}")
    return words.t("data.several", count=words.number(known.member_count), kind=named) if several else named


def _fields(known: Understood | None, words: Words) -> list[dict[str, Any]]:
    """What may be chosen otherwise: encoding, separator, sheet, and whether the first row holds names."""
    if known is None:
        return []
    found = []
    if known.encoding:
        codecs = dict.fromkeys([*CHOICES, known.encoding])
        named = [_option(name, ENCODINGS.get(name, name)) for name in codecs]
        found.append(_field("encoding", known.encoding, named, words))
    if known.separator:
        signs = {sign: words.t(f"data.separator.{name}") for sign, name in SEPARATORS.items()}
        signs.setdefault(known.separator, known.separator)
        found.append(_field("separator", known.separator, [_option(*one) for one in signs.items()], words))
    if len(known.sheets) > 1:
        found.append(_field("sheet", known.sheet, [_option(name, name) for name in known.sheets], words))
    if known.header is not None:
        kinds = [_option("yes", words.t("data.header.yes")), _option("no", words.t("data.header.no"))]
        found.append(_field("header", "yes" if known.header else "no", kinds, words))
    return found


def _shape(mapping: Mapping, words: Words) -> dict[str, Any]:
    named = [_option(name, words.said(f"mapping.shape.{name}")) for name in roles.SHAPES]
    return _field("shape", mapping.shape, named, words)


def _field(name: str, value: str, options: Options, words: Words) -> dict[str, Any]:
    return {"name": name, "label": words.t(f"data.understood.{name}"), "value": value, "options": options}


def _option(value: str, title: str) -> dict[str, str]:
    return {"value": value, "title": title}


def _column(name: str, mapping: Mapping, words: Words) -> dict[str, Any]:
    known = [_option(role.name, role.title(words.language)) for role in roles.ROLES[mapping.shape]]
    options = [_option("", words.t("data.left_out")), *known]
    return {"name": name, "role": mapping.role_of(name), "options": options}


def _record(record: Shown, columns: tuple[str, ...], words: Words) -> dict[str, Any]:
    values = [_cell(record.values.get(name, "")) for name in columns]
    fault = (record.fault or {}).get(words.language) or (record.fault or {}).get("en", "")
    return {"place": record.place, "values": values, "fault": fault}


def _cell(text: str) -> str:
    return text if len(text) <= MOST_CELL else text[:MOST_CELL] + "…"
