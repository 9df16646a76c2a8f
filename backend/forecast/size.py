"""Bytes as a person reads them."""

from backend.messages import Number

UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")


def size(count: int) -> Number:
    """Decimal units, one digit behind the decimal sign below ten: "4.1 TB", "24 GB", "640 MB"."""
    value, unit = float(count), 0
    while value >= 999.5 and unit < len(UNITS) - 1:
        value, unit = value / 1000, unit + 1
    digits = 1 if value < 9.95 and unit > 0 else 0
    return Number(f"{value:.{digits}f} {UNITS[unit]}")
