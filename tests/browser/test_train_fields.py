"""The Train form as a person fills it in wrongly, one field of each kind; its tools, pressed one by one."""

import json
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from backend.forecast import calibration, prior
from backend.hardware import this_machine
from backend.paths import ROOT
from studio.services.door import Services
from studio.text import Words
from tests.browser.person import LONG, Studio, Watch, opened, running, signed_in, still, tab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
# One field of each kind that is typed into, and what is wrong with it.
TYPED = (
    ("lora__rank", "10000", "1–256"),  # a whole number in narrow bounds
    ("batch__max_length", "1e12", "131072"),  # in wide ones
    ("schedule__learning_rate", "nan", "între"),  # a number
    ("schedule__epochs", "-1", "mai mare ca 0"),  # a bound that is itself not allowed
    ("adam_beta2", "1,5", "mai mică de 1"),
    ("schedule__max_steps", "<img src=x onerror=window.PWN=1>", "cel puțin 1"),  # one that may be empty
)
BAD_NAMES = ("   ", "../../etc", "CON", "x" * 300, "a\u202eb", "--help", "$(id)", "<b>x</b>", "{0.__class__}", ".x")


def box(page: Page, name: str) -> Locator:
    return page.locator(f"#{name} :is(textarea, input)").first


def wrong(page: Page, field: str, typed: str, said: str | re.Pattern[str]) -> None:
    """It is said at the field, what was typed is still there, and there is no way to start."""
    expect(page.locator(f"#{field} .fault")).to_contain_text(said)
    expect(box(page, field)).to_have_attribute("aria-invalid", "true")
    expect(box(page, field)).to_have_value(typed)
    expect(page.locator("#missing button").first).to_be_visible()
    expect(page.locator("#start")).to_be_disabled()


def well(page: Page, field: str) -> None:
    expect(box(page, field)).not_to_have_attribute("aria-invalid", "true")
    expect(page.locator("#missing button")).to_have_count(0)
    expect(page.locator("#start")).to_be_enabled()


@pytest.fixture
def train(studio: Studio, browser: Browser) -> Page:
    """Train in Romanian, with nothing typed yet and everything unfolded."""
    page = signed_in(browser, studio).new_page()
    opened(page, f"{studio.address}/ro/")
    tab(page, "train")
    expect(page.locator("#start")).to_be_enabled()
    for group in ("length", "adapter", "learning", "memory", "watching", "command", "data", "recipes"):
        page.locator(f"#open-{group}").click()
        expect(page.locator(f"#panel-{group}")).to_be_visible()
    return page


def test_each_kind_of_field_says_what_is_wrong_with_it_and_keeps_what_was_typed(train: Page, studio: Studio) -> None:
    watch = Watch(studio.address)
    watch.over(train)
    for name, text, said in TYPED:
        field = f"field-{name}" if "__" in name else f"field-schedule__{name}"
        before = box(train, field).input_value()
        box(train, field).fill(text)
        wrong(train, field, text, said)
        box(train, field).fill(before)
        well(train, field)
    for text in BAD_NAMES:
        box(train, "train-name").fill(text)
        wrong(train, "train-name", text, re.compile("."))
    box(train, "train-name").fill("bună")
    well(train, "train-name")
    assert train.evaluate("window.PWN") is None
    assert (watch.outside, watch.broken) == ([], [])
    train.context.close()


def test_a_decimal_comma_and_thousands_are_taken_as_they_are_meant(train: Page) -> None:
    box(train, "field-schedule__learning_rate").fill("0,001")
    box(train, "field-batch__max_length").fill("1.000")
    expect(train.locator("#panel-command textarea")).to_have_value(
        re.compile(r"schedule\.learning_rate=0\.001.*batch\.max_length=1000")
    )
    well(train, "field-batch__max_length")
    train.locator("#reset").click()
    expect(box(train, "field-schedule__learning_rate")).to_have_value("0,006")
    train.context.close()


