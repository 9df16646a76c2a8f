"""The chosen run as a person sees it: curves, answers, log; runs compared. The runs are staged, nothing trains."""

import http.client
import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from backend.jobs.events import Attempt
from backend.jobs.folder import RunFolder
from backend.jobs.model import JobState
from backend.paths import Workspace
from benchmarks.living.staged import Course, stage, write
from studio.text import Words
from tests.browser.person import Studio, Watch, opened, running, signed_in, still, tab
from tests.browser.test_accessible import faults

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

MODEL = {"id": "starter", "name": "starter"}
DATA = {"id": "starter-ro", "name": "starter-ro", "rows": 900}
LOG = """2026-11-22 13:05:36,727 INFO __main__ attempt 1 begins
2026-11-22 13:06:01,941 WARNING loader <img src=x onerror=window.PWNED=1> is slow
Traceback (most recent call last):
  File "x.py", line 3, in <module>
ValueError: no such thing
2026-11-22 13:06:02,000 INFO trainer step 1
2026-11-22 13:06:03,000 INFO trainer Step 2
"""


AT_THE_END = """() => {
  const lines = document.querySelector(".log .lines");
  return lines.scrollTop + lines.clientHeight >= lines.scrollHeight - 8;
}"""


def request(rate: float) -> dict[str, object]:
    recipe = {"method": "lora", "schedule": {"learning_rate": rate, "epochs": 2.0}, "lora": {"rank": 16}}
    return {"recipe": recipe, "model": MODEL, "data": DATA}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Studio, dict[str, RunFolder]]]:
    """A studio without a supervisor: a staged run that runs goes on running."""
    root = tmp_path_factory.mktemp("charts")
    workspace = Workspace(root / "workspace").create()
    first = stage(workspace, "first", JobState.DONE, **request(0.004))
    write(first.events, Course(steps=60, seed=1).whole())
    first.log.write_text(LOG, encoding="utf-8")
    second = stage(workspace, "second", JobState.DONE, **request(0.001))
    write(second.events, Course(steps=80, seed=2, floor=0.4, gpu=True).whole())
    again = stage(workspace, "resumed", JobState.INTERRUPTED, **request(0.004))
    course = Course(steps=60, seed=3)
    write(again.events, [*course.whole(50), Attempt(number=2, from_step=40, t=30)])
    write(again.events, [course.step(step).model_copy(update={"t": 31.0 + step / 4}) for step in range(41, 56)])
    going = stage(workspace, "running", JobState.RUNNING, **request(0.004))
    write(going.events, Course(steps=400, seed=4).whole(30))
    prefers = stage(workspace, "prefers", JobState.DONE, **request(0.0005))
    write(prefers.events, Course(steps=60, seed=5, start=0.69, floor=0.2, preferring=True).whole())
    with running(root, supervised=False) as studio:
        folders = {"first": first, "second": second, "resumed": again, "running": going, "prefers": prefers}
        yield studio, folders


@pytest.fixture
def page(runs: tuple[Studio, dict[str, RunFolder]], browser: Browser) -> Iterator[Page]:
    watch = Watch(runs[0].address)
    context = signed_in(browser, runs[0])
    page = watch.over(context.new_page())
    yield page
    context.close()
    assert watch.broken == []
    assert watch.outside == []


def shows(page: Page, runs: tuple[Studio, dict[str, RunFolder]], name: str, language: str = "en") -> None:
    studio, folders = runs
    opened(page, f"{studio.address}/{language}/#run={folders[name].path.name}")
    tab(page, "runs")
    expect(page.locator(".run-head h2")).to_contain_text(name)
    expect(page.locator(".chart.loss canvas")).to_be_visible()
    expect(page.locator(".charts").first).to_have_attribute("data-points", re.compile("[1-9]"))
    expect(page.locator("details.files")).to_be_visible()  # the last thing that moves others when it comes
    still(page)


def points(page: Page) -> int:
    return int(page.locator(".charts").first.get_attribute("data-points") or 0)


def value(page: Page, chart: str) -> Locator:
    """The newest value, or the one under the cursor."""
    return page.locator(f".chart.{chart} .key:visible b").first


