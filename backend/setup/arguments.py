"""Values on the command line of `launch.py`: what they must look like. Only the standard library is used."""

import argparse
import math
from pathlib import Path


def folder(text: str) -> Path:
    return Path(text).expanduser().absolute()


def port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: 0 to 65535")
    return int(text)


def positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def page(text: str) -> int:
    number = positive(text)
    if number > 50:
        raise argparse.ArgumentTypeError("at most 50 pages are shown: use more words")
    return number


def temperature(text: str) -> float:
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = math.nan
    if not 0 <= value <= 5:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 5")
    return value


def change(text: str) -> str:
    key, equals, _ = text.partition("=")
    if not equals or not key:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE, for example lora.rank=8")
    return text
