"""What leaves the studio from the page: exports really run, with their verdict; a capsule goes out and comes in."""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from backend.hub import desk
from backend.jobs import recorded
from studio.services.door import Services
from studio.text import Words
from tests.browser.person import LONG, Studio, opened, running, signed_in, still, tab
from tests.browser.test_accessible import faults
from tests.hubserver.taking import TOKEN, Taken, taking

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
SHIPPED = recorded.every()[0]
W = Words("en")


@pytest.fixture(scope="module")
def hub() -> Iterator[Taken]:
    with taking() as server, pytest.MonkeyPatch.context() as environment:
        for name in (desk.OFFLINE, desk.PERSON_SAID):  # left by who imported the page in this process
            environment.delenv(name, raising=False)
        environment.setenv("HF_ENDPOINT", server.url)
        environment.setenv("HF_TOKEN", TOKEN)
        # The Hub's own storage speaks a protocol of its own; without its library, files go over plain HTTP.
        environment.setenv("HF_HUB_DISABLE_XET", "1")
        yield server


@pytest.fixture(scope="module")
def studio(hub: Taken, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with running(tmp_path_factory.mktemp("exports")) as studio:
        yield studio


@pytest.fixture
def page(studio: Studio, browser: Browser) -> Iterator[Page]:
    """The recorded run, its exports unfolded."""
    page = signed_in(browser, studio).new_page()
    opened(page, f"{studio.address}/en/")
    tab(page, "runs")
    page.locator("#run-list .group.ended button.run").filter(has_text=SHIPPED.name).last.click()
    expect(page.locator("#run-name")).to_contain_text(SHIPPED.name)
    page.locator("details.export > summary").click()
    expect(page.locator(".export-form").first).to_be_visible()
    yield page
    page.context.close()


def choose(page: Page, form: str) -> None:
    page.locator(f".export-form input[value={form}]").check()
    expect(page.locator("[data-action=export]")).to_be_enabled()


def begins(page: Page, studio: Studio, name: str) -> Locator:
    """Pressed; its line, as soon as there is one."""
    page.locator("[data-action=export]").click()
    line = page.locator(".exports .made").filter(has=page.get_by_role("button", name=name, exact=True))
    expect(line).to_be_visible()
    services = Services.at(studio.workspace)
    assert services.jobs.find(services.person, name).kind == "export"
    return line


def test_one_model_and_one_file_are_made_and_say_how_close_they_are(page: Page, studio: Studio, tmp_path: Path) -> None:
    choose(page, "merged")
    merged = begins(page, studio, f"{SHIPPED.name} merged")
    choose(page, "gguf_q8")
    gguf = begins(page, studio, f"{SHIPPED.name} gguf")
    expect(merged.locator(".parity")).to_contain_text(W.t("exports.parity.same"), timeout=LONG)
    expect(gguf.locator(".parity")).to_contain_text(
        re.compile("|".join(re.escape(W.t(f"exports.parity.{one}")) for one in ("same", "close"))), timeout=LONG
    )
    gguf.locator(".closeness summary").click()
    expect(gguf.locator(".closeness")).to_contain_text(W.t("exports.figure.mean"))
    gguf.locator(".use > summary").click()
    expect(gguf.locator(".snippet").filter(has_text="Ollama").locator("pre")).to_contain_text("ollama create")
    with page.expect_download() as waiting:
        gguf.locator("[data-action=export-files]").click()
    waiting.value.save_as(tmp_path / "made.zip")
    with zipfile.ZipFile(tmp_path / "made.zip") as archive:
        assert archive.testzip() is None
        names = {name.rpartition("/")[2] for name in archive.namelist()}
    assert {"Modelfile", f"{SHIPPED.name}-q8_0.gguf", "MANIFEST.json"} <= names
    merged.get_by_role("button", name=f"{SHIPPED.name} merged", exact=True).click()
    expect(page.locator("#run-name")).to_contain_text(f"{SHIPPED.name} merged")
    expect(page.locator(".export-one .parity")).to_contain_text(W.t("exports.parity.same"))


def test_a_capsule_goes_out_comes_in_and_opens_train(page: Page, studio: Studio, tmp_path: Path) -> None:
    choose(page, "capsule")
    line = begins(page, studio, f"{SHIPPED.name} capsule")
    expect(line.locator("[data-action=export-files]")).to_be_visible(timeout=LONG)
    with page.expect_download() as waiting:
        line.locator("[data-action=export-files]").click()
    waiting.value.save_as(tmp_path / "sent.zip")
    page.locator("#import button").first.click()
    page.locator("#import-name :is(input, textarea)").fill("came in")
    page.locator("#import input[type=file]").set_input_files(tmp_path / "sent.zip")
    expect(page.locator("#run-name")).to_contain_text("came in")
    expect(page.locator(".needs li.here")).to_have_count(3)
    expect(page.locator(".needs li").first).to_contain_text(W.t("exports.need.here"))
    with page.expect_navigation():
        page.locator("[data-action=repeat-capsule]").click()
    expect(page.locator("#tab-train-button")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#train-recipe input")).to_have_value(W.t("recipe.as_run", name="came in"))
    expect(page.locator(".forecast .verdict")).to_be_visible()
    expect(page.locator("#start")).to_be_enabled()


def test_a_push_is_private_and_its_card_is_as_it_was_left(page: Page, studio: Studio, hub: Taken) -> None:
    choose(page, "hub")
    expect(page.get_by_label(W.t("live.export.private"))).to_be_checked()
    page.locator("#export-hub").fill("romana")
    page.locator("[data-action=export]").click()
    expect(page.locator("#export-said")).to_contain_text("romana")
    page.locator("#export-hub").fill("ana/romana")
    page.locator(".card-of > summary").click()
    card = page.locator("#export-card")
    expect(card).to_have_value(re.compile("## Licences"))
    assert faults(page) == []
    card.fill(f"{card.input_value()}\nFor my class.\n")
    line = begins(page, studio, f"{SHIPPED.name} hub")
    expect(line).to_contain_text(W.t("exports.is.private", name="ana/romana"), timeout=LONG)
    assert hub.private == {"ana/romana": True}
    assert hub.files["README.md"].decode().endswith("For my class.\n")
    assert TOKEN not in page.content()
    still(page)