def points_at(page: Page, over: Locator, at: Locator, said: re.Pattern[str]) -> None:
    """The mouse goes there, and again if the chart was drawn anew or moved meanwhile."""
    over.scroll_into_view_if_needed()
    while True:
        over.hover(position={"x": 300, "y": 60})
        try:
            return expect(at).to_have_text(said, timeout=2_000)
        except AssertionError:
            page.mouse.move(5, 5)


def drag(page: Page, over: Locator, begin: float, end: float) -> None:
    box = over.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * begin, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * end, box["y"] + 40, steps=5)
    page.mouse.up()


def test_the_curves_grow_while_it_runs_and_say_their_newest_values(
    page: Page, runs: tuple[Studio, dict[str, RunFolder]]
) -> None:
    shows(page, runs, "running", "ro")
    before = points(page)
    assert before >= 30
    for chart in ("loss", "rate", "norm", "speed", "memory"):
        expect(page.locator(f".chart.{chart} canvas")).to_be_visible()
    expect(value(page, "loss")).to_have_text(re.compile(r"^\d,\d{3}$"))
    expect(value(page, "speed")).to_have_text(re.compile(r"^\d\.\d{3}$"))
    expect(value(page, "memory")).to_have_text(re.compile("GB$"))
    expect(page.locator(".chart.memory .key", has_text="estimare")).to_contain_text("1,25 GB")
    expect(page.locator(".chart.loss")).to_have_attribute("aria-label", re.compile(r"^Pierdere \(loss\): antrenare \d"))
    expect(page.locator(".phases")).to_contain_text("evaluare")
    course = Course(steps=400, seed=4)
    write(runs[1]["running"].events, [course.step(step) for step in range(before + 1, before + 4)])
    page.wait_for_function(f"Number(document.querySelector('.charts').dataset.points) === {before + 3}")


def test_rewards_of_the_better_and_the_worse_answers_are_two_lines_with_their_values(
    page: Page, runs: tuple[Studio, dict[str, RunFolder]]
) -> None:
    words = Words("it")
    shows(page, runs, "prefers", "it")
    chart = page.locator(".chart.rewards")
    expect(chart.locator("canvas")).to_be_visible()
    expect(chart.locator(".key:visible")).to_have_text(
        [
            f"{words.t('live.chart.chosen')} 1,00",
            f"{words.t('live.chart.rejected')} -3,00",
            f"{words.t('live.chart.chosen_apart')} 1,00",
            f"{words.t('live.chart.rejected_apart')} -3,00",
        ]
    )
    expect(chart).to_have_attribute("aria-label", re.compile(f"^{words.t('live.chart.rewards')}: .* 1,00"))
    expect(value(page, "accuracy")).to_have_text("100 %")
    shows(page, runs, "first", "it")
    for name in ("rewards", "accuracy"):
        expect(page.locator(f".chart.{name}")).to_be_hidden()


def test_what_was_repeated_after_an_interruption_is_drawn_once(
    page: Page, runs: tuple[Studio, dict[str, RunFolder]]
) -> None:
    shows(page, runs, "resumed")
    expect(page.locator(".charts").first).to_have_attribute("data-points", "55")
    steps = page.evaluate("studioPage.news.curves.steps.step")
    assert all(after > before for before, after in pairwise(steps))


def test_smoothing_logarithm_and_axis_are_chosen_and_remembered(
    page: Page, runs: tuple[Studio, dict[str, RunFolder]]
) -> None:
    shows(page, runs, "first")
    smoothed = page.locator(".chart.loss .key", has_text="smoothed")
    expect(smoothed.locator("b")).to_have_text(re.compile(r"^\d"))
    before = smoothed.locator("b").inner_text()
    slider = page.get_by_label("Smoothing").first
    slider.press("End")
    expect(page.locator(".charts output").first).to_have_text("95 %")
    expect(smoothed.locator("b")).not_to_have_text(before)
    slider.press("Home")
    expect(smoothed).to_be_hidden()
    page.get_by_label("Logarithmic loss axis").first.check()
    page.get_by_role("button", name="Steps", exact=True).click()
    expect(page.locator(".phases").first).to_be_empty()
    page.reload()
    tab(page, "runs")
    expect(page.get_by_label("Logarithmic loss axis").first).to_be_checked()
    expect(page.locator(".charts output").first).to_have_text("0 %")
    expect(page.get_by_role("button", name="Steps", exact=True).first).to_have_attribute("aria-pressed", "true")
    expect(value(page, "loss")).to_have_text(re.compile(r"^0\.\d{3}$"))


