"""Photos as phones take them, drawn here: lying on their side, with the place in them, in every format."""

import base64
import io
from typing import Any

from PIL import Image

RED, BLUE = (200, 30, 40), (20, 40, 200)
HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAchtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAADRpbG9jAAAA"
    "AERAAAIAAQAAAAAB7AABAAAAAAAAAHQAAgAAAAACYAABAAAAAAAAAGYAAAA4aWluZgAAAAAAAgAAABVpbmZlAgAAAAABAABodmMxAAAAABVpbmZl"
    "AgAAAQACAABFeGlmAAAAAA5waXRtAAAAAAABAAABB2lwcnAAAADmaXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH/"
    "/wNwAAADAJAAAAMAAAMAHroCQGEAAQAqQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29s"
    "cm5jbHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xhcAAAAEAAAAABAAAAIAAAAAEAAAAAAAAAAv///+AAAAACAAAAEHBpeGkAAAAA"
    "AwgICAAAAAlpcm90AwAAABlpcG1hAAAAAAAAAAEAAQaBAgMFhIYAAAAaaXJlZgAAAAAAAAAOY2RzYwACAAEAAQAAAOJtZGF0AAAAcCgBrwngOSMk"
    "v//5/7//9qF5D9pbVwX/9+OZ9/gQX//7mu9RXZU53HWHUzNZ13oW/EqR3FnQSaCykWAEYciZQLPifz/mhiKEl5gzX6eauZ2M+0LXrx4xVOQPyjvt"
    "3iI7zMIPSA1/VovCjpmafvOxNcAAAAAGRXhpZgAATU0AKgAAAAgAAgESAAMAAAABAAYAAIglAAQAAAABAAAAJgAAAAAAAgABAAIAAAACTgAAAAAC"
    "AAUAAAADAAAARAAAAAAAAAAsAAAAAQAAABoAAAABAAAAAAAAAAE="
)
"""Red above blue, 32 × 64 pixels once it is turned, with a place. Nothing here can write HEIC: it was drawn like the
others and written once by pillow-heif 1.8.1."""


def drawn(size: tuple[int, int] = (40, 20), shade: int = 0) -> Image.Image:
    """Red on the left, blue on the right; each shade from 0 to 255 is another picture."""
    image = Image.new("RGB", size, (RED[0], shade, RED[2]))
    image.paste(BLUE, (size[0] // 2, 0, *size))
    return image


def written(image: Image.Image, kind: str = "PNG", **how: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **how)
    return file.getvalue()


def turned(kind: str = "JPEG", shade: int = 0) -> bytes:
    """Taken with the phone upright: the pixels lie on their side, and where it was taken stands in it."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x8825] = {1: "N", 2: (44.0, 26.0, 0.0)}
    return written(drawn(shade=shade), kind, exif=exif)


def shades(count: int, start: int = 0) -> list[bytes]:
    """So many different PNGs."""
    return [written(drawn(shade=shade)) for shade in range(start, start + count)]
