"""Models that see, their adapters and what they are trained on, when something is wrong: one sentence, in three
languages. The numbers are those of the rows of the list of bad inputs; pictures by themselves are in test_bad_input.py.
"""

import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.errors import ModelError, StudioError
from backend.hub import checking
from backend.messages import LANGUAGES
from backend.models import adapters, catalogue
from backend.models.catalogue import Model
from backend.paths import Workspace
from backend.people import HOME
from backend.recipes.schema import Recipe
from backend.training import submit
from tests import sights
from tests.albums import album
from tests.backend.test_models_files import adapter

Sentences = tuple[str, str, str]


@pytest.fixture(scope="module")
def eyes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sights.build("llava", tmp_path_factory.mktemp("model") / "eyes")


def said(act: Callable[[], object]) -> Sentences:
    with pytest.raises(StudioError) as refused:
        act()
    english, romanian, italian = (refused.value.say(language) for language in LANGUAGES)
    return english, romanian, italian


def begins(told: Iterable[str], expected: Sentences) -> bool:
    return all(one.startswith(wanted) for one, wanted in zip(told, expected, strict=True))


# Models


def changed(**said: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda config: config | said


def inside(**said: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Of its language model."""
    return lambda config: config | {"text_config": config["text_config"] | said}


MODELS: list[tuple[str, Callable[[dict[str, Any]], dict[str, Any]], Sentences]] = [
    ("68 own code", changed(auto_map={"AutoModel": "evil.Model"}),
     ("This model contains its own program code, which is not run here.",
      "Acest model conține propriul cod de program, care nu se execută aici.",
      "Questo modello contiene un proprio programma, che qui non viene eseguito.")),
    ("73 unknown type", changed(model_type="gpt9"),
     ('Model type "gpt9" is not supported by this version (transformers 5.23).',
      "Tipul de model „gpt9” nu este acceptat de această versiune (transformers 5.23).",
      "Il tipo di modello «gpt9» non è supportato da questa versione (transformers 5.23).")),
    ("73 unknown language model", inside(model_type="gpt9"),
     ('Model type "gpt9" is not supported by this version (transformers 5.23).',
      "Tipul de model „gpt9” nu este acceptat de această versiune (transformers 5.23).",
      "Il tipo di modello «gpt9» non è supportato da questa versione (transformers 5.23).")),
    ("74 too wide", inside(hidden_size=10**7, intermediate_size=10**7, num_attention_heads=10, head_dim=10**6),
     ("The model would need ", "Modelul ar avea nevoie de ", "Il modello avrebbe bisogno di ")),
    ("75 no layers", inside(num_hidden_layers=-1),
     ("config.json: num_hidden_layers must be ≥ 1.",
      "config.json: num_hidden_layers trebuie să fie ≥ 1.",
      "config.json: num_hidden_layers deve essere ≥ 1.")),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "sentences"), [row[1:] for row in MODELS], ids=[row[0] for row in MODELS])
def test_a_model_that_sees_and_is_wrong_is_not_taken(
    eyes: Path, tmp_path: Path, spoil: Callable[[dict[str, Any]], dict[str, Any]], sentences: Sentences
) -> None:
    folder = shutil.copytree(eyes, tmp_path / "theirs")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(spoil(config)), encoding="utf-8")
    workspace = Workspace(tmp_path / "workspace").create()
    for act in (
        lambda: catalogue.bring(HOME, workspace, str(folder)),
        lambda: checking.require_model(folder, "theirs"),
    ):
        assert begins(said(act), sentences)
    assert catalogue.available(HOME, workspace) == catalogue.available(HOME, Workspace(tmp_path / "other").create())


def test_a_folder_with_a_model_that_sees_is_known_as_one(eyes: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path).create()
    assert catalogue.bring(HOME, workspace, str(eyes)).kind == "vision"
    assert checking.require_model(eyes, "eyes") == ("vision", "")


# Adapters


def matrices(hidden: int = 64, fill: float = 0.5) -> dict[str, "np.ndarray[Any, Any]"]:
    return {
        f"base_model.model.model.language_model.layers.{layer}.self_attn.q_proj.lora_{side}.weight": np.full(
            shape, fill, np.float32
        )
        for layer in range(2)
        for side, shape in (("A", (4, hidden)), ("B", (hidden, 4)))
    }


ADAPTERS: list[tuple[str, dict[str, Any], dict[str, Any], Sentences]] = [
    ("76 not a number", {"fill": np.nan}, {},
     ("The adapter contains invalid numbers (NaN) in 4 of 4 tensors.",
      "Adaptorul conține numere nevalide (NaN) în 4 din 4 tensori.",
      "L'adattatore contiene numeri non validi (NaN) in 4 tensori su 4.")),
    ("77 other base", {"hidden": 96}, {},
     ('This adapter was made for "tiny". The loaded model is "eyes".',
      "Acest adaptor a fost făcut pentru „tiny”. Modelul încărcat este „eyes”.",
      "Questo adattatore è stato fatto per «tiny». Il modello caricato è «eyes».")),
    ("78 no such layers", {}, {"target_modules": ["nope"]},
     ('The layers "nope" do not exist in this model. Available: ',
      "Straturile „nope” nu există în acest model. Disponibile: ",
      "Gli strati «nope» non esistono in questo modello. Disponibili: ")),
    ("79 unknown kind", {}, {"peft_type": "EVIL"},
     ('Adapter type "EVIL" is not supported.',
      "Tipul de adaptor „EVIL” nu este acceptat.",
      "Il tipo di adattatore «EVIL» non è supportato.")),
]  # fmt: skip


@pytest.mark.parametrize(("made", "config", "sentences"), [row[1:] for row in ADAPTERS], ids=[r[0] for r in ADAPTERS])
def test_an_adapter_that_is_wrong_is_not_put_on_a_model_that_sees(
    eyes: Path, tmp_path: Path, made: dict[str, Any], config: dict[str, Any], sentences: Sentences
) -> None:
    model = Model(id="eyes", name="eyes", location=str(eyes), kind="vision")
    folder = adapter(tmp_path / "theirs", matrices(**made), **{"target_modules": ["q_proj"], **config})
    assert begins(said(lambda: adapters.check(folder, model)), sentences)


def test_a_sound_adapter_is_put_on_it_and_one_of_a_base_that_is_not_here_is_not(eyes: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace").create()
    folder = adapter(tmp_path / "theirs", matrices(), base_model_name_or_path="evil/repo", target_modules=["q_proj"])
    adapters.check(folder, Model(id="eyes", name="eyes", location=str(eyes), kind="vision"))
    assert said(lambda: adapters.base_of(HOME, workspace, folder)) == (
        'The base model "evil/repo" is not installed here.',
        "Modelul de bază „evil/repo” nu este instalat aici.",
        "Il modello di base «evil/repo» non è installato qui.",
    )


# What goes together


@pytest.fixture
def workspace(eyes: Path, tmp_path: Path) -> Workspace:
    """With a model that sees, and three pictures with captions."""
    made = Workspace(tmp_path / "workspace").create()
    catalogue.register(HOME, made, Model(id="", name="eyes", location=str(eyes), kind="vision"))
    album(made, "album", 3, captions=True)
    return made


SEES = {"objective": "vision"}
PAIRS: list[tuple[str, dict[str, Any], str, str, str, Sentences]] = [
    ("a text model for pictures", SEES, "starter", "album", "model",
     ('The model "Starter, 2 million" sees no pictures. Choose a vision model',
      "Modelul „Model de început, 2 milioane” nu vede imagini. Alege un model cu vedere",
      "Il modello «Modello di partenza, 2 milioni» non vede le immagini. Scegli un modello visivo")),
    ("a text model for chats and a recipe for pictures", SEES, "starter", "starter-ro", "model",
     ('The model "Starter, 2 million" sees no pictures.',
      "Modelul „Model de început, 2 milioane” nu vede imagini.",
      "Il modello «Modello di partenza, 2 milioni» non vede le immagini.")),
    ("pictures and a recipe for chats", {}, "starter", "album", "data",
     ('The data set "album" holds picture with a caption rows, but this recipe trains on chat rows.',
      "Setul de date „album” conține rânduri de tip imagine cu descriere, dar rețeta antrenează pe rânduri de tip",
      "Il dataset «album» contiene righe di tipo immagine con didascalia, ma questa ricetta addestra su")),
    ("a model that sees and a recipe for chats", {}, "eyes", "starter-ro", "model",
     ('The model "eyes" reads pictures, and this recipe does not. Set the objective to pictures',
      "Modelul „eyes” citește imagini, iar rețeta nu. Pune obiectivul pe imagini",
      "Il modello «eyes» legge immagini, questa ricetta no. Imposta l'obiettivo su immagini")),
    ("a model that sees and pictures, and a recipe for chats", {}, "eyes", "album", "objective",
     ('The model "eyes" sees and the data "album" has pictures, but this recipe looks at none.',
      "Modelul „eyes” vede și datele „album” au imagini, dar această rețetă nu se uită la niciuna.",
      "Il modello «eyes» vede e i dati «album» hanno immagini, ma questa ricetta non ne guarda nessuna.")),
    ("plain text for a model that sees", SEES, "eyes", "starter-ro-plain", "data",
     ('The data set "Plain Romanian sentences" holds plain text rows, but this recipe trains on chat about pictures',
      "Setul de date „",
      "Il dataset «")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("recipe", "model", "data", "at", "sentences"), [row[1:] for row in PAIRS], ids=[row[0] for row in PAIRS]
)
def test_what_does_not_go_together_is_said_once_at_its_field(
    workspace: Workspace, recipe: dict[str, Any], model: str, data: str, at: str, sentences: Sentences
) -> None:
    found = submit.unfit(HOME, workspace, Recipe.model_validate(recipe), model=model, data=data)
    assert list(found) == [at]
    assert begins([found[at].say(language) for language in LANGUAGES], sentences)
    with pytest.raises(type(found[at])):
        submit.prepare(HOME, workspace, Recipe.model_validate(recipe), model=model, data=data, forecast={})


def test_what_goes_together_is_taken(workspace: Workspace) -> None:
    sees = Recipe.model_validate(SEES)
    for data in ("album", "starter-ro"):
        assert submit.unfit(HOME, workspace, sees, model="eyes", data=data) == {}


def test_pictures_are_replayed_to_pictures_only(workspace: Workspace) -> None:
    wanted = {"replay": {"data": "album", "share": 0.5}}
    found = submit.unfit(HOME, workspace, Recipe.model_validate(wanted), model="starter", data="starter-ro")
    assert {at: fault.key for at, fault in found.items()} == {"replay.data": "training.with_pictures"}
    seen = Recipe.model_validate(SEES | wanted)
    assert submit.unfit(HOME, workspace, seen, model="eyes", data="starter-ro") == {}
    assert isinstance(submit.unfit(HOME, workspace, seen, model="starter", data="album")["model"], ModelError)
