"""The page of a model on the Hub, made from its run: in English, and of figures and names only, never of rows."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from backend.errors import ModelError
from backend.export import snippets
from backend.export.parity.figures import sentence_of
from backend.export.source import Source
from backend.jobs.model import Job
from backend.messages import sentence
from backend.models.adapters import CONFIG
from backend.models.catalogue import HUB_ID
from backend.models.packing import public_name
from backend.recipes import corpora
from backend.recipes.leaves import leaves
from backend.recipes.schema import Corpus
from backend.verdict import card as verdict

OURS = "apache-2.0"
KNOWN_SHARE = 0.5
STARTS = {
    "base": "from the base model",
    "stacked": "its adapter stacked on that of the stage before",
    "merged": "from base and adapter of the stage before, merged",
    "whole": "from the model that the stage before has trained",
}


@dataclass(frozen=True)
class Facts:
    """`base` is {id, name, source, ...}; `licence`: what its page states, "" when nobody wrote it down. `judged`: the
    verdict in words. `parity`: as `Parity.told`, None for an adapter as it is. `languages`: codes in which it answers.
    `stages`: of a chain, {title, start, data} in order.
    """

    name: str
    adapter: bool
    base: dict[str, Any]
    licence: str
    data: dict[str, Any]
    recipe: dict[str, Any]
    result: dict[str, Any]
    judged: dict[str, Any] | None = None
    parity: dict[str, Any] | None = None
    rank: int | None = None
    languages: list[str] = field(default_factory=list)
    stages: list[dict[str, Any]] = field(default_factory=list)
    sees: bool = False


def gather(job: Job, source: Source, *, merged: bool, parity: dict[str, Any] | None = None) -> Facts:
    """Everything that the run's folder says of it."""
    request, result = source.request, source.folder.read(source.folder.result)
    judged = verdict.of(job, source.folder)
    adapter = source.adapter is not None and not merged
    return Facts(
        name=job.name,
        adapter=adapter,
        base=request["model"],
        licence=licence(source),
        data=request.get("data") or {},
        recipe=request.get("recipe") or {},
        result=result,
        judged=judged.words("en") if judged else None,
        parity=parity,
        rank=source.folder.read(source.folder.adapter / CONFIG).get("r") if adapter else None,
        stages=[
            {"title": stage["title"], "start": stage["start"], "data": stage["train"]["data"]}
            for stage in request.get("stages") or ()
        ],
        sees=source.sees,
        languages=[name for name, figures in (result.get("checks") or {}).items() if _answers(name, figures)],
    )


def licence(source: Source) -> str:
    """Of the base: as the catalogue knows it, else as the page among its files states it."""
    if source.request["model"].get("shipped"):
        return OURS
    known = str(source.request["model"].get("licence") or "")
    page = source.base / "README.md"
    if known or not page.is_file():
        return known
    _, _, rest = page.read_text(encoding="utf-8", errors="replace").partition("---\n")
    head, _, _ = rest.partition("\n---")
    for line in head.splitlines():
        if line.startswith("license:"):
            return line.removeprefix("license:").strip().strip("\"'")[:60]
    return ""


def written(facts: Facts) -> str:
    """The card: YAML that the Hub reads, then Markdown that people read."""
    head = yaml.safe_dump(metadata(facts), sort_keys=False, allow_unicode=True)
    return f"---\n{head}---\n\n" + "\n\n".join(_sections(facts)) + "\n"


def require(text: str) -> None:
    """ModelError for a card whose head the Hub could not read; "" is the one that is made of the run."""
    if not text:
        return
    opening, _, rest = text.partition("---\n")
    head, line, _ = rest.partition("\n---")
    try:
        known = yaml.safe_load(head) if line and not opening.strip() else None
    except yaml.YAMLError:
        known = None
    if not isinstance(known, dict):
        raise ModelError("export.card_head")


def metadata(facts: Facts) -> dict[str, Any]:
    base = public_name(facts.base)
    known: dict[str, Any] = {"library_name": "peft" if facts.adapter else "transformers"}
    task = "image-text-to-text" if facts.sees else "text-generation"
    known |= {"pipeline_tag": task, "tags": ["romanza-studio", *_methods(facts)]}
    if HUB_ID.match(base):
        known |= {"base_model": base, "base_model_relation": "adapter" if facts.adapter else "finetune"}
    if facts.licence:
        known["license"] = facts.licence
    return known | ({"language": facts.languages} if facts.languages else {})


