"""Data as a person has them: dropped, chosen, pasted, understood otherwise, imported, looked at, renamed, deleted."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from backend.data import rows
from backend.data.datasets import Dataset, Step
from backend.data.versions.deriving import derive
from backend.jobs.model import NewJob
from studio.services.door import Services
from studio.text import Words
from tests.browser.person import LONG, Studio, Watch, opened, running, signed_in, still, tab
from tests.browser.test_accessible import faults
from tests.browser.test_languages import english, left
from tests.browser.test_train_fields import box
from tests.workbooks import xlsx

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
RO, EN = Words("ro"), Words("en")
LETTERS = "Oraşul şi judeţul {n}, în ţară."
TABLE = "întrebare;răspuns;nr\r\n" + "".join(f"Ce oraş e {n}?;{LETTERS.format(n=n)};{n}\r\n" for n in range(30))
DROP = """([name, bytes]) => {
  const carried = new DataTransfer();
  carried.items.add(new File([new Uint8Array(bytes)], name));
  const over = (kind) => document.querySelector("#data-drop").dispatchEvent(new DragEvent(kind, { dataTransfer: carried, bubbles: true, cancelable: true }));
  over("dragover");
  over("drop");
}"""  # noqa: E501


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with running(tmp_path_factory.mktemp("data")) as studio:
        yield studio


@pytest.fixture
def page(studio: Studio, browser: Browser) -> Iterator[Page]:
    """At the data, in Romanian; afterwards nothing is left of what was brought."""
    watch = Watch(studio.address)
    page = watch.over(signed_in(browser, studio).new_page())
    opened(page, f"{studio.address}/ro/")
    data(page)
    yield page
    still(page)
    page.context.close()
    services = Services.at(studio.workspace)
    for one in services.my_data.sets():
        if not one.dataset.shipped:
            services.my_data.delete(one.dataset.id)
    for one in services.bringing.importing():
        services.bringing.forget(one.job.id)
    assert (watch.outside, watch.broken) == ([], [])


def data(page: Page) -> None:
    tab(page, "data")
    expect(page.locator("#data-here button.run").first).to_be_visible()


def drops(page: Page, name: str, content: bytes) -> None:
    page.evaluate(DROP, [name, list(content)])


def read(page: Page) -> Locator:
    """The table of what was brought, once it has been looked at."""
    table = page.locator(".table-of")
    expect(table).to_be_visible()
    expect(page.locator("#data-look")).to_have_attribute("aria-busy", "false")
    return table


def choice(page: Page, name: str) -> Locator:
    return page.locator(f"[data-key='choice {name}']")


def header(page: Page, column: str) -> Locator:
    return page.locator(f"[data-key='column {column}']")


def imports(page: Page, name: str = "") -> Locator:
    """Under this name, and seen: the heading of the data set that it has become."""
    if name:
        page.locator("#data-new-name").fill(name)
    expect(page.locator("#data-import")).to_be_enabled()
    page.locator("#data-import").click()
    heading = page.locator("#data-name")
    expect(heading).to_be_visible(timeout=LONG)
    expect(heading).to_be_focused()
    return heading


def listed(page: Page, name: str) -> Locator:
    return page.locator("#data-here button.run").filter(has=page.locator("b", has_text=name))


def test_a_dropped_table_in_windows_1250_is_read_corrected_imported_and_offered_for_training(page: Page) -> None:
    drops(page, "exam română.csv", TABLE.encode("cp1250"))
    table = read(page)
    expect(table).to_contain_text(LETTERS.format(n=0))
    expect(page.locator(".data-row.chat").first).to_contain_text(LETTERS.format(n=0))
    expect(choice(page, "encoding")).to_have_value("cp1250")
    expect(choice(page, "separator")).to_have_value(";")
    header(page, "nr").select_option("context")
    expect(page.locator(".data-row.chat .bubble.user").nth(7)).to_contain_text("Ce oraş e 7?\n\n7", use_inner_text=True)
    expect(header(page, "nr")).to_have_value("context")
    expect(imports(page)).to_contain_text("exam română")
    expect(listed(page, "exam română")).to_have_attribute("aria-current", "true")
    expect(listed(page, "exam română")).to_contain_text(RO.count("data.rows", 30))
    expect(page.locator("#data-one .data-row")).to_have_count(20)
    page.locator("[data-action=train]").click()
    expect(box(page, "train-data")).to_have_value("exam română (30)")


def test_a_wrong_guess_is_corrected_and_seen_at_once(page: Page) -> None:
    drops(page, "listă.csv", TABLE.encode("cp1250"))
    table = read(page)
    choice(page, "encoding").select_option("cp1252")
    expect(table).to_contain_text("Oraºul")
    choice(page, "encoding").select_option("cp1250")
    expect(table).to_contain_text("Oraşul")
    choice(page, "shape").select_option("text")
    expect(header(page, "răspuns")).not_to_have_value("answer")
    expect(page.locator("#data-import")).to_be_disabled()
    header(page, "răspuns").select_option("text")
    expect(page.locator(".data-row.text").first).to_contain_text(LETTERS.format(n=0))
    expect(page.locator("#data-import")).to_be_enabled()
    choice(page, "header").select_option("no")
    expect(header(page, "column_1")).to_be_visible()


def test_a_workbook_is_read_sheet_by_sheet(page: Page, tmp_path: Path) -> None:
    sheets = {
        name: [["întrebare", "răspuns"], *([f"Ce e {name} {n}?", f"Este {name} {n}."] for n in range(12))]
        for name in ("Toamna", "Iarna")
    }
    page.locator("#data-files").set_input_files(xlsx(tmp_path / "note.xlsx", sheets))
    expect(read(page)).to_contain_text("Ce e Toamna 0?")
    choice(page, "sheet").select_option("Iarna")
    expect(page.locator(".table-of")).to_contain_text("Ce e Iarna 0?")
    imports(page, "Din registru")
    expect(listed(page, "Din registru")).to_be_visible()


def test_a_file_that_cannot_be_read_says_why_and_another_one_can_be_brought(page: Page) -> None:
    drops(page, "stricat.xlsx", b"PK\x03\x04 nimic dintr-un registru")
    expect(page.locator(".findings .error")).to_have_text(RO.said("opening.damaged_workbook"))
    expect(page.locator("#data-import")).to_be_disabled()
    page.locator("[data-key=leave]").click()
    expect(page.locator("#data-drop")).to_be_visible()
    expect(page.locator("[data-key=files]")).to_be_focused()
    drops(page, "bun.csv", TABLE.encode())
    read(page)


def test_rows_with_mistakes_stop_an_import_or_are_left_out_and_told(page: Page) -> None:
    page.locator("#data-files").set_input_files(
        {"name": "stricate.csv", "mimeType": "text/csv", "buffer": (TABLE + "Fără răspuns;;31\r\n").encode()}
    )
    read(page)
    page.locator("#data-import").click()
    said = RO.said("data.empty_answer", {"conversation": 31, "turn": 2})
    expect(page.locator("#data-start-said")).to_contain_text(said[:30], timeout=LONG)
    expect(page.locator("#data-import")).to_be_enabled()
    page.locator("#data-skip").check()
    imports(page)
    expect(page.locator("#data-one .findings li")).to_contain_text(RO.count("data.rows", 1))
    expect(page.locator(".download")).to_have_count(0)


def test_pasted_rows_become_data(page: Page) -> None:
    page.locator("#data-paste summary").click()
    page.locator("[data-key=paste]").click()
    expect(page.locator("#data-pasted-said")).to_have_text(RO.t("live.data.paste.empty"))
    expect(page.locator("#data-pasted")).to_be_focused()
    page.locator("#data-pasted").fill(TABLE)
    page.locator("[data-key=paste]").click()
    expect(read(page)).to_contain_text(LETTERS.format(n=0))
    imports(page, "Lipite")
    expect(listed(page, "Lipite")).to_be_visible()


def test_a_folder_is_brought_with_the_names_of_its_folders(page: Page, tmp_path: Path) -> None:
    for name in ("an1/a.csv", "an2/b.csv"):
        (tmp_path / "ani" / name).parent.mkdir(parents=True)
        (tmp_path / "ani" / name).write_text(TABLE, encoding="utf-8")
    page.locator("#data-folder").set_input_files(tmp_path / "ani")
    read(page)
    expect(page.locator("#data-look")).to_contain_text("ani/an1/a.csv")
    expect(page.locator(".table-of .place").nth(1)).to_contain_text("a.csv:2")


def test_a_name_that_is_taken_is_said_at_the_field_and_what_was_typed_stays(page: Page, studio: Studio) -> None:
    mine = made(studio, "Sume")
    drops(page, "a.csv", TABLE.encode())
    read(page)
    page.locator("#data-new-name").fill("sume")
    page.locator("#data-import").click()
    expect(page.locator("#data-start-said")).to_have_text(RO.said("names.taken.data", {"name": mine.name}))
    expect(page.locator("#data-new-name")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#data-new-name")).to_have_value("sume")


def test_a_reload_leads_back_to_what_was_brought_and_chosen(page: Page) -> None:
    drops(page, "exam.csv", TABLE.encode("cp1250"))
    read(page)
    header(page, "nr").select_option("context")
    expect(page.locator(".data-row.chat .bubble.user").first).to_contain_text("Ce oraş e 0?\n\n0", use_inner_text=True)
    page.locator("#data-new-name").fill("Pe mai târziu")
    page.reload()
    expect(page.locator("#device")).not_to_be_empty()
    read(page)
    expect(header(page, "nr")).to_have_value("context")
    expect(page.locator("#data-new-name")).to_have_value("Pe mai târziu")


def test_one_of_mine_is_renamed_downloaded_and_deleted_and_told_what_is_lost(page: Page, studio: Studio) -> None:
    mine = made(studio, "Sume")
    run = Services.at(studio.workspace).jobs.submit(
        Services.at(studio.workspace).person, NewJob("train", "rulare veche", {"data": {"id": mine.id}}, start_at=2e9)
    )
    listed(page, "Sume").click()
    expect(page.locator("#data-name")).to_be_focused()
    page.locator("[data-key=rename]").click()
    page.locator("#data-rename").fill("a/b")
    page.locator("[data-key=rename-go]").click()
    expect(page.locator("#data-rename-said")).to_have_text(RO.said("names.character", {"character": "/"}))
    page.locator("#data-rename").fill("Sume mici")
    page.locator("[data-key=rename-go]").click()
    expect(page.locator("#data-name")).to_have_text("Sume mici")
    expect(listed(page, "Sume mici")).to_be_visible()
    with page.expect_download() as fetched:
        page.locator("[data-key=download]").click()
    assert fetched.value.suggested_filename == "Sume mici.jsonl"
    assert Path(fetched.value.path()).read_bytes() == mine.path.read_bytes()
    page.locator("[data-action=delete]").click()
    sure = page.locator("#data-one .sure")
    expect(sure).to_contain_text("rulare veche")
    expect(page.locator("[data-action=delete-now]")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("[data-action=delete]")).to_be_focused()
    page.locator("[data-action=delete]").click()
    page.locator("[data-action=delete-now]").click()
    expect(page.locator("#data-here .saved")).to_have_text(RO.t("data.removed", name="Sume mici"))
    expect(listed(page, "Sume mici")).to_have_count(0)
    Services.at(studio.workspace).jobs.stop(Services.at(studio.workspace).person, run.id)


def test_versions_are_walked_through_and_compared(page: Page, studio: Studio) -> None:
    services, first = Services.at(studio.workspace), made(studio, "Sume")
    rows = [json.loads(line) for line in first.path.read_text(encoding="utf-8").splitlines()][5:]
    derive(services.person, services.workspace, first, Step(name="filter", settings={"least": 5}), rows)
    expect(listed(page, "Sume")).to_contain_text(RO.count("data.versions", 2))
    listed(page, "Sume").click()
    versions = page.locator(".versions li")
    expect(versions.first).to_contain_text("least: 5")
    versions.first.get_by_role("button", name=RO.t("live.data.compare")).click()
    expect(versions.first).to_contain_text(RO.count("data.compared.removed", 5))
    versions.nth(1).get_by_role("button", name=RO.t("data.version", number=1)).click()
    expect(page.locator("#data-one > .detail").first).to_contain_text(RO.count("data.rows", 25))


def test_rows_are_turned_and_the_list_is_searched(page: Page, studio: Studio) -> None:
    made(studio, "Sume")
    page.locator("#data-search").fill("SUMÉ")
    expect(page.locator("#data-here button.run")).to_have_count(1)
    listed(page, "Sume").click()
    expect(page.locator("#data-one .data-row").first).to_contain_text("Cât fac 0 și 1?")
    page.locator("[data-key=after]").click()
    expect(page.locator("#data-one .data-row").first).to_contain_text("Cât fac 20 și 1?")
    expect(page.locator("[data-key=after]")).to_be_disabled()


def test_back_and_forward_lead_from_data_to_data(page: Page, studio: Studio) -> None:
    made(studio, "Sume")
    listed(page, "Sume").click()
    expect(page.locator("#data-name")).to_have_text("Sume")
    page.locator("[data-action=back]").click()
    expect(page.locator("#data-drop")).to_be_visible()
    expect(listed(page, "Sume")).to_be_focused()
    page.go_back()
    expect(page.locator("#data-name")).to_have_text("Sume")
    page.go_back()
    expect(page.locator("#data-drop")).to_be_visible()
    page.go_forward()
    expect(page.locator("#data-name")).to_have_text("Sume")


def test_train_leads_to_where_every_file_is_taken(page: Page) -> None:
    tab(page, "train")
    page.locator("#open-data").click()
    page.locator("#data-others").click()
    expect(page.locator("#tab-data-button")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#data-drop")).to_be_visible()


def test_every_shape_that_ships_is_drawn_as_it_is_read(page: Page) -> None:
    listed(page, "Perechi de răspunsuri").click()
    expect(page.locator(".data-row.preference .side-of.better").first).to_be_visible()
    expect(page.locator("#data-one [data-key=rename]")).to_have_count(0)
    page.locator("[data-action=back]").click()
    page.locator("#data-here button.run").first.click()
    expect(page.locator(".data-row.chat .bubble.user").first).to_be_visible()


def test_problems_are_looked_for_and_mended_as_a_new_version(page: Page, studio: Studio) -> None:
    made(studio, "Repetate", "Ce oraş este în ţara aceasta?", *["Cât fac 3 și 1?"] * 2)
    listed(page, "Repetate").click()
    page.locator("#data-doctor-model").select_option("starter")
    page.locator("[data-action=check]").click()
    same = page.locator(".health .findings li").filter(has=page.locator("[data-fix=drop_duplicates]"))
    expect(same).to_be_visible(timeout=LONG)
    expect(page.locator(".lengths li").first).to_be_visible()
    same.locator("summary").click()
    expect(same.locator(".examples li").first).to_contain_text("Cât fac 3 și 1?")
    page.locator("[data-fix=drop_duplicates]").click()
    expect(page.locator(".versions li[aria-current]")).to_contain_text(RO.t("data.version", number=2), timeout=LONG)
    expect(page.locator("#data-name")).to_be_focused()
    expect(listed(page, "Repetate")).to_contain_text(RO.count("data.versions", 2))


def test_a_data_set_is_split_as_a_new_version(page: Page, studio: Studio) -> None:
    made(studio, "Sume")
    listed(page, "Sume").click()
    fold = page.locator("#data-prepare")
    fold.locator("summary").click()
    fold.locator("#data-prepare-step").select_option("filter")
    expect(fold.locator("#data-prepare-contains")).to_be_visible()
    fold.locator("#data-prepare-step").select_option("split")
    share = fold.locator("#data-prepare-dev")
    share.fill("multe")
    fold.locator("[data-key=prepare-go]").click()
    expect(fold.locator("[role=alert]")).to_contain_text("multe")
    expect(share).to_have_value("multe")
    assert [*faults(page), *left(page, english("ro"))] == []
    share.fill("20")
    fold.locator("[data-key=prepare-go]").click()
    newest = page.locator(".versions li[aria-current]")
    expect(newest).to_contain_text(RO.t("data.version", number=2), timeout=LONG)
    expect(newest).to_contain_text(RO.t("data.step.split"))
    expect(page.locator("#data-name")).to_be_focused()
    services = Services.at(studio.workspace)
    (second,) = (one.dataset for one in services.my_data.sets() if one.dataset.name == "Sume")
    assert Counter(row["part"] for row in rows.read(second.path)) == {"train": 18, "dev": 5, "test": 2}


def test_rows_are_shown_as_the_tokens_of_a_training(page: Page) -> None:
    page.locator("[data-key='open starter-ro']").click()
    page.get_by_text(RO.t("live.data.tokens"), exact=True).click()
    page.locator("#data-tokens-recipe").select_option("starter-lora")
    page.locator("[data-action=tokens-look]").click()
    rows = page.locator("#data-tokens li")
    expect(rows).to_have_count(3, timeout=LONG)
    expect(rows.first.locator(".token").first).to_have_text("<|im_start|>")
    expect(rows.first.locator(".token.learned").last).to_contain_text("<|im_end|>")
    expect(rows.first.locator(".token.read").first).to_have_attribute("title", re.compile(r"tokenul \d+"))
    page.locator("[data-key=tokens-after]").click()
    expect(rows.first).to_contain_text("rândul 4", timeout=LONG)
    assert faults(page) == []


@pytest.mark.parametrize(("colours", "width"), [("light", 1366), ("dark", 360)])
def test_what_was_brought_can_be_read_and_used_by_everybody(
    browser: Browser, studio: Studio, colours: str, width: int
) -> None:
    context = signed_in(browser, studio, color_scheme=colours, viewport={"width": width, "height": 768})
    page = context.new_page()
    opened(page, f"{studio.address}/it/")
    data(page)
    page.locator("#data-paste summary").click()
    found = {"add": faults(page)}
    drops(page, "exam.csv", (TABLE + "Fără răspuns;;31\r\n").encode("cp1250"))
    read(page)
    found["look"] = [*faults(page), *left(page, english("it"))]
    header(page, "răspuns").select_option("")
    expect(page.locator("#data-look .data-row")).to_have_count(0)
    expect(page.locator(".findings .error").first).to_be_visible()
    found["fault"] = [*faults(page), *left(page, english("it"))]
    page.locator("#data-here button.run").first.click()
    expect(page.locator("#data-one .data-row").first).to_be_visible()
    found["one"] = [*faults(page), *left(page, english("it"))]
    wide = page.evaluate("document.documentElement.scrollWidth")
    found["wide"] = [f"it is {wide} wide"] if wide > width else []
    context.close()
    assert {where: what for where, what in found.items() if what} == {}


def made(studio: Studio, name: str, *more: str) -> Dataset:
    """A data set of 25 chats and these questions that is here, and told to the page."""
    services = Services.at(studio.workspace)
    path = studio.workspace / "sume.jsonl"
    lines = [f'{{"question": "Cât fac {n} și 1?", "answer": "{n + 1}."}}\n' for n in range(25)]
    lines += [f'{{"question": "{question}", "answer": "4."}}\n' for question in more]
    path.write_text("".join(lines), encoding="utf-8")
    return services.add_dataset(path, name, skip_bad=False)
