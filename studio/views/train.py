"""What stands around the Train form: the forecast, the test questions, the command, what is said under a field."""

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field

from backend.data.check import PICTURED
from backend.data.datasets import Dataset
from backend.forecast import Forecast
from backend.forecast.advice.fitting import Fitting
from backend.models.catalogue import Model
from backend.recipes import provenance
from backend.recipes.leaves import Field, leaves
from backend.recipes.provenance import Provenance
from backend.recipes.schema import Recipe
from studio.text import Words
from studio.views.html import SafeHtml, element, join


@dataclass(frozen=True)
class FormState:
    """What assets/form.js shows: names of fields, and what is wrong with them; "" is what belongs to no field.

    `sources`: by field, where its value is from, and the note about it.
    """

    changed: list[str] = field(default_factory=list)
    idle: list[str] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)
    sources: dict[str, tuple[str, str]] = field(default_factory=dict)

    def as_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)


def sources(recipe: Recipe, fields: Iterable[tuple[str, Field]], words: Words) -> dict[str, tuple[str, str]]:
    """Where the values of a recipe that is somebody's are from, in words; the notes are citations, in English.

    Such a recipe says where its model is from, too. Those of the starter are ours: their notes are in the file.
    """
    if "defaults.model" not in recipe.provenance:
        return {}
    known = ((name, provenance.of(recipe.provenance, one.name)) for name, one in fields)
    return {name: (source(found, words), found.note) for name, found in known if found}


def source(found: Provenance, words: Words) -> str:
    said = words.t(f"source.{found.source.replace(' ', '_')}")
    if found.published is None:
        return said
    value = words.plain_number(found.published) if isinstance(found.published, float) else str(found.published)
    return words.t("source.instead", source=said, value=value)


def model_name(model: Model, words: Words) -> str:
    """As a list of models has it: with what one cannot see at its name."""
    title = model.title(words.language)
    return f"{title} · {words.t('models.kind.vision')}" if model.kind == "vision" else title


def data_name(data: Dataset, words: Words) -> str:
    rows = words.number(data.rows)
    size = words.t("train.with_pictures", rows=rows) if data.shape in PICTURED else rows
    return f"{data.title(words.language)} ({size})"


def forecast_card(forecast: Forecast, words: Words) -> SafeHtml:
    """Whether it fits, what the memory is for, how long it takes, what it leaves on the disk."""
    key = "forecast.fits" if forecast.fits else "forecast.too_much"
    verdict = words.t(key, needs=words.size(forecast.needs), free=words.size(forecast.free_bytes))
    figures = [
        (words.t("forecast.takes"), time_of(forecast, words), rough(forecast, words)),
        (words.t("forecast.length"), words.count("forecast.steps", forecast.steps), sampled(forecast, words)),
        (words.t("forecast.disk"), words.size(forecast.disk_bytes), None),
    ]
    return element(
        "section",
        element("h2", words.t("forecast.title"), class_="unseen"),
        element("p", verdict, class_="verdict good" if forecast.fits else "verdict bad"),
        element("p", words.said(forecast.advice), class_="advice") if forecast.advice else None,
        memory_bar(forecast.parts, words),
        element("dl", join(figure(*one) for one in figures), class_="figures"),
        class_="card forecast",
        data_rough="" if forecast.seconds is None or not forecast.measured else None,
    )


def fitting_card(found: Fitting, model: str, words: Words) -> SafeHtml:
    """What was changed so that it fits, the smallest change first; `model`: the title of one that is taken instead."""
    if found.model:
        return element(
            "section", element("p", words.said("forecast.fit_model", {"name": model})), class_="card fitting"
        )
    by_name = {leaf.name: leaf.label(words.language) for leaf in leaves()}
    lines = [
        element(
            "li",
            element("p", words.said(move.key)),
            join(
                element("p", f"{by_name[one.name]}: ", element("s", setting(one.before, words)), " → ",
                        element("b", setting(one.after, words)), class_="change")
                for one in move.changes
            ),
            element("p", words.t("fit.then", needs=words.size(move.forecast.needs)), class_="hint"),
        )
        for move in found.moves
    ]  # fmt: skip
    return element(
        "section",
        element("h2", words.t("fit.changed" if lines else "fit.nothing")),
        element("ol", join(lines)) if lines else None,
        class_="card fitting",
        role="status",
    )


def setting(value: object, words: Words) -> str:
    """A value as the form shows it."""
    if isinstance(value, bool):
        return words.t("fit.on" if value else "fit.off")
    if isinstance(value, str):
        return words.t(f"choice.{value}")
    return words.plain_number(value) if isinstance(value, int | float) else str(value)


