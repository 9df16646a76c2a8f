"""`launch.py data tokens`: rows as a model will read them; what is learned in brackets, what is cut behind scissors."""

import argparse
from itertools import groupby

from backend.cli.output import answer
from backend.data import datasets
from backend.errors import DataError
from backend.jobs.service import Jobs
from backend.models import catalogue
from backend.people import HOME
from backend.recipes import load
from backend.setup import commands
from backend.training.shown.rows import Shown, shown


def tokens(jobs: Jobs, options: argparse.Namespace) -> int:
    found = datasets.find(HOME, jobs.workspace, options.ref)
    recipe = load.find(HOME, jobs.workspace, options.recipe).recipe
    model = catalogue.find(HOME, jobs.workspace, options.model or recipe.defaults.model)
    every = shown(found, model, recipe, numbers(options.rows))
    values = [one.model_dump(mode="json") | {"tokens": len(one.pieces), "cut": one.cut} for one in every]
    answer({"rows": values, "model": model.name}, as_json=options.json, text="\n\n".join(map(told, every)))
    return commands.DONE


def numbers(typed: str) -> range:
    """Such as 7 or 1-3. DataError for anything else."""
    first, _, last = typed.partition("-")
    if not first.isdecimal() or not (last or first).isdecimal() or not 0 < int(first) <= int(last or first):
        raise DataError("training.shown_numbers", typed=typed[:40])
    return range(int(first), int(last or first) + 1)


def told(one: Shown) -> str:
    head = f"row {one.row} {one.side}".rstrip() + f": {len(one.pieces)} tokens, {one.cut} cut off"
    parts = groupby(one.pieces, key=lambda piece: (piece.kept, piece.learned))
    return f"{head}\n" + "".join(_part("".join(piece.text for piece in run), *how) for how, run in parts)


def _part(text: str, kept: bool, learned: bool) -> str:
    if not kept:
        return f"✂{text}"
    return f"[{text}]" if learned else text
