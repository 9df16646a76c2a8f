"""Recipes: what may be written, what is said when it may not, and the recipes that ship."""

import time
from pathlib import Path
from typing import Any

import pytest

from backend.errors import AccessError, JobError, RecipeError
from backend.messages import LANGUAGES
from backend.paths import RECIPES, Workspace
from backend.people import HOME, Person
from backend.recipes import load, provenance, reference, text
from backend.recipes.leaves import by_name, value
from backend.recipes.schema import Recipe

SHIPPED = sorted(
    (path for path in RECIPES.glob("*/*.yaml") if path.parent.name != "chains"),
    key=lambda path: (path.parent.name != "starter", path),
)
# What a recipe is for, and how a run is watched: nothing to take from a paper.
NO_PROVENANCE = ("defaults.", "watching.", "method", "objective", "replay.data")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path).create()


def recipe(written: str) -> Recipe:
    return load.parse(text.values(written))


def refusal(written: str) -> str:
    with pytest.raises(RecipeError) as caught:
        recipe(written)
    for language in LANGUAGES:
        assert "{" not in caught.value.say(language)
    return str(caught.value)


FAULTS = [
    ("a: !!python/object/apply:os.system [x]", "The file contains a forbidden tag (line 1)."),
    ("method: lora\nlora: !!map {rank: 8}", "The file contains a forbidden tag (line 2)."),
    ("a: &x [1]\nb: [*x, *x]", "The file uses aliases (&, *), which are not allowed."),
    ("a: &x 1", "The file uses aliases (&, *), which are not allowed."),
    ("schedule: {learning_rat: 1}", 'Unknown setting "learning_rat". Did you mean "learning_rate"?'),
    ("learning_rate: 1e-4", 'Unknown setting "learning_rate". Did you mean "schedule.learning_rate"?'),
    ("metod: lora", 'Unknown setting "metod". Did you mean "method"?'),
    ("lora: {3: 1}", 'Unknown setting "3".'),
    ("zzzz: 1", 'Unknown setting "zzzz".'),
    ("provenance: {lora.rnk: {source: ours}}", 'Unknown setting "rnk". Did you mean "rank"?'),
    ("batch: {size: 0}", "Batch size must be at least 1."),
    ("batch: {size: 5000}", "Batch size must be at most 4096."),
    ("batch: {size: 1.5}", "Batch size must be a whole number."),
    ("batch: {size: true}", "Batch size must be at least 1."),
    ("schedule: {epochs: -1}", "Epochs must be above 0 and at most 1000."),
    ("schedule: {max_steps: 0}", "Maximum steps must be at least 1."),
    ("schedule: {adam_beta2: 1}", "Adam beta2 must be at least 0.5 and below 1."),
    ("lora: {rank: 0}", "Rank must be 1–256."),
    ("lora: {rank: -3}", "Rank must be 1–256."),
    ("lora: {rank: 10000}", "Rank must be 1–256."),
    ("lora: {dropout: 1.5}", "Dropout must be between 0 and 0.9."),
    ("method: loro", "Method must be one of: lora, qlora, full."),
    ("quantisation: {double: maybe}", "Double quantisation must be true or false."),
    ("replay: {data: 5}", "Replay data must be a text that is not empty or too long."),
    ("replay: {share: 0.5}", "Replay share is above 0, but no replay data is named."),
    (
        "objective: text\nreplay: {share: 0.5, data: x}",
        "Replay works with chats and pictures only. Set replay share to 0.",
    ),
    ("lora: 5", '"lora" must hold settings of its own.'),
    ("lora:", '"lora" must hold settings of its own.'),
    ("title: x", "The title must be given by language (en, ro, it)."),
    ("about: {fr: x}", "The description must be given by language (en, ro, it)."),
    ("provenance: {lora.rank: {source: me}}",
     "Where a value comes from must be one of: paper, public card, repository, third party, inferred, ours, "
     "not published; with a note."),
    ("watching: {questions: [{expected: a}]}",
     'Test questions: give at most 20, each with "question" (not empty, at most 2000 characters) and "expected".'),
    ("", 'The recipe holds no settings. Write one per line, like "method: lora".'),
    ("- 1", 'The recipe holds no settings. Write one per line, like "method: lora".'),
    ("lora: {rank: 8", "The recipe is not valid YAML (line 1, column 15)."),
    ("method: lora\nmethod: full", 'The setting "method" is written twice (line 2).'),
    ("? [a]\n: 1", "The name of a setting must be a word (line 1)."),
    ("a: " + "[" * 30 + "]" * 30, "The recipe is nested too deeply (limit 20)."),
    ("[" * 900_000, "The recipe is nested too deeply (limit 20)."),
    ("\n".join(f"k{n}: 1" for n in range(9000)), "The recipe has too many entries (limit 5000)."),
    ("x" * 1_000_001, "The file is larger than 1 MB."),
    ("a: \x00", "The recipe contains characters that YAML does not allow."),
]  # fmt: skip


