"""Headless commands: `python -m backend.cli COMMAND …`, called by launch.py once everything is installed.

They go through the same ledger and supervisor as the page.
"""

import argparse
import sys
from collections.abc import Callable

from backend.cli import chat, export, models, pictures, runs, train
from backend.cli.data import actions as data
from backend.cli.output import answer, say
from backend.errors import AccessError, SetupError, StudioError
from backend.setup import commands

COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "train": train.command,
    "chat": chat.command,
    "ask": pictures.ask,
    "caption": pictures.caption,
    "runs": runs.command,
    "models": models.command,
    "data": data.command,
    "export": export.command,
    "import": export.take,
}


def exit_code(error: StudioError) -> int:
    return commands.WORKSPACE if isinstance(error, SetupError) else commands.FAILED


def main(argv: list[str] | None = None) -> int:
    options = commands.parser().parse_args(argv)
    try:
        return COMMANDS[options.command](options)
    except StudioError as error:
        kind = "not found" if isinstance(error, AccessError) else error.key
        say(str(error))
        if options.json:
            answer({"error": str(error), "key": kind}, as_json=True)
        return exit_code(error)


if __name__ == "__main__":
    sys.exit(main())
