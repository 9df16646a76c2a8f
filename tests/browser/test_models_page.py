"""The models as a person has them: found, looked at, fetched, stopped, gone on with, used, brought and removed.

The Hub is a small server on loopback, spoken to by the real huggingface_hub.
"""

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from backend.hub import credentials
from studio.services.door import Services
from studio.text import Words
from tests.browser.person import LONG, Studio, Watch, opened, running, signed_in, still, tab
from tests.browser.test_accessible import faults
from tests.browser.test_languages import english, left
from tests.hubserver import world
from tests.hubserver.server import Repository
from tests.hubserver.server import running as hub_running
from tests.hubserver.world import GOOD, TOKEN, WRONG_TOKEN, World
from tests.tiny_llama import write_model

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
CHOSEN, GATED, PICKLED = "Qwen/Qwen3-0.6B", "google/gemma-3-1b-it", "ana/pickled"
EN = Words("en")
SLOW = 40_000
MISSING = "nobody/nothing"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A Hub with a model of the chosen ones, one behind an agreement, one without safetensors; 25 of one name."""
    with pytest.MonkeyPatch.context() as changed:
        made = world.make(tmp_path_factory.mktemp("hub"), changed)
        files, many = dict(made.good.files), made.hub.repositories
        many[CHOSEN] = Repository(files, card={"license": "apache-2.0", "language": ["ro", "it"]})
        many[GATED] = Repository(files, card={"license": "gemma"}, gated="manual", let_in=frozenset({TOKEN}))
        pickled = {name: content for name, content in files.items() if name != "model.safetensors"}
        many[PICKLED] = Repository(pickled | {"pytorch_model.bin": b"\x80\x04"})
        many["ana/huge"] = Repository(files)
        for number in range(25):
            many[f"many/number-{number:02}"] = Repository(files, downloads=100 - number)
        with hub_running(made.hub) as server:
            changed.setenv("HF_ENDPOINT", server.url)
            yield made


@pytest.fixture(scope="module")
def studio(hub: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with running(tmp_path_factory.mktemp("models")) as studio:
        yield studio


@pytest.fixture
def page(studio: Studio, hub: World, browser: Browser) -> Iterator[Page]:
    """At the models, in English; afterwards nothing is left of them or on its way."""
    watch = Watch(studio.address)
    page = watch.over(signed_in(browser, studio).new_page())
    opened(page, f"{studio.address}/en/")
    models(page)
    yield page
    still(page)
    page.context.close()
    hub.hub.faults = replace(hub.hub.faults, bytes_each_second=None, instead={})
    mine = Services.at(studio.workspace).my_models
    mine.forget_token()
    for one in mine.models():
        if not one.shipped:
            mine.delete(one.id)
    assert mine.coming() == []
    assert (watch.outside, watch.broken) == ([], [])


def models(page: Page) -> None:
    tab(page, "models")
    expect(page.locator(".model").first).to_be_visible()
    expect(page.locator(".models-find h2")).to_be_visible()


def row(page: Page, hub_id: str) -> Locator:
    return page.locator(f"[data-hub='{hub_id}'] .hub-model")


def looks_at(page: Page, hub_id: str) -> Locator:
    """Found among the chosen ones by its name, and opened."""
    page.locator("#models-search").fill(hub_id.partition("/")[2])
    expect(page.locator(".hub-model")).to_have_count(1)
    row(page, hub_id).click()
    card = page.locator(".model-card")
    expect(card.locator("h3")).to_have_text(hub_id)
    expect(card.locator("h3")).to_be_focused()
    return card


def fetches(card: Locator) -> None:
    """The button works once the licence is accepted."""
    download = card.locator("[data-action=download]")
    expect(download).to_be_disabled()
    card.locator("#models-accept").check()
    expect(download).to_be_enabled()
    download.click()


def of_mine(page: Page, name: str) -> Locator:
    return page.locator(".model").filter(has=page.locator("b", has_text=name))


def asks_the_hub(page: Page, text: str) -> None:
    page.locator("[data-source=hub]").click()
    expect(page.locator("[data-source=hub]")).to_have_attribute("aria-pressed", "true")
    page.locator("#models-search").fill(text)
    with page.expect_response(re.compile("/models/(look|search)")):
        page.locator("#models-search").press("Enter")
    still(page)


def goes_wrong(page: Page, text: str, said: str) -> None:
    """Said at the field, in which what was typed stays."""
    asks_the_hub(page, text)
    expect(page.locator("#models-said")).to_contain_text(said)
    expect(page.locator("#models-search")).to_have_value(text)
    expect(page.locator("#models-search")).to_have_attribute("aria-invalid", "true")


def test_a_chosen_model_is_found_looked_at_accepted_fetched_trained_with_and_deleted(page: Page, hub: World) -> None:
    page.get_by_label(EN.t("live.models.any.language")).select_option("ro")
    expect(row(page, "Qwen/Qwen2.5-0.5B")).to_have_count(0)
    card = looks_at(page, CHOSEN)
    expect(card).to_contain_text("Do with it what you like")
    expect(card).to_contain_text("Apache License 2.0")
    expect(card.locator(".ways .fit.yes")).to_have_count(3)
    expect(card.locator("#models-accept")).to_be_visible()
    assert faults(page) == []
    hub.hub.faults.bytes_each_second = SLOW
    fetches(card)
    expect(card.locator(".saved")).to_have_text(EN.t("models.coming_now"))
    on_its_way = page.locator(".download")
    expect(on_its_way.locator(".progress")).to_be_visible(timeout=LONG)
    expect(on_its_way.locator(".detail")).to_contain_text("/s · ")
    assert faults(page) == []
    hub.hub.faults.bytes_each_second = None
    mine = of_mine(page, "Qwen3-0.6B")
    expect(mine).to_be_visible(timeout=LONG)
    expect(on_its_way).to_have_count(0)
    expect(card.locator(".saved")).to_contain_text("already, as “Qwen3-0.6B”")
    trains_with(page, mine)
    models(page)
    expect(card.locator("h3")).to_have_text(CHOSEN)
    page.locator("[data-action=back]").click()
    expect(row(page, CHOSEN)).to_contain_text(EN.t("models.here"))
    deletes(page, mine)
    expect(row(page, CHOSEN)).not_to_contain_text(EN.t("models.here"))


def trains_with(page: Page, mine: Locator) -> None:
    """It is in the list of the form, without the page being loaded again, and chosen there."""
    mine.locator("[data-action=train]").click()
    expect(page.locator("#tab-train")).to_be_visible()
    expect(page.locator("#train-model input")).to_have_value("Qwen3-0.6B")
    expect(page.locator(".forecast .verdict")).to_be_visible()
    expect(page.locator("#start")).to_be_enabled()


def deletes(page: Page, mine: Locator) -> None:
    """Asked before, and taken back once."""
    mine.locator("[data-action=delete]").click()
    expect(mine.locator(".sure")).to_contain_text("frees 462 kB")
    expect(mine.locator("[data-action=delete-now]")).to_be_focused()
    assert faults(page) == []
    page.keyboard.press("Escape")
    expect(mine.locator("[data-action=delete]")).to_be_focused()
    mine.locator("[data-action=delete]").press("Enter")
    mine.locator("[data-action=delete-now]").click()
    expect(page.locator(".models-here .saved")).to_contain_text("no longer here")
    expect(mine).to_have_count(0)


def test_a_download_is_stopped_goes_on_where_it_was_and_is_thrown_away(page: Page, hub: World) -> None:
    hub.hub.faults.bytes_each_second = SLOW
    fetches(looks_at(page, CHOSEN))
    on_its_way = page.locator(".download")
    expect(on_its_way.locator(".progress")).to_be_visible(timeout=LONG)
    expect(on_its_way.locator(".detail")).to_contain_text("model.safetensors")
    on_its_way.locator("[data-action=stop]").click()
    expect(on_its_way.locator("[data-action=resume]")).to_be_visible(timeout=LONG)
    before = len(hub.hub.taken("model.safetensors"))
    on_its_way.locator("[data-action=resume]").click()
    expect(on_its_way).to_have_attribute("data-state", "running", timeout=LONG)
    expect(on_its_way.locator(".detail")).to_contain_text("/s · ")
    assert hub.hub.taken("model.safetensors")[before] > 0
    on_its_way.locator("[data-action=stop]").click()
    expect(on_its_way.locator("[data-action=discard]")).to_be_visible(timeout=LONG)
    on_its_way.locator("[data-action=discard]").click()
    expect(page.locator(".models-coming h2")).to_have_count(0)
    expect(page.locator("#models-accept")).to_be_visible()


def test_what_arrives_damaged_is_said_and_fetched_again(page: Page, hub: World) -> None:
    size = len(hub.good.files["model.safetensors"])
    hub.hub.faults.instead = {"model.safetensors": b"\1" * size}
    fetches(looks_at(page, CHOSEN))
    on_its_way = page.locator(".download")
    expect(on_its_way.locator("[data-action=resume]")).to_be_visible(timeout=LONG)
    expect(on_its_way.locator(".wrong").first).to_contain_text("model.safetensors has arrived damaged")
    hub.hub.faults.instead = {}
    on_its_way.locator("[data-action=resume]").click()
    expect(of_mine(page, "Qwen3-0.6B")).to_be_visible(timeout=LONG)


def test_a_model_behind_an_agreement_asks_for_a_token_which_is_never_shown(page: Page, studio: Studio) -> None:
    card = looks_at(page, GATED)
    expect(card.locator(".gated")).to_contain_text("is behind an agreement")
    expect(card.locator("#models-accept")).to_have_count(0)
    card.locator(".gated").get_by_role("button", name=EN.t("live.models.token.enter")).click()
    field = page.locator("#models-token-field")
    expect(field).to_be_focused()
    expect(field).to_have_attribute("type", "password")
    no_token_is_good(page, field)
    field.fill(TOKEN)
    field.press("Enter")
    expect(field).to_have_value("")
    still(page)
    card = looks_at(page, GATED)
    expect(card.locator(".gated")).to_have_count(0)
    expect(card).to_contain_text("Gemma Terms of Use")
    fetches(card)
    expect(of_mine(page, "gemma-3-1b-it")).to_be_visible(timeout=LONG)
    assert credentials.place().stat().st_mode & 0o777 == 0o600
    assert not credentials.place().is_relative_to(studio.workspace)
    assert TOKEN not in page.content()
    kept = [path for path in studio.workspace.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    assert kept == []
    page.get_by_role("button", name=EN.t("live.models.token.forget")).click()
    expect(page.locator("#models-token-fold .hint[role=status]")).to_have_text(EN.t("models.token.none"))


def no_token_is_good(page: Page, field: Locator) -> None:
    """What is none is said at the field; one that the Hub does not know, by the Hub."""
    said = page.locator("#models-token-said")
    for typed, wrong in (("my password", "not a token of the Hub"), ("", "not a token of the Hub")):
        field.fill(typed)
        field.press("Enter")
        expect(said).to_contain_text(wrong)
        expect(field).to_have_value(typed)
    field.fill(WRONG_TOKEN)
    field.press("Enter")
    expect(page.locator("#models-token-fold .hint[role=status]")).to_have_text(EN.t("models.token.file"))
    expect(page.locator("#models-said")).to_contain_text("does not accept this token")


def test_the_whole_hub_is_searched_page_by_page_and_back_leads_to_the_list(page: Page) -> None:
    asks_the_hub(page, "number")
    expect(page.locator(".hub-model")).to_have_count(20)
    expect(row(page, "many/number-00")).to_be_visible()
    page.get_by_role("button", name=EN.t("live.models.after")).click()
    expect(page.locator(".hub-model")).to_have_count(5)
    expect(page.get_by_role("button", name=EN.t("live.models.after"))).to_be_disabled()
    page.get_by_role("button", name=EN.t("live.models.before")).click()
    expect(page.locator(".hub-model")).to_have_count(20)
    row(page, "many/number-00").click()
    expect(page.locator(".model-card h3")).to_have_text("many/number-00")
    page.go_back()
    expect(row(page, "many/number-00")).to_be_visible()
    page.go_forward()
    expect(page.locator(".model-card h3")).to_have_text("many/number-00")
    page.reload()
    expect(page.locator(".model-card h3")).to_have_text("many/number-00")


def test_every_wrong_id_is_said_at_the_field_in_one_sentence(page: Page, hub: World) -> None:
    goes_wrong(page, MISSING, f'nothing called "{MISSING}"')
    for typed in ("../passwd", "a/<b>bold"):
        goes_wrong(page, typed, f'"{typed}" is not a Hub id')
    expect(page.locator("#models-said b")).to_have_count(0)
    asks_the_hub(page, PICKLED)
    card = page.locator(".model-card")
    expect(card.locator(".wrong").first).to_contain_text("has no safetensors files")
    expect(card.locator("#models-accept")).to_have_count(0)
    page.locator("[data-action=back]").click()
    asks_the_hub(page, f"https://huggingface.co/{GOOD}/tree/main")
    expect(card.locator("h3")).to_have_text(GOOD)
    page.locator("[data-action=back]").click()
    hub.hub.faults.api_page = True
    try:
        goes_wrong(page, GOOD, "What answered is not the Hub")
        goes_wrong(page, "words", "What answered is not the Hub")
    finally:
        hub.hub.faults.api_page = False


def test_a_folder_of_this_computer_is_used_where_it_is(page: Page, tmp_path: Path) -> None:
    page.locator("#models-add .label-wrap").click()
    folder = page.locator("#models-folder")
    folder.fill("/no/such/folder")
    folder.press("Enter")
    expect(page.locator("#models-folder-said")).to_contain_text('no folder at "/no/such/folder"')
    expect(folder).to_have_value("/no/such/folder")
    folder.fill(str(write_model(tmp_path / "mine")))
    folder.press("Enter")
    expect(of_mine(page, "mine")).to_be_visible()
    expect(folder).to_have_value("")


def test_the_files_of_a_model_are_uploaded_and_chatted_with(page: Page, tmp_path: Path) -> None:
    page.locator("#models-add .label-wrap").click()
    made = write_model(tmp_path / "sent")
    (made / "model.json").unlink()
    pickled = shutil.copy(made / "model.safetensors", tmp_path / "pytorch_model.bin")
    name, go, said = (
        page.locator(where) for where in ("#model-name-field :is(input, textarea)", "#model-upload", "#model-uploaded")
    )
    files = page.locator("#model-files")
    name.fill("uploaded")
    files.locator("input[type=file]").first.set_input_files(
        [made / "config.json", made / "tokenizer.json", Path(pickled)]
    )
    expect(files).to_contain_text("pytorch_model")
    still(page)
    go.click()
    expect(said).to_contain_text("only safetensors are loaded")
    expect(name).to_have_value("uploaded")
    files.get_by_role("button", name=EN.t("gradio.common.clear")).click()
    expect(files).not_to_contain_text("pytorch_model")
    files.locator("input[type=file]").first.set_input_files(sorted(made.iterdir()))
    expect(files).to_contain_text("tokenizer_config")
    still(page)
    go.click()
    expect(said).to_contain_text("“uploaded” is here now")
    expect(of_mine(page, "uploaded")).to_be_visible()
    of_mine(page, "uploaded").locator("[data-action=chat]").click()
    expect(page.locator("#chat-base input")).to_have_value("uploaded")


@pytest.mark.parametrize(("language", "look", "width"), [("ro", "dark", 1366), ("it", "light", 360)])
def test_a_model_in_detail_is_read_by_everybody_in_their_language(
    studio: Studio, hub: World, browser: Browser, language: str, look: str, width: int
) -> None:
    context = signed_in(browser, studio, color_scheme=look, viewport={"width": width, "height": 740})
    page = context.new_page()
    opened(page, f"{studio.address}/{language}/")
    page.evaluate("studioPage.open('models')")
    expect(page.locator(".hub-model").first).to_be_visible()
    looks_at(page, GATED)
    page.locator("#models-add .label-wrap").click()
    expect(page.locator("#models-folder")).to_be_visible()
    page.locator("#models-token-fold summary").click()
    still(page)
    # What a model's page and its licence say stands there as it is written.
    said = [text for text in left(page, english(language)) if text not in ("Gemma Terms of Use",)]
    assert (said, faults(page)) == ([], [])
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()
