"""What the scripts of the Models tab ask, as JSON: what is here, what there is, one of them, downloads, the token."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from backend.errors import ModelError
from backend.forecast.unseen.fits import Fit, Way
from backend.hub import curated
from backend.hub.curated import Curated
from backend.hub.offer import Kind, Offer, Query
from studio.routes.asking import Form, asked_by_body, asked_by_query, text
from studio.services.models import Measure, MyModels, dimensions
from studio.text import Words
from studio.views.models import found as views
from studio.views.models import mine

MOST_TYPED = 400
PAGES = 50
KINDS: dict[str, Kind] = {"text": "text", "vision": "vision"}
Ways = Mapping[Way, Fit] | None


@dataclass(frozen=True)
class Models:
    """One function for each thing the scripts may ask; `form` is what they sent."""

    services: MyModels

    # On this computer

    def here(self, form: Form, words: Words) -> Any:
        return {"lines": [mine.mine(one.model, one.size, one.runs, one.unfit, words) for one in self.services.here()]}

    def weigh(self, form: Form, words: Words) -> Any:
        return mine.removal(self.services.consequences(text(form, "model")), words)

    def delete(self, form: Form, words: Words) -> Any:
        found = self.services.delete(text(form, "model"))
        return {"said": words.t("models.removed", name=found.model.name)}

    def cached(self, form: Form, words: Words) -> Any:
        return {"lines": [mine.cached(one, words) for one in self.services.cached()]}

    def use(self, form: Form, words: Words) -> Any:
        return self._added(self.services.use_cached(text(form, "id")).name, words)

    def folder(self, form: Form, words: Words) -> Any:
        return self._added(self.services.use_folder(text(form, "folder")).name, words)

    # On the Hub

    def curated(self, form: Form, words: Words) -> Any:
        """The chosen ones, filtered; `total` of all."""
        measure, known, kind = self.services.measure(), self._known(), text(form, "kind")
        rows = curated.search(
            text(form, "text")[:MOST_TYPED],
            language=text(form, "speaks"),
            licence=text(form, "licence"),
            family=text(form, "family"),
            kind=kind if kind in KINDS else "",
        )
        rows = [one for one in rows if within(one.parameters, text(form, "size"))]
        return {
            "rows": [views.chosen(one, known, ways_of(one, measure), words) for one in rows],
            "total": len(curated.shelf().models),
            "more": False,
            "families": sorted({one.family for one in curated.shelf().models}),
            "licences": [{"id": name, "title": terms.title} for name, terms in curated.shelf().licences.items()],
        }

    def search(self, form: Form, words: Words) -> Any:
        """The whole Hub, one page of it."""
        measure, known = self.services.measure(), self._known()
        page = self.services.search(query(form))
        return {
            "rows": [views.found(one, known, how({}, one.parameters, measure)[0], words) for one in page.found],
            "total": None,
            "more": page.more,
        }

    def look(self, form: Form, words: Words) -> Any:
        """One of them; ModelError when nothing is known of it. `again`: as it was looked at, with what is here now."""
        kept = self.services.offers.of(text(form, "id")) if text(form, "again") else None
        offer = kept or self.services.look(text(form, "id")[:MOST_TYPED])
        ways, exact = offered(offer, self.services.measure())
        return views.details(offer, self.services.room(offer.bytes), ways, self._known(), words, exact=exact)

    def download(self, form: Form, words: Words) -> Any:
        self.services.download(text(form, "id"), text(form, "digest"))
        return self.coming(form, words)

    def coming(self, form: Form, words: Words) -> Any:
        return {"lines": coming(self.services, words)}

    def stop(self, form: Form, words: Words) -> Any:
        self.services.stop(text(form, "job"))
        return self.coming(form, words)

    def resume(self, form: Form, words: Words) -> Any:
        self.services.resume(text(form, "job"))
        return self.coming(form, words)

    def forget(self, form: Form, words: Words) -> Any:
        self.services.forget(text(form, "job"))
        return self.coming(form, words)

    # The token: where it comes from is told, what it is never

    def token(self, form: Form, words: Words) -> Any:
        origin = self.services.token()
        return {"origin": origin, "said": words.t(f"models.token.{origin or 'none'}")}

    def keep_token(self, form: Form, words: Words) -> Any:
        self.services.keep_token(text(form, "token"))
        return self.token(form, words)

    def forget_token(self, form: Form, words: Words) -> Any:
        self.services.forget_token()
        return self.token(form, words)

    def _added(self, name: str, words: Words) -> Any:
        return {"said": words.t("models.added", name=name)}

    def _known(self) -> views.Known:
        here = {model.source: model.name for model in self.services.models() if model.source}
        return views.Known(here, {one.hub_id for one in self.services.coming()})


GET = ("here", "weigh", "cached", "curated", "search", "look", "coming", "token")
POST = ("delete", "use", "folder", "download", "stop", "resume", "forget", "keep_token", "forget_token")


def coming(services: MyModels, words: Words) -> list[dict[str, Any]]:
    """The downloads that are not done, newest first."""
    return [mine.coming(one.job, one.hub_id, one.total, one.status, words) for one in services.coming()]


def ways_of(model: Curated, measure: Measure) -> Ways:
    return how({}, model.parameters, measure, rounded=model.quantised is not None)[0]


def offered(offer: Offer, measure: Measure) -> tuple[Ways, bool]:
    """As `ways_of`, and whether it is exact; None for what reads pictures in a way that cannot be trained."""
    if views.unseen(offer):
        return None, False
    return how(offer.config, offer.parameters, measure, rounded=bool(offer.quantised))


def how(
    config: Mapping[str, Any], parameters: float | None, measure: Measure, *, rounded: bool = False
) -> tuple[Ways, bool]:
    known, exact = dimensions(config, parameters)
    return (measure.fits(known, rounded=rounded) if known else None), exact


def within(parameters: float | None, size: str) -> bool:
    """Whether it has one of these sizes; "" is every size, and what is not known has none of the others."""
    if size not in views.SIZES:
        return True
    least, most = views.SIZES[size]
    return parameters is not None and least <= parameters < most


def query(form: Form) -> Query:
    """ModelError for a page that there is none of."""
    least, most = views.SIZES.get(text(form, "size"), (0, float("inf")))
    page = text(form, "page")
    if page and not (page.isascii() and page.isdecimal() and int(page[:9]) < PAGES):
        raise ModelError("hub.no_page", most=PAGES)
    return Query(
        text=text(form, "text")[:MOST_TYPED],
        language=text(form, "speaks"),
        kind=KINDS.get(text(form, "kind"), "text"),
        least_parameters=int(least) or None,
        most_parameters=None if most == float("inf") else int(most),
        page=int(page or 0),
    )


def add_model_routes(app: FastAPI, services: MyModels) -> None:
    """`/models/<name>` for each of `Models`'s functions; `language` is in the query."""
    models = Models(services)
    for name in GET:
        app.add_api_route(f"/models/{name}", asked_by_query(getattr(models, name), mine.place), methods=["GET"])
    for name in POST:
        app.add_api_route(f"/models/{name}", asked_by_body(getattr(models, name), mine.place), methods=["POST"])
