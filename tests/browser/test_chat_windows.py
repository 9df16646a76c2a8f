"""One conversation in two windows, and across a studio that is killed. The engine is one that speaks as ours and thinks
nothing, a word every twentieth of a second for twelve seconds: time enough to look on.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from backend.jobs.folder import RunFolder
from backend.jobs.model import JobState
from backend.paths import ROOT, Workspace
from benchmarks.living.staged import Course, stage, write
from tests.browser.person import Studio, Watch, opened, running, signed_in, still, tab, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
RECORDED = RunFolder(ROOT / "sample_data/runs/recorded-romanian-demo")


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """With three runs that can be asked, and the engine that thinks nothing."""
    with running(tmp_path_factory.mktemp("windows"), supervised=False) as studio:
        workspace = Workspace(studio.workspace)
        for number in range(3):
            folder = stage(workspace, f"run {number}", JobState.DONE, model=RECORDED.read(RECORDED.request)["model"])
            write(folder.events, Course(steps=40, seed=number).whole())
            shutil.copytree(RECORDED.adapter, folder.adapter)
        command = [sys.executable, "-m", "benchmarks.living.engine", str(studio.workspace)]
        studio.processes["engine"] = subprocess.Popen(command, cwd=ROOT, stdout=studio.log, stderr=studio.log)
        yield studio


@pytest.fixture(scope="module")
def watch(studio: Studio) -> Watch:
    return Watch(studio.address)


def chat_in(browser: Browser, studio: Studio, watch: Watch, language: str) -> Page:
    page = watch.over(signed_in(browser, studio, drafts=True, locale=language).new_page())
    opened(page, f"{studio.address}/{language}/")
    tab(page, "chat")
    expect(page.locator("#question textarea")).to_be_visible()
    return page


@pytest.fixture(scope="module")
def first(studio: Studio, browser: Browser, watch: Watch) -> Iterator[Page]:
    page = chat_in(browser, studio, watch, "ro")
    yield page
    assert watch.broken == []
    assert watch.outside == []
    page.context.close()


@pytest.fixture(scope="module")
def second(studio: Studio, browser: Browser, watch: Watch, first: Page) -> Iterator[Page]:
    page = chat_in(browser, studio, watch, "it")
    yield page
    page.context.close()


def press(page: Page, name: str, place: str = ".turn >> nth=-1") -> None:
    page.locator(place).get_by_role("button", name=name, exact=True).first.click()


def test_a_question_is_listed_and_its_answer_written_in_the_other_window_too(first: Page, second: Page) -> None:
    first.locator("#question textarea").fill("Ce mai faci?")
    first.locator("#question textarea").press("Enter")
    line = second.locator("#chat-list li button").filter(has_text="Ce mai faci?")
    line.click()
    words = second.locator(".reply .words").first
    expect(words).to_contain_text("word5")
    expect(words).to_contain_text(re.compile("word1[1-9]"))
    expect(second.locator("#question .stop")).to_be_visible()
    second.locator("#question .stop").click()
    expect(first.locator(".reply .said").first).to_have_text("Oprit aici de tine.")
    expect(first.locator(".reply .words").first).to_contain_text("word11")
    expect(first.locator("#question .send")).to_be_visible()


def test_the_next_question_begins_in_the_window_that_only_looks_on(first: Page, second: Page) -> None:
    first.locator("#question textarea").fill("Și încă ceva?")
    first.locator("#question textarea").press("Enter")
    expect(second.locator(".turn")).to_have_count(2)
    expect(second.locator(".turn").last.locator(".words").first).to_have_text("Și încă ceva?")
    expect(second.locator(".turn").last.locator(".reply .words").first).to_contain_text("word8")
    first.keyboard.press("Escape")
    expect(second.locator(".turn").last.locator(".reply .said").first).to_have_text("Fermato qui da te.")


def test_thumbs_corrections_and_names_are_seen_in_the_other_window(first: Page, second: Page) -> None:
    press(first, "Bun")
    expect(second.locator(".turn").last.get_by_role("button", name="Buona", exact=True).first).to_have_attribute(
        "aria-pressed", "true"
    )
    press(second, "Correggi…", ".turn >> nth=-1 >> .reply.pane-1")
    second.locator("[data-key=correct-field]").fill("Așa trebuia.")
    press(second, "Salva", ".correcting")
    expect(first.locator(".corrected .words")).to_have_text("Așa trebuia.")
    expect(first.locator(".judged-box summary")).to_have_text("Răspunsuri evaluate: 2")
    press(first, "Redenumește", ".chat-bar")
    first.locator("#chat-name").fill("Cum o mai duci")
    first.locator("#chat-name").press("Enter")
    expect(second.locator(".chat-bar h2")).to_have_text("Cum o mai duci")
    expect(second.locator("#chat-list li button b")).to_have_text(["Cum o mai duci"])


def test_what_is_being_typed_stays_when_the_other_window_changes_something(first: Page, second: Page) -> None:
    press(second, "Modifica", ".turn >> nth=0")
    field = second.locator("[data-key=edit-field]")
    field.fill("Come va oggi?")
    field.press("ArrowLeft")
    press(first, "Nu e bun")
    expect(second.locator(".turn").last.get_by_role("button", name="Non buona", exact=True).first).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(field).to_have_value("Come va oggi?")
    expect(field).to_be_focused()
    second.keyboard.type("!")
    expect(field).to_have_value("Come va oggi!?")
    opened(second, f"{second.url.split('#')[0]}")
    tab(second, "chat")
    expect(second.locator("[data-key=edit-field]")).to_have_value("Come va oggi!?")
    press(second, "Annulla", ".asked.editing")
    expect(second.locator(".asked .words").first).to_have_text("Ce mai faci?")


def test_an_edited_question_changes_the_other_window_and_the_old_conversation_is_listed(
    first: Page, second: Page
) -> None:
    press(second, "Modifica", ".turn >> nth=0")
    second.locator("[data-key=edit-field]").fill("Come va?")
    press(second, "Chiedi questo", ".asked.editing")
    expect(first.locator(".turn")).to_have_count(1)
    expect(first.locator(".asked .words").first).to_have_text("Come va?")
    expect(first.locator("#chat-list li button")).to_have_count(2)
    second.keyboard.press("Escape")
    expect(first.locator(".reply .said").first).to_have_text("Oprit aici de tine.")


def test_back_and_forward_lead_from_conversation_to_conversation(second: Page) -> None:
    question = second.locator(".asked .words").first
    expect(question).to_have_text(re.compile("Ce mai faci|Come va"))
    here = question.text_content() or ""
    there = "Come va?" if here == "Ce mai faci?" else "Ce mai faci?"
    second.locator("#chat-list li button:not([aria-current=true])").click()
    expect(question).to_have_text(there)
    second.go_back()
    expect(question).to_have_text(here)
    second.go_forward()
    expect(question).to_have_text(there)
    second.reload()
    expect(question).to_have_text(there)
    second.go_back()
    expect(question).to_have_text(here)


def test_a_conversation_deleted_elsewhere_says_so(first: Page, second: Page) -> None:
    press(first, "Șterge…", ".chat-bar")
    press(first, "Șterge definitiv; răspunsurile corectate rămân", ".chat-bar")
    expect(first.locator(".chat-bar h2")).to_have_text("Conversație nouă")
    expect(second.locator(".chat-bar h2")).to_have_text("Nuova conversazione")
    expect(second.locator("#chat-said")).to_contain_text("forse è stata eliminata in un'altra finestra")
    expect(second.locator("#chat-list li button")).to_have_count(1)
    second.locator("#chat-list li button").click()
    expect(second.locator(".turn")).to_have_count(2)
    expect(second.locator("#chat-said")).to_be_empty()


def test_a_run_has_in_the_chat_the_colour_of_its_curve(first: Page) -> None:
    first.locator("#chat-new").click()
    first.locator("#chat-adapters input").click()
    first.get_by_role("option", name="run 0").click()
    first.keyboard.press("Escape")
    expect(first.locator("#chat-adapters")).to_contain_text("run 0")
    first.locator("#question textarea").fill("Ce culoare ai?")
    first.locator("#question textarea").press("Enter")
    expect(first.locator(".reply")).to_have_count(3)
    names = first.locator(".reply h3").all_inner_texts()
    dots = [
        first.locator(f".reply.pane-{n} .dot").evaluate("one => getComputedStyle(one).backgroundColor")
        for n in range(3)
    ]
    first.keyboard.press("Escape")
    expect(first.locator("#question .send")).to_be_visible()
    assert len(set(dots)) == 3
    seen = dict(zip(names, dots, strict=True))
    tab(first, "runs")
    first.locator(".compare-door button").click()
    picks = first.locator(".compare .pick label")
    compared = [name for name in ("run 0", "run 1", "run 2") if name in seen]
    assert len(compared) == 2
    for name in compared:
        box = picks.filter(has_text=name).locator("input")
        box.set_checked(True)
        expect(first.locator(".compare .keys .key").filter(has_text=name)).to_be_visible()
        line = first.locator(".compare .keys .key").filter(has_text=name).locator("i")
        assert line.evaluate("one => getComputedStyle(one).borderTopColor") == seen[name]
    tab(first, "chat")


def test_a_studio_killed_in_the_middle_of_an_answer_says_so_and_goes_on_by_itself(first: Page, studio: Studio) -> None:
    first.locator("#chat-new").click()
    first.locator("#question textarea").fill("Povestește.")
    first.locator("#question textarea").press("Enter")
    expect(first.locator(".reply .words").first).to_contain_text("word40")
    first.locator("#question textarea").fill("Nu te pierde")
    studio.kill_page()
    expect(first.locator("#device")).to_contain_text("Conexiune pierdută")
    expect(first.locator(".reply .said").first).to_contain_text("Ce s-a spus până acum este păstrat")
    studio.start_page()
    cut = first.locator(".reply[data-state=interrupted]")
    expect(cut.first.locator(".said")).to_contain_text("Întrerupt: studioul s-a închis")
    # The last second may be lost, and no more.
    expect(cut.first.locator(".words").first).to_contain_text("word15")
    expect(first.locator("#question textarea")).to_have_value("Nu te pierde")
    cut.first.get_by_role("button", name="Încearcă din nou").click()
    expect(first.locator(".turn").last.locator(".reply .words").first).to_contain_text("word3")
    expect(first.locator("#question .stop")).to_be_visible()
    first.keyboard.press("Escape")
    expect(first.locator("#question .send")).to_be_visible()
    first.locator("#question .send").click()
    expect(first.locator(".turn")).to_have_count(2)
    first.keyboard.press("Escape")
    expect(first.locator("#question .send")).to_be_visible()
    expect(first.locator("#question textarea")).to_have_value("")


def test_back_and_forward_come_again_to_the_same_conversation_and_draft(first: Page, studio: Studio) -> None:
    title = first.locator(".chat-bar h2").inner_text()
    first.locator("#question textarea").fill("Încă nu am terminat")
    until(first, lambda: first.evaluate("localStorage.getItem('studio-chat-question')") == "Încă nu am terminat")
    opened(first, f"{studio.address}/it/")
    first.go_back()
    expect(first.locator("#device")).not_to_be_empty()
    still(first)
    tab(first, "chat")
    expect(first.locator(".chat-bar h2")).to_have_text(title)
    expect(first.locator(".turn")).to_have_count(2)
    expect(first.locator("#question textarea")).to_have_value("Încă nu am terminat")
