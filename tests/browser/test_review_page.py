"""Two people review the same rows with keys, each in a window of their own, settle what they dispute, and go on."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from backend.data import rows
from backend.data.datasets import Dataset
from studio.services.door import Services
from studio.text import Words
from tests.browser.person import LONG, Studio, Watch, opened, running, signed_in, still, tab
from tests.browser.test_accessible import faults
from tests.browser.test_languages import english, left

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
RO = Words("ro")
ROWS = 13


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with running(tmp_path_factory.mktemp("review")) as studio:
        yield studio


def made(studio: Studio, name: str) -> Dataset:
    """13 chats."""
    services = Services.at(studio.workspace)
    path = studio.workspace / f"{name}.jsonl"
    lines = [f'{{"question": "Cât fac {n} și {name}?", "answer": "{n + 1}."}}\n' for n in range(ROWS)]
    path.write_text("".join(lines), encoding="utf-8")
    return services.add_dataset(path, name, skip_bad=False)


def enters(browser: Browser, studio: Studio, name: str, who: str, **look: object) -> Page:
    """A window in which this person begins to review, in Romanian."""
    context: BrowserContext = signed_in(browser, studio, **look)
    page = context.new_page()
    opened(page, f"{studio.address}/ro/")
    tab(page, "data")
    page.locator("#data-here button.run", has=page.locator("b", has_text=name)).click()
    expect(page.locator("#data-name")).to_have_text(name)
    page.locator("[data-key=review]").click()
    expect(page.locator("#data-review-name")).to_be_focused()
    page.keyboard.type(who)
    page.keyboard.press("Enter")
    at(page, 1)
    return page


def at(page: Page, number: int) -> None:
    """That row is shown, and whoever presses a key next means it."""
    head = page.locator("#data-review-head")
    expect(head).to_contain_text(RO.t("data.review.row", number=number, total=ROWS))
    expect(page.locator("#data-review")).to_have_attribute("aria-busy", "false")
    expect(page.locator("#data-review .data-row .bubble.user").first).to_contain_text(f"Cât fac {number - 1} ")


def judges(page: Page, key: str, following: int) -> None:
    page.keyboard.press(key)
    at(page, following)


def corrects(page: Page) -> None:
    """The last row; once given up, once saved. Keys that are typed are letters, not verdicts."""
    answer = page.locator("[data-field='messages.1.content']")
    page.keyboard.press("e")
    expect(page.locator("[data-field='messages.0.content']")).to_be_focused()
    page.keyboard.press("Tab")
    expect(answer).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("ara treisprezece")
    expect(answer).to_have_value("ara treisprezece")
    page.keyboard.press("Escape")
    expect(page.locator("#data-review-head")).to_be_focused()
    page.keyboard.press("e")
    expect(answer).to_have_value(f"{ROWS}.")
    answer.fill("Treisprezece.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#data-review-head")).to_have_text(RO.t("live.data.review.done.unseen"))


def disagrees(page: Page) -> None:
    """As Ana but for the last two rows: one is rejected, with a note, one approved."""
    expect(page.locator("#data-review .data-row")).not_to_contain_text("Treisprezece.")
    judges(page, "r", 2)
    judges(page, "u", 1)
    expect(page.locator(".review-told")).to_contain_text(RO.t("data.review.undone"))
    expect(page.locator("#data-review-head .badge")).to_have_count(0)
    for row in range(1, ROWS - 1):
        judges(page, "a", row + 1)
    page.keyboard.press("n")
    expect(page.locator("#data-review-note")).to_be_focused()
    page.keyboard.type("neclar")
    page.keyboard.press("Enter")
    expect(page.locator("#data-review-head")).to_be_focused()
    judges(page, "r", ROWS)
    page.keyboard.press("a")
    expect(page.locator("#data-review-head")).to_have_text(RO.t("live.data.review.done.unseen"))


def settles(page: Page) -> None:
    """The two disputed rows: one stays behind, of one the correction is taken."""
    results = page.locator("#data-review-results")
    expect(results).to_contain_text(RO.count("data.review.disputed", 2))
    same = RO.count("data.review.same", ROWS, same=11, share=85)
    expect(results.locator(".agreement")).to_contain_text(f"Ana și Ion: {same}")
    page.locator("[data-key='review settle']").click()
    at(page, ROWS - 1)
    expect(page.locator(".review-others")).to_contain_text("neclar")
    judges(page, "r", ROWS)
    expect(page.locator(".review-others")).to_contain_text("Treisprezece.")
    page.keyboard.press("1")
    expect(page.locator("#data-review-head")).to_have_text(RO.t("live.data.review.done.disagreement"))


def test_two_people_review_with_keys_and_only_what_both_let_through_goes_on(studio: Studio, browser: Browser) -> None:
    mine = made(studio, "Sume")
    ana = enters(browser, studio, "Sume", "Ana")
    watch = Watch(studio.address)
    watch.over(ana)
    expect(ana.locator("#data-review-head")).to_be_focused()
    for row in range(1, ROWS):
        judges(ana, "a", row + 1)
    corrects(ana)
    ion = enters(browser, studio, "Sume", "Ion")
    watch.over(ion)
    disagrees(ion)
    settles(ion)
    ion.locator("[data-key='review make']").click()
    newest = ion.locator(".versions li[aria-current]")
    expect(newest).to_contain_text(RO.t("data.version", number=2), timeout=LONG)
    expect(ion.locator("#data-name")).to_be_focused()
    expect(ion.locator("#data-one .data-row .origin").first).to_contain_text("Ana, Ion")
    second = next(one for one in Services.at(studio.workspace).my_data.versions(mine.id) if one.version == 2)
    found = list(rows.read(second.path))
    assert [row["review_row"] for row in found] == [*range(1, ROWS - 1), ROWS]
    assert found[-1]["messages"][1]["content"] == "Treisprezece."
    for page in (ana, ion):
        still(page)
        page.context.close()
    assert (watch.outside, watch.broken) == ([], [])


def test_progress_and_what_is_being_corrected_outlive_a_reload_and_back_leads_out(
    studio: Studio, browser: Browser
) -> None:
    made(studio, "Reia")
    page = enters(browser, studio, "Reia", "Ana")
    judges(page, "a", 2)
    page.keyboard.press("e")
    field = page.locator("[data-field='messages.1.content']")
    field.fill("Doi, deci")
    page.reload()
    expect(field).to_have_value("Doi, deci")
    expect(page.locator("#data-review")).to_have_attribute("aria-busy", "false")
    field.press("Escape")
    expect(page.locator("#data-review-head")).to_be_focused()
    judges(page, "ArrowRight", 3)
    page.locator("#data-review-filter").select_option("all")
    at(page, 3)
    page.go_back()
    expect(page.locator("#data-name")).to_be_visible()
    expect(page.locator("#data-review")).to_be_hidden()
    page.go_forward()
    expect(page.locator(".review-progress")).to_contain_text(RO.t("data.review.judged", judged=1, total=ROWS))
    page.context.close()


def test_single_keys_can_be_switched_off(studio: Studio, browser: Browser) -> None:
    made(studio, "Fără taste")
    page = enters(browser, studio, "Fără taste", "Ana")
    page.keyboard.press("?")
    keys = page.locator("[data-key='review keys']")
    keys.uncheck()
    page.locator("#data-review-head").focus()
    page.keyboard.press("a")
    # It came after the other key and is heard all the same.
    page.keyboard.press("?")
    expect(keys).to_be_hidden()
    at(page, 1)
    page.keyboard.press("?")
    keys.check()
    judges(page, "a", 2)
    page.context.close()


@pytest.mark.parametrize(("colours", "width"), [("light", 1366), ("dark", 360)])
def test_a_review_can_be_read_and_used_by_everybody(studio: Studio, browser: Browser, colours: str, width: int) -> None:
    name = f"Lat {width}"
    made(studio, name)
    look = {"color_scheme": colours, "viewport": {"width": width, "height": 768}, "has_touch": width < 500}
    page = enters(browser, studio, name, "Ana", **look)
    found = {"row": [*faults(page), *left(page, english("ro"))]}
    approve = page.locator("[data-said=approve]")
    (approve.tap if width < 500 else approve.click)()
    at(page, 2)
    expect(page.locator(".review-told")).to_contain_text(RO.t("data.review.said.approve"))
    page.locator("[data-said=edit]").click()
    expect(page.locator("#data-review-edit")).to_be_visible()
    page.locator("[data-field='messages.1.content']").fill(" ")
    page.locator("[data-key='review save']").click()
    expect(page.locator("#data-review-edit [role=alert]")).to_have_text(RO.said("review.empty"))
    expect(page.locator("[data-field='messages.1.content']")).to_be_focused()
    found["edit"] = [*faults(page), *left(page, english("ro"))]
    page.locator("[data-key='review cancel']").click()
    page.locator("[data-key='review help']").click()
    page.locator("[data-key='review results']").click()
    expect(page.locator("#data-review-results .outcome")).to_be_visible()
    found["results"] = [*faults(page), *left(page, english("ro"))]
    wide = page.evaluate("document.documentElement.scrollWidth")
    found["wide"] = [f"it is {wide} wide"] if wide > width else []
    page.context.close()
    assert {where: what for where, what in found.items() if what} == {}
