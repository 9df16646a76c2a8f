"""Workbooks written byte by byte, of the three kinds that people have; nothing but the standard library."""

import struct
import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

Rows = list[list[str | float]]
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"


def xlsx(path: Path, sheets: dict[str, Rows], *, extra: str = "") -> Path:
    """`extra`: more rows of XML for the last sheet."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/>'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{KIND}"/></Types>',
        )
        archive.writestr("_rels/.rels", _links([("officeDocument", "xl/workbook.xml")]))
        entries = "".join(
            f'<sheet name="{escape(name)}" sheetId="{at}" r:id="rId{at}"/>' for at, name in enumerate(sheets, start=1)
        )
        archive.writestr(
            "xl/workbook.xml", f'<workbook xmlns="{MAIN}" xmlns:r="{LINKS}"><sheets>{entries}</sheets></workbook>'
        )
        places = [("worksheet", f"worksheets/sheet{at}.xml") for at in range(1, len(sheets) + 1)]
        archive.writestr("xl/_rels/workbook.xml.rels", _links(places))
        for at, rows in enumerate(sheets.values(), start=1):
            body = "".join(_row(number, row) for number, row in enumerate(rows, start=1))
            more = extra if at == len(sheets) else ""
            archive.writestr(
                f"xl/worksheets/sheet{at}.xml",
                f'<worksheet xmlns="{MAIN}"><sheetData>{body}{more}</sheetData></worksheet>',
            )
    return path


def _links(targets: list[tuple[str, str]]) -> str:
    entries = "".join(
        f'<Relationship Id="rId{at}" Type="{LINKS}/{kind}" Target="{target}"/>'
        for at, (kind, target) in enumerate(targets, start=1)
    )
    return f'<Relationships xmlns="{PACKAGE}/relationships">{entries}</Relationships>'


def _row(number: int, row: list[str | float]) -> str:
    return f'<row r="{number}">{"".join(_cell(chr(65 + at), number, value) for at, value in enumerate(row))}</row>'


def _cell(column: str, number: int, value: str | float) -> str:
    if value == "":
        return ""
    place = f'r="{column}{number}"'
    if isinstance(value, str):
        return f'<c {place} t="inlineStr"><is><t>{escape(value)}</t></is></c>'
    return f"<c {place}><v>{value}</v></c>"


def ods(path: Path, sheets: dict[str, Rows]) -> Path:
    office = "urn:oasis:names:tc:opendocument:xmlns"
    tables = "".join(
        f'<table:table table:name="{escape(name)}">'
        + "".join("<table:table-row>" + "".join(map(_open_cell, row)) + "</table:table-row>" for row in rows)
        + "</table:table>"
        for name, rows in sheets.items()
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet", zipfile.ZIP_STORED)
        archive.writestr(
            "content.xml",
            f'<?xml version="1.0"?><office:document-content xmlns:office="{office}:office:1.0" '
            f'xmlns:table="{office}:table:1.0" xmlns:text="{office}:text:1.0"><office:body><office:spreadsheet>'
            f"{tables}</office:spreadsheet></office:body></office:document-content>",
        )
        archive.writestr(
            "META-INF/manifest.xml",
            f'<manifest:manifest xmlns:manifest="{office}:manifest:1.0"><manifest:file-entry '
            'manifest:full-path="/" manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/>'
            "</manifest:manifest>",
        )
    return path


def _open_cell(value: str | float) -> str:
    if isinstance(value, str):
        return f'<table:table-cell office:value-type="string"><text:p>{escape(value)}</text:p></table:table-cell>'
    number = f'office:value-type="float" office:value="{value}"'
    return f"<table:table-cell {number}><text:p>{value}</text:p></table:table-cell>"


def xls(path: Path, sheet: str, rows: Rows) -> Path:
    """BIFF8 in a compound file whose only stream is the workbook."""
    begin = struct.pack("<HHIIII", 0x0809, 16, 0x00050600, 0x07CC0DBB, 0, 6)
    name = sheet.encode("utf-16-le")

    def boundsheet(place: int) -> bytes:
        body = struct.pack("<IBBBB", place, 0, 0, len(sheet), 1) + name
        return struct.pack("<HH", 0x0085, len(body)) + body

    end = struct.pack("<HH", 0x000A, 0)
    place = len(begin) + len(boundsheet(0)) + len(end)
    cells = b"".join(_biff(r, c, value) for r, row in enumerate(rows) for c, value in enumerate(row))
    stream = begin + boundsheet(place) + end + begin.replace(b"\x05\x00\xbb", b"\x10\x00\xbb", 1) + cells + end
    stream = stream.ljust(4096 + 512, b"\x00")
    sectors = -(-len(stream) // 512)
    stream = stream.ljust(sectors * 512, b"\x00")
    table = [0xFFFFFFFD, 0xFFFFFFFE, *range(3, sectors + 2), 0xFFFFFFFE]
    fat = struct.pack(f"<{len(table)}I", *table).ljust(512, b"\xff")
    folder = _entry("Root Entry", 5, 1, 0xFFFFFFFE, 0) + _entry("Workbook", 2, 0xFFFFFFFF, 2, len(stream))
    folder += _entry("", 0, 0xFFFFFFFF, 0, 0) * 2
    head = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16)
    head += struct.pack("<HHHHH6xIIIIIIIII", 0x3E, 3, 0xFFFE, 9, 6, 0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    head += struct.pack("<I", 0) + b"\xff" * (108 * 4)
    path.write_bytes(head + fat + folder + stream)
    return path


def _entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    written = name.encode("utf-16-le")
    none = 0xFFFFFFFF
    length = len(written) + 2 if name else 0
    head = written.ljust(64, b"\x00") + struct.pack("<HBBIII", length, kind, 1, none, none, child)
    return head + bytes(16 + 4 + 16) + struct.pack("<IQ", start, size)


def _biff(row: int, column: int, value: str | float) -> bytes:
    if isinstance(value, str):
        text = value.encode("utf-16-le")
        body = struct.pack("<HHHHB", row, column, 0, len(value), 1) + text
        return struct.pack("<HH", 0x0204, len(body)) + body
    return struct.pack("<HHHHHd", 0x0203, 14, row, column, 0, value)
