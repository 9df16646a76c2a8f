"""What the Train form does: plain values in, plain values out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backend import names
from backend.errors import DataError, ModelError, StudioError
from backend.forecast.facade import Forecast, too_big
from backend.recipes import cards
from backend.recipes.load import compare
from backend.recipes.schema import Recipe
from studio.framework import gr
from studio.services.door import Services
from studio.services.recipes import OF_RUN
from studio.text import Words
from studio.views import train as views
from studio.views.html import SafeHtml
from studio.views.train import FormState
from studio.widgets.recipe_form import SETS, changes, flat, plain, shown, without_effect

FIRST_RECIPE = "starter-lora"
Found = list[tuple[str, str]]


class Draft(BaseModel):
    """What was typed and not started, as the browser kept it."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    model: str = ""
    data: str = ""
    recipe: str = ""
    name: str | None = None
    fields: dict[str, str | bool] = Field(default_factory=dict)

    @classmethod
    def read(cls, text: str | None) -> "Draft":
        """An empty draft when there is none, or when it cannot be understood."""
        try:
            return cls.model_validate_json(text or "{}")
        except ValidationError:
            return cls()


class Review(NamedTuple):
    """One value per output, in order."""

    card: SafeHtml
    questions: SafeHtml
    command: str
    start: Any
    count: Any
    reset: Any
    state: str
    about: SafeHtml
    fit: Any


class Started(NamedTuple):
    run: str
    name: Any
    problem: str


class Typed(NamedTuple):
    """What the form means: the recipe (None while a field is wrong), what differs, what is wrong with each field."""

    recipe: Recipe | None
    changed: dict[str, str]
    faults: dict[str, StudioError]


