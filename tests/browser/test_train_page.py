"""Home and Train as a person uses them: every button, what is wrong said where it is, nothing that was typed lost."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.browser.person import LONG, Studio, Watch, opened, signed_in, still, tab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]


def box(page: Page, name: str) -> Locator:
    """What is typed into, of the field with this id."""
    return page.locator(f"#{name} :is(textarea, input)").first


def types(page: Page, name: str, text: str) -> None:
    box(page, name).press("Control+a")
    box(page, name).press_sequentially(text) if text else box(page, name).press("Delete")


def test_every_button_of_home_and_train(studio: Studio, browser: Browser, tmp_path: Path) -> None:
    watch = Watch(studio.address)
    context = signed_in(browser, studio, locale="en-GB")
    page = watch.over(context.new_page())
    opened(page, f"{studio.address}/en/")
    try:
        goes_from_home(page)
        is_told_what_is_wrong(page)
        finds_and_understands(page)
        loses_nothing(page, context, studio)
        keeps_recipes(page)
        takes_a_recipe_away_and_brings_it_back(page, tmp_path)
        adds_examples(page, tmp_path)
        starts_and_uses_it_again(page)
    except BaseException:
        page.screenshot(path=tmp_path / "failed.png", full_page=True)
        raise
    assert watch.outside == []
    assert watch.broken == []


def goes_from_home(page: Page) -> None:
    """The first button and both doors lead where they say; the computer is described."""
    expect(page.locator("#first")).to_contain_text("Train your first adapter")
    expect(page.locator("#machine")).to_contain_text("free of")
    expect(page.locator("#again")).to_have_count(0)
    page.locator(".door", has_text="Chat").click()
    expect(page.locator("#tab-chat-button")).to_have_attribute("aria-selected", "true")
    tab(page, "home")
    page.locator(".door", has_text="Train").click()
    expect(page.locator("#start")).to_be_in_viewport(ratio=1)
    tab(page, "home")
    page.locator("#first").click()
    expect(page.locator(".forecast .verdict")).to_contain_text("Fits")


def is_told_what_is_wrong(page: Page) -> None:
    """At the field and beside the button, which leads to the field; what was typed stays."""
    wrong = (
        ("field-lora__rank", "abc", "Rank must be"),
        ("train-name", "<img src=x onerror=window.PWN=1>", "not allowed"),
        ("field-schedule__learning_rate", "inf", "Learning rate must be"),
    )
    for name, text, said in wrong:
        before = box(page, name).input_value()
        types(page, name, text)
        still(page)
        expect(page.locator(f"#{name} .fault")).to_contain_text(said)
        expect(box(page, name)).to_have_attribute("aria-invalid", "true")
        expect(page.locator("#start")).to_be_disabled()
        page.locator("#missing button").first.click()
        expect(box(page, name)).to_be_focused()
        expect(box(page, name)).to_have_value(text)
        types(page, name, before)
        expect(page.locator("#start")).to_be_enabled()
        expect(box(page, name)).not_to_have_attribute("aria-invalid", "true")


def finds_and_understands(page: Page) -> None:
    """Settings by a word; what was changed; help; the same as a command."""
    types(page, "field-lora__rank", "8")
    types(page, "field-schedule__learning_rate", "0,001")
    expect(page.locator("#changed")).to_have_text("2 changed")
    expect(page.locator("#field-lora__rank")).to_have_attribute("data-changed", "yes")
    page.locator("#field-lora__rank .more").click()
    expect(page.locator("#help-lora__rank")).to_contain_text("From 1 to 256.")
    types(page, "find", "dropout")
    expect(page.locator("#field-lora__dropout")).to_be_visible()
    expect(page.locator("#field-method")).to_be_hidden()
    types(page, "find", "zzzz")
    expect(page.get_by_text("No setting fits this")).to_be_visible()
    types(page, "find", "")
    page.locator("#changed").click()
    expect(page.locator("#field-method")).to_be_hidden()
    expect(page.locator("#field-lora__rank")).to_be_visible()
    page.locator("#changed").click()
    for group in ("length", "adapter", "learning", "memory", "watching", "command"):
        page.locator(f"#open-{group}").click()
        expect(page.locator(f"#panel-{group}")).to_be_visible()
    command = page.locator("#panel-command textarea")
    expect(command).to_have_value(re.compile(r"launch\.py train starter-lora "))
    expect(command).to_have_value(re.compile(r" --set lora\.rank=8 --set schedule\.learning_rate=0\.001"))


def loses_nothing(page: Page, context: BrowserContext, studio: Studio) -> None:
    """Neither a reload, nor a second tab, nor going away and back, nor a studio that was killed."""
    page.reload()
    tab(page, "train")
    expect(box(page, "field-lora__rank")).to_have_value("8")
    second = context.new_page()
    opened(second, f"{studio.address}/en/")
    tab(second, "train")
    expect(box(second, "field-lora__rank")).to_have_value("8")
    second.close()
    page.goto("about:blank")
    studio.kill_page()
    studio.start_page()
    page.go_back()
    tab(page, "train")
    expect(box(page, "field-lora__rank")).to_have_value("8")
    expect(page.locator("#changed")).to_have_text("2 changed")
    page.locator("#reset").click()
    expect(box(page, "field-lora__rank")).to_have_value("16")
    expect(page.locator("#changed")).to_have_text("Nothing changed")
    still(page)


def keeps_recipes(page: Page) -> None:
    """Saved; replaced after a second press."""
    types(page, "field-lora__rank", "4")
    page.locator("#open-recipes").click()
    types(page, "recipe-name", "a/b")
    page.locator("#recipe-save").click()
    expect(page.locator("#recipe-said .fault")).to_contain_text("not allowed")
    expect(box(page, "recipe-name")).to_have_attribute("aria-invalid", "true")
    types(page, "recipe-name", "mine")
    page.locator("#recipe-save").click()
    expect(page.locator("#recipe-said")).to_contain_text("Saved as “mine”")
    expect(box(page, "train-recipe")).to_have_value("mine (mine)")
    expect(page.locator("#changed")).to_have_text("Nothing changed")
    still(page)
    types(page, "field-lora__rank", "5")
    page.locator("#recipe-save").click()
    expect(page.locator("#recipe-save")).to_have_text("Replace it")
    page.locator("#recipe-save").click()
    expect(page.locator("#recipe-said")).to_contain_text("Saved as “mine”")
    still(page)


def takes_a_recipe_away_and_brings_it_back(page: Page, folder: Path) -> None:
    """Downloaded, uploaded, deleted."""
    with page.expect_download() as downloading:
        page.locator("#recipe-download").click()
    file = folder / downloading.value.suggested_filename
    downloading.value.save_as(file)
    assert "rank: 5" in file.read_text(encoding="utf-8")
    bad = folder / "bad.yaml"
    bad.write_text("schedule: {learning_rat: 1}")
    upload = page.locator("#panel-recipes input[type=file]")
    upload.set_input_files(bad)
    expect(page.locator("#recipe-said .fault")).to_contain_text("Did you mean")
    upload.set_input_files(file)
    expect(box(page, "train-recipe")).to_have_value("mine 2 (mine)")
    still(page)
    page.locator("#recipe-delete").click()
    page.get_by_role("button", name="Keep it").click()
    still(page)
    page.locator("#recipe-delete").click()
    page.get_by_role("button", name="Delete it for good").click()
    expect(page.locator("#recipe-said")).to_contain_text("“mine 2” is deleted")
    expect(box(page, "train-recipe")).to_have_value("Romanian by LoRA")
    expect(box(page, "field-lora__rank")).to_have_value("16")
    still(page)


def adds_examples(page: Page, folder: Path) -> None:
    """A bad name is said at the name; the file stays, and a good name is enough."""
    chats = [
        [{"role": "user", "content": f"{n} + 1?"}, {"role": "assistant", "content": f"{n + 1}"}] for n in range(20)
    ]
    file = folder / "sums.jsonl"
    file.write_text("\n".join(json.dumps({"messages": chat}) for chat in chats))
    page.locator("#open-data").click()
    types(page, "data-name", "../../etc")
    page.locator("#panel-data input[type=file]").set_input_files(file)
    expect(page.locator("#added .fault")).to_be_visible()
    expect(box(page, "data-name")).to_have_attribute("aria-invalid", "true")
    types(page, "data-name", "sums")
    page.locator("#data-again").click()
    expect(page.locator("#added")).to_contain_text("Added “sums” with 20 examples")
    expect(box(page, "train-data")).to_have_value("sums (20)")
    still(page)


def starts_and_uses_it_again(page: Page) -> None:
    """The run is on Home while it runs and after it; its settings fill the form again."""
    page.locator("#open-length").click()
    types(page, "field-schedule__max_steps", "2")
    types(page, "train-name", "first one")
    expect(page.locator("#start")).to_be_enabled()
    page.locator("#start").click()
    expect(page.locator(".run-head h2")).to_contain_text("first one")
    tab(page, "home")
    expect(page.locator("#first")).to_have_text(re.compile("(Watch|Chat with) “first one”"))
    expect(page.locator("#first")).to_have_text("Chat with “first one”", timeout=LONG)
    expect(page.locator("#story")).to_contain_text("It is ready: ask it something.")
    page.locator("#look").click()
    expect(page.locator("#tab-runs-button")).to_have_attribute("aria-selected", "true")
    expect(page.locator(".run-head h2")).to_contain_text("first one")
    tab(page, "home")
    page.locator("#talk").click()
    expect(page.locator("#tab-chat-button")).to_have_attribute("aria-selected", "true")
    tab(page, "home")
    page.locator("#again").click()
    box(page, "recipe-run").click()
    still(page)
    page.get_by_role("option", name="first one").click()
    expect(box(page, "train-recipe")).to_have_value("As “first one” was started")
    expect(box(page, "train-name")).to_have_value("first one 2")
    expect(box(page, "train-data")).to_have_value("sums (20)")
    still(page)


@pytest.mark.parametrize("language", ["en", "ro", "it"])
def test_start_is_in_sight_on_every_screen_and_nothing_is_wider_than_a_phone(
    studio: Studio, browser: Browser, language: str
) -> None:
    context = signed_in(browser, studio)
    page = context.new_page()
    for width, height in ((1366, 768), (390, 844), (360, 740)):
        page.set_viewport_size({"width": width, "height": height})
        opened(page, f"{studio.address}/{language}/")
        tab(page, "train")
        expect(page.locator("#start")).to_be_enabled()
        expect(page.locator("#start")).to_be_in_viewport(ratio=1)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()