@pytest.mark.parametrize(("written", "sentence"), FAULTS, ids=[f"{n}-{s[:40]}" for n, (_, s) in enumerate(FAULTS)])
def test_a_fault_is_said_in_one_sentence(written: str, sentence: str) -> None:
    assert refusal(written) == sentence


@pytest.mark.parametrize("rate", [".inf", ".nan", "-1", "abc", "1e3", "0", "inf", "1e-8", "'nan'"])
def test_a_learning_rate_out_of_bounds_is_said_with_its_bounds(rate: str) -> None:
    assert refusal(f"schedule: {{learning_rate: {rate}}}") == "Learning rate must be between 1e-7 and 1."


def test_a_fault_is_said_in_the_language_of_the_reader() -> None:
    with pytest.raises(RecipeError) as caught:
        recipe("lora: {dropout: 1.5}")
    assert caught.value.say("ro") == "Dropout (LoRA dropout): valoarea trebuie să fie între 0 și 0,9."
    assert caught.value.say("it") == "Dropout (LoRA dropout): il valore deve essere tra 0 e 0,9."


def test_a_file_that_would_unfold_to_billions_is_refused_at_once() -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    began = time.process_time()
    assert refusal(bomb) == "The file uses aliases (&, *), which are not allowed."
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("written", "name", "meant"),
    [
        ("schedule: {learning_rate: 1e-4}", "schedule.learning_rate", 1e-4),
        ("schedule: {learning_rate: '0,0003'}", "schedule.learning_rate", 3e-4),
        ("schedule:\n  learning_rate: 0,0003", "schedule.learning_rate", 3e-4),
        ("replay: {data: no}", "replay.data", "no"),
        ("replay: {data: 2026-01-01}", "replay.data", "2026-01-01"),
        ("replay: {data: ~}", "replay.data", None),
        ("compute: {gradient_checkpointing: on}", "compute.gradient_checkpointing", "on"),
        ("compute: {seed: 010}", "compute.seed", 10),
        ("lora: {rank: '8'}", "lora.rank", 8),
        ("lora: {rank: 8.0}", "lora.rank", 8),
        ("schedule: {max_steps: }", "schedule.max_steps", None),
        ("quantisation: {double: false}", "quantisation.double", False),
    ],
)
def test_values_are_read_as_they_are_meant(written: str, name: str, meant: Any) -> None:
    assert value(recipe(written), name) == meant


def test_there_are_shipped_recipes() -> None:
    assert {"starter-lora", "starter-qlora", "starter-mixed", "starter-full"} <= {path.stem for path in SHIPPED}
    assert [file.path for file in load.shipped()] == SHIPPED


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_recipe_says_what_it_is_and_where_its_values_come_from(path: Path) -> None:
    found = load.read(path)
    assert set(found.title) == set(found.about) == set(LANGUAGES)
    assert path.read_text("utf-8").startswith("# "), "The first line says the hardware, the time, and what to expect."
    own = {change.name for change in load.compare(Recipe(), found) if not change.name.startswith(NO_PROVENANCE)}
    assert all(provenance.of(found.provenance, name) for name in own), "Say where these values come from."
    assert all(source.note for source in found.provenance.values())


