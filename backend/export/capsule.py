"""A run in one zip: recipe, hashes of data and base, versions, seed, figures, curves; and how another studio takes it.

No row of the data is ever in it. Test questions, answers and the log only when the person chose so.
"""

import hashlib
import json
import re
import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from backend import names
from backend.data import checks, datasets
from backend.data.versions import card
from backend.errors import ModelError, RecipeError
from backend.export.source import Source
from backend.jobs.folder import RunFolder
from backend.jobs.model import Job, NewJob
from backend.jobs.service import Jobs
from backend.models import adapters, arrivals, catalogue, weights
from backend.models.packing import base, data_card, portable, public_name
from backend.paths import ROOT
from backend.people import Person
from backend.recipes import load
from backend.recipes.schema import Recipe

FORMAT, INDEX = 1, "capsule.json"
RECIPE, EVENTS, RESULT, CHECK, LOG = "recipe.yaml", "events.jsonl", "result.json", "check.json", "log.txt"
SETS = ("data", "replay", "check")
# Of a run that reads several: what each of them was, in the recipe's order.
CORPORA = "corpora"
FACTS = ("name", "sha256", "rows", "shape")
WEIGHTS = "adapter/"
KIND, DEVICE = "import", "cpu"
MOST_BYTES, MOST_ENTRIES = 4 * 10**9, 50
PRIVATE = ("sample",)
PLACE = re.compile(r"(/|[A-Za-z]:\\)[^\s'\",:;]*")


@dataclass(frozen=True)
class Need:
    """`part`: "model", CORPORA or one of SETS. `here`: the id of what has the same bytes in this studio, "" if none
    has.

    `known_as`: where else it can be found: the Hub id of a model, the SHA-256 of a data set.
    """

    part: str
    name: str
    here: str
    known_as: str


def write(path: Path, source: Source, *, texts: bool, weights_too: bool) -> None:
    """Write the capsule of a run to `path`. ModelError for a run that was not trained here."""
    require(source)
    files = _files(source, texts=texts, weights_too=weights_too)
    index = _index(source, texts=texts) | {"files": {name: _sha256(raw) for name, raw in sorted(files.items())}}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(INDEX, json.dumps(index, ensure_ascii=False, indent=1))
        for name, raw in sorted(files.items()):
            archive.writestr(name, raw)


def require(source: Source) -> None:
    """ModelError for a run that was not trained here: there is nothing in it that could be repeated."""
    if "recipe" not in source.request or "data" not in source.request:
        raise ModelError("export.capsule_not_trained", name=source.name)


def take(person: Person, jobs: Jobs, archive: Path, name: str = "") -> Job:
    """A run made of the capsule in `archive`: its curves are there, and it can be repeated.

    ModelError for what is no capsule, is damaged or of a later version; JobError for the name.
    """
    with tempfile.TemporaryDirectory(dir=jobs.workspace.root, prefix=".incoming-") as place:
        index, found = _unpacked(archive, Path(place))
        recipe = _recipe(found / RECIPE)
        request = _request(person, jobs, index, recipe)
        if (found / WEIGHTS).is_dir() and (base_here := _base(person, jobs, index)) is not None:
            adapters.check(found / WEIGHTS, base_here)

        def fill(folder: RunFolder) -> None:
            for file in (EVENTS, RESULT, CHECK, LOG):
                if (found / file).is_file():
                    shutil.copyfile(found / file, folder.path / file)
            if (found / WEIGHTS).is_dir():
                shutil.copytree(found / WEIGHTS, folder.adapter)

        taken = [job.name for job in jobs.shown(person)]
        called = name or names.free(names.from_file(str(index["name"]), "run"), taken)
        return jobs.keep(person, NewJob(KIND, called, request, device=DEVICE), fill)


def needs(person: Person, jobs: Jobs, request: dict[str, Any]) -> list[Need]:
    """What a run out of a capsule was made from, each with what it is called here now; [] for any other run."""
    index = request.get("capsule")
    if not index:
        return []
    model = _base(person, jobs, index)
    found = [Need("model", str(index["base"]["name"]), model.id if model else "", str(index["base"]["source"]))]
    here = {one.sha256: one.id for one in [*checks.shipped(), *datasets.every_version(person, jobs.workspace)]}
    sets = [(part, index["sets"].get(part)) for part in SETS] + [(CORPORA, one) for one in index.get(CORPORA) or ()]
    wanted = [(part, facts) for part, facts in sets if facts]
    return found + [
        Need(part, str(facts["name"]), here.get(facts["sha256"], ""), str(facts["sha256"])) for part, facts in wanted
    ]


