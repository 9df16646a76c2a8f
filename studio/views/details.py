"""What is known of one run beyond its curves: forecast beside measured, its settings, its files. Plain values out."""

from collections.abc import Mapping, Sequence
from typing import Any

from backend.recipes import corpora
from backend.recipes.leaves import Field, leaves, value
from studio.text import Words

FILES = {
    "adapter": "adapter",
    "model": "model",
    "checkpoints": "checkpoints",
    "events.jsonl": "events",
    "log.txt": "log",
}


def beside(request: Mapping[str, Any], result: Mapping[str, Any], words: Words) -> list[dict[str, str]]:
    """Memory and time: what was forecast before the start, what was measured at the end; "" for what is not known."""
    forecast: Mapping[str, Any] = request.get("forecast") or {}
    pairs = (
        ("memory", forecast.get("total_bytes"), result.get("peak_memory_bytes"), words.size),
        ("time", forecast.get("seconds"), result.get("seconds"), words.duration),
    )
    return [
        {
            "key": what,
            "what": words.t(f"runs.beside.{what}"),
            "forecast": _guessed(written(said), what, forecast, words) if said else "",
            "measured": written(measured) if measured else "",
        }
        for what, said, measured, written in pairs
        if said or measured
    ]


def _guessed(said: str, what: str, forecast: Mapping[str, Any], words: Words) -> str:
    """A time that was guessed is told as on the button and on the card that it was started from."""
    rough = what == "time" and not forecast.get("measured")
    return words.t("forecast.guess", time=said) if rough else said


def made_from(request: Mapping[str, Any], words: Words) -> list[dict[str, str]]:
    """The model, the data and where an imported adapter came from."""
    said = []
    for what in ("model", "data"):
        if chosen := request.get(what):
            title = chosen.get("titles", {}).get(words.language) or chosen.get("name", "")
            said.append({"what": words.t(f"train.{what}"), "value": str(title)})
    for kind, place in (request.get("source") or {}).items():
        said.append({"what": words.t(f"runs.source.{kind}"), "value": str(place)})
    return said


def made_of(result: Mapping[str, Any], words: Words) -> list[dict[str, str]]:
    """What became of it: how much was trained, how much of the model was really rounded, and which state was kept."""
    kept, steps = result.get("kept_step"), result.get("steps")
    figures = {
        "trained": result.get("trainable_parameters"),
        "rounded": result.get("quantised_layers"),
        "kept": kept if kept != steps else None,
    }
    return [
        {"what": words.t(f"runs.result.{what}"), "value": words.number(count)}
        for what, count in figures.items()
        if count
    ]


def stages(request: Mapping[str, Any], judged: Sequence[str], words: Words) -> list[dict[str, str]]:
    """Of a chain: what each stage learns from, how it starts, and its verdict as far as there is one."""
    rows = []
    for number, stage in enumerate(request.get("stages") or (), start=1):
        data = stage["train"]["data"]
        told = [data.get("titles", {}).get(words.language) or data["name"], words.t(f"stage.{stage['start']}")]
        told += [judged[number - 1]] if number <= len(judged) and judged[number - 1] else []
        title = stage["title"].get(words.language) or stage["title"].get("en") or stage["recipe_id"]
        what = words.t("runs.stage.named", number=number, title=title)
        rows.append({"what": what, "value": " · ".join(str(one) for one in told)})
    return rows


def settings(recipe: Any, meant: Any, words: Words) -> list[dict[str, Any]]:
    """Every setting that has an effect, the changed ones first; `before` is the recipe's own value, or None."""
    rows = [
        {
            "label": leaf.label(words.language),
            "value": written(leaf, value(recipe, leaf.name), words),
            "before": written(leaf, value(meant, leaf.name), words)
            if meant is not None and value(meant, leaf.name) != value(recipe, leaf.name)
            else None,
        }
        for leaf in leaves()
        if not leaf.name.startswith("defaults.") and leaf.kind != "questions" and _matters(leaf, recipe)
    ]
    return sorted(rows, key=lambda row: row["before"] is None)


def files(found: list[tuple[str, int]], words: Words) -> dict[str, Any]:
    """What lies in the folder of a run, in words where there are some; small files together."""
    named = [(FILES[name], size) for name, size in found if name in FILES]
    rest = sum(size for name, size in found if name not in FILES)
    rows = [{"what": words.t(f"runs.file.{key}"), "size": words.size(size)} for key, size in named]
    rows += [{"what": words.t("runs.file.rest"), "size": words.size(rest)}] if rest else []
    return {"total": words.size(sum(size for _, size in found)), "rows": rows}


def written(leaf: Field, setting: object, words: Words) -> str:
    """A value as the page writes it."""
    if setting in (None, "", ()):
        return words.t("runs.setting.none")
    if isinstance(setting, tuple):
        return corpora.line(setting)
    if isinstance(setting, bool):
        return words.t("choice.on" if setting else "choice.off")
    if leaf.kind == "choice":
        return words.t(f"choice.{setting}")
    if isinstance(setting, int | float):
        return words.number(setting, 10)
    return str(setting)


def _matters(leaf: Field, recipe: Any) -> bool:
    return all(str(value(recipe, name)) in map(str, allowed) for name, allowed in leaf.when.items())
