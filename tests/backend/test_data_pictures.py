"""Pictures as people bring them: each bad one gets the sentence of the bad-input table, each good one is made plain."""

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms

from backend.data.opening.opened import Picture
from backend.data.pictures.decoding import decoded, shown
from backend.data.pictures.keeping import Keeper, small
from backend.errors import DataError
from backend.messages import LANGUAGES

RED, BLUE = (200, 30, 40), (20, 40, 200)


def picture(size: tuple[int, int] = (40, 20), mode: str = "RGB") -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (size[0] // 2, 0, size[0], size[1]))
    return image.convert(mode)


def raw(image: Image.Image, kind: str = "PNG", **how: Any) -> bytes:
    written = io.BytesIO()
    image.save(written, kind, **how)
    return written.getvalue()


def of_size(width: int, height: int) -> bytes:
    """A PNG whose head says this size."""
    head = bytearray(raw(picture()))
    head[16:24] = width.to_bytes(4) + height.to_bytes(4)
    import zlib

    head[29:33] = zlib.crc32(bytes(head[12:29])).to_bytes(4)
    return bytes(head)


JPEG = raw(picture((400, 300)), "JPEG")
BAD = [
    (of_size(50_000, 50_000), "x.png", "This picture is 50000 × 50000 pixels. The limit is 64 million pixels."),
    (of_size(12_000, 9_000), "x.png", "This picture is 12000 × 9000 pixels. The limit is 64 million pixels."),
    (b"", "x.png", '"x.png" is empty.'),
    (JPEG[:-900], "x.jpg", '"x.jpg" is damaged (ends too early or cannot be read). Upload it again.'),
    (raw(picture((300, 300)))[:-200], "x.png",
     '"x.png" is damaged (ends too early or cannot be read). Upload it again.'),
    (b"<!DOCTYPE html><html>404</html>", "x.png", '"x.png" is not a picture (it looks like HTML).'),
    (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "x.png",
     "SVG is not supported. Use PNG, JPEG or WebP."),
    (b'<?xml version="1.0"?>\n<svg/>', "x.svg", "SVG is not supported. Use PNG, JPEG or WebP."),
    (b"%!PS-Adobe-3.0 EPSF-3.0\n", "x.png", "EPS is not supported. Use PNG, JPEG or WebP."),
    (b"%PDF-1.7\n", "x.jpg", "PDF is not supported. Use PNG, JPEG or WebP."),
    (raw(picture(), "TIFF"), "x.tif", "TIFF is not supported. Use PNG, JPEG or WebP."),
    (b"just some text", "../../x.png", '"x.png" is not a picture that can be read. Use PNG, JPEG, WebP or HEIC.'),
]  # fmt: skip


@pytest.mark.parametrize(("data", "name", "sentence"), BAD, ids=[sentence[:40] for _, _, sentence in BAD])
def test_a_bad_picture_is_refused_in_one_sentence(data: bytes, name: str, sentence: str) -> None:
    with pytest.raises(DataError) as caught:
        decoded(data, name)
    assert str(caught.value) == sentence
    assert all("{" not in caught.value.say(language) for language in LANGUAGES)


def test_a_phone_of_fifty_million_pixels_is_taken() -> None:
    assert decoded(raw(Image.new("L", (8165, 6124)), "JPEG"), "foto.jpg").image.size == (8165, 6124)


def turned(kind: str) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[1] = "N"
    exif[0x8825] = {1: "N", 2: (44.0, 26.0, 0.0)}
    return raw(picture(), kind, exif=exif)


def sixteen() -> bytes:
    grey = Image.new("I;16", (2, 1))
    grey.putpixel((0, 0), 65535)
    grey.putpixel((1, 0), 32768)
    return raw(grey)


def animated(kind: str) -> bytes:
    frames = [Image.new("RGB", (20, 20), colour) for colour in (RED, BLUE)]
    return raw(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True)


def clear() -> bytes:
    return raw(Image.new("RGBA", (4, 4), (0, 0, 0, 0)))


def near(pixel: Any, colour: tuple[int, int, int], most: int = 30) -> bool:
    return all(abs(a - b) <= most for a, b in zip(pixel, colour, strict=True))


TAKEN: list[tuple[Callable[[], bytes], tuple[str, ...], tuple[int, int], tuple[int, int, int]]] = [
    (lambda: raw(picture()), (), (40, 20), RED),
    (lambda: JPEG, (), (400, 300), RED),
    (lambda: raw(picture(), "WEBP"), (), (40, 20), RED),
    (lambda: raw(picture(mode="CMYK"), "JPEG"), ("colours",), (40, 20), RED),
    (lambda: raw(picture(mode="P")), (), (40, 20), RED),
    (lambda: turned("JPEG"), ("location", "upright"), (20, 40), RED),
    (lambda: turned("PNG"), ("location", "upright"), (20, 40), RED),
    (sixteen, ("sixteen_bits",), (2, 1), (255, 255, 255)),
    (lambda: animated("GIF"), ("first_frame",), (20, 20), RED),
    (lambda: animated("WEBP"), ("first_frame",), (20, 20), RED),
    (clear, ("background",), (4, 4), (255, 255, 255)),
]


@pytest.mark.parametrize(("made", "notes", "size", "first"), TAKEN)
def test_a_good_picture_is_made_plain(made: Callable[[], bytes], notes: Any, size: Any, first: Any) -> None:
    found = decoded(made(), "poză.jpg")
    assert (found.notes, found.image.size, found.image.mode) == (notes, size, "RGB")
    assert near(found.image.getpixel((0, 0)), first)


def test_sixteen_bits_are_scaled_not_cut_off() -> None:
    assert near(decoded(sixteen(), "x.png").image.getpixel((1, 0)), (128, 128, 128), 1)


def test_colours_of_another_screen_are_those_of_this_one() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert near(decoded(raw(picture(), icc_profile=profile), "x.png").image.getpixel((0, 0)), RED, 2)
    assert decoded(raw(picture(), icc_profile=b"nothing"), "x.png").image.mode == "RGB"


def test_a_stored_picture_is_named_by_its_content_and_says_nothing_of_where_it_was_taken(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path)
    name = keeper.keep(Picture("a/b/poză.jpg", data=turned("JPEG")), "1")
    stored = tmp_path / name
    with Image.open(stored) as image:
        assert (dict(image.getexif()), image.info.get("exif"), image.size) == ({}, None, (20, 40))
    assert keeper.keep(turned("JPEG"), "2") == name, "The same picture is kept once."
    with Image.open(small(tmp_path, name)) as image:
        assert max(image.size) <= 256
    assert sorted(path.suffix for path in tmp_path.rglob("*") if path.is_file()) == [".jpg", ".jpg"]
    assert [notice.say("en") for notice in keeper.notices()] == [
        'Where pictures were taken was removed (1, such as "poză.jpg").',
        'Pictures were turned upright (1, such as "poză.jpg").',
    ]


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ("../../etc/passwd", 'Line 7 names the picture "passwd", which is not there. '
         "Put the table and its pictures into one ZIP."),
        ("https://example.org/a.png",
         'Line 7: "a.png" is on the internet. Pictures are not fetched from there: put it beside the file.'),
        (None, "Line 7: the picture is missing."),
        ("data:image/png;base64,???", '"7" is damaged (ends too early or cannot be read). Upload it again.'),
    ],
)  # fmt: skip
def test_a_picture_that_cannot_be_had_is_named(reference: Any, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        Keeper(tmp_path).keep(reference, "7")
    assert str(caught.value) == sentence
    assert list(tmp_path.iterdir()) == []


def test_pictures_come_as_bytes_as_text_or_as_a_file(tmp_path: Path) -> None:
    import base64

    (tmp_path / "a.png").write_bytes(raw(picture()))
    there = Picture("a.png", tmp_path / "a.png")
    keeper = Keeper(tmp_path)
    inline = "data:image/png;base64," + base64.b64encode(raw(picture())).decode()
    wanted = [keeper.keep(one, "1") for one in (there, raw(picture()), inline, {"bytes": raw(picture()), "path": None})]
    assert len(set(wanted)) == 1


@pytest.mark.parametrize(
    ("name", "said"), [("../x.png", "x.png"), ("a" * 300, "a" * 59 + "…"), ("b\\c\n\u202ed.png", "cd.png"), ("", "")]
)
def test_a_name_is_cleaned_before_it_is_said(name: str, said: str) -> None:
    assert shown(name) == said


def test_a_light_process_opens_no_picture() -> None:
    code = "import sys, backend.data.mapping.recognition; print('backend.data.pictures.decoding' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
