"""Archives, folders and pictures: what is read of them, and that nothing comes out of those that were made to harm."""

import bz2
import gzip
import io
import json
import lzma
import os
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

from backend.data.opening.boxes import members
from backend.data.opening.files import open_file, open_files
from backend.data.opening.opened import Choices, Opened
from backend.errors import DataError
from backend.messages import LANGUAGES

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tarred(path: Path, files: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def laid(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


MAKERS = {
    "zip": lambda path, files: zipped(path, files),
    "tar": lambda path, files: tarred(path, files),
    "tar.gz": lambda path, files: tarred(path, files, "w:gz"),
    "tar.bz2": lambda path, files: tarred(path, files, "w:bz2"),
    "tar.xz": lambda path, files: tarred(path, files, "w:xz"),
    "folder": laid,
}


def values(found: Opened) -> list[dict[str, object]]:
    every = list(found.records())
    assert [str(record.fault) for record in every if record.fault] == []
    return [record.values for record in every]


def refusal(path: Path, scratch: Path) -> str:
    scratch.mkdir(exist_ok=True)
    with pytest.raises(DataError) as caught:
        list(open_file(path, scratch=scratch).records())
    for language in LANGUAGES:
        assert "{" not in caught.value.say(language)
    assert list(scratch.iterdir()) == [], "Nothing is left of an archive that was refused."
    return str(caught.value)


@pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS)
def test_tables_of_an_archive_are_read_one_after_another(tmp_path: Path, maker) -> None:
    files = {
        "date/a.csv": b"testo;etichetta\nCiao, come va;saluto\n",
        "date/b.csv": "testo;etichetta\nCosì così;risposta\n".encode("cp1252"),
        "README.md": b"# Ce e aici",
        "__MACOSX/date/._a.csv": b"junk",
        ".DS_Store": b"junk",
    }
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    found = open_file(maker(tmp_path / "a", files), scratch=scratch)
    assert [row["testo"] for row in values(found)] == ["Ciao, come va", "Così così"]
    assert [record.place for record in found.records()] == ["date/a.csv:2", "date/b.csv:2"]
    assert (found.understood.separator, found.understood.member_count) == (";", 2)
    assert [notice.key for notice in found.understood.notices] == ["opening.left_out"]
    assert list(scratch.iterdir()) == []


def test_a_fault_names_the_file_in_which_its_line_is(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a.csv": b"a,b\n1,2\n", "x/b.csv": b"a,b\n1,2,3\n"})
    faults = [str(record.fault) for record in open_file(path).records() if record.fault]
    assert faults == ["Line 2 (x/b.csv) has 3 values, the header has 2."]


@pytest.mark.parametrize(("suffix", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)])
def test_a_file_that_was_packed_by_itself_is_read(tmp_path: Path, suffix: str, pack) -> None:
    path = tmp_path / f"a.jsonl.{suffix}"
    path.write_bytes(pack(b'{"a": 1}\n{"a": 2}\n'))
    assert values(open_file(path)) == [{"a": 1}, {"a": 2}]
    path.write_bytes(path.read_bytes()[:-9])
    assert refusal(path, tmp_path / "scratch").startswith("The archive is damaged or incomplete")


UNSAFE = ["../../x.csv", "/etc/x.csv", "a/../../x.csv", "C:\\x.csv", "\\\\host\\x.csv", "..\\x.csv", "a\x1b[31m.csv"]


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
@pytest.mark.parametrize("name", UNSAFE)
def test_an_unsafe_path_is_refused(tmp_path: Path, name: str, kind: str) -> None:
    path = MAKERS[kind](tmp_path / "a", {"good.csv": b"a,b\n1,2\n", name: b"a,b\n1,2\n"})
    shown = name.replace("\x1b", "?")
    expected = f'The archive contains an unsafe path ("{shown}"). Nothing was unpacked.'
    assert refusal(path, tmp_path / "scratch") == expected
    assert not (tmp_path.parent / "x.csv").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_of_a_tar_are_refused(tmp_path: Path, kind: bytes) -> None:
    path = tarred(tmp_path / "a.tar", {"a.csv": b"a\n1\n"})
    with tarfile.open(path, "a") as archive:
        entry = tarfile.TarInfo("link.csv")
        entry.type, entry.linkname = kind, "/etc/passwd"
        archive.addfile(entry)
    assert refusal(path, tmp_path / "scratch").startswith('The archive contains a link or a device ("link.csv").')


def test_links_of_a_zip_are_refused_and_those_of_a_folder_are_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        entry = zipfile.ZipInfo("link.csv")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
    assert refusal(path, tmp_path / "scratch").startswith("The archive contains a link or a device")
    folder = laid(tmp_path / "folder", {"a.csv": b"a\n1\n"})
    (folder / "b.csv").symlink_to("/etc/passwd")
    (folder / "etc").symlink_to("/etc")
    assert values(open_file(folder)) == [{"a": "1"}]


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar.bz2"])
def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, kind: str) -> None:
    path = MAKERS[kind](tmp_path / "a", {"a.csv": bytes(30_000_000)})
    said = refusal(path, tmp_path / "scratch")
    assert said.startswith("The archive would unpack to 30 MB (")
    assert said.endswith("Nothing was unpacked.")


