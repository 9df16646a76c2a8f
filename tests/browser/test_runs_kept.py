"""The tab of the runs: what is typed is kept, what is wrong is said at its field, a hidden page still tells."""

import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from backend.paths import ROOT
from studio.text import Words
from tests.bad_names import NO_NAMES
from tests.browser.person import SCREEN, Studio, Watch, opened, running, signed_in, still, tab
from tests.browser.test_runs_page import NOTED, Runs, choose, press, step
from tests.fakes import write_events

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
HIDE = """([hidden]) => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
# One of each sort: nothing, a sign that no name may have, too long, markup; every row is tried at tests/studio.
TYPED = {key: NO_NAMES[key] for key in ("spaces", "slash", "long", "markup")}


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A page without a supervisor: nothing starts, whatever is in the queue."""
    with running(tmp_path_factory.mktemp("kept"), supervised=False) as studio:
        yield studio


@pytest.fixture(scope="module")
def runs(studio: Studio) -> Runs:
    return Runs(studio.workspace)


@pytest.fixture(scope="module")
def context(studio: Studio, browser: Browser) -> Iterator[BrowserContext]:
    context = signed_in(browser, studio, viewport=SCREEN)
    context.grant_permissions(["notifications"])
    context.add_init_script(NOTED)
    yield context
    context.close()


@pytest.fixture
def page(studio: Studio, context: BrowserContext, runs: Runs) -> Iterator[Page]:
    watch = Watch(studio.address)
    page = watch.over(context.new_page())
    opened(page, f"{studio.address}/en/")
    tab(page, "runs")
    yield page
    assert watch.broken == []
    assert watch.outside == []
    page.close()
    for job in runs.services.jobs.all(runs.services.person):
        runs.becomes(job.id, "stopped")
        runs.services.my_runs.delete(job.id)


def unfold(page: Page) -> None:
    page.locator(".run-more summary").click()
    expect(page.locator("#run-note")).to_be_visible()


def field(page: Page, name: str) -> Locator:
    return page.locator(f"#{name} :is(input, textarea)")


def test_a_name_and_a_note_that_were_typed_outlive_a_reload_another_run_and_the_start_of_this_one(
    page: Page, runs: Runs
) -> None:
    run = runs.has("a")
    runs.has("b", "stopped")
    choose(page, "a")
    unfold(page)
    page.locator("#run-rename").press("End")
    page.locator("#run-rename").press_sequentially(" mai bun")
    page.locator("#run-note").press_sequentially("rata e prea")
    runs.becomes(run, "running", attempt=1)
    expect(page.locator(".run-head .state.running")).to_be_visible()
    expect(page.locator("#run-note")).to_be_focused()
    page.keyboard.type(" mare")
    choose(page, "b")
    expect(page.locator("#run-rename")).to_have_value("b")
    page.reload()
    tab(page, "runs")
    choose(page, "a")
    expect(page.locator("#run-rename")).to_have_value("a mai bun")
    expect(page.locator("#run-note")).to_have_value("rata e prea mare")
    expect(page.locator("#said-note")).to_have_text("Typed, not saved yet.")
    press(page, "note")
    expect(page.locator(".own-note")).to_have_text("rata e prea mare")
    expect(page.locator("#said-note")).to_have_text("Saved.")
    press(page, "rename")
    expect(page.locator(".run-head h2")).to_contain_text("a mai bun")
    page.reload()
    tab(page, "runs")
    expect(page.locator(".run-head h2")).to_contain_text("a mai bun")
    expect(page.locator("#said-note")).to_be_empty()


def test_an_import_that_was_typed_outlives_a_reload_until_it_is_taken(page: Page, runs: Runs) -> None:
    page.get_by_text("Import an adapter").click()
    page.get_by_label("the Hugging Face Hub").check()
    field(page, "import-where").fill("ana/romanian")
    field(page, "import-name").fill("a anei")
    still(page)
    page.reload()
    tab(page, "runs")
    page.get_by_text("Import an adapter").click()
    expect(page.get_by_label("the Hugging Face Hub")).to_be_checked()
    expect(field(page, "import-name")).to_have_value("a anei")
    expect(field(page, "import-where")).to_have_value("ana/romanian")
    page.locator("#import-go").click()
    expect(page.locator(".run-head h2")).to_contain_text("a anei")
    still(page)
    page.reload()
    tab(page, "runs")
    page.get_by_text("Import an adapter").click()
    expect(page.get_by_label("a zip file")).to_be_checked()
    expect(field(page, "import-name")).to_have_value("")


def test_no_run_is_given_a_name_that_is_none_and_what_was_typed_stays(page: Page, runs: Runs) -> None:
    runs.has("a", "stopped")
    choose(page, "a")
    unfold(page)
    box, said = page.locator("#run-rename"), page.locator("#said-rename")
    for text in TYPED.values():
        box.fill("a")
        press(page, "rename")
        expect(said).to_have_text("Saved.")
        box.fill(text)
        kept = box.input_value()
        press(page, "rename")
        expect(said.locator(".wrong")).not_to_be_empty()
        expect(box).to_have_attribute("aria-invalid", "true")
        expect(box).to_have_value(kept)
    assert runs.names() == ["a"]
    assert page.evaluate("window.PWN") is None


