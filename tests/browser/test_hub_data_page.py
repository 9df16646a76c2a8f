"""A data set of the Hub as a person gets it: named, looked at with its licence, fetched, seen, imported; and refused.

The Hub is a small server on loopback, spoken to by the real huggingface_hub.
"""

import io
from collections.abc import Iterator
from dataclasses import replace

import pyarrow
import pyarrow.parquet
import pytest
from playwright.sync_api import Browser, Page, expect

from studio.services.door import Services
from studio.text import Words
from tests.browser.person import LONG, Studio, Watch, opened, running, signed_in, still
from tests.browser.test_accessible import faults
from tests.browser.test_data_page import data, imports, listed, read
from tests.hubserver import world
from tests.hubserver.server import Repository
from tests.hubserver.server import running as hub_running
from tests.hubserver.world import World

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
RO = Words("ro")
CHATS, PROGRAM, GATED = "ana/intrebari", "ana/program", "ana/inchis"


def parquet(split: str) -> bytes:
    made = io.BytesIO()
    table = {"question": [f"Ce e {split} {n}?" for n in range(20)], "answer": [f"Este {n}." for n in range(20)]}
    pyarrow.parquet.write_table(pyarrow.table(table), made)
    return made.getvalue()


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as changed:
        made, files = world.make(tmp_path_factory.mktemp("hub"), changed), {}
        for split in ("train", "test"):
            files[f"data/{split}-00000-of-00001.parquet"] = parquet(split)
        many = made.hub.repositories
        many[CHATS] = Repository(files, card={"license": "cc-by-4.0", "language": ["ro"]})
        many[PROGRAM] = Repository({"program.py": b"print()"}, card={})
        many[GATED] = Repository(files, gated="manual")
        with hub_running(made.hub) as server:
            changed.setenv("HF_ENDPOINT", server.url)
            yield made


@pytest.fixture(scope="module")
def studio(hub: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with running(tmp_path_factory.mktemp("hub-data")) as studio:
        yield studio


@pytest.fixture
def page(studio: Studio, hub: World, browser: Browser) -> Iterator[Page]:
    watch = Watch(studio.address)
    page = watch.over(signed_in(browser, studio).new_page())
    opened(page, f"{studio.address}/ro/")
    data(page)
    page.locator("#data-hub summary").click()
    yield page
    still(page)
    page.context.close()
    hub.hub.faults = replace(hub.hub.faults, bytes_each_second=None)
    services = Services.at(studio.workspace)
    for one in services.my_data.sets():
        if not one.dataset.shipped:
            services.my_data.delete(one.dataset.id)
    assert (watch.outside, watch.broken) == ([], [])


def looks(page: Page, hub_id: str) -> None:
    page.locator("#data-hub-id").fill(hub_id)
    page.locator("[data-key=hub-look]").click()


def test_one_is_looked_at_fetched_seen_and_imported_with_its_licence(page: Page) -> None:
    looks(page, f"https://huggingface.co/datasets/{CHATS}")
    offer = page.locator(".hub-offer")
    expect(offer).to_contain_text("cc-by-4.0")
    expect(offer.locator("[data-key=split]")).to_have_value("train")
    offer.locator("[data-key=split]").select_option("test")
    expect(offer.locator("[data-key=split]")).to_have_value("test")
    still(page)
    assert faults(page) == []
    expect(offer.locator("[data-key=hub-fetch]")).to_be_disabled()
    offer.locator("#data-hub-first").fill("4")
    offer.locator("#data-hub-last").fill("3")
    offer.locator("#data-hub-accept").check()
    offer.locator("[data-key=hub-fetch]").click()
    expect(page.locator("#data-hub-rows")).to_have_text(RO.said("hub.corpus_rows", {"first": "4", "last": "3"}))
    expect(offer.locator("#data-hub-first")).to_have_value("4")
    offer.locator("#data-hub-last").fill("18")
    offer.locator("[data-key=hub-fetch]").click()
    expect(page.locator(".table-of")).to_be_visible(timeout=LONG)
    expect(read(page)).to_contain_text("Ce e test 3?")
    expect(read(page)).not_to_contain_text("Ce e test 0?")
    imports(page, "De pe Hub")
    expect(page.locator("#data-one .facts").first).to_contain_text(CHATS)
    expect(page.locator("#data-one .facts").first).to_contain_text("cc-by-4.0")
    expect(listed(page, "De pe Hub")).to_be_visible()


def test_a_fetch_is_stopped_and_gone_on_with(page: Page, hub: World) -> None:
    hub.hub.faults.bytes_each_second = 200
    looks(page, CHATS)
    page.locator("#data-hub-accept").check()
    page.locator("[data-key=hub-fetch]").click()
    page.locator("[data-key=hub-stop]").click()
    expect(page.locator("[data-key=hub-resume]")).to_be_visible(timeout=LONG)
    page.reload()
    expect(page.locator("[data-key=hub-resume]")).to_be_visible()
    hub.hub.faults.bytes_each_second = None
    page.locator("[data-key=hub-resume]").click()
    expect(page.locator(".table-of")).to_be_visible(timeout=LONG)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("nimeni/nimic", "nimeni/nimic"),
        (PROGRAM, RO.said("hub.corpus_program", {"name": PROGRAM})),
        (GATED, RO.t("data.hub.gated")),
    ],
)
def test_what_cannot_be_had_says_why(page: Page, typed: str, said: str) -> None:
    looks(page, typed)
    expect(page.locator("#data-hub")).to_contain_text(said)
    expect(page.locator("#data-hub-accept")).to_have_count(0)
    expect(page.locator("#data-hub-id")).to_have_value(typed)
