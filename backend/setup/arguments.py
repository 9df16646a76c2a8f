"""Values on the command line of `launch.py`: what they must look like, and those of the commands on pictures.

Only the standard library is used.
"""

import argparse
import math
from pathlib import Path

MOST_TOKENS = 128
"""Of a caption, unless asked otherwise."""


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


def add_ask(to: argparse.ArgumentParser) -> None:
    to.add_argument("model", metavar="MODEL|RUN", help="a vision model, or a run with an adapter of one")
    to.add_argument(
        "asked", nargs="+", metavar="PICTURE QUESTION", help="files of any number of pictures, and the question last"
    )
    to.add_argument("--max-tokens", type=positive, default=64, metavar="N", help="longest answer (default 64)")
    to.add_argument(
        "--temperature", type=temperature, default=0.0, metavar="T", help="0: always the likeliest word (default)"
    )


def add_caption(to: argparse.ArgumentParser) -> None:
    to.add_argument("model", nargs="?", metavar="MODEL|RUN", help="a vision model, or a run with an adapter of one")
    to.add_argument("folder", nargs="?", type=folder, metavar="FOLDER", help="a folder or an archive with pictures")
    to.add_argument("--resume", metavar="JOB", help="go on with a job that was stopped: what it captioned is kept")
    to.add_argument("--prompt", metavar="TEXT", help="what to ask about each (default: a description in one sentence)")
    to.add_argument("--language", choices=("en", "ro", "it"), default="en", help="of the default prompt (default en)")
    to.add_argument("--with-base", action="store_true", help="ask the base of a run as well")
    to.add_argument("--name", help="name of the job (default: the folder's)")
    to.add_argument(
        "--max-tokens",
        type=positive,
        default=MOST_TOKENS,
        metavar="N",
        help="longest caption (default %(default)s)",
    )


def parsed(parser: argparse.ArgumentParser, words: list[str]) -> argparse.Namespace:
    """SystemExit 2 when they are wrong, each by itself or together."""
    options = parser.parse_args(words)
    if options.command == "caption" and (said := _amiss(options)):
        parser.error(said)
    return options


def _amiss(options: argparse.Namespace) -> str:
    """What is wrong with what `caption` was given; "" when nothing is."""
    if not options.resume:
        return "" if options.folder else "caption needs MODEL|RUN and FOLDER, or --resume JOB"
    asked = (options.model, options.prompt, options.name, options.with_base, options.language != "en")
    if any(asked) or options.max_tokens != MOST_TOKENS:
        return "--resume JOB goes on with what the job was asked: name nothing beside it"
    return ""
