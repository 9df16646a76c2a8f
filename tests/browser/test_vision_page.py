"""Questions about pictures as a person asks them, with the real engine and a tiny model: one story, then its edges."""

import base64
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect
from safetensors.numpy import save_file

from backend.data import datasets, rows
from backend.models import catalogue, imports
from backend.models.catalogue import Model
from studio.services.door import Services
from tests import photos, sights
from tests.browser.person import LONG, Studio, Watch, opened, signed_in, tab, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
DROP = """([selector, raw, name]) => {
  const bytes = Uint8Array.from(atob(raw), (letter) => letter.charCodeAt(0));
  const carried = new DataTransfer();
  carried.items.add(new File([bytes], name, { type: "image/png" }));
  const there = document.querySelector(selector);
  for (const kind of ["dragover", "drop"])
    there.dispatchEvent(new DragEvent(kind, { dataTransfer: carried, bubbles: true, cancelable: true }));
}"""
PASTE = """([raw, name]) => {
  const bytes = Uint8Array.from(atob(raw), (letter) => letter.charCodeAt(0));
  const carried = new DataTransfer();
  carried.items.add(new File([bytes], name, { type: "image/png" }));
  const told = { clipboardData: carried, bubbles: true, cancelable: true };
  document.activeElement.dispatchEvent(new ClipboardEvent("paste", told));
}"""
CAMERA = """() => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [64, 48];
  const brush = canvas.getContext("2d");
  setInterval(() => { brush.fillStyle = "green"; brush.fillRect(0, 0, 64, 48); }, 40);
  navigator.mediaDevices.getUserMedia = async () => canvas.captureStream(25);
}"""


