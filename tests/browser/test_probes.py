"""Scripts in whatever a person, a file or a model may have written: shown as they were written, never run."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from backend.jobs import rows
from backend.jobs.events import Phase, Sample, Step
from backend.people import HOME
from backend.recipes import load
from studio.security import HEADERS
from studio.services.door import Services
from tests.browser.person import Studio, Watch, opened, running, signed_in, still, tab
from tests.fakes import write_events

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
PROBE = (
    "<img src=x onerror=window.PWN=1><script>window.PWN=2</script><svg onload=window.PWN=3> {0.__class__} "
    "${window.PWN=4} {{constructor.constructor('window.PWN=5')()}} \"onmouseover=window.PWN=6 x=\" "
    "[a](javascript:window.PWN=7) ![b](http://192.0.2.1/b.png)"
)
# Whatever a probe would have left behind, had it been taken for markup or run.
LEFT = """() => [
  ...Object.keys(window).filter((name) => name.startsWith("PWN")),
  ...[...document.querySelectorAll(
    "img[src='x'], img[src*='192.0.2'], [onload], [onerror], [onmouseover], a[href^='javascript']"
  )].map((one) => one.outerHTML.slice(0, 200)),
]"""
# What the page asks of others is refused by the browser itself.
ASKS_OUTSIDE = """() => new Promise((done) => {
  const refused = [];
  document.addEventListener("securitypolicyviolation", (said) => {
    refused.push(said.effectiveDirective);
    if (refused.length === 4) done(refused.sort());
  });
  fetch("http://192.0.2.1/").catch(() => {});
  new Image().src = "http://192.0.2.1/a.png";
  document.head.append(Object.assign(document.createElement("script"), { src: "http://192.0.2.1/a.js" }));
  document.body.append(Object.assign(document.createElement("iframe"), { src: "http://192.0.2.1/" }));
})"""


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """One whose workspace is full of probes; nothing trains here."""
    root = tmp_path_factory.mktemp("probes")
    with running(root, supervised=False) as studio:
        plant(Services.at(studio.workspace), root)
        yield studio


def plant(services: Services, root: Path) -> None:
    """Past the checks of names: as an older version, or somebody else's hand, may have left it."""
    recipe = services.recipe("starter-lora")
    job = services.start(recipe, "starter", "starter-ro", "probed")
    folder = services.folder(job.id)
    samples = [Sample(step=at, index=0, question=PROBE, answer=f"{at} {PROBE}", expected=PROBE) for at in (0, 40)]
    step = Step(
        step=40, total=40, loss=1.0, learning_rate=1e-3, grad_norm=1.0, tokens=1, tokens_per_second=1, eta_seconds=0
    )
    write_events(folder, Phase(name="training"), step, *samples)
    folder.log.write_text(f"2026-11-22 13:06:01,941 WARNING loader {PROBE}\n", encoding="utf-8")
    with services.jobs.ledger.write() as ledger:
        rows.change(ledger, job.id, name=PROBE, note=PROBE, state="failed", attempt=1, ended_at=2.0)
    asked = [{"question": PROBE, "expected": PROBE}]
    probed = load.with_changes(recipe, {"watching.questions": asked})
    own = services.workspace.recipes / HOME.id
    own.mkdir(parents=True, exist_ok=True)
    load.write(probed.model_copy(update={"title": {"en": PROBE}}), own / "probe.yaml")
    file = root / "rows.jsonl"
    chats = [[{"role": "user", "content": f"{n} {PROBE}"}, {"role": "assistant", "content": PROBE}] for n in range(20)]
    file.write_text("".join(json.dumps({"messages": chat}) + "\n" for chat in chats))
    added = services.add_dataset(file, "probed", skip_bad=False)
    record = added.path.parent / "dataset.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"name": PROBE}), encoding="utf-8")


def choose(page: Page, field: str, option: str) -> None:
    box = page.locator(f"#{field} input").first
    box.click()
    page.get_by_role("option").filter(has_text=option).first.click()
    still(page)


@pytest.mark.parametrize("language", ["en", "ro", "it"])
def test_nothing_that_was_written_runs_in_any_tab(studio: Studio, browser: Browser, language: str) -> None:
    watch = Watch(studio.address)
    page = watch.over(signed_in(browser, studio).new_page())
    opened(page, f"{studio.address}/{language}/")
    expect(page.locator("#story")).to_contain_text("<script>")
    tab(page, "runs")
    page.locator("#run-list button.run", has_text="<script>").click()
    expect(page.locator(".run-head h2")).to_contain_text("<svg onload")
    expect(page.locator(".own-note")).to_contain_text("<script>")
    expect(page.get_by_text("40 <img").first).to_be_attached()
    for fold in page.locator("#tab-runs summary:visible").all():
        fold.click()
    still(page)
    assert page.evaluate(LEFT) == []
    tab(page, "train")
    choose(page, "train-recipe", "<script>")
    expect(page.locator("#questions")).to_contain_text("{{constructor")
    choose(page, "train-data", "<script>")
    page.locator("#open-recipes").click()
    choose(page, "recipe-run", "<script>")
    expect(page.locator("#recipe-said")).to_contain_text("<img src=x")
    page.locator("#find textarea, #find input").first.fill(PROBE)
    page.locator("#train-name :is(textarea, input)").first.fill(PROBE)
    expect(page.locator("#train-name .fault")).to_be_visible()
    assert page.evaluate(LEFT) == []
    tab(page, "chat")
    assert page.evaluate(LEFT) == []
    tab(page, "home")
    assert page.evaluate(LEFT) == []
    assert (watch.outside, watch.broken) == ([], [])
    page.context.close()


def test_the_browser_itself_keeps_the_page_from_asking_anybody_else(studio: Studio, browser: Browser) -> None:
    page = signed_in(browser, studio).new_page()
    answer = page.goto(f"{studio.address}/en/")
    assert answer is not None
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert page.evaluate(ASKS_OUTSIDE) == ["connect-src", "frame-src", "img-src", "script-src-elem"]
    page.context.close()
