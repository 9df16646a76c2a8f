"""The ways out of the studio as things to show: what each form is for, what it takes, what it made. Plain values."""

from collections.abc import Iterable, Mapping
from typing import Any

from backend.errors import StudioError
from backend.export.capsule import Need
from backend.export.parity.figures import sentence_of
from backend.messages import Phrase
from studio.text import Words

PROGRAMS = {"transformers": "transformers", "vllm": "vLLM", "ollama": "Ollama", "llama.cpp": "llama.cpp"}
BY = {"llama.cpp": "converter", "gguf": "ourselves"}


def form(name: str, takes: Phrase | None, disk: int, wrong: StudioError | None, words: Words) -> dict[str, Any]:
    """One form that is offered: `wrong` is why it cannot be had, "" when it can."""
    said = words.t("exports.disk", disk=words.size(disk)) if disk else ""
    return {
        "name": name,
        "title": words.t(f"exports.{name}"),
        "about": words.t(f"exports.{name}.about"),
        "takes": takes.say(words.language) if takes else said,
        "wrong": wrong.say(words.language) if wrong else "",
    }


def made(told: Mapping[str, Any], words: Words) -> dict[str, Any]:
    """What an export job has made, from its result."""
    return {
        "what": what(told, words),
        "where": str(told.get("folder") or ""),
        "address": str(told.get("address") or ""),
        "parity": parity(told["parity"], words) if told.get("parity") else None,
        "use": used(told.get("use") or {}),
    }


def what(told: Mapping[str, Any], words: Words) -> str:
    """In one line, and by what it was written."""
    form = told.get("form")
    if form == "gguf":
        by = words.said(f"export.gguf_by.{BY[told['by']]}")
        return f"GGUF {str(told['precision']).upper()}. {by}"
    if form == "merged":
        return words.t("exports.is.rounded" if told.get("rounded") else "exports.is.merged", dtype=told["dtype"])
    if form == "hub":
        return words.t("exports.is.private" if told["private"] else "exports.is.public", name=told["hub"])
    return words.t("exports.is.capsule") if form == "capsule" else ""


def parity(told: Mapping[str, Any], words: Words) -> dict[str, Any]:
    """The verdict in plain words; its figures beside it."""
    said = sentence_of(dict(told))[0].rpartition(".")[2]
    figures = {
        "texts": words.t("exports.of", count=told["same_texts"], all=told["questions"]),
        "ends": words.t("exports.of", count=told["ends_agree"], all=told["tokens"]),
        "mean": f"{told['kl_mean']:.1e}",
        "bound": f"{told['bound']:.0e}",
        "max": f"{told['kl_max']:.1e}",
    }
    return {
        "verdict": told["verdict"],
        "said": words.t(f"exports.parity.{said}"),
        "figures": [{"what": words.t(f"exports.figure.{name}"), "value": value} for name, value in figures.items()],
    }


def used(programs: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"program": PROGRAMS[name], "text": text} for name, text in programs.items()]


def needs(found: Iterable[Need], versions: Mapping[str, tuple[str, str]], words: Words) -> list[dict[str, str]]:
    """What a run out of a capsule was made from, and whether it is here; then the libraries that are others here."""
    lines = [
        {
            "what": words.t(f"exports.need.{one.part}"),
            "name": one.name,
            "said": words.t("exports.need.here" if one.here else "exports.need.missing"),
            "known": "" if one.here else words.t(f"exports.need.find.{_kind(one)}", value=one.known_as),
            "here": one.here,
            "part": one.part,
        }
        for one in found
    ]
    if lines and versions:
        differ = ", ".join(f"{name} {was} → {now or '–'}" for name, (was, now) in versions.items())
        said = words.t("exports.need.versions.said")
        what = words.t("exports.need.versions")
        lines.append({"what": what, "name": differ, "said": said, "known": "", "here": "", "part": "versions"})
    return lines


def _kind(need: Need) -> str:
    return "model" if need.part == "model" else "data"