def test_a_bomb_without_a_list_of_contents_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(bytes(30_000_000)))
    assert refusal(path, tmp_path / "scratch").startswith("The archive would unpack to 1")


def test_too_many_files_nested_and_locked_and_cut_archives_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    good = zipped(tmp_path / "good.zip", {"a.csv": b"a,b\n" + os.urandom(3000).hex().encode() + b",2\n"})
    nested = zipped(tmp_path / "nested.zip", {"inner.zip": good.read_bytes()})
    assert refusal(nested, scratch) == (
        'The archive contains another archive ("inner.zip"). Unpack it first. Nothing was unpacked.'
    )
    raw = bytearray(good.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = raw.index(mark) + place
        raw[at : at + 2] = struct.pack("<H", 1)
    (tmp_path / "locked.zip").write_bytes(raw)
    assert refusal(tmp_path / "locked.zip", scratch).startswith("The archive is protected by a password.")
    for name, whole in (
        ("a.zip", good.read_bytes()),
        ("a.tar", tarred(tmp_path / "b.tar", {"a.csv": b"a\n" * 9000}).read_bytes()),
    ):
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
        assert refusal(tmp_path / name, scratch).startswith("The archive is damaged or incomplete.")
    assert refusal(zipped(tmp_path / "empty.zip", {}), scratch) == "The archive contains no file that can be read."
    monkeypatch.setattr(members, "MOST_MEMBERS", 20)
    for kind in ("zip", "tar"):
        many = MAKERS[kind](tmp_path / f"many.{kind}", {f"{at}.txt": b"x" for at in range(21)})
        assert refusal(many, scratch) == "The archive contains 21 files. The limit is 20. Nothing was unpacked."


@pytest.mark.slow
def test_two_hundred_thousand_entries_are_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {f"{at}.txt": b"" for at in range(200_000)})
    assert refusal(path, tmp_path / "scratch").startswith("The archive contains 200000 files. The limit is 100000.")


def test_a_damaged_member_is_said_when_it_is_read(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a.csv": b"a,b\n" + os.urandom(3000).hex().encode() + b",2\n"})
    raw = bytearray(path.read_bytes())
    raw[200:300] = bytes(100)
    path.write_bytes(raw)
    assert refusal(path, tmp_path / "scratch").startswith("The archive is damaged or incomplete.")


def pictures(found: Opened) -> list[tuple[str, str, object]]:
    read = []
    for record in found.records():
        assert record.fault is None, str(record.fault)
        assert record.values["image"].read() == PNG
        read.append((record.values["file_name"], record.values["folder"], record.values.get("caption")))
    return sorted(read)


@pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS)
def test_captions_stand_in_texts_beside_the_pictures(tmp_path: Path, maker) -> None:
    files = {
        "poze/a.png": PNG,
        "poze/a.txt": "O pisică\nîn faţă".encode("cp1250"),
        "poze/b.PNG": PNG,
        "poze/b.txt": b"",
        "poze/c.txt": b"of no picture",
    }
    found = open_file(maker(tmp_path / "a", files))
    assert pictures(found) == [("poze/a.png", "poze", "O pisică\nîn faţă"), ("poze/b.PNG", "poze", None)]
    assert [notice.say() for notice in found.understood.notices] == [
        "1 picture has no caption: b.PNG. Skip it or add a caption.",
        '1 file was left out, "poze/c.txt": it is of another kind than the others.',
    ]
    assert found.understood.columns == ("image", "file_name", "folder", "caption")