def test_cursor_and_zoom_are_shared_by_all_charts_with_mouse_and_keyboard(
    page: Page, runs: tuple[Studio, dict[str, RunFolder]]
) -> None:
    shows(page, runs, "first")
    expect(value(page, "rate")).to_have_text(re.compile(r"^\d"))
    newest = value(page, "rate").inner_text()
    last = page.locator(".chart.loss .last")
    expect(last).to_have_text(Words("en").t("live.chart.last"))
    over = page.locator(".chart.loss .u-over")
    points_at(page, over, page.locator(".charts .at").first, re.compile(r"^0:\d\d · step \d+ · \w+"))
    expect(value(page, "rate")).not_to_have_text(newest)
    expect(last).to_be_hidden()
    everything = page.get_by_role("button", name="Show everything").first
    expect(everything).to_be_hidden()
    drag(page, over, 0.3, 0.6)
    expect(everything).to_be_visible()
    everything.click()
    expect(everything).to_be_hidden()
    page.mouse.move(5, 5)
    expect(page.locator(".charts .at").first).to_be_empty()
    over.focus()
    over.press("ArrowLeft")
    expect(page.locator(".charts .at").first).to_contain_text("step")
    over.press("+")
    expect(everything).to_be_visible()
    over.press("Escape")
    expect(everything).to_be_hidden()


def test_time_begins_where_something_was_measured(page: Page, runs: tuple[Studio, dict[str, RunFolder]]) -> None:
    words = Words("it")
    shows(page, runs, "first", "it")
    key = page.locator(".charts .phases").first
    expect(key).to_contain_text(words.t("live.phase.training"))
    expect(key).not_to_contain_text(words.t("live.phase.loading"))


def test_memory_of_a_card_has_three_lines(page: Page, runs: tuple[Studio, dict[str, RunFolder]]) -> None:
    shows(page, runs, "second", "it")
    shown = page.locator(".chart.memory .key:visible")
    names = ("allocata", "riservata", "tutta la scheda", "previsione")
    expect(shown).to_have_text([re.compile(rf"^{name} [\d,]+ GB$") for name in names])


def test_the_answers_are_leafed_through_and_follow_the_newest_until_somebody_turns_a_page(
    page: Page, runs: tuple[Studio, dict[str, RunFolder]]
) -> None:
    shows(page, runs, "running")
    book, where = page.locator(".book"), page.locator(".book .where")
    course = Course(steps=400, seed=4)
    expect(book.locator(".asked")).to_have_count(5)
    expect(where).to_have_text("step 20 of 20")
    write(runs[1]["running"].events, course.look(40, 20.0))
    expect(where).to_have_text("step 40 of 40")
    book.get_by_role("button", name="Earlier answers").click()
    expect(where).to_have_text("step 20 of 40")
    write(runs[1]["running"].events, course.look(400, 30.0))
    expect(where).to_have_text("step 20 of 400")
    book.get_by_role("button", name="Later answers").press("ArrowRight")
    expect(where).to_have_text("step 40 of 400")
    book.get_by_role("button", name="Newest").click()
    expect(where).to_have_text("step 400 of 400")
    expect(book.locator(".mark.right")).to_have_count(4)
    expect(book.locator(".score")).to_have_text("4 of 5 as expected")
    book.get_by_label("Step at which it was asked").press("Home")
    expect(where).to_have_text("step 0 of 400")
    expect(book.locator(".mark.right")).to_have_count(0)
    write(runs[1]["running"].events, [event for step in range(60, 400, 5) for event in course.look(step, 30.0)])
    expect(book.get_by_label("Step at which it was asked")).to_have_attribute("max", "71")
    book.get_by_role("button", name="Play from step to step").click()
    expect(book.get_by_role("button", name="Pause")).to_be_visible()
    expect(where).not_to_have_text("step 0 of 400")
    book.get_by_role("button", name="Pause").click()
    expect(book.get_by_role("button", name="Play from step to step")).to_be_visible()
    paused = where.inner_text()
    page.wait_for_timeout(1500)  # a page is turned every 0.9 s
    expect(where).to_have_text(paused)


