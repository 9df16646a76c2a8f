"""From the bytes of a picture to pixels: what it is not, how large it may be, and what was changed to read it."""

import io
import re
import warnings
from importlib import import_module
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from backend.errors import DataError

MOST_PIXELS = 64_000_000
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "HEIF", "AVIF")
LOSSLESS = ("PNG", "GIF", "BMP")
LONGEST_NAME = 60
HEAD = 1024
GPS, ORIENTATION = 0x8825, 0x0112
# The limit of this module takes the place of Pillow's, which only warns and knows no number of ours.
Image.MAX_IMAGE_PIXELS = None


class Decoded(NamedTuple):
    """`image` is upright, RGB, and without anything but its pixels; `notes`: what had to be done for that, as names of
    `pictures.note.*`; `lossless`: whether it came from a format that loses nothing.
    """

    image: Image.Image
    lossless: bool
    notes: tuple[str, ...]


def shown(name: str) -> str:
    """The last part of a name as it may stand in a sentence: short, on one line, "?" where there is none."""
    last = PurePosixPath(name.replace("\\", "/")).name
    clean = re.sub(r"[\x00-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069]", "", last).strip()
    return clean if len(clean) <= LONGEST_NAME else clean[: LONGEST_NAME - 1] + "…"


def decoded(data: bytes, name: str) -> Decoded:
    """The first picture in these bytes. DataError when they are none, are damaged, or are too large."""
    _refuse_others(data, shown(name) or "?")
    import_module("pi_heif").register_heif_opener()
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data), formats=FORMATS) as image:
            warnings.simplefilter("ignore")
            _refuse_large(image)
            image.load()
            return _made_plain(image)
    except UnidentifiedImageError as error:
        raise DataError("pictures.unknown", name=shown(name) or "?") from error
    except (OSError, SyntaxError, ValueError, EOFError, RuntimeError, IndexError, TypeError, OverflowError) as error:
        raise DataError("pictures.damaged", name=shown(name) or "?") from error


def _refuse_others(data: bytes, name: str) -> None:
    """What is called a picture and is something else."""
    if not data:
        raise DataError("pictures.empty", name=name)
    head = data[:HEAD].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in head:
        raise DataError("pictures.not_supported", kind="SVG")
    if head.startswith((b"%!ps", b"\xc5\xd0\xd3\xc6")):
        raise DataError("pictures.not_supported", kind="EPS")
    if head.startswith(b"%pdf"):
        raise DataError("pictures.not_supported", kind="PDF")
    if data.startswith((b"II*\x00", b"MM\x00*")):
        raise DataError("pictures.not_supported", kind="TIFF")
    if head.startswith((b"<!doctype", b"<html", b"<head", b"<body", b"<?xml")):
        raise DataError("pictures.looks_like", name=name, kind="HTML")


def _refuse_large(image: Image.Image) -> None:
    if image.width * image.height > MOST_PIXELS:
        most = MOST_PIXELS // 1_000_000
        raise DataError("pictures.too_large", width=image.width, height=image.height, most=most)


def _made_plain(image: Image.Image) -> Decoded:
    notes = []
    lossless = image.format in LOSSLESS
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
        notes.append("first_frame")
    found = image.getexif()
    if found.get_ifd(GPS):
        notes.append("location")
    if found.get(ORIENTATION, 1) not in (0, 1):
        notes.append("upright")
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I") or upright.mode == "F":
        notes.append("sixteen_bits")
    elif upright.mode in ("CMYK", "LAB", "YCbCr", "HSV"):
        notes.append("colours")
    elif upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
        notes.append("background")
    return Decoded(_rgb(upright, image.info.get("icc_profile")), lossless, tuple(notes))


def _rgb(image: Image.Image, profile: Any) -> Image.Image:
    """8-bit RGB in the colours of a screen, on white; a new picture without anything but its pixels."""
    if image.mode.startswith("I") or image.mode == "F":
        image = _eight_bits(image)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        above = image.convert("RGBA")
        below = Image.new("RGBA", above.size, "white")
        image = Image.alpha_composite(below, above)
    elif profile and image.mode in ("RGB", "CMYK"):
        image = _screen(image, profile)
    plain = image.convert("RGB")
    plain.info = {}
    return plain


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 bits scaled to 8; Pillow alone would cut it off at 255."""
    whole = image.convert("I") if image.mode != "F" else image
    highest = max(1.0, float(whole.getextrema()[1]))  # type: ignore[arg-type] # one band, so one pair of numbers
    scale = 255 / 65535 if highest > 255 else 1.0
    return whole.point(lambda value: value * scale).convert("L")


def _screen(image: Image.Image, profile: bytes) -> Image.Image:
    """In sRGB; as it is where the profile cannot be read."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        changed = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
    return changed or image