def test_every_setting_has_a_label_and_one_line_of_help_in_every_language() -> None:
    assert len(load.leaves()) > 25
    for language in LANGUAGES:
        labels = [field.label(language) for field in load.leaves()]
        assert len(set(labels)) == len(labels)
        for field in load.leaves():
            assert len(field.label(language)) <= 60, field.name
            assert 20 < len(field.help(language)) <= 160, field.name


def test_the_words_of_the_settings_name_no_setting_that_is_gone() -> None:
    from backend.messages import catalogue

    named = {
        key.removeprefix("recipe_fields.").removesuffix(".help")
        for key in catalogue("en")
        if key.startswith("recipe_fields.")
    }
    assert named == {field.name for field in load.leaves()}


def possible(name: str) -> list[str]:
    """What a setting that others depend on can be, as it is written in the form."""
    field = by_name()[name]
    if field.kind == "integer":
        assert field.low is not None
        assert field.high is not None
        return [str(number) for number in range(int(field.low), int(field.high) + 1)]
    return list(field.choices)


def test_every_condition_of_a_setting_names_a_setting_and_its_values() -> None:
    conditions = [(name, allowed) for field in load.leaves() for name, allowed in field.when.items()]
    assert conditions
    assert all(set(allowed) < set(possible(name)) for name, allowed in conditions)


@pytest.mark.parametrize("field", [f for f in load.leaves() if f.low is not None], ids=lambda f: f.name)
def test_the_bounds_a_form_shows_are_the_bounds_that_hold(field: load.Field) -> None:
    assert field.low is not None
    assert field.high is not None
    step = 1 if field.kind == "integer" else 1e-9
    inside = [field.low + step * field.low_open, field.high - step * field.high_open]
    with_data = {"replay.data": "x"} | ({"batch.accumulation": 8} if field.name == "compute.devices" else {})
    for good in inside:
        assert value(load.with_changes(Recipe(), {**with_data, field.name: good}), field.name) == good
    for bad in (field.low - step * (not field.low_open), field.high + step * (not field.high_open)):
        with pytest.raises(RecipeError):
            load.with_changes(Recipe(), {**with_data, field.name: bad})