def test_the_log_is_searched_filtered_followed_and_taken_away_and_stays_text(
    page: Page, runs: tuple[Studio, dict[str, RunFolder]], tmp_path: Path
) -> None:
    shows(page, runs, "first")
    log = page.locator(".log")
    log.locator("summary").click()
    expect(log.locator(".line")).to_have_count(7)
    expect(log.locator(".count")).to_have_text("Lines: 7")
    expect(log.locator(".line.warning")).to_contain_text("Warning 2026-11-22 13:06:01,941 WARNING loader <img src=x")
    assert page.evaluate("window.PWNED") is None
    log.get_by_label("Search the log").fill("step")
    expect(log.locator(".count")).to_have_text("Found: 2 of 7")
    expect(log.locator("mark")).to_have_text(["step", "Step"])
    log.get_by_label("Search the log").fill("")
    log.get_by_label("Which lines").select_option("error")
    expect(log.locator(".line")).to_have_count(3)
    expect(log.locator(".line").last).to_contain_text("ValueError: no such thing")
    log.get_by_label("Which lines").select_option("info")
    with runs[1]["first"].log.open("a") as file:
        file.write("".join(f"2026-11-22 13:07:00,000 INFO trainer line {number}\n" for number in range(100)))
    expect(log.locator(".line").last).to_contain_text("line 99")
    expect(log.get_by_label("Follow the end")).to_be_checked()
    log.locator(".lines").evaluate("(lines) => (lines.scrollTop = 0)")
    expect(log.get_by_label("Follow the end")).not_to_be_checked()
    log.get_by_label("Follow the end").check()
    page.wait_for_function(AT_THE_END)
    with page.expect_download() as taken:
        log.get_by_text("Download the whole log").click()
    assert taken.value.suggested_filename == "first.log.txt"
    taken.value.save_as(tmp_path / "log.txt")
    assert (tmp_path / "log.txt").read_bytes() == runs[1]["first"].log.read_bytes()


def compares(page: Page, *names: str) -> Locator:
    """The panel, with exactly these runs chosen."""
    page.get_by_role("button", name="Compare runs").click()
    panel = page.locator(".compare")
    expect(page.locator(".run-head")).to_be_hidden()
    while panel.locator(".pick input:checked").count():
        panel.locator(".pick input:checked").first.click()
    expect(panel.get_by_text("Choose at least two runs.")).to_be_visible()
    for name in names:
        panel.locator(".pick label", has=page.get_by_text(name, exact=True)).locator("input").check()
    expect(panel.locator(".results thead th")).to_have_text(list(names))
    return panel


@pytest.mark.parametrize("leave", ["back", "list"])
def test_whoever_leaves_the_comparison_sees_the_head_of_the_run(
    page: Page, runs: tuple[Studio, dict[str, RunFolder]], leave: str
) -> None:
    shows(page, runs, "first")
    panel = compares(page, "first", "second")
    if leave == "back":
        panel.get_by_role("button", name="Back to the run").click()
    else:
        page.locator(".runs-list button.run", has_text="second").click()
    expect(panel).to_be_hidden()
    expect(page.get_by_role("button", name="Compare runs")).to_be_visible()
    head = page.locator(".run-head h2")
    expect(head).to_contain_text("first" if leave == "back" else "second")
    expect(head).to_be_in_viewport(ratio=1)


def test_results_and_settings_of_several_runs_stand_side_by_side(
    page: Page, runs: tuple[Studio, dict[str, RunFolder]]
) -> None:
    shows(page, runs, "first")
    panel = compares(page, "first", "second")
    best = panel.locator(".results td.best")
    expect(best).to_have_count(1)
    expect(best).to_contain_text("lowest")
    differences = panel.locator(".settings tbody tr")
    expect(differences).to_have_count(1)
    expect(differences).to_contain_text("0.004")
    panel.get_by_label("Show differences only").uncheck()
    expect(differences.filter(has_text="Base model")).to_be_visible()
    panel.get_by_label("Show differences only").check()
    expect(differences).to_have_count(1)
    page.reload()
    tab(page, "runs")
    expect(panel.locator(".results thead th")).to_have_text(["first", "second"])
    panel.get_by_role("button", name="Back to the run").click()
    expect(page.locator(".run-head h2")).to_be_visible()