def other_versions(request: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """By library whose version is another one here: that of the capsule, and this studio's ("" when it has none)."""
    there: dict[str, str] = (request.get("capsule") or {}).get("versions") or {}
    here = {name: next((one.version for one in distributions(name=name)), "") for name in there}
    return {name: (str(was), here[name]) for name, was in there.items() if was != here[name]}


def is_one(archive: Path) -> bool:
    """Whether a zip is a capsule, by its table of contents."""
    try:
        with zipfile.ZipFile(archive) as opened:
            return INDEX in opened.namelist()
    except (zipfile.BadZipFile, OSError):
        return False


def _index(source: Source, *, texts: bool) -> dict[str, Any]:
    request, result = source.request, source.folder.read(source.folder.result)
    model = base(source.folder)
    known = {"name": str(model.get("name", "")), "source": public_name(model)}
    print_of = adapters.record(source.folder.adapter) if source.adapter else {}
    digest = (print_of.get("base") or {}).get("sha256") or weights.fingerprint(source.base)
    sets = {name: {key: request[name].get(key) for key in FACTS} for name in SETS if request.get(name)}
    return {
        "capsule": FORMAT,
        "name": source.name,
        "base": known | {"sha256": digest},
        "sets": sets,
        CORPORA: [{key: one.get(key) for key in FACTS} for one in request.get(CORPORA, ())],
        "seed": _meant(source).compute.seed,
        "versions": result.get("versions", {}),
        "texts": texts,
    }


def _meant(source: Source) -> Recipe:
    """The whole recipe: what a later version of the studio has as a default was not meant."""
    return Recipe.model_validate(source.request["recipe"])


def _files(source: Source, *, texts: bool, weights_too: bool) -> dict[str, bytes]:
    folder, recipe = source.folder, _meant(source).model_dump(mode="json")
    if not texts:
        recipe["watching"] = {**recipe["watching"], "questions": []}
    written = yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True)
    files = {
        RECIPE: written.encode(),
        RESULT: _json(folder.read(folder.result)),
        CHECK: _json(folder.read(folder.check)),
    }
    if data := data_card(folder):
        files[card.FILE] = data.encode()
    files[EVENTS] = b"".join(_curves(folder.events, texts=texts))
    if texts and folder.log.is_file():
        files[LOG] = PLACE.sub("…", folder.log.read_text(encoding="utf-8", errors="replace")).encode()
    if weights_too and source.adapter:
        for path in sorted(source.adapter.iterdir()):
            named = path.name in (adapters.CONFIG, adapters.RECORD)
            if path.is_file():
                files[WEIGHTS + path.name] = _json(portable(path, base(folder))) if named else path.read_bytes()
    return files


def _curves(path: Path, *, texts: bool) -> list[bytes]:
    """Whole lines only; without those that hold a question or an answer unless they were chosen, and never those that
    ask about a picture: these are rows of the data.
    """
    kept = []
    for raw in path.read_bytes().splitlines(keepends=True) if path.is_file() else ():
        said = json.loads(raw) if raw.endswith(b"\n") else {"type": PRIVATE[0]}
        if said.get("type") not in PRIVATE or (texts and "step" in said and not said.get("pictures")):
            kept.append(raw)
    return kept


def _unpacked(archive: Path, into: Path) -> tuple[dict[str, Any], Path]:
    """The index, and a folder with the files it lists, each with the hash it lists."""
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = {entry.filename: entry for entry in opened.infolist()}
            arrivals.refuse(list(entries.values()), archive.stat().st_size)
            index = json.loads(opened.read(entries[INDEX]))
            if index["capsule"] != FORMAT:
                raise ModelError("export.capsule_later", version=str(index["capsule"])[:20])
            for name, digest in index["files"].items():
                raw = opened.read(entries[name])
                if _sha256(raw) != digest:
                    raise ModelError("export.capsule_damaged", file=str(name)[:80])
                target = into / name
                target.parent.mkdir(exist_ok=True)
                target.write_bytes(raw)
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        EOFError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
    ) as error:
        raise ModelError("export.capsule_none") from error
    return index, into


def _recipe(path: Path) -> Recipe:
    try:
        return load.parse(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (RecipeError, ValidationError, yaml.YAMLError, OSError, UnicodeDecodeError) as error:
        raise ModelError("export.capsule_damaged", file=RECIPE) from error


def _request(person: Person, jobs: Jobs, index: dict[str, Any], recipe: Recipe) -> dict[str, Any]:
    """As a training's request: with this studio's own base and data where it has the same, else with their names."""
    model = _base(person, jobs, index)
    known: dict[str, Any] = {"recipe": recipe.model_dump(mode="json"), "source": {"capsule": str(index["name"])}}
    named = {"id": "", "name": str(index["base"]["name"]), "location": "", "source": str(index["base"]["source"])}
    known["model"] = model.model_dump(mode="json") if model else named
    known["capsule"] = {name: index.get(name) for name in ("base", "sets", CORPORA, "seed", "versions")}
    here = [*datasets.every_version(person, jobs.workspace), *checks.shipped()]

    def found(facts: dict[str, Any]) -> dict[str, Any]:
        same = next((one for one in here if one.sha256 == facts["sha256"]), None)
        return same.model_dump(mode="json") if same else {"id": "", "path": "", **facts}

    known |= {part: found(facts) for part, facts in index["sets"].items() if part in SETS}
    known[CORPORA] = [found(facts) for facts in index.get(CORPORA) or ()]
    # The recipe names them as they were called there.
    for named_there, one in zip(known["recipe"][CORPORA], known[CORPORA], strict=False):
        named_there["data"] = one["id"] or named_there["data"]
    return known


def _base(person: Person, jobs: Jobs, index: dict[str, Any]) -> catalogue.Model | None:
    """This studio's model with the same weights."""
    every = catalogue.available(person, jobs.workspace)
    wanted = index["base"]["sha256"]
    return next((model for model in every if weights.fingerprint(ROOT / model.location) == wanted), None)


def _json(values: dict[str, Any]) -> bytes:
    return json.dumps(values, ensure_ascii=False, indent=1).encode()


def _sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()
