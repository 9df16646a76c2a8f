"""What the scripts of the Data tab ask about data sets of the Hub, as JSON."""

from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from backend.hub.corpora.part import Part
from studio.routes.asking import Form, asked_by_body, asked_by_query, text
from studio.services.data.hub import HubData
from studio.text import Words
from studio.views.data import hub as views
from studio.views.data.sets import place

MOST_TYPED = 400


@dataclass(frozen=True)
class Hub:
    """One function for each thing the scripts may ask; `form` is what they sent."""

    services: HubData

    def look(self, form: Form, words: Words) -> Any:
        typed, config, split = (text(form, name)[:MOST_TYPED] for name in ("id", "config", "split"))
        offer = self.services.look(typed, config, split)
        return views.offer(offer, self.services.room(offer.bytes), words, token=self.services.token())

    def fetch(self, form: Form, words: Words) -> Any:
        offered = [text(form, name) for name in ("id", "config", "split")]
        rows = Part.of(text(form, "first")[:MOST_TYPED], text(form, "last")[:MOST_TYPED])
        job = self.services.fetch(offered, text(form, "digest"), rows)
        return {"job": job.id, **self._at(job.id, words)}

    def at(self, form: Form, words: Words) -> Any:
        """How far a fetch is; `upload`: what it has become."""
        return self._at(text(form, "job"), words)

    def stop(self, form: Form, words: Words) -> Any:
        self.services.stop(text(form, "job"))
        return self._at(text(form, "job"), words)

    def resume(self, form: Form, words: Words) -> Any:
        self.services.resume(text(form, "job"))
        return self._at(text(form, "job"), words)

    def forget(self, form: Form, words: Words) -> Any:
        self.services.forget(text(form, "job"))
        return {}

    def _at(self, job: str, words: Words) -> dict[str, Any]:
        found = self.services.fetching(job)
        line = views.fetching(found.job, found.hub_id, found.total, found.status, words)
        return {"line": line, "upload": self.services.arrived(job)}


def add_hub_data_routes(app: FastAPI, services: HubData) -> None:
    """`/hub-data/<name>` for each of `Hub`'s functions; `language` is in the query."""
    hub = Hub(services)
    for name in ("look", "at"):
        app.add_api_route(f"/hub-data/{name}", asked_by_query(getattr(hub, name), place), methods=["GET"])
    for name in ("fetch", "stop", "resume", "forget"):
        app.add_api_route(f"/hub-data/{name}", asked_by_body(getattr(hub, name), place), methods=["POST"])
