# ruff: noqa: E501 - sentences stand here as they are said
"""The table of bad inputs, row by row, for what people bring as data: a file that is made here, and what is said of it.

Rows about names, recipes and models are tested where those are; `ELSEWHERE` says where.
"""

import io
import json
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from backend.data.intake import conversion
from backend.data.intake.findings import Count, Finding, of_error, of_notice
from backend.data.opening.files import open_file
from backend.data.pictures.keeping import Keeper
from backend.errors import StudioError
from backend.messages import LANGUAGES
from backend.paths import ROOT
from tests import photos
from tests.workbooks import xlsx

Make = Callable[[Path], Path]


def found(path: Path) -> list[Finding]:
    """Everything that a check of this file says."""
    count, keeper, said = Count(), Keeper(None), list[Finding]()
    try:
        opened = open_file(path, scratch=path.parent)
        said = [of_notice(notice) for notice in opened.understood.notices]
        convert = conversion.chosen(opened, None, keeper.keep)
        for record in opened.records():
            count.take(record, convert)
    except StudioError as error:
        said.append(of_error(error, rows=0))
    return [*said, *map(of_notice, keeper.notices()), *count.findings()]


def file(name: str, content: bytes | str) -> Make:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return folder / name

    return make


def folder(files: dict[str, bytes]) -> Make:
    def make(place: Path) -> Path:
        for name, content in files.items():
            (place / "x" / name).parent.mkdir(parents=True, exist_ok=True)
            (place / "x" / name).write_bytes(content)
        return place / "x"

    return make


def with_text(name: str, content: bytes) -> Make:
    """A picture with a caption in a text beside it."""
    return folder({name: content, f"{Path(name).stem}.txt": b"O poza."})


def zipped(files: dict[str, bytes], cut: int | None = None, flags: int = 0) -> Make:
    def make(place: Path) -> Path:
        raw = io.BytesIO()
        with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        whole = bytearray(raw.getvalue()[:cut])
        if flags:
            # In the list of contents, where the reader looks.
            at = whole.index(b"PK\x01\x02")
            whole[at + 8] |= flags
        (place / "x.zip").write_bytes(whole)
        return place / "x.zip"

    return make