def chosen(page: Page, field: str, option: str) -> None:
    """From the list of this field."""
    box(page, field).click()
    page.get_by_role("option", name=option, exact=True).click()
    expect(box(page, field)).to_have_value(option)


def test_the_start_button_says_each_thing_that_is_missing_and_leads_to_it(train: Page) -> None:
    box(train, "train-name").fill("")
    wrong(train, "train-name", "", "Dă un nume")
    box(train, "train-name").fill("bună")
    well(train, "train-name")
    box(train, "field-watching__check").fill("nu există")
    box(train, "field-watching__check").press("Enter")
    wrong(train, "field-watching__check", "nu există", "nu e aici")
    expect(train.locator(".forecast .verdict")).to_contain_text("Încape")
    chosen(train, "field-watching__check", "niciunul")
    well(train, "field-watching__check")
    box(train, "field-replay__share").fill("0,5")
    wrong(train, "field-replay__data", "niciunul", re.compile("."))
    box(train, "field-replay__share").fill("0")
    well(train, "field-replay__data")
    chosen(train, "field-objective", "Text")
    wrong(train, "train-data", box(train, "train-data").input_value(), "text simplu")
    train.locator("#missing button").first.click()
    expect(box(train, "train-data")).to_be_focused()
    train.keyboard.press("Escape")
    train.locator("#reset").click()
    well(train, "train-data")
    train.context.close()


def test_the_command_is_copied_and_started_in_a_terminal_it_is_the_same_run(train: Page, studio: Studio) -> None:
    train.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=studio.address)
    box(train, "train-name").fill("din terminal")
    box(train, "field-schedule__max_steps").fill("1")
    box(train, "field-schedule__learning_rate").fill("0,0015")
    box(train, "field-lora__rank").fill("4")
    chosen(train, "field-watching__check", "niciunul")
    command = train.locator("#panel-command textarea")
    for part in ("max_steps=1", "learning_rate=0.0015", "rank=4", "check=none", "din terminal"):
        expect(command).to_have_value(re.compile(re.escape(part)))
    train.locator("#copy").click()
    expect(train.locator("#copy")).to_have_text("Copiat")
    train.wait_for_function("navigator.clipboard.readText().then((text) => text.includes('launch.py'))")
    copied: str = train.evaluate("navigator.clipboard.readText()")
    assert copied == command.input_value()
    _, *words = shlex.split(copied)
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=LONG / 1000)
    assert done.returncode == 0, done.stderr
    services = Services.at(studio.workspace)
    run = next(job for job in services.runs() if job.name == "din terminal")
    found = services.my_runs.settings(run.id)
    assert found is not None
    changed = {one.name: one.after for one in found.changed}
    assert changed == {
        "lora.rank": 4, "schedule.max_steps": 1, "schedule.learning_rate": 0.0015, "watching.check": None,
    }  # fmt: skip
    expect(train.locator("#train-name .fault")).to_be_visible(timeout=LONG)
    train.context.close()


def test_a_file_can_be_taken_away_again_and_one_of_any_other_kind_is_refused_at_its_field(
    train: Page, tmp_path: Path
) -> None:
    said, upload = train.locator("#added"), train.locator("#panel-data input[type=file]")
    expect(upload).to_have_attribute("accept", ".jsonl,.txt,.parquet")
    bad = tmp_path / "rele.jsonl"
    bad.write_text('{"messages": [}\n')
    upload.set_input_files(bad)
    expect(said.locator(".fault")).to_contain_text("Linia 1")
    expect(train.locator("#data-file")).to_contain_text("rele")
    expect(train.locator("#data-again")).to_be_visible()
    train.locator("#data-file").get_by_label("Golește").click()
    expect(said.locator(".fault")).to_have_count(0)
    expect(train.locator("#data-again")).to_be_hidden()
    expect(train.locator("#data-file")).not_to_contain_text("rele")
    picture = tmp_path / "poză.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    upload.set_input_files(picture)
    expect(said.locator(".fault")).to_be_visible()
    expect(train.locator("#data-file")).to_contain_text("poză")
    for text, told in (
        ("schedule: {learning_rat: 1}", "learning_rate"),
        ("a: !!python/object:x y", "linia 1"),
        ("", "nu conține setări"),
    ):
        file = tmp_path / "rețetă.yaml"
        file.write_text(text)
        with train.expect_file_chooser() as choosing:
            train.locator("#recipe-upload").click()
        choosing.value.set_files(file)
        expect(train.locator("#recipe-said .fault")).to_contain_text(re.compile(told))
    train.context.close()


