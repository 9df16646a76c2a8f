"""Every word on the page, by key, in one language; numbers, sizes and times as that language writes them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from babel import Locale
from babel.dates import format_datetime
from babel.numbers import format_decimal

from backend.messages import LANGUAGES, sentence

FOLDER = Path(__file__).parent / "locales"
UNITS = ("B", "kB", "MB", "GB", "TB", "PB")

DAY = 86_400


@cache
def locale_words(language: str) -> dict[str, str]:
    """All texts of one language, flat keys."""
    found: dict[str, str] = json.loads((FOLDER / f"{language}.json").read_text(encoding="utf-8"))
    return found


@dataclass(frozen=True)
class Words:
    """The texts of one language. A key that is not in the catalogue is a bug: KeyError."""

    language: str

    def t(self, key: str, **values: object) -> str:
        """The text for `key`, its `{placeholders}` filled; values are never read as a format."""
        text = locale_words(self.language)[key]
        for name, value in values.items():
            text = text.replace("{" + name + "}", str(value))
        return text

    def count(self, key: str, number: int, **values: object) -> str:
        """`key.one`, `key.few` or `key.other`, as CLDR says for this number: 1 pas, 19 pași, 20 de pași."""
        form = Locale.parse(self.language).plural_form(number)
        return self.t(f"{key}.{form}", count=self.number(number), **values)

    def number(self, value: float, digits: int = 0) -> str:
        """A number with this language's separators; `digits` after the decimal sign at most."""
        pattern = "#,##0." + "#" * digits if digits else "#,##0"
        return str(format_decimal(value, format=pattern, locale=self.language))

    def plain_number(self, value: float) -> str:
        """As one types it into a field: no separators between thousands."""
        return str(format_decimal(value, format="0.##########", locale=self.language))

    def size(self, count: float) -> str:
        """Bytes in decimal units, two figures: 0.9 GB, 21 GB."""
        unit = 0
        while count >= 999.5 and unit < len(UNITS) - 1:
            count, unit = count / 1000, unit + 1
        return f"{self.number(count, 1 if unit and count < 9.95 else 0)} {UNITS[unit]}"

    def duration(self, seconds: float) -> str:
        """About how long: 40 s, 1 min 40 s, 2 h 5 min, 104 days."""
        whole = max(1, round(seconds))
        if whole < 60:
            return f"{whole} s"
        if whole < 3600:
            return f"{whole // 60} min {whole % 60} s" if whole % 60 and whole < 600 else f"{round(whole / 60)} min"
        if whole >= 2 * DAY:
            return self.count("time.days", round(whole / DAY))
        minutes = round(whole / 60)
        return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"

    def moment(self, epoch: float | datetime | None) -> str:
        """A date and time of this machine's clock."""
        if epoch is None:
            return ""
        when = epoch if isinstance(epoch, datetime) else datetime.fromtimestamp(epoch).astimezone()
        return str(format_datetime(when.astimezone(), "d MMM, HH:mm", locale=self.language))

    def said(self, key: str | None, values: Mapping[str, object] | None = None) -> str:
        """What the backend says under this key; nothing when there is nothing to say."""
        return sentence(key, self.language, **(values or {})) if key else ""

    def section(self, prefix: str) -> dict[str, str]:
        """The texts whose key starts with `prefix`, without it: what the page's scripts say."""
        found = locale_words(self.language)
        return {key.removeprefix(prefix): text for key, text in found.items() if key.startswith(prefix)}


def clock(seconds: float) -> str:
    """0:34, 12:05, 1:02:03."""
    whole = max(0, round(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def preferred(accept_language: str, cookie: str = "") -> str:
    """The language to open the page in: the one chosen before, else the browser's first that we speak, else English."""
    if cookie in LANGUAGES:
        return cookie
    wanted = []
    for part in accept_language.split(",")[:20]:
        tag, _, weight = part.partition(";q=")
        try:
            wanted.append((-float(weight or 1), tag.strip().lower()[:2]))
        except ValueError:
            continue
    return next((tag for _, tag in sorted(wanted, key=lambda pair: pair[0]) if tag in LANGUAGES), "en")
