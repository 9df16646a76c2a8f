"""Takes one picture in, by a process of its own: `python -m backend.chats.pictures.take FOLDER NAME MOST`.

Reads the picture's file from standard input and stores it below FOLDER, upright and without anything but its pixels.
Writes {"stored": its name} as JSON, or {"key", "values"} of the sentence that says what is wrong with it; a picture of
more than MOST bytes as it is stored is too large.
"""

import json
import sys
from pathlib import Path
from typing import Any

from backend.data.opening import limits
from backend.data.pictures.decoding import shown
from backend.data.pictures.keeping import Keeper
from backend.errors import DataError

MEMORY, SECONDS = 2 << 30, 20


def take(folder: Path, name: str, most: int, data: bytes) -> dict[str, Any]:
    try:
        stored = Keeper(folder).keep({"bytes": data, "path": name}, shown(name) or "?")
        if (folder / stored).stat().st_size > most:
            raise DataError("pictures.too_heavy", name=shown(name) or "?", most=most // 1_000_000)
    except MemoryError:
        return {"key": "opening.too_big_to_read", "values": {}}
    except DataError as error:
        return {"key": error.key, "values": error.values}
    return {"stored": stored}


def main(arguments: list[str]) -> int:
    limits.limit(MEMORY, SECONDS)
    folder, name, most = arguments
    sys.stdout.write(json.dumps(take(Path(folder), name, int(most), sys.stdin.buffer.read())))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