TABLES = {
    "metadata.csv": "file_name,caption\na.png,Un cane\nsub/b.png,Una città\n".encode(),
    "metadata.jsonl": b'{"file_name": "a.png", "caption": "Un cane"}\n'
    b'{"file_name": "sub/b.png", "caption": "Una citt\xc3\xa0"}\n',
    "captions.json": json.dumps(
        {
            "images": [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "b.png"}],
            "annotations": [{"image_id": 1, "caption": "Un cane"}, {"image_id": 2, "caption": "Una città"}],
        }
    ).encode(),
}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("maker", [MAKERS["zip"], MAKERS["tar.gz"], MAKERS["folder"]], ids=["zip", "tar.gz", "folder"])
def test_captions_stand_in_a_table(tmp_path: Path, table: str, maker) -> None:
    found = open_file(maker(tmp_path / "a", {"x/a.png": PNG, f"x/{table}": TABLES[table], "x/sub/b.png": PNG}))
    assert pictures(found) == [("x/a.png", "x", "Un cane"), ("x/sub/b.png", "sub", "Una città")]


def test_a_table_that_names_what_is_not_there_or_twice_there_is_told(tmp_path: Path) -> None:
    table = b"file_name,caption\nc.png,Nu e\na.png,Care?\n"
    found = open_file(zipped(tmp_path / "a.zip", {"1/a.png": PNG, "2/a.png": PNG, "metadata.csv": table}))
    faults = [str(record.fault) for record in found.records() if record.fault]
    assert faults == [
        'Line 2 of "metadata.csv" names the picture "c.png", which is not there.',
        'Two pictures are called "a.png" (folders 1, 2).',
    ]
    said = [notice.say() for notice in found.understood.notices]
    assert 'Two pictures are called "a.png" (folders 1, 2).' in said


def test_folders_are_labels_and_a_single_picture_is_a_set_of_one(tmp_path: Path) -> None:
    found = open_file(zipped(tmp_path / "a.zip", {"pisici/1.png": PNG, "câini/1.png": PNG}))
    assert [folder for _, folder, _ in pictures(found)] == ["câini", "pisici"]
    (tmp_path / "b.png").write_bytes(PNG)
    assert [name for name, _, _ in pictures(open_file(tmp_path / "b.png"))] == ["b.png"]


def test_several_files_at_once_keep_their_names(tmp_path: Path) -> None:
    laid(tmp_path, {"1": PNG, "2": b"O floare", "3.csv": b"a;b\n1;2\n", "4.csv": b"a;b\n3;4\n"})
    found = open_files([("a.png", tmp_path / "1"), ("a.txt", tmp_path / "2")])
    assert pictures(found) == [("a.png", "", "O floare")]
    found = open_files([("x.csv", tmp_path / "3.csv"), ("y.csv", tmp_path / "4.csv")], Choices(separator=";"))
    assert [record.place for record in found.records()] == ["x.csv:2", "y.csv:2"]


@pytest.mark.parametrize("mark", [b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00"])
@pytest.mark.parametrize("name", ["a.gz", "a.bz2", "a.xz", "a.tgz", "a"])
def test_what_only_begins_like_a_packed_file_is_damaged(tmp_path: Path, mark: bytes, name: str) -> None:
    for rest in (b"", b"9", b"91AY&SY" + bytes(40), bytes(range(200))):
        (tmp_path / name).write_bytes(mark + rest)
        assert refusal(tmp_path / name, tmp_path / "scratch").startswith("The archive is damaged or incomplete.")
