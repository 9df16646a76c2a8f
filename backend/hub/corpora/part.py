"""Which rows of a split are wanted: all, or those from a first to a last one."""

from backend.errors import DataError
from backend.hub.offer import Plain

LARGEST = 10**12


class Part(Plain):
    """Rows from `first` (from 1) to `last`; None: to the end."""

    first: int = 1
    last: int | None = None

    @classmethod
    def of(cls, first: str, last: str) -> "Part":
        """As somebody typed it; nothing means from the first, or to the end. DataError for what is no such part."""
        found = [_number(typed) for typed in (first, last)]
        begin, end = found[0] if first.strip() else 1, found[1] if last.strip() else None
        if begin is None or (last.strip() and end is None) or not 1 <= begin <= (end or LARGEST) <= LARGEST:
            raise DataError("hub.corpus_rows", first=first.strip()[:20] or "1", last=last.strip()[:20] or "…")
        return cls(first=begin, last=end)

    @property
    def whole(self) -> bool:
        return self.first == 1 and self.last is None

    @property
    def text(self) -> str:
        """Such as 1-1000; "" for all."""
        return "" if self.whole else f"{self.first}-{self.last or ''}"

    def within(self, before: int, count: int) -> tuple[int, int]:
        """Of `count` rows after the first `before` ones, those wanted: first (from 0) and end."""
        end = count if self.last is None else min(max(self.last - before, 0), count)
        return min(max(self.first - 1 - before, 0), end), end


def _number(typed: str) -> int | None:
    plain = "".join(sign for sign in typed if sign not in " .,\u00a0\u202f")
    return int(plain) if plain.isdecimal() and len(plain) <= len(str(LARGEST)) else None