def test_settings_are_changed_by_name() -> None:
    changed = load.with_changes(Recipe(), {"lora.rank": "8", "schedule__epochs": "2,5", "size": "16", "seed": 7})
    assert [change.name for change in load.compare(Recipe(), changed)] == [
        "lora.rank",
        "schedule.epochs",
        "batch.size",
        "compute.seed",
    ]
    assert (changed.lora.rank, changed.schedule.epochs, changed.effective_batch) == (8, 2.5, 16)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("lora.rnk", 'Unknown setting "rnk". Did you mean "rank"?'),
        ("lore.rank", 'Unknown setting "lore". Did you mean "lora"?'),
        ("method.x", 'Unknown setting "method.x". Did you mean "method"?'),
        ("data", 'Unknown setting "data". Did you mean "replay.data"?'),
    ],
)
def test_a_change_of_an_unknown_setting_is_refused(name: str, sentence: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load.with_changes(Recipe(), {name: "1"})
    assert str(caught.value) == sentence


def test_a_changed_value_loses_the_provenance_of_the_old_one() -> None:
    preset = recipe("lora: {rank: 8}\nprovenance: {lora.rank: {source: paper}, lora.alpha: {source: ours}}")
    assert set(load.with_changes(preset, {"lora.rank": "9"}).provenance) == {"lora.alpha"}
    assert set(load.with_changes(preset, {"lora.rank": "8"}).provenance) == {"lora.rank", "lora.alpha"}


def test_a_comparison_gives_both_values() -> None:
    found = load.compare(recipe("lora: {rank: 8}"), recipe("method: qlora"))
    assert found == [load.Change("method", "lora", "qlora"), load.Change("lora.rank", 8, 16)]


def test_a_written_recipe_is_read_back_the_same(tmp_path: Path) -> None:
    odd = {"replay.data": "no", "replay.share": 0.5, "schedule.learning_rate": 1e-7, "schedule.max_steps": 7}
    made = load.with_changes(load.read(RECIPES / "starter" / "starter-lora.yaml"), odd)
    load.write(made, tmp_path / "a.yaml")
    assert load.read(tmp_path / "a.yaml") == made


def test_a_saved_recipe_belongs_to_one_person(workspace: Workspace) -> None:
    saved = load.save(HOME, workspace, "Rețeta mea", Recipe())
    assert load.find(HOME, workspace, "rețeta mea") == load.find(HOME, workspace, saved.id) == saved
    assert load.available(HOME, workspace)[-1] == saved
    with pytest.raises(AccessError, match="There is no recipe"):
        load.find(Person("other"), workspace, saved.id)
    with pytest.raises(JobError, match=r'A recipe with this name already exists \("Rețeta mea"\)'):
        load.save(HOME, workspace, "REȚETA MEA", Recipe())
    load.delete(HOME, workspace, saved.id)
    assert saved.id not in {file.id for file in load.available(HOME, workspace)}


def test_a_saved_recipe_that_can_no_longer_be_read_does_not_hide_the_others(workspace: Workspace) -> None:
    saved = load.save(HOME, workspace, "good", Recipe())
    saved.path.with_name("old.yaml").write_text("a_setting_that_is_gone: 1\n")
    assert load.available(HOME, workspace) == [*load.shipped(), saved]


def test_a_shipped_recipe_is_found_by_id_and_title_and_cannot_be_deleted(workspace: Workspace) -> None:
    first = load.shipped()[0]
    assert load.find(HOME, workspace, first.id) == load.find(HOME, workspace, first.title("ro")) == first
    with pytest.raises(AccessError):
        load.delete(HOME, workspace, first.id)


def test_the_command_line_may_name_a_file_and_the_page_may_not(workspace: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_bytes(b"\xef\xbb\xbfmethod: full\n")
    assert load.bring(HOME, workspace, str(file)).recipe.method == "full"
    assert load.bring(HOME, workspace, "starter-lora").id == "starter-lora"
    with pytest.raises(AccessError):
        load.find(HOME, workspace, str(file))


def test_a_recipe_that_is_not_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes("title: {it: perché}".encode("latin-1"))
    with pytest.raises(RecipeError, match="not UTF-8"):
        load.read(file)
    file.write_bytes(b"#" * 1_000_001)
    with pytest.raises(RecipeError, match="larger than 1 MB"):
        load.read(file)


def test_the_reference_page_is_up_to_date() -> None:
    assert reference.PAGE.read_text("utf-8") == reference.page(), "Run `python -m backend.recipes.reference`."


@pytest.mark.parametrize(
    ("wrong", "field", "key"),
    [
        ({"batch.size": "1"}, "compute.devices", "recipes.devices_batch"),
        ({"objective": "preference"}, "compute.devices", "recipes.devices_preference"),
        ({"method": "qlora", "compute.sharding": "fsdp2"}, "compute.sharding", "recipes.fsdp2_quantised"),
        (
            {"schedule.optimizer": "adamw_8bit", "compute.sharding": "fsdp2"},
            "compute.sharding",
            "recipes.fsdp2_optimizer",
        ),
        ({"lora.start": "eva", "compute.sharding": "fsdp2"}, "compute.sharding", "recipes.fsdp2_start"),
        ({"lora.new_tokens": "<x>", "compute.sharding": "fsdp2"}, "compute.sharding", "recipes.fsdp2_tokens"),
    ],
)
def test_what_several_devices_cannot_share_is_said_at_its_setting(wrong: dict[str, str], field: str, key: str) -> None:
    found = load.checked(Recipe(), {"compute.devices": "2"} | wrong)
    assert {name: fault.key for name, fault in found.faults.items()} == {field: key}
    assert load.checked(Recipe(), wrong).recipe is not None
    if "compute.sharding" in wrong:
        assert load.checked(Recipe(), {"compute.devices": "2"} | wrong | {"compute.sharding": "ddp"}).recipe is not None