@dataclass(frozen=True)
class Handlers:
    services: Services
    words: Words

    # What is chosen now

    def review(self, model: str, data: str, recipe: str, name: str, **values: Any) -> Review:
        """The forecast of what is chosen, its command, and what keeps it from being started."""
        typed, forecast = self._typed(recipe, values), None
        faults = dict(typed.faults)
        wanted = typed.recipe
        if wanted:
            faults |= self.services.unfit(wanted, model, data)
        if wanted and not faults.keys() & {"model", "data", "objective", "replay.data", "corpora"}:
            forecast, too_much = self._forecast(wanted, model, data)
            faults |= too_much
        faults |= self._name_fault(name)
        changed = [flat(one) for one in typed.changed]
        wrong = {flat(one) for one in faults}
        idle = [one for one in without_effect(self.services.fields(), values) if one not in wrong]
        told = {flat(at): one.say(self.words.language) for at, one in faults.items()}
        named = [(flat(one.name), one) for one in self.services.fields()]
        state = FormState(changed, idle, told, views.sources(wanted, named, self.words) if wanted else {})
        runnable = "" if not wanted or "name" in faults else name
        return Review(
            views.forecast_card(forecast, self.words) if forecast else views.no_forecast(self.words),
            views.questions(wanted, self.words) if wanted else SafeHtml(""),
            self._command(recipe, model, data, runnable, typed.changed) if wanted else "",
            gr.update(interactive=not faults),
            gr.update(value=self._counted(len(changed)), interactive=bool(changed)),
            gr.update(interactive=bool(changed)),
            state.as_json(),
            views.about(self.services.cookbook.find(recipe), self.words),
            gr.update(visible=forecast is not None and not forecast.fits),
        )

    def start(self, model: str, data: str, recipe: str, name: str, **values: Any) -> Started:
        """The id of the new run and the next free name; or what is wrong, everything kept."""
        try:
            job = self.services.start(self.as_typed(recipe, values), model, data, name)
        except StudioError as error:
            return Started("", gr.skip(), error.say(self.words.language))
        return Started(job.id, self.free_name(recipe), "")

    def as_typed(self, recipe: str, values: Mapping[str, Any]) -> Recipe:
        """The recipe with what was typed; the first fault when there is one."""
        typed = self._typed(recipe, values)
        if typed.recipe is None:
            raise next(iter(typed.faults.values()))
        return typed.recipe

    # What fills the form

    def choices(self, draft: str) -> tuple[Any, Any, Any, Any]:
        """Model, data, recipe and name: what was left in the draft, else the first recipe and what it is meant for."""
        kept = Draft.read(draft)
        recipe, model, data, name = self.adopt(self._known_recipe(kept.recipe))
        models, sets = self.model_choices(), self.data_choices()
        return (
            gr.update(choices=models, value=_known(kept.model, models, model)),
            gr.update(choices=sets, value=_known(kept.data, sets, data)),
            recipe,
            name if kept.name is None else kept.name,
        )

    def picked(self, recipe: str) -> tuple[Any, Any, Any, Any]:
        """As `adopt`, in the variant for this machine's card where the recipe has one; one that was chosen stays."""
        name, chosen = cards.parted(recipe)
        known = [cards.parted(ref)[1] or 0 for _, ref in self._variants(name)]
        own = cards.of_machine(gpu.memory_bytes for gpu in self.services.machine().gpus)
        fitting = max((size for size in known if own is not None and size <= own), default=None)
        return self.adopt(recipe if chosen is not None or fitting is None else f"{name}{cards.MARK}{fitting}")

    def adopt(self, recipe: str) -> tuple[Any, Any, Any, Any]:
        """Recipe, model, data and name for a recipe that is chosen from now on; AccessError when it is gone."""
        model, data, name = self.chosen(recipe)
        return gr.update(choices=self.recipe_choices(recipe), value=recipe), model, data, name

    def chosen(self, recipe: str) -> tuple[str, str, str]:
        """Another recipe brings the model and the data it is meant for, and a name."""
        if recipe.startswith(OF_RUN):
            settings = self.services.cookbook.settings(recipe.removeprefix(OF_RUN))
            model, data = settings.model, settings.data
        else:
            meant = self.services.recipe(recipe).defaults
            model, data = meant.model, meant.data
        first = self.services.recipe(FIRST_RECIPE).defaults
        if not recipe.startswith(OF_RUN):
            return model, data, self.free_name(recipe)
        return (
            _known(model, self.model_choices(), first.model),
            _known(data, self.data_choices(), first.data),
            self.free_name(recipe),
        )

    def filled(self, part: list[str], recipe: str, draft: str) -> Any:
        """Some fields as the recipe has them, or as the person had left them for this very recipe."""
        kept = Draft.read(draft)
        typed = kept.fields if (kept.recipe or FIRST_RECIPE) == recipe else {}
        values = shown(self.services.cookbook.find(recipe), self.services.fields(), self.words) | typed
        found = [values[name] for name in part]
        return found[0] if len(found) == 1 else found

    def free_name(self, recipe: str) -> str:
        """A name for the next run: after the recipe, or after the run whose settings are used again."""
        runs = [job.name for job in self.services.runs()]
        if recipe.startswith(OF_RUN):
            wanted = self.services.run(recipe.removeprefix(OF_RUN)).name
        else:
            own = next((file for file in self.services.cookbook.own() if file.id == recipe), None)
            wanted = own.title() if own else recipe.replace(cards.MARK, " ")
        return names.free(names.from_file(wanted, "run"), runs)

    def model_choices(self) -> Found:
        return [(views.model_name(model, self.words), model.id) for model in self.services.models()]

    def other_models(self, event: gr.EventData) -> Any:
        """The list of models as it is now; the one of this id is chosen when there is one."""
        found = self.model_choices()
        chosen = {"value": event.id} if event.id in [key for _, key in found] else {}
        return gr.update(choices=found, **chosen)

    def other_sets(self, event: gr.EventData) -> Any:
        """As `other_models`, of data; then the settings that name a data set."""
        found, updates = self.data_choices(), self.set_updates()
        chosen = {"value": event.id} if event.id in [key for _, key in found] else {}
        return [gr.update(choices=found, **chosen), *(updates if isinstance(updates, list) else [updates])]

    def data_choices(self) -> Found:
        return [(views.data_name(one, self.words), one.id) for one in self.services.datasets()]

    def set_choices(self) -> dict[str, Found]:
        """For the settings that name a data set."""
        none = (self.words.t("train.none"), "")
        checks = [(one.title(self.words.language), one.id) for one in self.services.cookbook.check_sets()]
        return {"replay.data": [none, *self.data_choices()], "watching.check": [none, *checks]}

    def set_fields(self) -> list[str]:
        return [flat(field.name) for field in self.services.fields() if field.name in SETS]

    def set_updates(self) -> Any:
        found = self.set_choices()
        updates = [gr.update(choices=found[field.name]) for field in self.services.fields() if field.name in SETS]
        return updates[0] if len(updates) == 1 else updates

    # What the above is made of

    def _typed(self, recipe: str, values: Mapping[str, Any]) -> Typed:
        base = self.services.cookbook.find(recipe)
        written = changes(values, shown(base, self.services.fields(), self.words))
        checked = self.services.cookbook.checked(recipe, written)
        if checked.recipe is None:
            return Typed(None, written, dict(checked.faults))
        return Typed(checked.recipe, {one.name: plain(one.after) for one in compare(base, checked.recipe)}, {})

    def _forecast(self, recipe: Recipe, model: str, data: str) -> tuple[Forecast | None, dict[str, StudioError]]:
        """With what does not fit, at the choice that is best changed."""
        try:
            forecast = self.services.forecast(recipe, model, data)
        except ModelError as error:
            return None, {"model": error}
        except DataError as error:
            return None, {"data": error}
        return forecast, {**too_big(forecast)}

    def _name_fault(self, name: str) -> dict[str, StudioError]:
        try:
            names.unused(name, [job.name for job in self.services.runs()])
        except StudioError as error:
            return {"name": error}
        return {}

    def _counted(self, changed: int) -> str:
        return self.words.count("train.changed", changed) if changed else self.words.t("train.changed.none")

    def _command(self, recipe: str, model: str, data: str, name: str, changed: dict[str, str]) -> str:
        return views.command(self._called(recipe), model, data, name, changed, self.services.cookbook.elsewhere())

    def _called(self, recipe: str) -> str:
        """As a person would write it: her own recipe, or the run that it was, by its name."""
        if recipe.startswith(OF_RUN):
            return OF_RUN + self.services.run(recipe.removeprefix(OF_RUN)).name
        return next((file.title() for file in self.services.cookbook.own() if file.id == recipe), recipe)

    def _known_recipe(self, recipe: str) -> str:
        try:
            self.services.cookbook.find(recipe or FIRST_RECIPE)
        except StudioError:
            return FIRST_RECIPE
        return recipe or FIRST_RECIPE

    def recipe_choices(self, chosen: str = "") -> Found:
        """The shipped recipes, the person's own, and the run whose settings are used, if it is `chosen`."""
        language, found = self.words.language, []
        for file in self.services.recipes():
            title = file.title(language)
            found.append((title if file.shipped else self.words.t("recipe.mine", name=title), file.id))
            found += self._variants(file.id) if cards.parted(chosen)[0] == file.id else []
        if chosen.startswith(OF_RUN):
            name = self.services.run(chosen.removeprefix(OF_RUN)).name
            found.append((self.words.t("recipe.as_run", name=name), chosen))
        return found

    def _variants(self, recipe: str) -> list[tuple[str, str]]:
        """Those of a shipped recipe for cards, the smallest first."""
        file = next((file for file in self.services.recipes() if file.id == recipe), None)
        sizes = [size for size, changes in file.recipe.cards.items() if changes is not None] if file else []
        title = file.title(self.words.language) if file else ""
        return [
            (self.words.t("recipe.on_card", name=title, size=size), f"{recipe}{cards.MARK}{size}") for size in sizes
        ]


def _known(value: str, choices: Found, otherwise: str) -> str:
    """`value` when it is still one of the choices."""
    return value if value in [key for _, key in choices] else otherwise
