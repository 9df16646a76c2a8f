"""One look at files, by a process of its own: `python -m backend.data.intake.look`.

Reads {"sources": [[name, path], ...], "choices", "mapping", "scratch"} from standard input and writes a `Preview` as
JSON to standard output, within so much memory and processor time and no more.
"""

import json
import sys
import tempfile
from itertools import islice
from pathlib import Path
from typing import Any

from backend.data.doctor.check import Doctor
from backend.data.intake import conversion
from backend.data.intake.findings import Count, Finding, of_error, of_notice
from backend.data.intake.preview import Preview, Shown
from backend.data.mapping.mapping import Mapping
from backend.data.opening import limits
from backend.data.opening.files import open_files
from backend.data.opening.opened import Choices, Opened, Picture, Record
from backend.data.pictures.glances import Glances
from backend.data.reading import Convert
from backend.errors import DataError, StudioError
from backend.messages import LANGUAGES

MEMORY, SECONDS = 1 << 30, 15
RECORDS = 50
LONGEST = 2000


def look(sources: list[tuple[str, Path]], choices: Choices, mapping: Mapping | None, scratch: Path) -> Preview:
    try:
        opened = open_files(sources, choices, scratch)
    except StudioError as error:
        return Preview(findings=(of_error(error, rows=0),))
    notices = [of_notice(notice) for notice in opened.understood.notices]
    try:
        return _seen(opened, mapping, notices)
    except StudioError as error:
        return Preview(understood=opened.understood, mapping=mapping, findings=(*notices, of_error(error, rows=0)))


def _seen(opened: Opened, mapping: Mapping | None, notices: list[Any]) -> Preview:
    first = conversion.sample(opened, RECORDS)
    found = mapping or conversion.mapping_of(opened, first)
    glances, count = Glances(), Count()
    convert, lacking = _convert(opened, mapping, glances, first)
    every = opened.records()
    records = [_shown(record, count, convert) for record in islice(every, RECORDS)]
    if not records:
        raise DataError("data.empty_file")
    columns = opened.understood.columns or tuple(dict.fromkeys(name for record in first for name in record.values))
    placed = [(one.place, row) for one in records for row in one.rows]
    doctor = Doctor(brief=True)
    for place, row in placed:
        doctor.take(row, place)
    unsure = [of_notice(notice) for notice in found.notices]
    return Preview(
        understood=opened.understood,
        mapping=found,
        columns=columns,
        records=tuple(records),
        findings=(*lacking, *notices, *unsure, *count.findings(), *doctor.report(lambda: placed).findings),
        languages=tuple(count.languages()),
        more=next(every, None) is not None,
        pictures=glances.made,
    )


def _convert(
    opened: Opened, mapping: Mapping | None, glances: Glances, first: list[Record]
) -> tuple[Convert, list[Finding]]:
    """With a mapping that cannot be used: no rows, and why, so that the columns can still be seen and chosen."""
    try:
        return conversion.chosen(opened, mapping, glances.keep, first), []
    except StudioError as error:
        return lambda record, number: (), [of_error(error, rows=0)]


def _shown(record: Record, count: Count, convert: Convert) -> Shown:
    values = {name: _text(value) for name, value in record.values.items()}
    rows = count.take(record, convert)
    fault = {language: count.last.say(language) for language in LANGUAGES} if count.last else None
    return Shown(place=record.place, values=values, rows=tuple(rows), fault=fault)


def _text(value: Any) -> str:
    if isinstance(value, Picture):
        return value.name
    if value is None:
        return ""
    said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=_text)
    return said if len(said) <= LONGEST else said[:LONGEST] + "…"


def main() -> int:
    limits.limit(MEMORY, SECONDS)
    asked = json.load(sys.stdin)
    sources = [(name, Path(path)) for name, path in asked["sources"]]
    mapping = Mapping(**asked["mapping"]) if asked["mapping"] else None
    with tempfile.TemporaryDirectory(dir=asked["scratch"], prefix=".look-") as scratch:
        try:
            found = look(sources, Choices(**asked["choices"]), mapping, Path(scratch))
        except MemoryError:
            found = Preview(findings=(of_error(DataError("opening.too_big_to_read"), rows=0),))
    sys.stdout.write(found.model_dump_json())
    return 0


if __name__ == "__main__":
    sys.exit(main())
