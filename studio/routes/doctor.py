"""What the scripts of the Data tab ask about the health of one data set, as JSON."""

from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from studio.routes.asking import Form, asked_by_body, asked_by_query, text
from studio.services.data.doctor import Doctor
from studio.text import Words
from studio.views.data import doctor as views
from studio.views.data import preparing
from studio.views.data.sets import place


@dataclass(frozen=True)
class Health:
    """One function for each thing the scripts may ask; `id` is that of a version."""

    doctor: Doctor

    def look(self, form: Form, words: Words) -> Any:
        """What was found last, and what is being done; with `job`, the version that this fix has made."""
        asked, job = text(form, "id"), text(form, "job")
        found, work = self.doctor.report(asked), self.doctor.work(asked)
        return {
            "report": views.report(found, words) if found else None,
            "work": views.working(work.job, work.action, work.status, words) if work else None,
            "models": [{"value": one.id, "title": one.title(words.language)} for one in self.doctor.models()],
            "made": self.doctor.made(job) if job else "",
            "steps": preparing.form(
                self.doctor.dataset(asked), self.doctor.others(asked), self.doctor.prepared(asked), words
            ),
        }

    def check(self, form: Form, words: Words) -> Any:
        self.doctor.check(text(form, "id"), text(form, "model"))
        return self.look(form, words)

    def fix(self, form: Form, words: Words) -> Any:
        given = form.get("fixes")
        fixes = [one for one in given if isinstance(one, str)] if isinstance(given, list) else []
        self.doctor.fix(text(form, "id"), fixes)
        return self.look(form, words)

    def prepare(self, form: Form, words: Words) -> Any:
        values = form.get("values")
        self.doctor.prepare(text(form, "id"), text(form, "step"), values if isinstance(values, dict) else {})
        return self.look(form, words)

    def stop(self, form: Form, words: Words) -> Any:
        self.doctor.stop(text(form, "id"))
        return self.look(form, words)


def add_doctor_routes(app: FastAPI, doctor: Doctor) -> None:
    """`/doctor/<name>` for each of `Health`'s functions; `language` is in the query."""
    health = Health(doctor)
    app.add_api_route("/doctor/look", asked_by_query(health.look, place), methods=["GET"])
    for name in ("check", "fix", "prepare", "stop"):
        app.add_api_route(f"/doctor/{name}", asked_by_body(getattr(health, name), place), methods=["POST"])
