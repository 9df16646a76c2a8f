"""What stands beside the Train form: the forecast, the test questions, the command. Plain values out."""

import shlex
from collections.abc import Mapping

from backend.forecast import Forecast
from backend.recipes.schema import Recipe
from studio.text import Words
from studio.views.html import SafeHtml, element, join


def forecast_card(forecast: Forecast, words: Words) -> SafeHtml:
    """Whether it fits, what the memory is for, how long it takes, what it leaves on the disk."""
    key = "forecast.fits" if forecast.fits else "forecast.too_much"
    verdict = words.t(key, needs=words.size(forecast.total_bytes), free=words.size(forecast.free_bytes))
    steps = words.count("forecast.steps", forecast.steps)
    return element(
        "section",
        element("p", verdict, class_="verdict good" if forecast.fits else "verdict bad"),
        memory_bar(forecast.parts, words),
        element("p", steps, " ", time_of(forecast, words), " ", disk_of(forecast, words), class_="cost"),
        element("p", words.said(forecast.advice), class_="cost") if forecast.advice else None,
        class_="card forecast",
    )


def time_of(forecast: Forecast, words: Words) -> str:
    if forecast.seconds is None:
        return words.t("forecast.time.unknown")
    return words.t("forecast.time", time=words.duration(forecast.seconds))


def disk_of(forecast: Forecast, words: Words) -> str:
    return words.t("forecast.disk", disk=words.size(forecast.disk_bytes))


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
            element("ul", join(names), class_="memory-parts"),
        ]
    )


def questions(recipe: Recipe, words: Words) -> SafeHtml:
    """The test questions it will answer while it learns."""
    asked = recipe.watching.questions
    if not asked:
        return SafeHtml("")
    return element(
        "section",
        element("h3", words.count("train.questions", len(asked))),
        element("ul", join(element("li", one.question) for one in asked)),
        class_="card questions",
    )


def command(recipe: str, model: str, data: str, name: str, changes: Mapping[str, str]) -> str:
    """The same run as a command."""
    words = ["python3", "launch.py", "train", recipe, "--model", model, "--data", data]
    words += ["--name", name] if name else []
    words += [part for key, value in changes.items() for part in ("--set", f"{key}={value}")]
    return shlex.join(words)
