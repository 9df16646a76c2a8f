"""The tab of the runs as a person uses it: every button of every state is pressed once. No run really runs here."""

import re
import shutil
import time
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from backend.jobs import recorded, rows
from backend.jobs.events import Checkpoint, Phase, Step
from backend.jobs.model import JobState
from studio.services.door import Services
from studio.text import Words
from tests.browser.person import Studio, Watch, opened, running, signed_in, still, tab, until
from tests.fakes import write_events

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
SHIPPED = recorded.every()[0]


class Runs:
    """Runs in a state, as if they had come into it; the page shows it within a second."""

    def __init__(self, root: Path) -> None:
        self.services = Services.at(root)

    def has(self, name: str, state: str = "queued", **values: Any) -> str:
        job = self.services.start(self.services.recipe("starter-lora"), "starter", "starter-ro", name)
        if state != "queued":
            write_events(self.services.folder(job.id), Phase(name="training"), step(40), step(80))
        if state == "done":
            shutil.copytree(self.services.folder(SHIPPED.id).adapter, self.services.folder(job.id).adapter)
        self.becomes(job.id, state, **values)
        return job.id

    def becomes(self, run: str, state: str, **values: Any) -> None:
        ended = time.time() if state in ("done", "failed", "stopped", "interrupted") else None
        with self.services.jobs.ledger.write() as opened_ledger:
            change = {"state": state, "attempt": int(state != "queued"), "ended_at": ended, **values}
            rows.change(opened_ledger, run, **change)

    def state(self, name: str) -> JobState:
        return self.services.jobs.find(self.services.person, name).state

    def names(self) -> list[str]:
        return [job.name for job in self.services.jobs.all(self.services.person)]