def _sections(facts: Facts) -> Iterator[str]:
    whole = "A vision-language model" if facts.sees else "A language model"
    what = "A LoRA adapter" if facts.adapter else whole
    yield f"# {_text(facts.name)}"
    yield f"{what} trained from {_text(public_name(facts.base))} with Romanza Studio."
    yield "## What it was trained on\n\n" + _data(facts)
    if facts.recipe:
        yield "## Recipe\n\n" + "\n".join(_recipe(facts.recipe))
    yield "## What it has shown\n\n" + "\n".join(_scores(facts))
    yield "## Licences\n\n" + "\n".join(_licences(facts))
    yield "## How to use it\n\n" + "\n\n".join(_use(facts))


def _data(facts: Facts) -> str:
    if facts.stages:
        return "\n".join(_stages(facts))
    if not facts.data:
        return "Not known: it was not trained in this studio."
    rows, digest = facts.data.get("rows", "?"), str(facts.data.get("sha256", ""))
    return (
        f"`{_code(facts.data.get('name'))}`: {rows} rows, SHA-256 `{digest}`. The rows are not part of this repository."
    )


def _stages(facts: Facts) -> Iterator[str]:
    """One line for each training of a chain, and how it started."""
    yield f"In {len(facts.stages)} stages, one after the other; the recipe below is that of the last one.\n"
    for number, stage in enumerate(facts.stages, start=1):
        data, title = stage["data"], stage["title"].get("en") or f"stage {number}"
        rows, digest = data.get("rows", "?"), str(data.get("sha256", ""))
        told = f"`{_code(data.get('name'))}`, {rows} rows, SHA-256 `{digest}`; {STARTS[stage['start']]}"
        yield f"{number}. {_text(title)}: {told}."
    yield "\nThe rows are not part of this repository."


def _recipe(recipe: dict[str, Any]) -> Iterator[str]:
    """One line for each setting that somebody gave a reason for, or that is not the default."""
    yield "| Setting | Value | Where it is from |\n|---|---|---|"
    provenance = recipe.get("provenance") or {}
    for leaf in leaves():
        value = _at(recipe, leaf.name)
        source = provenance.get(leaf.name)
        if leaf.kind == "questions" or value is None or (source is None and value in (leaf.default, [])):
            continue
        told = ": ".join(filter(None, (source.get("source"), source.get("note")))) if source else "chosen for this run"
        shown = corpora.written(map(Corpus.model_validate, value)) if leaf.kind == "corpora" else value
        yield f"| `{leaf.name}` | {_cell(shown)} | {_cell(told)} |"


def _scores(facts: Facts) -> Iterator[str]:
    if facts.judged:
        for line in (facts.judged["said"], *facts.judged["learned"], *facts.judged["forgotten"]):
            yield f"- {_text(line)}"
    else:
        yield "- Nothing was measured."
    if facts.parity:
        key, values = sentence_of(facts.parity)
        yield f"- {_text(sentence(key, 'en', **values))}"


def _licences(facts: Facts) -> Iterator[str]:
    base = _text(public_name(facts.base))
    yield (
        f"- Base model {base}: {_text(facts.licence)}."
        if facts.licence
        else (
            f"- Base model {base}: nobody wrote its licence down. Look it up before anybody relies on this repository."
        )
    )
    yield "- Data: what was trained on may have terms of its own; whoever publishes this answers for them."
    yield "- This repository: no more is allowed with it than the licences above allow."


def _use(facts: Facts) -> Iterator[str]:
    base = public_name(facts.base) if facts.adapter else None
    tokens = bool(_at(facts.recipe, "lora.new_tokens"))
    yield f"```python\n{snippets.transformers(base, tokens=tokens, sees=facts.sees)}```"
    if base is None or not (tokens or facts.sees):  # vLLM loads no adapter with tokens of its own, nor all that see
        yield f"```sh\n{snippets.vllm(base, '.', 'model', facts.rank)}```"


def _methods(facts: Facts) -> list[str]:
    method = facts.recipe.get("method")
    return [str(method)] if method else []


def _answers(name: str, figures: dict[str, int]) -> bool:
    return bool(name) and figures["count"] > 0 and figures["after"] >= KNOWN_SHARE * figures["count"]


def _at(values: dict[str, Any], name: str) -> Any:
    found: Any = values
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _text(value: object) -> str:
    """Words of a person as text: nothing in them is a link, a tag or a heading."""
    kept = " ".join(str(value).split())
    return "".join(f"\\{sign}" if sign in "\\`*_[]<>|#" else sign for sign in kept)


def _code(value: object) -> str:
    return " ".join(str(value).split()).replace("`", "'")


def _cell(value: object) -> str:
    return _text(value)[:300]
