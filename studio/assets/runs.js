// The list of runs, the chosen run and what Home says about them. Names and answers are only ever put in as text.
(() => {
  const page = window.studioPage;
  const { element, t } = page;

  const state = (run) => element("span", { class: `state ${run.state}` }, run.word);

  const bar = (run) =>
    run.active && run.share !== null
      ? element("span", { class: "progress", role: "progressbar", "aria-valuenow": Math.round(run.share * 100), "aria-valuemin": 0, "aria-valuemax": 100 },
          element("i", { style: `width:${(run.share * 100).toFixed(1)}%` }))
      : null;

  const row = (run, chosen, choose) =>
    element("li", {},
      element("button", { type: "button", class: "run", "aria-current": run.id === chosen && "true", onclick: () => choose(run.id) },
        element("b", {}, run.name), state(run), element("span", { class: "detail" }, run.detail), bar(run)));

  const nothing = () =>
    element("div", { class: "nothing" }, element("p", {}, t("none")),
      element("button", { type: "button", class: "link", onclick: () => page.open("train") }, t("first")));

  // A dot on the tab while something runs, with its share. Gradio makes the tab's button anew when it is pressed.
  const mark = () => {
    const tab = document.getElementById("tab-runs-button");
    const active = (page.news.runs ?? []).find((run) => run.active);
    if (tab) tab.dataset.active = active ? (active.share === null ? "●" : `● ${Math.round(active.share * 100)} %`) : "";
  };

  document.addEventListener("click", () => setTimeout(mark, 50));

  // A run that has just been started is not in the list we have: only a new list can say that there is no such run.
  const settle = (runs) => {
    if (runs.some((run) => run.id === page.run())) return;
    if (runs.length) page.look((runs.find((run) => run.active) ?? runs[0]).id);
    else if (page.run()) page.look(null);
  };

  page.draws("runs", ["runs", "chosen"], (place, { runs }, event) => {
    if (!runs) return;
    mark();
    if (event === "runs" || !page.run()) settle(runs);
    const chosen = page.run();
    place.root.className = "runs-list";
    const focused = document.activeElement?.closest?.(".runs-list li");
    const position = focused ? [...focused.parentElement.children].indexOf(focused) : -1;
    place.root.replaceChildren(
      runs.length ? element("ul", { "aria-label": t("runs") }, ...runs.map((run) => row(run, chosen, page.look))) : nothing());
    if (position >= 0) place.root.querySelectorAll("button")[position]?.focus();
    // The buttons of the chosen run are Gradio's: it is told whenever they may have to change.
    const now = runs.find((run) => run.id === chosen);
    const seen = now ? `${now.id} ${now.state} ${now.name}` : "";
    if (seen !== place.kept.seen) {
      place.kept.seen = seen;
      place.choose(chosen ?? "");
    }
  });

  page.draws("now", ["runs"], (place, { runs }) => {
    if (!runs) return;
    mark();
    place.root.className = "now";
    if (!runs.length) return place.root.replaceChildren();
    const active = [...runs.filter((run) => run.active), ...runs.filter((run) => run.state === "queued")];
    const shown = active.length ? active : runs.slice(0, 3);
    place.root.replaceChildren(
      element("h2", {}, t(active.length ? "now" : "last")),
      element("ul", {}, ...shown.map((run) => row(run, null, (id) => page.open("runs", id)))));
  });

  page.draws("run-head", ["status", "chosen"], (place, { status }) => {
    place.root.className = "run-head";
    if (!status) return place.root.replaceChildren(element("p", { class: "hint" }, page.run() ? "…" : t("choose")));
    const detail = [status.detail, status.phase, status.memory].filter(Boolean).join(" · ");
    place.root.replaceChildren(
      element("h2", {}, status.name, " ", state(status)), element("p", { class: "detail", id: "run-detail" }, detail),
      ...(status.reason ? [element("p", { class: "reason" }, status.reason)] : []),
      ...status.notes.map((note) => element("p", { class: "note" }, note)));
  });

  const answers = (place, list) => {
    if (!list.length) return null;
    const steps = list.map((one) => one.step);
    const at = steps.includes(place.kept.step) ? place.kept.step : steps.at(-1);
    const [first, shown] = [list[0], list.find((one) => one.step === at)];
    const chips = steps.map((step) =>
      element("button", { type: "button", class: "chip", "aria-pressed": String(step === at),
        onclick: () => { place.kept.step = step === steps.at(-1) ? null : step; draw(place, page.news); } }, t("step", { step: step.toLocaleString(page.language) })));
    const cells = (one, index) => element("tr", {},
      element("th", { scope: "row" }, one.question),
      element("td", { class: "before" }, first.rows[index]?.answer ?? ""),
      element("td", { class: one.expected && one.answer.trim() === one.expected.trim() ? "right" : "" }, one.answer),
      element("td", { class: "expected" }, one.expected));
    return element("section", { class: "answers" },
      element("h3", {}, t("answers")), element("div", { class: "chips" }, ...chips),
      element("table", {},
        element("thead", {}, element("tr", {}, ...[t("question"), t("before"), t("step", { step: at.toLocaleString(page.language) }), t("expected")].map((word) => element("th", { scope: "col" }, word)))),
        element("tbody", {}, ...shown.rows.map(cells))));
  };

  const log = () => {
    const text = element("pre", { tabindex: "0" });
    const details = element("details", { class: "log", ontoggle: () => refresh() }, element("summary", {}, t("log")), text);
    const refresh = async () => {
      if (!details.open || !details.isConnected || !page.run()) return;
      const answer = await fetch(`${page.prefix}/log?run=${encodeURIComponent(page.run())}`);
      if (answer.ok) text.textContent = await answer.text();
      text.scrollTop = text.scrollHeight;
      setTimeout(refresh, 3000);
    };
    return details;
  };

  const draw = (place, { curves }, event) => {
    place.root.className = "run-body";
    const kept = place.kept;
    if (!kept.chart || event === "chosen") {
      kept.step = null;
      kept.chart = element("figure", { class: "chart", role: "img", "aria-label": t("curves") });
      kept.answers = element("div");
      place.root.replaceChildren(kept.chart, kept.answers, log());
    }
    place.root.hidden = !page.run();
    if (!curves) return;
    page.chart(kept.chart, curves);
    const said = JSON.stringify([curves.answers, kept.step]);
    if (said !== kept.said) kept.answers.replaceChildren(...[answers(place, curves.answers)].filter(Boolean));
    kept.said = said;
  };
  page.draws("run-body", ["curves", "chosen", "theme"], draw);
})();