def tarred(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> Make:
    def make(place: Path) -> Path:
        with tarfile.open(place / "x.tar", "w") as archive:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, target
            archive.addfile(entry)
        return place / "x.tar"

    return make


def many(place: Path) -> Path:
    with zipfile.ZipFile(place / "x.zip", "w") as archive:
        for at in range(100_001):
            archive.writestr(zipfile.ZipInfo(f"{at}"), b"")
    return place / "x.zip"


def renamed(place: Path) -> Path:
    return xlsx(place / "x.xlsx", {"A": [["text"], *([f"Rândul {at}."] for at in range(3))]}).rename(place / "x.csv")


def sized(width: int, height: int) -> bytes:
    raw = bytearray(photos.written(photos.drawn()))
    raw[16:24] = width.to_bytes(4) + height.to_bytes(4)
    raw[29:33] = zlib.crc32(bytes(raw[12:29])).to_bytes(4)
    return bytes(raw)


def chat(*roles: str) -> str:
    return json.dumps({"messages": [{"role": role, "content": "Text."} for role in roles]}) + "\n"


JPEG = photos.written(photos.drawn((400, 300)), "JPEG")
FRAMES = [Image.new("RGB", (20, 20), colour) for colour in (photos.RED, photos.BLUE)]
GOOD = chat("user", "assistant")
CAPTIONED = {
    f"{at}.{end}": b"O poza." if end == "txt" else photos.shades(1, at)[0] for at in range(9) for end in ("png", "txt")
}
LONE = '{"text": "a\\ud800"}\n'

# Row of the table (of several files for one row: 39.1, 39.2), the file, what is said of it in three languages.
ROWS: list[tuple[float, Make, tuple[str, str, str]]] = [
    (12, with_text("x.png", sized(50_000, 50_000)),
     ("This picture is 50000 × 50000 pixels. The limit is 64 million pixels.",
      "Imaginea are 50000 × 50000 pixeli. Limita este de 64 de milioane de pixeli.",
      "L'immagine è di 50000 × 50000 pixel. Il limite è di 64 milioni di pixel.")),
    (13, with_text("x.png", sized(12_000, 9_000)),
     ("This picture is 12000 × 9000 pixels. The limit is 64 million pixels.",
      "Imaginea are 12000 × 9000 pixeli. Limita este de 64 de milioane de pixeli.",
      "L'immagine è di 12000 × 9000 pixel. Il limite è di 64 milioni di pixel.")),
    (14, with_text("x.png", b""),
     ('"x.png" is empty.',
      "„x.png” este goală.",
      "«x.png» è vuota.")),
    (15, with_text("x.jpg", JPEG[:-900]),
     ('"x.jpg" is damaged (ends too early or cannot be read). Upload it again.',
      "„x.jpg” este deteriorată (se termină prea devreme sau nu poate fi citită). Încarc-o din nou.",
      "«x.jpg» è danneggiata (finisce troppo presto o non si può leggere). Caricala di nuovo.")),
    (16, with_text("x.png", b"<!doctype html><p>404"),
     ('"x.png" is not a picture (it looks like HTML).',
      "„x.png” nu este o imagine (pare HTML).",
      "«x.png» non è un'immagine (sembra HTML).")),
    (17, with_text("x.png", b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'),
     ("SVG is not supported. Use PNG, JPEG or WebP.",
      "SVG nu este acceptat. Folosește PNG, JPEG sau WebP.",
      "SVG non è supportato. Usa PNG, JPEG o WebP.")),
    (18, with_text("x.jpg", photos.written(photos.drawn().convert("CMYK"), "JPEG")),
     ('Colours made for printing were converted to RGB (1, such as "x.jpg").',
      "Culorile pentru tipar au fost convertite în RGB (1, de exemplu „x.jpg”).",
      "I colori per la stampa sono stati convertiti in RGB (1, per esempio «x.jpg»).")),
    (19, with_text("x.png", photos.written(Image.new("I;16", (2, 2), 65535))),
     ('Pictures with 16 bits were scaled to 8 (1, such as "x.png").',
      "Imaginile pe 16 biți au fost reduse la 8 (1, de exemplu „x.png”).",
      "Le immagini a 16 bit sono state ridotte a 8 (1, per esempio «x.png»).")),
    (20, with_text("x.webp", photos.written(FRAMES[0], "WEBP", save_all=True, append_images=FRAMES[1:])),
     ('Of animated pictures only the first frame is used (1, such as "x.webp").',
      "Din imaginile animate se folosește doar primul cadru (1, de exemplu „x.webp”).",
      "Delle immagini animate si usa solo il primo fotogramma (1, per esempio «x.webp»).")),
    (21, with_text("x.png", b"%!PS-Adobe-3.0 EPSF-3.0\n"),
     ("EPS is not supported. Use PNG, JPEG or WebP.",
      "EPS nu este acceptat. Folosește PNG, JPEG sau WebP.",
      "EPS non è supportato. Usa PNG, JPEG o WebP.")),
    (22, with_text("x.jpg", photos.turned()),
     ('Pictures were turned upright (1, such as "x.jpg").',
      "Imaginile rotite au fost îndreptate (1, de exemplu „x.jpg”).",
      "Le immagini ruotate sono state raddrizzate (1, per esempio «x.jpg»).")),
    (23, with_text("x.jpg", photos.turned()),
     ('Where pictures were taken was removed (1, such as "x.jpg").',
      "Locul în care au fost făcute imaginile a fost șters (1, de exemplu „x.jpg”).",
      "È stato tolto il luogo in cui le immagini sono state scattate (1, per esempio «x.jpg»).")),
    (24, with_text("\u202e" + "a" * 200 + ".png", b"x"),
     ('"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…" is not a picture that can be read. Use PNG, JPEG, WebP or HEIC.',
      "„aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…” nu este o imagine care poate fi citită. Folosește PNG, JPEG, WebP sau HEIC.",
      "«aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…» non è un'immagine leggibile. Usa PNG, JPEG, WebP o HEIC.")),
    (25, folder(CAPTIONED | dict(zip(("a.png", "b.png", "c.png"), photos.shades(3, 20), strict=True))),
     ("3 pictures have no caption: a.png, b.png, c.png. Skip them or add captions.",
      "3 imagini nu au descriere: a.png, b.png, c.png. Sari peste ele sau adaugă descrieri.",
      "3 immagini non hanno una didascalia: a.png, b.png, c.png. Saltale o aggiungi le didascalie.")),
    (26, folder({"1/a.png": photos.shades(1)[0], "2/a.png": photos.shades(2)[1], "x.csv": b"file_name,caption\na.png,O poza"}),
     ('Two pictures are called "a.png" (folders 1, 2).',
      "Două imagini se numesc „a.png” (dosarele 1, 2).",
      "Due immagini si chiamano «a.png» (cartelle 1, 2).")),
    (27, file("x.jsonl", GOOD + '{"a": }\n' + GOOD),
     ("Line 2 is not valid JSON (column 7: value missing). 1 of 3 lines affected.",
      "Linia 2 nu este JSON valid (coloana 7: lipsește valoarea). Linii afectate: 1 din 3.",
      "La riga 2 non è JSON valido (colonna 7: manca il valore). Righe con errori: 1 su 3.")),
    (28, file("x.jsonl", ""),
     ("The file is empty.",
      "Fișierul este gol.",
      "Il file è vuoto.")),
    (29, file("x.jsonl", GOOD.encode("utf-16")),
     ("The file is UTF-16. It was converted to UTF-8.",
      "Fișierul este în UTF-16. A fost convertit în UTF-8.",
      "Il file è in UTF-16. È stato convertito in UTF-8.")),
    (30, file("x.jsonl", ('{"text": "Un caffè, perché è così, più o meno."}\n' * 3).encode("cp1252")),
     ("The file is not UTF-8. It was read as cp1252 and converted to UTF-8. If letters look wrong, choose another encoding.",
      "Fișierul nu este în UTF-8. A fost citit ca cp1252 și convertit în UTF-8. Dacă unele litere arată greșit, alege altă codificare.",
      "Il file non è in UTF-8. È stato letto come cp1252 e convertito in UTF-8. Se alcune lettere sembrano sbagliate, scegli un’altra codifica.")),
    (32, file("x.jsonl", '{"a": 1, "a": 2}\n'),
     ('Line 1 has the field "a" twice.',
      "Linia 1 are de două ori câmpul „a”.",
      "La riga 1 ha due volte il campo «a».")),
    (33, file("x.jsonl", '{"text": "x"}\n{"text": 5}\n'),
     ('Field "text" is text in line 1 but a number in line 2.',
      "Câmpul „text” este text în rândul 1, dar număr în rândul 2.",
      "Il campo «text» è testo nella riga 1 ma un numero nella riga 2.")),
    (33.5, file("x.jsonl", '{"question": "x", "answer": "y"}\n{"question": "z", "answer": 5}\n'),
     ('Field "answer" is text in line 1 but a number in line 2.',
      "Câmpul „answer” este text în rândul 1, dar număr în rândul 2.",
      "Il campo «answer» è testo nella riga 1 ma un numero nella riga 2.")),
    (34, file("x.jsonl", '{"a": NaN}\n'),
     ('Line 1: "NaN" is not a valid number in JSON.',
      "Linia 1: „NaN” nu este un număr valid în JSON.",
      "Riga 1: «NaN» non è un numero valido in JSON.")),
    (35, file("x.jsonl", '{"a": ' + "[" * 5000 + "]" * 5000 + "}\n"),
     ("Line 1 is nested too deeply (limit 50).",
      "Linia 1 are prea multe niveluri imbricate (limita este 50).",
      "La riga 1 ha troppi livelli annidati (limite 50).")),
    (36, file("x.jsonl", '{"text": "' + "x" * 2_000_000 + '"}\n'),
     ("Line 1 is longer than 1 MB.",
      "Linia 1 este mai lungă de 1 MB.",
      "La riga 1 supera 1 MB.")),
    (37, file("x.json", '[{"a": ' + "9" * 5000 + "}]"),
     ("Line 1: the number has too many digits.",
      "Linia 1: numărul are prea multe cifre.",
      "Riga 1: il numero ha troppe cifre.")),
    (38, file("x.jsonl", GOOD * 6 + LONE),
     ("Line 7 contains a broken character (U+D800).",
      "Linia 7 conține un caracter stricat (U+D800).",
      "La riga 7 contiene un carattere rotto (U+D800).")),
    (39, file("x.jsonl", GOOD * 3 + chat("user", "assistant", "assistant")),
     ('Conversation 4: two "assistant" messages in a row (turn 3).',
      "Conversația 4: două mesaje „assistant” la rând (mesajul 3).",
      "Conversazione 4: due messaggi «assistant» di seguito (messaggio 3).")),
    (39.1, file("x.jsonl", chat("pilot", "assistant")),
     ('Conversation 1: unknown role "pilot" (turn 1). Use system, user or assistant.',
      "Conversația 1: rol necunoscut „pilot” (mesajul 1). Folosește system, user sau assistant.",
      "Conversazione 1: ruolo sconosciuto «pilot» (messaggio 1). Usa system, user o assistant.")),
    (39.2, file("x.jsonl", chat("user", "assistant").replace("Text.", " ", 1)),
     ("Conversation 1: the message is empty (turn 1).",
      "Conversația 1: mesajul este gol (mesajul 1).",
      "Conversazione 1: il messaggio è vuoto (messaggio 1).")),
    (42, file("x.csv", 'text,label\n"Unu,a\ndoi,b\n'),
     ('Line 2 opens a quote (") that never closes.',
      'Linia 2 deschide ghilimele (") care nu se mai închid.',
      'La riga 2 apre le virgolette (") senza chiuderle.')),
    (43, file("x.csv", "text,label\nunu,a,b\n"),
     ("Line 2 has 3 values, the header has 2.",
      "Linia 2 are 3 valori, iar antetul are 2.",
      "La riga 2 ha 3 valori, l’intestazione ne ha 2.")),
    (44, file("x.csv", "text,label\nunu\0,a\n"),
     ("Line 2 contains a NUL character. Is this really a text file?",
      "Linia 2 conține un caracter NUL. Este chiar un fișier text?",
      "La riga 2 contiene un carattere NUL. È davvero un file di testo?")),
    (45, file("x.csv", "a,a\n1,2\n"),
     ('Two columns are called "a". Give each column a name of its own.',
      "Două coloane se numesc „a”. Dă fiecărei coloane un nume al ei.",
      "Due colonne si chiamano «a». Dai a ogni colonna un nome diverso.")),
    (46, file("x.csv", "a,b\n" + "x" * 300_000 + ",1\n"),
     ('Line 2, column "a": longer than 100000 characters.',
      "Linia 2, coloana „a”: mai mult de 100000 de caractere.",
      "Riga 2, colonna «a»: più di 100000 caratteri.")),
    (48, renamed,
     ('This is a workbook (Excel or OpenDocument), although its name ends in ".csv". It was read as a workbook.',
      "Acesta este un registru de lucru (Excel sau OpenDocument), deși numele se termină în „.csv”. A fost citit ca registru.",
      "È una cartella di lavoro (Excel o OpenDocument), anche se il nome finisce in «.csv». È stata letta come tale.")),
    (49, file("x.csv", "text,label\n"),
     ("There are no rows under the header.",
      "Nu există rânduri sub antet.",
      "Non ci sono righe sotto l’intestazione.")),
    (49.5, file("x.csv", "1,Un text despre vreme.\n2,Alt text despre mare.\n"),
     ("The first row holds no names of columns, so it was read as data. The columns are called column_1, column_2 and so on.",
      "Primul rând nu conține nume de coloane, așa că a fost citit ca date. Coloanele se numesc column_1, column_2 și așa mai departe.",
      "La prima riga non contiene nomi di colonne, quindi è stata letta come dati. Le colonne si chiamano column_1, column_2 e così via.")),
    (55, zipped({"../../x": b"a"}),
     ('The archive contains an unsafe path ("../../x"). Nothing was unpacked.',
      "Arhiva conține o cale nesigură („../../x”). Nimic nu a fost dezarhivat.",
      "L’archivio contiene un percorso non sicuro («../../x»). Non è stato estratto nulla.")),
    (56, zipped({"x.txt": bytes(300_000_000)}),
     ("The archive would unpack to 300 MB (1028 times its size). The limit is 58 MB. Nothing was unpacked.",
      "Arhiva s-ar dezarhiva la 300 MB (de 1028 ori mărimea ei). Limita este 58 MB. Nimic nu a fost dezarhivat.",
      "L’archivio estratto occuperebbe 300 MB (1028 volte la sua dimensione). Il limite è 58 MB. Non è stato estratto nulla.")),
    (57, many,
     ("The archive contains 100001 files. The limit is 100000. Nothing was unpacked.",
      "Arhiva conține 100001 de fișiere. Limita este 100000. Nimic nu a fost dezarhivat.",
      "L’archivio contiene 100001 file. Il limite è 100000. Non è stato estratto nulla.")),
    (57.1, zipped({"y.zip": b"a"}),
     ('The archive contains another archive ("y.zip"). Unpack it first. Nothing was unpacked.',
      "Arhiva conține o altă arhivă („y.zip”). Dezarhiveaz-o întâi pe aceea. Nimic nu a fost dezarhivat.",
      "L’archivio contiene un altro archivio («y.zip»). Estrai prima quello. Non è stato estratto nulla.")),
    (57.2, zipped({"x.txt": b"a"}, flags=1),
     ("The archive is protected by a password. Pack it again without one. Nothing was unpacked.",
      "Arhiva este protejată cu parolă. Arhiveaz-o din nou fără parolă. Nimic nu a fost dezarhivat.",
      "L’archivio è protetto da password. Ricrealo senza. Non è stato estratto nulla.")),
    (57.3, zipped({"x.txt": b"abc" * 100}, cut=40),
     ("The archive is damaged or incomplete. Download or pack it again. Nothing was unpacked.",
      "Arhiva este deteriorată sau incompletă. Descarc-o sau arhiveaz-o din nou. Nimic nu a fost dezarhivat.",
      "L’archivio è danneggiato o incompleto. Scaricalo o ricrealo. Non è stato estratto nulla.")),
    (58, tarred("../x"),
     ('The archive contains an unsafe path ("../x"). Nothing was unpacked.',
      "Arhiva conține o cale nesigură („../x”). Nimic nu a fost dezarhivat.",
      "L’archivio contiene un percorso non sicuro («../x»). Non è stato estratto nulla.")),
    (58.1, tarred("/x"),
     ('The archive contains an unsafe path ("/x"). Nothing was unpacked.',
      "Arhiva conține o cale nesigură („/x”). Nimic nu a fost dezarhivat.",
      "L’archivio contiene un percorso non sicuro («/x»). Non è stato estratto nulla.")),
    (58.2, tarred("x", tarfile.SYMTYPE, "/etc/passwd"),
     ('The archive contains a link or a device ("x"). Nothing was unpacked.',
      "Arhiva conține o legătură sau un dispozitiv („x”). Nimic nu a fost dezarhivat.",
      "L’archivio contiene un collegamento o un dispositivo («x»). Non è stato estratto nulla.")),
    (58.3, tarred("x", tarfile.LNKTYPE, "/etc/passwd"),
     ('The archive contains a link or a device ("x"). Nothing was unpacked.',
      "Arhiva conține o legătură sau un dispozitiv („x”). Nimic nu a fost dezarhivat.",
      "L’archivio contiene un collegamento o un dispositivo («x»). Non è stato estratto nulla.")),
    (58.4, tarred("x", tarfile.CHRTYPE),
     ('The archive contains a link or a device ("x"). Nothing was unpacked.',
      "Arhiva conține o legătură sau un dispozitiv („x”). Nimic nu a fost dezarhivat.",
      "L’archivio contiene un collegamento o un dispositivo («x»). Non è stato estratto nulla.")),
]  # fmt: skip
QUIET: list[tuple[float, Make, int]] = [
    (31, file("x.jsonl", b"\xef\xbb\xbf" + GOOD.encode()), 1),
    (41, file("x.csv", "testo;etichetta\nCiao, come va?;saluto\n"), 1),
    (47, file("x.csv", "text,label\n=cmd|' /C calc'!A0,a\n"), 1),
]
"""Rows that are accepted without a word, and how many rows come of the file."""
ELSEWHERE = {
    40: "test_data_use.py::test_a_control_word_in_a_chat_is_refused",
    50: "test_data_files.py::test_a_path_or_an_address_is_no_data_set",
    51: "test_data_files.py::test_a_path_or_an_address_is_no_data_set",
    52: "test_data_files.py::test_a_path_or_an_address_is_no_data_set",
    53: "test_hub_corpora.py::test_what_is_not_there_as_a_whole_is_refused",
    54: "test_data_files.py::test_too_little_to_learn_from_is_refused",
    59: "test_recipes.py::test_a_fault_is_said_in_one_sentence",
    60: "test_recipes.py::test_a_file_that_would_unfold_to_billions_is_refused_at_once",
}


@pytest.mark.parametrize(("row", "make", "sentences"), ROWS, ids=[f"{row:g}" for row, _, _ in ROWS])
def test_what_is_bad_is_said_in_one_sentence(
    tmp_path: Path, row: float, make: Make, sentences: tuple[str, str, str]
) -> None:
    path = make(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    said = [tuple(finding.message[language] for language in LANGUAGES) for finding in found(path)]
    assert sentences in said
    assert sorted(tmp_path.rglob("*")) == before, "Nothing is left beside it."


@pytest.mark.parametrize(("row", "make", "rows"), QUIET, ids=[f"{row:g}" for row, _, _ in QUIET])
def test_what_is_only_unusual_is_taken(tmp_path: Path, row: float, make: Make, rows: int) -> None:
    path = make(tmp_path)
    assert found(path) == []
    opened = open_file(path)
    assert len(list(opened.records())) == rows
    assert opened.understood.separator in ("", {41: ";", 47: ","}.get(row, ""))


def test_every_row_of_the_table_has_a_test() -> None:
    here = {int(row) for row, _, _ in ROWS} | {int(row) for row, _, _ in QUIET}
    assert here | set(ELSEWHERE) == set(range(12, 61))
    assert not here & set(ELSEWHERE)
    for place in ELSEWHERE.values():
        name, _, test = place.partition("::")
        assert re.search(rf"^def {test}\(", (ROOT / "tests" / "backend" / name).read_text("utf-8"), re.MULTILINE), place
