"""What models are asked about pictures, in three languages."""

from functools import cache
from pathlib import Path

import yaml

from backend.data.tasks.asking import sentences
from backend.inference.shelf import RUN
from backend.jobs.folder import RunFolder
from backend.models import catalogue
from backend.paths import Workspace
from backend.people import Person

SENTENCE = "sentence"


@cache
def templates(language: str) -> dict[str, str]:
    """By name; the first is what models are trained to answer."""
    found = yaml.safe_load((Path(__file__).parent / "prompts.yaml").read_text("utf-8"))
    return {SENTENCE: sentences(language)["caption"], **{name: said[language] for name, said in found.items()}}


def describes(person: Person, workspace: Workspace, model: str) -> dict[str, str]:
    """By language, the words at which this model, or the base of this adapter, describes a picture; {} for any words.

    `model`: as the engine names it.
    """
    base = model
    if model.startswith(RUN):
        folder = RunFolder(workspace.run(model.removeprefix(RUN)))
        base = str(folder.read(folder.request).get("model", {}).get("id", ""))
    return next((one.describes for one in catalogue.available(person, workspace) if one.id == base), {})


def usual(person: Person, workspace: Workspace, model: str, language: str) -> str:
    """What is asked where nobody has said what."""
    return describes(person, workspace, model).get(language) or templates(language)[SENTENCE]
