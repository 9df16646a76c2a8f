"""What may be done with the settings as a whole: keep them as a recipe, take one from a file or from an earlier run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from backend import names
from backend.errors import StudioError
from backend.recipes import load
from backend.recipes.schema import Defaults, Recipe
from studio.events import on, then_in_browser
from studio.framework import gr
from studio.services.door import Services
from studio.services.recipes import OF_RUN
from studio.shared import Shared
from studio.text import Words
from studio.views.html import SafeHtml
from studio.views.train import said
from studio.widgets.live_views import filled
from studio.widgets.recipe_form import name_field

NAME, UPLOAD = "recipe-name", "recipe-upload"
# The recipe that the form shows now; StudioError when a field is wrong.
AsTyped = Callable[[str, Mapping[str, Any]], Recipe]
# Recipe, model, data and name of the run, for a recipe that is chosen from now on.
Adopt = Callable[[str], tuple[Any, Any, Any, Any]]
KEEP = (gr.skip(), gr.skip(), gr.skip(), gr.skip())


class Adopted(NamedTuple):
    """One value per output, in order: the four choices of the form, and what was done."""

    recipe: Any
    model: Any
    data: Any
    name: Any
    said: SafeHtml


class Saved(NamedTuple):
    recipe: Any
    said: SafeHtml
    asked: str
    button: Any


class Mine(NamedTuple):
    """What is offered for the chosen recipe: a shipped one cannot be deleted."""

    delete: Any
    delete_now: Any
    keep: Any


class Written(NamedTuple):
    text: str
    said: SafeHtml


@dataclass(frozen=True)
class Handlers:
    services: Services
    words: Words
    as_typed: AsTyped
    adopt: Adopt

    def save(self, asked: str, wanted: str, model: str, data: str, recipe: str, **values: Any) -> Saved:
        """Keeps the form as a recipe; one of the same name is replaced only when that was `asked` about just now."""
        book, button = self.services.cookbook, gr.update(value=self.words.t("recipe.save"))
        try:
            settings = self._meant_for(self.as_typed(recipe, values), model, data)
            same = next((file for file in book.own() if names.same(file.title(), wanted)), None)
            if same is not None and asked != wanted:
                question = self.words.t("recipe.exists", name=same.title())
                return Saved(gr.skip(), said(question), wanted, gr.update(value=self.words.t("recipe.replace")))
            kept = book.replace(same.id, settings) if same else book.save(wanted, settings)
        except StudioError as error:
            return Saved(gr.skip(), said(error.say(self.words.language), at=NAME), "", button)
        chosen = self.adopt(kept.id)[0]
        return Saved(chosen, said(self.words.t("recipe.saved", name=kept.title())), "", button)

    def renamed(self, asked: str, wanted: str) -> tuple[str, Any]:
        """Another name is another question."""
        if asked and asked != wanted:
            return "", gr.update(value=self.words.t("recipe.save"))
        return asked, gr.skip()

    def upload(self, file: str | None) -> Adopted:
        """Keeps an uploaded recipe and fills the form from it; or says what is wrong with it, everything kept."""
        if not file:
            return Adopted(*KEEP, SafeHtml(""))
        path = Path(file)
        try:
            kept = self.services.cookbook.take(path, path.stem)
        except StudioError as error:
            return Adopted(*KEEP, said(error.say(self.words.language), at=UPLOAD))
        finally:
            path.unlink(missing_ok=True)
        return Adopted(*self.adopt(kept.id), said(self.words.t("recipe.uploaded", name=kept.title())))

    def copy(self, run: str | None) -> Adopted:
        """Fills the form as it was when this run was started."""
        if not run:
            return Adopted(*KEEP, SafeHtml(""))
        try:
            name = self.services.run(run).name
            return Adopted(*self.adopt(OF_RUN + run), said(self.words.t("recipe.copied", name=name)))
        except StudioError as error:
            return Adopted(*KEEP, said(error.say(self.words.language), at="recipe-run"))

    def write(self, model: str, data: str, recipe: str, **values: Any) -> Written:
        """The form as YAML."""
        try:
            settings = self._meant_for(self.as_typed(recipe, values), model, data)
        except StudioError as error:
            return Written("", said(error.say(self.words.language), at="recipe-download"))
        return Written(load.as_yaml(settings), SafeHtml(""))

    def mine(self, recipe: str) -> Mine:
        own = any(file.id == recipe for file in self.services.cookbook.own())
        return Mine(gr.update(visible=own), gr.update(visible=False), gr.update(visible=False))

    def ask(self) -> Mine:
        return Mine(gr.update(visible=False), gr.update(visible=True), gr.update(visible=True))

    def delete(self, first: str, recipe: str) -> Adopted:
        """Gone for good; the form shows the first recipe."""
        title = next((file.title() for file in self.services.cookbook.own() if file.id == recipe), "")
        self.services.cookbook.delete(recipe)
        return Adopted(*self.adopt(first), said(self.words.t("recipe.deleted", name=title)))

    def runs(self) -> Any:
        """The runs to copy from, as they are now."""
        return gr.update(choices=[(job.name, job.id) for job in self.services.cookbook.reusable()])

    @staticmethod
    def _meant_for(recipe: Recipe, model: str, data: str) -> Recipe:
        return recipe.model_copy(update={"defaults": Defaults(model=model, data=data)})


@dataclass(frozen=True)
class RecipeTools:
    name: gr.Textbox
    save: gr.Button
    asked: gr.State
    upload: gr.UploadButton
    download: gr.Button
    yaml: gr.Textbox
    run: gr.Dropdown
    delete: gr.Button
    delete_now: gr.Button
    keep: gr.Button
    said: gr.HTML

    @classmethod
    def create(cls, words: Words) -> "RecipeTools":
        with gr.Column(elem_classes="fold", elem_id="panel-recipes"):
            with gr.Row(elem_classes="fields ask"):
                name = name_field(words.t("recipe.name"), NAME)
                save = gr.Button(words.t("recipe.save"), size="sm", elem_id="recipe-save")
            with gr.Row(elem_classes="fields ask"):
                run = gr.Dropdown([], value=None, label=words.t("recipe.copy"), elem_id="recipe-run")
                upload = gr.UploadButton(words.t("recipe.upload"), type="filepath", size="sm", elem_id=UPLOAD)
                download = gr.Button(words.t("recipe.download"), size="sm", elem_id="recipe-download")
            with gr.Row(elem_classes="actions"):
                delete = gr.Button(words.t("recipe.delete"), size="sm", visible=False, elem_id="recipe-delete")
                delete_now = gr.Button(words.t("recipe.delete_now"), size="sm", variant="stop", visible=False)
                keep = gr.Button(words.t("recipe.keep"), size="sm", visible=False)
            told = filled(elem_id="recipe-said", elem_classes="said")
        yaml = gr.Textbox(visible="hidden", elem_id="recipe-yaml")
        return cls(name, save, gr.State(""), upload, download, yaml, run, delete, delete_now, keep, told)

    def wire(self, shared: Shared, handlers: Handlers, inputs: Mapping[str, Any], first: str) -> list[Any]:
        """The events after which the form has to be filled from another recipe."""
        words, recipe = shared.words, inputs["recipe"]
        typed = {name: one for name, one in inputs.items() if name != "name"}
        question = {"asked": self.asked, "wanted": self.name, **typed}
        saved = on(
            [self.save.click, self.name.submit],
            handlers.save,
            words,
            inputs_kwargs=question,
            outputs=[recipe, self.said, self.asked, self.save],
        )
        on(self.name.change, handlers.renamed, words, inputs=[self.asked, self.name], outputs=[self.asked, self.save])
        written = on(self.download.click, handlers.write, words, inputs_kwargs=typed, outputs=[self.yaml, self.said])
        then_in_browser(written, "(text, name) => studioPage.download(text, name)", inputs=[self.yaml, inputs["name"]])
        asking = [self.delete, self.delete_now, self.keep]
        on(self.delete.click, handlers.ask, words, outputs=asking)
        on([recipe.change, self.keep.click], handlers.mine, words, inputs=recipe, outputs=asking)
        on(shared.page.load, handlers.runs, words, outputs=self.run)
        on(self.run.focus, handlers.runs, words, outputs=self.run)
        filled = [recipe, inputs["model"], inputs["data"], inputs["name"], self.said]
        return [
            saved,
            on(self.upload.upload, handlers.upload, words, inputs=self.upload, outputs=filled),
            on(self.run.input, handlers.copy, words, inputs=self.run, outputs=filled),
            on(self.delete_now.click, partial(handlers.delete, first), words, inputs=recipe, outputs=filled),
        ]
