"""A walk through all that the page asks of the studio and gets from it, wherever it is seen from."""

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

from playwright.sync_api import Page, expect

from backend.jobs import recorded
from backend.paths import ROOT
from studio.services.door import Services
from studio.text import Words
from tests.browser.person import Studio, still, tab

SHIPPED = recorded.every()[0]


def think_nothing(studio: Studio) -> None:
    """An engine for this studio that speaks at once and in a steady pace."""
    command = [sys.executable, "-m", "benchmarks.living.engine", str(studio.workspace)]
    studio.processes["engine"] = subprocess.Popen(command, cwd=ROOT, stdout=studio.log, stderr=studio.log)


def walk(page: Page, studio: Studio, address: str, folder: Path, name: str) -> None:
    """From Home in Italian, opened, to an answer in Romanian. `folder` takes files; `name` is new to the studio."""
    adds_examples(page, folder / f"{name}.jsonl")
    sees_a_run_come_and_looks_at_the_recorded_one(page, studio, name)
    takes_its_adapter(page, folder / f"{name}.zip")
    page.locator(".languages a[lang=ro]").click()
    expect(page).to_have_url(re.compile(f"^{re.escape(address)}/ro/#run={SHIPPED.id}"))
    expect(page.locator("#tab-home-button")).to_have_text(Words("ro").t("tab.home"))
    expect(page.locator("#device")).not_to_be_empty()
    still(page)
    is_answered(page)


def adds_examples(page: Page, file: Path) -> None:
    """A file goes there, and the forecast comes back."""
    words = Words("it")
    turns = [[{"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": file.stem}] for n in range(20)]
    file.write_text("".join(json.dumps({"messages": turn}, ensure_ascii=False) + "\n" for turn in turns), "utf-8")
    tab(page, "train")
    expect(page.locator(".forecast .verdict")).to_contain_text("Ci sta")
    expect(page.locator("#start")).to_be_enabled()
    page.locator("#open-data").click()
    page.locator("#panel-data input[type=file]").set_input_files(file)
    expect(page.locator("#added")).to_contain_text(words.count("data.added", 20, name=file.stem))
    expect(page.locator("#train-data input")).to_have_value(f"{file.stem} (20)")
    still(page)


def sees_a_run_come_and_looks_at_the_recorded_one(page: Page, studio: Studio, name: str) -> None:
    """What was started elsewhere is told by the stream of the page; curves, answers and log are asked for."""
    tab(page, "runs")
    services = Services.at(studio.workspace)
    services.start(services.recipe("starter-lora"), "starter", "starter-ro", name)
    expect(page.locator(".group.queue li b").filter(has_text=name)).to_be_visible()
    page.locator(".group.ended button.run").filter(has_text=SHIPPED.name).click()
    expect(page.locator(".run-head h2")).to_contain_text(SHIPPED.name)
    expect(page.locator("figure.chart canvas").first).to_be_visible()
    page.locator(".log summary").click()
    lines = services.folder(SHIPPED.id).log.read_text(encoding="utf-8").splitlines()
    expect(page.locator(".log .line .text").last).to_contain_text(lines[-1].split()[-1])


def takes_its_adapter(page: Page, file: Path) -> None:
    with page.expect_download() as waiting:
        page.locator(".run-head [data-action='download']").click()
    waiting.value.save_as(file)
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        assert [path for path in archive.namelist() if path.endswith("/adapter_model.safetensors")]


def is_answered(page: Page) -> None:
    """Word by word: some are there while others are still to come."""
    tab(page, "chat")
    expect(page.locator(".idea, .turn").first).to_be_visible()
    page.locator("#chat-new").click()
    expect(page.locator(".idea").first).to_be_visible()
    page.locator("#question textarea").fill("Cum te cheamă?")
    page.locator("#question .send").click()
    expect(page.locator(".reply[data-state=writing] .words").first).to_contain_text("word2")
    page.locator("#question .stop").click()
    expect(page.locator("#question .send")).to_be_visible()
    expect(page.locator(".asked .words")).to_have_text("Cum te cheamă?")