def no_forecast(words: Words) -> SafeHtml:
    """While something is wrong."""
    return element("section", element("p", words.t("forecast.none"), class_="hint"), class_="card forecast")


def figure(name: str, value: str, note: str | None) -> SafeHtml:
    return element(
        "div", element("dt", name), element("dd", value, element("small", note) if note else None), class_="figure"
    )


def time_of(forecast: Forecast, words: Words) -> str:
    if forecast.seconds is None:
        return words.t("forecast.unknown")
    return words.t("forecast.about", time=words.duration(forecast.seconds))


def rough(forecast: Forecast, words: Words) -> str | None:
    """What the time is worth while nothing has been measured on this machine."""
    return None if forecast.measured else words.t("forecast.rough")


def sampled(forecast: Forecast, words: Words) -> str | None:
    """What the length is worth where texts are too long to be counted as a whole."""
    return words.t("forecast.sampled") if forecast.sampled else None


def memory_bar(parts: Mapping[str, int], words: Words) -> SafeHtml:
    """One bar, each part as wide as its share; the same in words beneath, for those who do not see the bar."""
    whole = sum(parts.values()) or 1
    known = [(name, count) for name, count in parts.items() if count > 0]
    bar = [element("i", class_=f"part-{name}", style=f"flex-grow:{count / whole:.4f}") for name, count in known]
    names = [
        element(
            "li", element("i", class_=f"part-{name}"), words.t(f"part.{name}"), " ", element("b", words.size(count))
        )
        for name, count in known
    ]
    return join(
        [
            element("div", join(bar), class_="memory-bar", aria_hidden="true"),
            element("ul", join(names), class_="memory-parts", aria_label=words.t("forecast.parts")),
        ]
    )


def about(recipe: Recipe, words: Words) -> SafeHtml:
    """What the chosen recipe is for, in the page's language; nothing where it does not say."""
    texts = {str(language): text for language, text in recipe.about.items()}
    said = texts.get(words.language) or texts.get("en")
    return element("p", said, class_="hint", id="recipe-about") if said else SafeHtml("")


def questions(recipe: Recipe, words: Words) -> SafeHtml:
    """The test questions it will answer while it learns, and how many pictures it is asked about."""
    asked, pictures = recipe.watching.questions, recipe.watching.pictures if recipe.objective == "vision" else 0
    if not asked and not pictures:
        return SafeHtml("")
    return element(
        "section",
        element("h2", words.count("train.questions", len(asked))) if asked else None,
        element("ul", join(element("li", one.question) for one in asked)) if asked else None,
        element("p", words.count("train.pictures", pictures), class_="hint") if pictures else None,
        class_="card questions",
    )


def command(recipe: str, model: str, data: str, name: str, changes: Mapping[str, str], workspace: str = "") -> str:
    """The same run as a command. An empty name and an empty workspace are left to their defaults."""
    words = ["python3", "launch.py", "train", recipe, "--model", model, "--data", data]
    words += ["--name", name] if name else []
    words += [part for key, value in changes.items() for part in ("--set", f"{key}={value}")]
    words += ["--workspace", workspace] if workspace else []
    return shlex.join(words)


def field_words(fields: Iterable[tuple[str, Field]], words: Words) -> SafeHtml:
    """What form.js puts under each field, by flat name, and the words a field is found by."""
    language = words.language
    said = [
        element(
            "p",
            " ".join(part for part in (one.help(language), bounds(one, words)) if part),
            data_field=name,
            data_hint=one.hint(language),
            data_more=words.t("train.more", label=one.label(language)),
            data_words=f"{one.label(language)} {one.hint(language)} {one.help(language)} {one.label('en')} {one.name}",
        )
        for name, one in fields
    ]
    return element("div", join(said), id="field-words", hidden="")


def bounds(one: Field, words: Words) -> str:
    """What may be typed into a field of numbers, in words."""
    if one.low is None or one.high is None:
        return ""
    low, high = (words.number(end, 10) for end in (one.low, one.high))
    key = "above" if one.low_open else "below" if one.high_open else "between"
    return words.t(f"train.bounds.{key}", low=low, high=high)


def said(text: str, *, at: str = "") -> SafeHtml:
    """What was done; or, with `at`, what is wrong with the field of this id."""
    if not text:
        return SafeHtml("")
    return element("p", text, class_="fault", role="alert", data_at=at) if at else element("p", text, role="status")