def step(number: int) -> Step:
    return Step(t=number, step=number, total=200, loss=3.0 - number / 100, learning_rate=1e-3, grad_norm=1.0,
                tokens=number * 100, tokens_per_second=2410, eta_seconds=62)  # fmt: skip


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A page without a supervisor: nothing starts, whatever is in the queue."""
    with running(tmp_path_factory.mktemp("runs"), supervised=False) as studio:
        yield studio


@pytest.fixture(scope="module")
def runs(studio: Studio) -> Runs:
    return Runs(studio.workspace)


@pytest.fixture(scope="module")
def context(studio: Studio, browser: Browser) -> BrowserContext:
    return signed_in(browser, studio, locale="en-GB", timezone_id="Europe/Rome")


@pytest.fixture
def page(studio: Studio, context: BrowserContext, runs: Runs) -> Iterator[Page]:
    watch = Watch(studio.address)
    found = watch.over(context.new_page())
    opened(found, f"{studio.address}/en/")
    tab(found, "runs")
    yield found
    still(found)
    found.close()
    for job in runs.services.jobs.all(runs.services.person):
        runs.becomes(job.id, "stopped")
        runs.services.my_runs.delete(job.id)
    assert watch.broken == []
    assert watch.outside == []


def choose(page: Page, name: str) -> None:
    page.locator(".runs-list button.run").filter(has=page.locator("b", has_text=re.compile(f"^{name}$"))).click()
    expect(page.locator(".run-head h2")).to_contain_text(name)


def press(page: Page, action: str) -> None:
    page.locator(f".run-head [data-action='{action}']").click()


def comes_from(page: Page, source: str, field: str) -> None:
    """The field asks for it now; what was said before is gone."""
    page.get_by_label(source).check()
    expect(page.get_by_label(field, exact=True)).to_be_visible()
    still(page)


def queue(page: Page) -> Any:
    return page.locator(".group.queue li b")


def test_the_list_stands_in_groups_with_the_expected_starts(page: Page, runs: Runs) -> None:
    for name, state in (("now", "running"), ("next", "queued"), ("then", "queued"), ("old", "done")):
        runs.has(name, state)
    expect(queue(page)).to_have_text(["next", "then"])
    expect(page.locator(".group.running li b")).to_have_text(["now"])
    expect(page.locator(".group.ended li b")).to_have_text(["old", SHIPPED.name])
    expect(page.locator(".group.queue .detail").first).to_have_text(re.compile(r"1\. starts (about \d\d:\d\d|after)"))
    expect(page.locator(".group.running .detail")).to_contain_text("step 80 of 200")
    expect(page.locator("html")).to_have_attribute("style", re.compile("● 40 %"))
    expect(page).to_have_title(re.compile("40 % now"))


def test_the_queue_is_put_in_order_with_the_keyboard_and_the_focus_stays(page: Page, runs: Runs) -> None:
    for name in "abc":
        runs.has(name)
    expect(queue(page)).to_have_text(["a", "b", "c"])
    page.get_by_role("button", name="Move c up").focus()
    page.keyboard.press("Enter")
    expect(queue(page)).to_have_text(["a", "c", "b"])
    expect(page.get_by_role("button", name="Move c up")).to_be_focused()
    page.keyboard.press("Enter")
    expect(queue(page)).to_have_text(["c", "a", "b"])
    page.get_by_role("button", name="Move b to the front").click()
    expect(queue(page)).to_have_text(["b", "c", "a"])
    page.get_by_role("button", name="Move b down").click()
    expect(queue(page)).to_have_text(["c", "b", "a"])
    page.reload()
    tab(page, "runs")
    expect(queue(page)).to_have_text(["c", "b", "a"])


def test_a_button_is_pressed_also_when_news_arrive_between_down_and_up(page: Page, runs: Runs) -> None:
    runs.has("quiet", "stopped")
    run = runs.has("loud", "running")
    choose(page, "quiet")
    page.locator(".runs-list button.run", has_text="loud").hover()
    page.mouse.down()
    write_events(runs.services.folder(run), step(150))
    expect(page).to_have_title(re.compile("^75 % loud"))  # the title is not pressed: it has heard it at once
    page.mouse.up()
    expect(page.locator(".run-head h2")).to_contain_text("loud")
    expect(page.locator(".group.running .detail")).to_contain_text("step 150 of 200")


def test_a_start_is_set_in_the_persons_time_zone_and_taken_back(page: Page, runs: Runs) -> None:
    run = runs.has("tonight")
    choose(page, "tonight")
    local = page.evaluate("new Date(Date.now() + 5 * 3600e3 - new Date().getTimezoneOffset() * 60e3).toISOString()")
    page.get_by_label("Start at").fill(local[:16])
    press(page, "start")
    expect(page.locator(".run-head .saved")).to_have_text("Saved.")
    expect(page.locator(".run-head .detail").first).to_contain_text("starts")
    meant = datetime.fromisoformat(local[:16]).replace(tzinfo=ZoneInfo("Europe/Rome"))
    assert runs.services.run(run).start_at == meant.timestamp()
    press(page, "start-soon")
    expect(page.get_by_label("Start at")).to_have_value("")
    until(page, lambda: runs.services.run(run).start_at is None)
    expect(page.locator(".run-head .detail").first).not_to_contain_text(meant.strftime("%H:%M"))


def test_a_moment_that_is_past_is_refused_at_the_field_and_stays_typed(page: Page, runs: Runs) -> None:
    run = runs.has("late")
    choose(page, "late")
    page.evaluate("document.querySelector('#run-start').removeAttribute('min')")
    page.get_by_label("Start at").fill((datetime.now() - timedelta(days=3)).strftime("%Y-%m-%dT%H:%M"))
    press(page, "start")
    expect(page.locator(".field-said .wrong")).to_have_text("That moment is already past. Choose a later one.")
    expect(page.get_by_label("Start at")).not_to_have_value("")
    assert runs.services.run(run).start_at is None


def test_a_waiting_run_is_taken_out_put_back_and_repeated(page: Page, runs: Runs) -> None:
    runs.has("a")
    choose(page, "a")
    press(page, "stop")
    expect(page.locator(".run-head .state.stopped")).to_be_visible()
    expect(page.locator(".run-head .reason")).to_have_text("Taken out of the queue before it began.")
    press(page, "resume")
    expect(page.locator(".run-head .state.queued")).to_be_visible()
    press(page, "stop")
    press(page, "repeat")
    expect(page.locator(".run-head h2")).to_contain_text("a 2")
    assert runs.state("a 2") is JobState.QUEUED


def test_a_running_run_is_stopped_and_saved(page: Page, runs: Runs) -> None:
    run = runs.has("going", "running")
    choose(page, "going")
    press(page, "stop")
    expect(page.locator(".run-head .state")).to_have_text("stopping…")
    expect(page.locator(".run-head [data-action='stop']")).to_have_count(0)
    folder = runs.services.folder(run)
    assert folder.read(folder.stop) == {"save": True}


def test_stopping_without_saving_asks_first(page: Page, runs: Runs) -> None:
    run = runs.has("going", "running")
    folder = runs.services.folder(run)
    choose(page, "going")
    press(page, "discard")
    words = Words("en")
    expect(page.locator(".sure")).to_contain_text(words.t("live.discard_all"))
    press(page, "keep")
    expect(page.locator(".sure")).to_have_count(0)
    assert not folder.stop.exists()
    expect(page.locator("details.files .count")).to_contain_text("kB")
    (folder.checkpoints / "checkpoint-80").mkdir(parents=True)
    (folder.checkpoints / "checkpoint-80" / "state.pt").write_bytes(bytes(3_000_000))
    write_events(folder, Checkpoint(t=80, step=80, name="checkpoint-80"))
    expect(page.locator("details.files .count")).to_contain_text("MB")
    press(page, "discard")
    expect(page.locator(".sure")).to_contain_text(words.t("live.discard_from", step=80))
    press(page, "discard-now")
    expect(page.locator(".run-head .state")).to_have_text("stopping…")
    assert folder.read(folder.stop) == {"save": False}
    runs.becomes(run, "stopped", reason_key="jobs.stopped")
    expect(page.locator(".run-head .reason")).to_have_text(words.t("runs.stopped.saved", step=80))


def test_a_failed_run_says_why_in_plain_words(page: Page, runs: Runs) -> None:
    runs.has("broken", "failed", reason_key="jobs.diverged")
    choose(page, "broken")
    expect(page.locator(".run-head .reason.failed")).to_contain_text("the loss is no longer a number")
    expect(page.locator(".run-head [data-action='resume']")).to_be_visible()


def test_a_name_and_a_note_are_changed_and_stay_text(page: Page, runs: Runs) -> None:
    runs.has("a", "stopped")
    runs.has("b", "stopped")
    choose(page, "a")
    page.get_by_text("Name, note, keep, delete").click()
    for wrong, said in (("B", "already exists"), ("<img src=x onerror=window.PWN=1>", "not allowed"), ("  ", "name")):
        page.locator("#run-rename").fill(wrong)
        press(page, "rename")
        expect(page.locator(".field-said .wrong")).to_contain_text(said)
        expect(page.locator("#run-rename")).to_have_value(wrong)
    page.locator("#run-rename").fill("mai bun")
    page.locator("#run-rename").press("Enter")
    expect(page.locator(".run-head h2")).to_contain_text("mai bun")
    page.locator("#run-note").fill("<img src=x onerror=window.PWN=1> ține minte")
    press(page, "note")
    expect(page.locator(".own-note")).to_have_text("<img src=x onerror=window.PWN=1> ține minte")
    assert page.evaluate("window.PWN") is None
    assert "mai bun" in runs.names()


def test_a_run_is_kept_and_no_longer_kept(page: Page, runs: Runs) -> None:
    run = runs.has("a", "stopped")
    choose(page, "a")
    page.get_by_text("Name, note, keep, delete").click()
    press(page, "pin")
    expect(page.locator(".run-head h2 .badge")).to_have_text("Kept")
    assert runs.services.run(run).pinned
    press(page, "unpin")
    expect(page.locator(".run-head h2 .badge")).to_have_count(0)
    assert not runs.services.run(run).pinned


def test_deleting_takes_a_second_press_and_says_what_it_frees(page: Page, runs: Runs) -> None:
    run = runs.has("a", "done")
    folder = runs.services.folder(run).path
    choose(page, "a")
    page.get_by_text("Name, note, keep, delete").click()
    press(page, "delete")
    expect(page.locator(".sure")).to_contain_text(re.compile(r"It frees \d+([.]\d)? [kM]B"))
    press(page, "keep")
    press(page, "delete")
    press(page, "delete-now")
    expect(page.locator(".run-head h2")).to_contain_text(SHIPPED.name)
    assert runs.names() == []
    assert not folder.exists()


def test_the_adapter_is_downloaded_and_imported_again(page: Page, runs: Runs, tmp_path: Path) -> None:
    runs.has("prima mea", "done")
    choose(page, "prima mea")
    with page.expect_download() as waiting:
        press(page, "download")
    assert waiting.value.suggested_filename == "prima-mea.zip"
    archive = tmp_path / "din altă parte.zip"
    waiting.value.save_as(archive)
    with zipfile.ZipFile(archive) as opened_zip:
        assert opened_zip.testzip() is None
    page.get_by_text("Import an adapter").click()
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    page.locator("#import input[type=file]").set_input_files(archive)
    expect(page.locator(".run-head h2")).to_contain_text("din altă parte")
    expect(page.locator(".run-head .saved").first).to_have_text(
        Words("en").t("live.imported_as", name="din altă parte")
    )
    expect(page.locator(".run-head h2")).to_be_in_viewport(ratio=1)
    expect(page.locator(".run-head h2 .badge")).to_have_text("Imported")
    expect(page.locator(".run-head [data-action='chat']")).to_be_visible()


def test_what_cannot_be_imported_is_said_and_stays_typed(page: Page, runs: Runs, tmp_path: Path) -> None:
    broken = tmp_path / "broken.zip"
    broken.write_text("no zip")
    page.get_by_text("Import an adapter").click()
    page.locator("#import input[type=file]").set_input_files(broken)
    expect(page.locator("#import-said")).to_contain_text("not a zip archive")
    comes_from(page, "a folder of this computer", "Path of the folder")
    page.locator("#import-where input, #import-where textarea").fill("/nowhere/at/all")
    page.locator("#import-go").click()
    expect(page.locator("#import-said")).to_contain_text('There is no folder at "/nowhere/at/all"')
    expect(page.locator("#import-where input, #import-where textarea")).to_have_value("/nowhere/at/all")
    comes_from(page, "the Hugging Face Hub", "Hub id (owner/name)")
    page.locator("#import-where input, #import-where textarea").fill("gpt2")
    page.locator("#import-go").click()
    expect(page.locator("#import-said")).to_contain_text('"gpt2" is not a Hub id')


def test_a_folder_is_imported_and_a_hub_id_waits_in_the_queue(page: Page, runs: Runs) -> None:
    page.get_by_text("Import an adapter").click()
    comes_from(page, "a folder of this computer", "Path of the folder")
    where = page.locator("#import-where input, #import-where textarea")
    where.fill(str(runs.services.folder(SHIPPED.id).adapter))
    page.locator("#import-name input, #import-name textarea").fill("adus de acasă")
    page.locator("#import-go").click()
    expect(page.locator(".run-head h2")).to_contain_text("adus de acasă")
    expect(where).to_have_value("")
    comes_from(page, "the Hugging Face Hub", "Hub id (owner/name)")
    where.fill("ana/romanian")
    where.press("Enter")
    expect(page.locator(".run-head h2")).to_contain_text("romanian")
    expect(queue(page)).to_have_text(["romanian"])


def test_ended_runs_are_searched_and_filtered(page: Page, runs: Runs) -> None:
    for number in range(4):
        runs.has(f"încercarea {number}", "done")
    runs.has("căzută", "failed", note="rata prea mare")
    names = page.locator(".group.ended li b")
    search = page.get_by_label("Search by name or note")
    search.fill("ÎNCERCAREA 2")
    expect(names).to_have_text(["încercarea 2"])
    search.fill("prea mare")
    expect(names).to_have_text(["căzută"])
    search.fill("nothing like that")
    expect(page.locator(".group.ended .hint")).to_have_text("No run like that.")
    search.fill("")
    page.get_by_label("State", exact=True).select_option("failed")
    expect(names).to_have_text(["căzută"])
    page.get_by_label("State", exact=True).select_option("recorded")
    expect(names).to_have_text([SHIPPED.name])


def test_the_recorded_run_is_shown_to_a_newcomer_and_cannot_be_changed(page: Page, runs: Runs) -> None:
    choose(page, SHIPPED.name)
    expect(page.locator(".run-head h2 .badge")).to_have_text("Recorded")
    expect(page.locator(".run-head .facts")).to_contain_text("(forecast:")
    offered = page.locator(".run-head [data-action]").evaluate_all("all => all.map((one) => one.dataset.action)")
    assert offered == ["chat", "download", "repeat", "copy", "present"]
    year = str(datetime.fromtimestamp(SHIPPED.ended_at or 0, ZoneInfo("Europe/Rome")).year)
    expect(page.locator(".group.ended .detail").first).to_contain_text(year)
    press(page, "repeat")
    expect(page.locator(".run-head h2")).to_contain_text(f"{SHIPPED.name} 2")
    press(page, "stop")
    expect(page.locator(".run-head .state.stopped")).to_be_visible()


def test_a_run_is_shown_to_a_room_played_again_and_replaced_by_the_recorded_one(page: Page, runs: Runs) -> None:
    run = runs.has("today", "running")
    charts, aside = page.locator(".charts").first, page.locator(":is(.runs-list, .export-place, .run-more, .tools)")
    choose(page, SHIPPED.name)
    expect(charts).to_have_attribute("data-points", re.compile(r"[1-9]\d+"))
    whole = int(charts.get_attribute("data-points") or 0)
    choose(page, "today")
    expect(page.locator(".run-head .detail").first).to_contain_text("step 80 of 200")
    press(page, "present")
    expect(page.locator("#top")).to_be_hidden()
    assert aside.evaluate_all("all => all.every((one) => !one.offsetParent)")
    offered = page.locator(".acts [data-action]").evaluate_all("all => all.map((one) => one.dataset.action)")
    assert offered == ["spare", "end"]
    write_events(runs.services.folder(run), step(150))
    expect(page.locator(".run-head .detail").first).to_contain_text("step 150 of 200")
    page.keyboard.press("s")
    expect(page.locator(".run-head h2")).to_contain_text(SHIPPED.name)
    expect(page.locator(".run-head .recorded")).to_contain_text("Recorded: ")
    drawn = "studioPage.news.stage === 'playing' && Number(document.querySelector('.charts').dataset.points)"
    page.wait_for_function(f"{drawn} < {whole // 3}")
    page.wait_for_function(f"{drawn} > {whole // 3}")
    page.keyboard.press("Escape")
    expect(page.locator("#top")).to_be_visible()
    expect(charts).to_have_attribute("data-points", str(whole))
    expect(page.locator(".run-head [data-action='present']")).to_be_visible()


def test_settings_and_files_are_unfolded(page: Page, runs: Runs) -> None:
    recipe = runs.services.recipe("starter-lora", {"lora.rank": "8"})
    runs.services.start(recipe, "starter", "starter-ro", "rank 8")
    choose(page, "rank 8")
    settings = page.locator("details.settings")
    expect(settings.locator("summary")).to_contain_text("1 changed")
    settings.locator("summary").click()
    expect(settings.locator(".changed")).to_contain_text("instead of 16")
    files = page.locator("details.files")
    files.locator("summary").click()
    expect(files.locator("dd").first).to_be_visible()


NOTED = """
window.told = [];
window.asked = 0;
const Real = window.Notification;
window.Notification = class extends Real {
  constructor(title, more) { super(title, more); window.told.push([title, more.body]); }
  static requestPermission() { window.asked += 1; return Real.requestPermission(); }
};
"""


def test_she_is_told_when_a_run_ends_if_she_asked_for_it(page: Page, runs: Runs, context: BrowserContext) -> None:
    page.add_init_script(NOTED)
    context.grant_permissions(["notifications"])
    page.reload()
    tab(page, "runs")
    quiet, wanted = runs.has("quiet", "running"), runs.has("wanted", "running")
    choose(page, "wanted")
    assert page.evaluate("window.asked") == 0
    press(page, "tell")
    expect(page.locator(".will-tell")).to_have_text("You will be told when it ends.")
    runs.becomes(quiet, "done")
    runs.becomes(wanted, "done")
    expect(page.locator(".run-head .state.done")).to_be_visible()
    page.wait_for_function("window.told.length > 0")
    assert page.evaluate("window.told") == [["“wanted” has ended", "done"]]
    expect(page).to_have_title(re.compile("^done: "))
    context.clear_permissions()


@pytest.mark.parametrize("width", [390, 360])
def test_on_a_phone_nothing_hangs_over_and_the_chosen_run_comes_up(page: Page, runs: Runs, width: int) -> None:
    for name, state in (
        ("a", "queued"),
        ("b", "queued"),
        ("o rulare cu un nume destul de lung cât să nu încapă", "done"),
    ):
        runs.has(name, state)
    page.set_viewport_size({"width": width, "height": 780})
    choose(page, "a")
    page.wait_for_function("document.querySelector('.run-head').getBoundingClientRect().top < 60")
    for name in ("o rulare cu un nume destul de lung cât să nu încapă", "b"):
        choose(page, name)
        page.get_by_text("Name, note, keep, delete").click()
        press(page, "delete")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
