"""What the page costs in a browser, measured in Chromium through its own counters."""

import shutil
from statistics import median

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from benchmarks.living.clients import Studio

FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
REPEATS = 3
CLICKS = 10
QUIET_SECONDS = 2.0
LEAST = {"short": 1, "long": 1000}

# Presses, and counts until the browser has drawn what was asked for.
PRESS = """async ([pressed, wanted, text]) => {
  const button = [...document.querySelectorAll(pressed)].find((one) => !text || one.textContent.includes(text));
  const fits = (one) => one.offsetParent && (!text || one.textContent.includes(text));
  const there = () => [...document.querySelectorAll(wanted)].some(fits);
  const begun = performance.now();
  button.click();
  while (!there()) await new Promise((next) => requestAnimationFrame(next));
  await new Promise((next) => requestAnimationFrame(() => setTimeout(next)));
  return (performance.now() - begun) / 1000;
}"""


def busy(session: CDPSession) -> float:
    """Seconds the main thread has worked since the page began."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))


def opened(browser: Browser, server: Studio, run: str, least: int) -> tuple[Page, float]:
    """A page that shows this run with at least so many points, and the seconds its main thread took to get there."""
    name, _, value = server.cookie.partition("=")
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    context.add_cookies([{"name": name, "value": value, "url": f"http://127.0.0.1:{server.port}"}])
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Performance.enable")
    page.goto(f"http://127.0.0.1:{server.port}/en/#run={run}")
    page.locator("#tab-runs-button").click()
    page.wait_for_selector(".charts[data-points] canvas")
    page.wait_for_function("least => Number(document.querySelector('.charts').dataset.points) >= least", arg=least)
    page.wait_for_timeout(QUIET_SECONDS * 1000)
    return page, busy(session)


def run_ids(server: Studio, browser: Browser) -> dict[str, str]:
    """Name to id, as the page knows them."""
    name, _, value = server.cookie.partition("=")
    context = browser.new_context()
    context.add_cookies([{"name": name, "value": value, "url": f"http://127.0.0.1:{server.port}"}])
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{server.port}/en/")
    page.wait_for_function("window.studioPage?.news?.runs")
    found: dict[str, str] = page.evaluate("Object.fromEntries(studioPage.news.runs.map((run) => [run.name, run.id]))")
    context.close()
    return found


def clicks(page: Page) -> list[float]:
    """Runs chosen in the list until their curves stand there, and tabs opened, by turns."""
    took = []
    for number in range(CLICKS):
        took.append(page.evaluate(PRESS, [".runs-list button.run", ".run-head h2", f"run {number}"]))
        page.wait_for_function("document.querySelector('.charts .chart.loss canvas')?.offsetParent")
        took.append(page.evaluate(PRESS, ["#tab-train-button", "#start", ""]))
        took.append(page.evaluate(PRESS, ["#tab-runs-button", ".run-head h2", ""]))
    return took


def measure(server: Studio) -> dict[str, float]:
    found = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        ids = run_ids(server, browser)
        times: dict[str, list[float]] = {"short": [], "long": []}
        for _ in range(REPEATS):
            for name, taken in times.items():
                page, seconds = opened(browser, server, ids[name], LEAST[name])
                taken.append(seconds)
                if name == "short":
                    page.context.close()
        took = sorted(clicks(page))
        browser.close()
    short, long = median(times["short"]), median(times["long"])
    return {
        "short_run_main_thread_seconds": short,
        "long_run_main_thread_seconds": max(0.0, long - short),
        "click_median_seconds": median(took),
        "click_p95_seconds": took[int(len(took) * 0.95)],
    }