def test_the_names_of_recipes_and_sets_are_refused_at_their_fields(train: Page, studio: Studio, tmp_path: Path) -> None:
    file = tmp_path / "adunări.jsonl"
    rows = [[{"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": "Da."}] for n in range(20)]
    file.write_text("".join(json.dumps({"messages": row}) + "\n" for row in rows))
    for text in BAD_NAMES:
        box(train, "recipe-name").fill(text)
        still(train)
        train.locator("#recipe-save").click()
        still(train)
        expect(train.locator("#recipe-said .fault")).to_be_visible()
        expect(box(train, "recipe-name")).to_have_attribute("aria-invalid", "true")
        expect(box(train, "recipe-name")).to_have_value(text)
    box(train, "data-name").fill("../../etc")
    train.locator("#panel-data input[type=file]").set_input_files(file)
    expect(train.locator("#added .fault")).to_contain_text("/")
    for text in BAD_NAMES[2:]:
        box(train, "data-name").fill(text)
        still(train)
        train.locator("#data-again").click()
        still(train)
        expect(train.locator("#added .fault")).to_be_visible()
        expect(box(train, "data-name")).to_have_value(text)
    assert not any(one.name in BAD_NAMES for one in Services.at(studio.workspace).datasets())
    train.context.close()


def test_the_forecast_renews_by_itself_once_this_computer_is_measured(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a supervisor nobody measures it but this test."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    rough = Words("ro").t("forecast.rough")
    with running(tmp_path, supervised=False) as studio:
        page = signed_in(browser, studio).new_page()
        opened(page, f"{studio.address}/ro/")
        tab(page, "train")
        expect(page.locator("#forecast")).to_contain_text(rough)
        workspace = Services.at(studio.workspace).workspace
        machine = this_machine(workspace.root)
        known = prior.guess(replace(machine, gpus=()))
        assert known is not None
        calibration.save(workspace, machine, known.model_copy(update={"rough": False}))
        expect(page.locator("#forecast")).not_to_contain_text(rough)
        expect(page.locator("#forecast .verdict")).to_be_visible()
        page.context.close()


@pytest.mark.parametrize("language", ["en", "ro", "it"])
def test_start_is_in_sight_with_faults_and_the_longest_names(studio: Studio, browser: Browser, language: str) -> None:
    page = signed_in(browser, studio).new_page()
    opened(page, f"{studio.address}/{language}/")
    tab(page, "train")
    expect(page.locator("#start")).to_be_in_viewport(ratio=1)
    box(page, "train-name").fill("a" * 64)
    expect(page.locator("#forecast .verdict")).to_be_visible()
    still(page)
    expect(page.locator("#start")).to_be_enabled()
    expect(page.locator("#start")).to_be_in_viewport(ratio=1)
    for name in ("lora__rank", "lora__alpha", "schedule__learning_rate", "schedule__epochs", "batch__size"):
        box(page, f"field-{name}").fill("9" * 200)
        expect(page.locator(f"#field-{name} .fault")).to_be_visible()
    box(page, "train-name").fill("a/" * 100)
    expect(page.locator("#train-name .fault")).to_be_visible()
    expect(page.locator("#start")).to_be_in_viewport(ratio=1)
    expect(page.locator("#missing button").first).to_be_in_viewport(ratio=1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 1366
    page.context.close()