def test_curves_of_several_runs_are_laid_over_one_another(
    page: Page, runs: tuple[Studio, dict[str, RunFolder]]
) -> None:
    shows(page, runs, "first")
    panel = compares(page, "first", "second", "resumed")
    expect(panel.locator(".chart canvas")).to_be_visible()
    expect(panel.locator(".keys .key")).to_have_count(3)
    for metric, said in (("memory", "GB"), ("eval", "0."), ("speed", ",")):
        panel.get_by_label("What is drawn").select_option(metric)
        expect(panel.locator(".keys .key").first).to_contain_text(said)
        still(page)
    over = panel.locator(".u-over")
    for axis, said in (("Tokens", "tokens"), ("Time", ":"), ("Steps", "step")):
        panel.get_by_role("button", name=axis, exact=True).click()
        points_at(page, over, panel.locator(".at"), re.compile(said))
        page.mouse.move(5, 5)
    drag(page, over, 0.3, 0.6)
    panel.get_by_role("button", name="Show everything").click()
    expect(panel.get_by_role("button", name="Show everything")).to_be_hidden()


@pytest.mark.parametrize("language", ["en", "ro", "it"])
def test_nothing_is_wider_than_a_phone_in_any_language(
    page: Page, runs: tuple[Studio, dict[str, RunFolder]], language: str
) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    shows(page, runs, "second", language)
    page.locator(".log summary").click()
    expect(page.locator(".log .lines > *").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.locator(".compare-door button").click()
    expect(page.locator(".compare .chart canvas")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 360


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_curves_answers_log_and_comparison_can_be_read_by_everybody(
    page: Page, runs: tuple[Studio, dict[str, RunFolder]], colours: Literal["light", "dark"]
) -> None:
    page.emulate_media(color_scheme=colours)
    shows(page, runs, "first", "ro")
    page.locator(".log summary").click()
    expect(page.locator(".log .line.warning")).to_be_visible()
    page.get_by_label("Caută în jurnal").fill("step")
    expect(page.locator(".log mark").first).to_be_visible()
    assert faults(page) == []
    page.locator(".compare-door button").click()
    expect(page.locator(".compare .chart canvas")).to_be_visible()
    assert faults(page) == []


def test_a_client_from_outside_reads_the_stream(runs: tuple[Studio, dict[str, RunFolder]], browser: Browser) -> None:
    """Without a session nothing; with one plain server-sent events that any program can follow."""
    studio, folders = runs
    path = f"/live?language=it&run={folders['second'].path.name}"
    connection = http.client.HTTPConnection("127.0.0.1", studio.port, timeout=60)
    connection.request("GET", path)
    assert connection.getresponse().status == 401
    connection.close()
    with signed_in(browser, studio) as context:
        cookies = "; ".join(f"{one['name']}={one['value']}" for one in context.cookies())
    connection = http.client.HTTPConnection("127.0.0.1", studio.port, timeout=60)
    connection.request("GET", path, headers={"cookie": cookies})
    answer = connection.getresponse()
    assert answer.getheader("content-type") == "text/event-stream; charset=utf-8"
    assert answer.getheader("cache-control") == "no-store"
    told: dict[str, object] = {}
    while not {"runs", "machine", "status", "curves", "answers"} <= told.keys():
        line = answer.readline().decode()
        assert line, "the stream ended"
        if line.startswith("event: "):
            data = answer.readline().decode()
            assert data.startswith("data: ")
            told[line[7:].strip()] = json.loads(data[6:])
    connection.close()
    curves = told["curves"]
    assert isinstance(curves, dict)
    assert curves["steps"]["step"] == list(range(1, 81))
    assert max(len(column) for column in curves["steps"].values() if isinstance(column, list)) <= 2000
