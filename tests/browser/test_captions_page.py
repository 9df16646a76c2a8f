"""Captions for many pictures as a person has them: dropped, stopped, gone on with, corrected, made into data."""

import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from backend.paths import SAMPLE_DATA
from studio.services.door import Services
from studio.text import Words
from tests.browser.person import LONG, Studio, Watch, opened, running, signed_in, still, tab
from tests.browser.test_accessible import faults

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
RO = Words("ro")
PICTURES = sorted((SAMPLE_DATA / "scenes" / "pictures").iterdir())
MANY = 120
BROKEN = b"\x89PNG\r\n\x1a\nnothing more"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with running(tmp_path_factory.mktemp("captions")) as studio:
        yield studio


@pytest.fixture(scope="module")
def page(studio: Studio, browser: Browser) -> Iterator[Page]:
    watch = Watch(studio.address)
    context = signed_in(browser, studio)
    page = watch.over(context.new_page())
    opened(page, f"{studio.address}/ro/")
    tab(page, "vision")
    yield page
    still(page)
    context.close()
    assert (watch.outside, watch.broken) == ([], [])


def said(key: str, **values: object) -> str:
    return RO.t(f"live.captions.{key}", **values)


def archive(folder: Path, count: int) -> Path:
    """So many pictures, and one that is none."""
    path = folder / "vacanță.zip"
    with zipfile.ZipFile(path, "w") as made:
        for at, picture in enumerate(PICTURES[:count]):
            made.write(picture, f"{at:03}.png")
        made.writestr("broken.png", BROKEN)
    return path


def begins(page: Page, files: list[Path]) -> None:
    page.locator("#captions-chosen").set_input_files(files)
    expect(page.locator(".brought")).to_contain_text(files[0].name)
    page.locator("[data-key=begin]").click()
    expect(page.locator("#captions-name")).to_be_visible()


def test_a_hundred_pictures_are_captioned_stopped_and_gone_on_with(page: Page, studio: Studio, tmp_path: Path) -> None:
    page.get_by_role("button", name=said("part.captions")).click()
    expect(page.locator("#captions-new")).to_be_visible()
    assert not faults(page)

    # Without pictures it is said at once.
    page.locator("[data-key=begin]").click()
    expect(page.locator("#captions-beside .wrong").first).to_have_text(said("no_files"))

    page.locator("#captions-model").select_option("starter-vision")
    # In words that this model understands.
    expect(page.locator("#captions-prompt")).to_have_value("Descrie imaginea.")
    page.locator("#captions-prompt").fill("Describe the picture.")
    begins(page, [archive(tmp_path, MANY)])
    expect(page.locator(".captions-rows li").first).to_be_visible(timeout=LONG)
    page.locator("[data-key=stop]").click()
    expect(page.locator("[data-key=resume]")).to_be_visible(timeout=LONG)
    before = Services.at(studio.workspace).chats
    assert before.jobs.all(before.person)[0].state.value == "stopped"

    page.locator("[data-key=resume]").click()
    expect(page.locator(".captions-state .state")).to_have_class("state done", timeout=LONG)
    expect(page.locator(".captions .run-more")).to_contain_text("broken.png")
    expect(page.locator(".captions .pages")).to_contain_text(str(MANY))


def test_a_correction_is_kept_and_there_after_a_reload(page: Page) -> None:
    """On the disk when the field is left."""
    caption = page.get_by_label(said("of", name="000.png"))
    was = caption.input_value()
    assert len(was) > 10
    caption.fill("Un cerc roșu, corectat.")
    page.locator("#captions-name").click()
    expect(page.locator(".captions-rows li").first.locator(".badge")).to_have_text(said("corrected"))
    page.reload()
    expect(page.locator("[data-key=captions]")).to_have_attribute("aria-pressed", "true")
    page.locator("[data-key^='open ']").first.click()
    expect(page.get_by_label(said("of", name="000.png"))).to_have_value("Un cerc roșu, corectat.")
    assert not faults(page)


def test_captions_become_files_and_a_data_set(page: Page, studio: Studio) -> None:
    with page.expect_download() as told:
        page.locator("a[data-key=csv]").click()
    table = list(csv.DictReader(io.StringIO(Path(told.value.path()).read_text(encoding="utf-8-sig"))))
    assert len(table) == MANY
    assert table[0] == {"picture": "000.png", "caption": "Un cerc roșu, corectat."}
    with page.expect_download() as told:
        page.locator("a[data-key=txt]").click()
    with zipfile.ZipFile(told.value.path()) as texts:
        assert texts.read("000.txt").decode() == "Un cerc roșu, corectat.\n"
    page.locator("[data-key=data]").click()
    expect(page.locator(".captions .saved")).to_contain_text(str(MANY))
    made = next(one for one in Services.at(studio.workspace).my_data.sets() if not one.dataset.shipped)
    assert (made.dataset.shape, made.dataset.rows) == ("caption", MANY)


def test_pages_of_captions_fit_a_phone_and_a_job_is_deleted_when_it_is_meant(page: Page, studio: Studio) -> None:
    page.locator("[data-key=after]").click()
    expect(page.get_by_label(said("of", name="024.png"))).to_be_visible()
    page.set_viewport_size({"width": 360, "height": 740})
    expect(page.locator(".captions-rows li").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.set_viewport_size({"width": 1366, "height": 768})

    # The data set stays.
    page.locator("[data-key=forget]").click()
    page.locator("[data-key=forget]").get_by_text(said("sure")).click()
    expect(page.locator("#captions-new")).to_be_visible()
    chats = Services.at(studio.workspace).chats
    assert not chats.jobs.all(chats.person)
    assert [one for one in Services.at(studio.workspace).my_data.sets() if not one.dataset.shipped]


def test_several_files_are_one_job_and_what_is_no_picture_is_refused(page: Page, tmp_path: Path) -> None:
    page.locator("[data-key=new]").click() if page.locator("#captions-name").count() else None
    notes = tmp_path / "notes.txt"
    notes.write_text("not a picture", encoding="utf-8")
    page.locator("#captions-chosen").set_input_files([notes])
    page.locator("[data-key=begin]").click()
    expect(page.locator("#captions-beside .wrong").first).to_contain_text("notes.txt")
    page.locator("[data-key=drop-files]").click()
    begins(page, PICTURES[:3])
    expect(page.locator(".captions-state .state")).to_have_class("state done", timeout=LONG)
    expect(page.locator(".captions-rows li")).to_have_count(3)
