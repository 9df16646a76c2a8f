"""A chain before it starts: what it is for, what each stage does, what each and all of them cost."""

from backend.chains.submit import Planned
from backend.recipes.chains import ChainFile, Stage
from studio.text import Words
from studio.views.html import SafeHtml, element, join
from studio.views.train import forecast_card, time_of


def about(file: ChainFile, words: Words) -> SafeHtml:
    texts = {str(language): text for language, text in file.chain.about.items()}
    return element("p", texts.get(words.language) or texts.get("en", ""), class_="hint")


def stage(stage: Stage, number: int, words: Words) -> SafeHtml:
    """Its number, its name, and what is learned in it."""
    texts = {str(language): text for language, text in stage.about.items()}
    title = words.t("runs.stage.named", number=number, title=stage.called(words.language))
    told = texts.get(words.language) or texts.get("en", "")
    return element("div", element("h3", title), element("p", told, class_="hint") if told else None, class_="stage")


def forecast(planned: Planned, words: Words) -> SafeHtml:
    """All of it, then stage by stage: how it starts, its steps, its time."""
    rows = []
    for one, cost in zip(planned.request.stages, planned.forecasts, strict=True):
        title = one.title.get(words.language) or one.title.get("en") or one.recipe_id
        told = [words.t(f"stage.{one.start}"), words.count("forecast.steps", cost.steps), time_of(cost, words)]
        rows.append(element("li", element("b", title), " · ", " · ".join(told)))
    return join([forecast_card(planned.whole, words), element("ol", join(rows), class_="stages")])