def adapter(folder: Path, model: Path) -> Path:
    """One for the language side of the tiny model, by chance."""
    folder.mkdir(parents=True)
    facts = json.loads((model / "config.json").read_text(encoding="utf-8"))["text_config"]
    chance, width = np.random.default_rng(1), facts["hidden_size"]
    tensors = {}
    for layer in range(facts["num_hidden_layers"]):
        head = f"base_model.model.model.language_model.layers.{layer}.self_attn.q_proj.lora_"
        tensors[f"{head}A.weight"] = chance.normal(0, 1, (4, width)).astype(np.float32)
        tensors[f"{head}B.weight"] = chance.normal(0, 1, (width, 4)).astype(np.float32)
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 4, "lora_alpha": 4, "bias": "none",
              "base_model_name_or_path": "ochi", "target_modules": r".*language_model.*\.q_proj"}  # fmt: skip
    (folder / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def services(studio: Studio, tmp_path_factory: pytest.TempPathFactory) -> Services:
    made = Services.at(studio.workspace)
    root = tmp_path_factory.mktemp("eyes")
    eyes = sights.build("llava", root / "model")
    catalogue.register(made.person, made.workspace, Model(id="", name="ochi", location=str(eyes), kind="vision"))
    imports.from_folder(made.person, made.jobs, str(adapter(root / "adapter", eyes)), "prima")
    return made


@pytest.fixture(scope="module")
def page(studio: Studio, browser: Browser, services: Services) -> Iterator[Page]:
    watch = Watch(studio.address)
    context = signed_in(browser, studio, locale="ro-RO")
    context.add_init_script(f"({CAMERA})()")
    shown = watch.over(context.new_page())
    opened(shown, f"{studio.address}/ro/")
    tab(shown, "vision")
    expect(shown.locator("#ask-panes .gallery button").first).to_be_visible()
    shorter(shown)
    yield shown
    assert watch.outside == []
    context.close()


def shorter(page: Page) -> None:
    """Answers of a few tokens."""
    page.locator("#ask-settings button").first.click()
    page.locator("#ask-max_tokens").locator("input, textarea").first.fill("6")
    page.locator("#ask-settings button").first.click()


def png(shade: int) -> str:
    return base64.b64encode(photos.written(photos.drawn(shade=shade))).decode()


def tray(page: Page) -> Locator:
    return page.locator("#ask-question .tray img")


def composer(page: Page) -> Locator:
    return page.locator("#ask-question textarea")


def answered(page: Page, turns: int) -> None:
    expect(page.locator("#ask-panes .turn")).to_have_count(turns, timeout=LONG)
    expect(page.locator("#ask-panes .turn").last.locator(".reply[data-state=done]")).to_have_count(2, timeout=LONG)


def test_pictures_that_are_dropped_and_pasted_are_asked_about_in_turn(page: Page) -> None:
    panes = page.locator("#ask-panes")
    page.evaluate(DROP, ["#ask-panes .chat-scroll", png(1), "una.png"])
    expect(tray(page)).to_have_count(1)
    composer(page).fill("Ce culoare are?")
    composer(page).press("Enter")
    answered(page, 1)
    expect(panes.locator(".turn .shown img")).to_have_count(1)
    expect(tray(page)).to_have_count(0)
    expect(panes.locator(".reply h3")).to_have_text(["ochi", "prima"])
    composer(page).focus()
    page.evaluate(PASTE, [png(2), "doua.png"])
    expect(tray(page)).to_have_count(1)
    page.evaluate(PASTE, [png(3), "trei.png"])
    expect(tray(page)).to_have_count(2)
    page.get_by_role("button", name="Elimină imaginea 2").click()
    expect(tray(page)).to_have_count(1)
    composer(page).fill("Și aceasta?")
    page.get_by_role("button", name="Trimite").click()
    answered(page, 2)
    expect(panes.locator(".turn").last.locator(".shown img")).to_have_count(1)


def test_the_right_answer_gives_scores_and_makes_a_test_which_a_reload_keeps(page: Page, services: Services) -> None:
    panes = page.locator("#ask-panes")
    last = panes.locator(".turn").last
    said = last.locator(".reply .words").first.inner_text()
    last.get_by_role("button", name="Păstrează ca test").click()
    expect(panes.get_by_role("alert")).to_contain_text("Scrie întâi răspunsul corect")
    panes.locator("[data-key=reference-field]").fill(said)
    panes.get_by_role("button", name="Salvează").click()
    expect(last.locator(".scores").first).to_have_text(re.compile("^Potrivire exactă · F1 1"))
    last.get_by_role("button", name="Păstrează ca test").click()
    expect(last.get_by_role("button", name="Păstrat ca test")).to_have_attribute("aria-pressed", "true")
    page.reload()
    expect(panes.locator(".turn")).to_have_count(2, timeout=LONG)
    expect(panes.locator(".turn .shown img")).to_have_count(2)
    expect(panes.locator(".scores").last).not_to_be_empty()
    (row,) = rows.read(saved_tests(page, services).path)
    assert row["part"] == "test"
    assert row["messages"][-1]["content"] == said.strip()
    assert [part["type"] for part in row["messages"][0]["content"]] == ["image", "image", "text"]


def saved_tests(page: Page, services: Services) -> datasets.Dataset:
    page.locator("#ask-list .judged-box summary").click()
    page.get_by_role("button", name="Fă un set de test (1)").click()
    expect(page.locator("#ask-list [data-key=open-data]")).to_be_visible()
    return datasets.find(services.person, services.workspace, "Întrebări de probă cu imagini")


def test_a_conversation_is_downloaded_with_its_pictures(page: Page) -> None:
    page.locator("#ask-panes summary").filter(has_text="Exportă").click()
    with page.expect_download() as told:
        page.locator("#ask-panes .menu a").filter(has_text="Markdown").click()
    with zipfile.ZipFile(io.BytesIO(Path(told.value.path()).read_bytes())) as archive:
        assert len(archive.namelist()) == 3


def test_a_sample_brings_questions_whose_right_answers_are_known(page: Page) -> None:
    page.locator("#ask-new").click()
    page.locator("#ask-panes .gallery button").first.click()
    expect(tray(page)).to_have_count(1)
    page.locator("#ask-panes").get_by_role("button", name="English").click()
    page.locator("#ask-panes .idea").first.click()
    answered(page, 1)
    expect(page.locator("#ask-panes .reference")).to_contain_text("Răspunsul corect")
    expect(page.locator("#ask-panes .scores").first).to_contain_text("F1")


def test_what_is_no_picture_and_a_question_without_one_are_told_at_the_composer(page: Page) -> None:
    page.locator("#ask-new").click()
    page.locator("#ask-question input[type=file]").set_input_files(
        {"name": "notițe.png", "mimeType": "image/png", "buffer": b"<html></html>"}
    )
    expect(page.locator("#ask-said")).to_contain_text("HTML")
    composer(page).fill("Ce vezi?")
    expect(page.locator("#ask-question .note")).to_contain_text("nu are nicio imagine")
    composer(page).fill("")
    expect(page.locator("#ask-question .note")).to_be_empty()


def test_a_question_waits_for_its_picture_and_stays_typed_when_none_comes(page: Page) -> None:
    """Both asked while the picture is still on its way."""
    held: list[Route] = []
    slow = re.compile("/chat/picture.*name=a.png")
    page.route(slow, lambda route: held.append(route))
    file = {"name": "a.png", "mimeType": "image/png", "buffer": b"<html></html>"}
    page.locator("#ask-question input[type=file]").set_input_files(file)
    composer(page).fill("Ce vezi?")
    composer(page).press("Enter")
    until(page, lambda: held)
    held.pop().continue_()
    expect(page.locator("#ask-said")).to_contain_text("HTML")
    expect(composer(page)).to_have_value("Ce vezi?")
    expect(page.locator("#ask-panes .turn")).to_have_count(0)
    page.locator("#ask-question input[type=file]").set_input_files({**file, "buffer": base64.b64decode(png(5))})
    composer(page).press("Enter")
    until(page, lambda: held)
    held.pop().continue_()
    answered(page, 1)
    expect(page.locator("#ask-panes .turn .pictures img")).to_have_count(1)
    page.unroute(slow)


def test_the_camera_takes_a_picture_and_is_let_go(page: Page) -> None:
    page.get_by_role("button", name="Cameră").click()
    video = page.locator("#ask-question video")
    expect(video).to_be_visible()
    until(page, lambda: video.evaluate("(one) => one.videoWidth > 0"))
    page.get_by_role("button", name="Fă fotografia").click()
    expect(video).to_have_count(0)
    expect(tray(page)).to_have_count(1)
    page.get_by_role("button", name="Elimină imaginea 1").click()
    expect(tray(page)).to_have_count(0)


def test_it_is_a_place_of_its_own_in_the_history_and_in_the_chat(page: Page) -> None:
    page.locator("#ask-list button.run").last.click()
    expect(page).to_have_url(re.compile("tab=vision.*ask="))
    tab(page, "chat")
    expect(page.locator("#chat-list li button")).to_have_count(0)
    page.locator("#question textarea").focus()
    page.evaluate(PASTE, [png(4), "x.png"])
    expect(page.locator("#chat-said")).to_contain_text("la Imagini")
    page.go_back()
    expect(page.locator("#ask-panes .turn").first).to_be_visible()


def test_who_chats_with_a_model_that_sees_comes_here(page: Page, services: Services) -> None:
    model = catalogue.find(services.person, services.workspace, "ochi")
    tab(page, "models")
    page.locator(f'[data-key="chat {model.id}"]').click()
    expect(page.locator("#tab-vision-button")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#ask-base input")).to_have_value("ochi")
    expect(page.locator("#ask-adapters .token")).to_have_count(0)
    page.locator("#ask-list button.run").last.click()


def test_on_a_phone_nothing_is_wider_than_the_screen(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    expect(page.locator("#ask-panes .turn").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.locator("#ask-panes [data-key=present]").click()
    expect(page.locator("#tab-vision .parts")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.keyboard.press("Escape")
    expect(page.locator("#tab-vision .parts")).to_be_visible()