def test_no_import_is_given_a_name_that_is_none_and_what_was_typed_stays(page: Page, runs: Runs) -> None:
    page.get_by_text("Import an adapter").click()
    page.get_by_label("the Hugging Face Hub").check()
    where, name = field(page, "import-where"), field(page, "import-name")
    said, name_said = page.locator("#import-said"), page.locator("#import-name-said")
    for text in (text for text in TYPED.values() if text.strip()):
        name.fill("")
        where.fill("gpt2")
        page.locator("#import-go").click()
        expect(said).to_contain_text('"gpt2" is not a Hub id')
        expect(name).to_have_attribute("aria-invalid", "false")
        where.fill("ana/romanian")
        name.fill(text)
        kept = name.input_value()
        page.locator("#import-go").click()
        expect(name).to_have_attribute("aria-invalid", "true")
        expect(name_said).not_to_be_empty()
        expect(said).not_to_contain_text("Hub id")
        expect(name).to_have_value(kept)
        expect(where).to_have_value("ana/romanian")
    assert runs.names() == []


def test_a_start_without_a_moment_is_asked_for_at_its_field(page: Page, runs: Runs) -> None:
    run = runs.has("a")
    choose(page, "a")
    press(page, "start")
    expect(page.locator("#said-start .wrong")).to_have_text("Choose a day and a time.")
    box = page.get_by_label("Start at")
    box.fill("9999-12-31T23:59")
    press(page, "start")
    expect(page.locator("#said-start .wrong")).to_contain_text("more than a year away")
    expect(box).to_have_value("9999-12-31T23:59")
    page.reload()
    tab(page, "runs")
    expect(box).to_have_value("9999-12-31T23:59")
    assert runs.services.run(run).start_at is None


def test_a_note_is_refused_whole_when_it_is_too_long(page: Page, runs: Runs) -> None:
    runs.has("a", "stopped")
    choose(page, "a")
    unfold(page)
    page.locator("#run-note").fill("ț" * 4001)
    press(page, "note")
    expect(page.locator("#said-note .wrong")).to_contain_text("this one has 4001")
    expect(page.locator("#run-note")).to_have_value("ț" * 4001)


def test_a_hidden_page_says_the_percent_in_its_title_and_tells_when_the_run_has_ended(page: Page, runs: Runs) -> None:
    run = runs.has("the one", "running")
    choose(page, "the one")
    press(page, "tell")
    expect(page.locator(".will-tell")).to_be_visible()
    expect(page).to_have_title(re.compile(r"^40 % the one · "))
    page.evaluate(HIDE, [True])
    write_events(runs.services.folder(run), step(150))
    expect(page).to_have_title(re.compile(r"^75 % the one · "))
    runs.becomes(run, "done")
    expect(page).to_have_title(re.compile(r"^done: the one · "))
    assert page.evaluate("window.told") == [["“the one” has ended", "done"]]
    # Now it rests; what comes meanwhile is there as soon as somebody looks again.
    runs.has("another", "stopped")
    page.evaluate(HIDE, [False])
    expect(page.locator(".group.ended li b").first).to_have_text("another")


def test_home_shows_what_runs_and_the_next_in_the_order_of_the_queue(page: Page, runs: Runs) -> None:
    runs.has("now", "running")
    for name in "abcde":
        runs.has(name)
    run = runs.services.jobs.find(runs.services.person, "e").id
    runs.services.my_runs.move(run, "first")
    tab(page, "home")
    expect(page.locator(".now li b")).to_have_text(["now", "e", "a", "b"])
    expect(page.locator(".now h2")).to_have_text(["Running now", "Queue"])
    expect(page.locator(".now ul").first.locator("li")).to_have_count(1)
    expect(page.locator(".now .hint")).to_have_text("Waiting behind them: 2")
    page.locator(".now li button").nth(1).click()
    expect(page.locator(".run-head h2")).to_contain_text("e")
    expect(page.locator("#tab-runs-button")).to_have_attribute("aria-selected", "true")


def test_of_many_ended_runs_the_newest_are_shown_and_then_more(page: Page, runs: Runs) -> None:
    expect(page.locator(".runs-list .nothing")).to_be_visible()
    page.locator(".nothing").get_by_role("button", name="Train your first adapter").click()
    expect(page.locator("#tab-train-button")).to_have_attribute("aria-selected", "true")
    tab(page, "runs")
    for number in range(52):
        runs.has(f"run {number}", "stopped")
    lines = page.locator(".group.ended li")
    expect(lines).to_have_count(50)
    page.get_by_role("button", name="Show 3 more").click()
    expect(lines).to_have_count(53)


def test_a_run_of_all_weights_offers_its_model_and_its_settings(
    page: Page, runs: Runs, studio: Studio, tmp_path: Path
) -> None:
    services, words = runs.services, Words("ro")
    run = services.start(services.recipe("starter-full", {"schedule.epochs": "2"}), "starter", "starter-ro", "toate").id
    shutil.copytree(ROOT / "sample_data/models/starter", services.folder(run).model)
    runs.becomes(run, "done")
    opened(page, f"{studio.address}/ro/#run={run}")
    tab(page, "runs")
    with page.expect_download() as waiting:
        page.locator(".run-head").get_by_text(words.t("live.download.model"), exact=True).click()
    waiting.value.save_as(tmp_path / "model.zip")
    with zipfile.ZipFile(tmp_path / "model.zip") as archive:
        assert "toate/model.safetensors" in archive.namelist()
        assert archive.testzip() is None
    page.locator(".run-head [data-action='chat']").click()
    expect(page.locator("#chat-adapters")).to_contain_text("toate")
    tab(page, "runs")
    press(page, "copy")
    expect(page.locator("#tab-train-button")).to_have_attribute("aria-selected", "true")
    expect(field(page, "train-name")).to_have_value("toate 2")
    expect(page.locator("#train-recipe input")).to_have_value(re.compile("toate"))
    expect(page.locator("#field-schedule__epochs input").first).to_have_value("2")
    page.evaluate("localStorage.clear()")
