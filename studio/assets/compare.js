// Several runs side by side: one curve each on the same axis, what they came to, and in what their settings differ.
(() => {
  const page = window.studioPage;
  const { element, t } = page;
  const { plot, prefs, prefer, fixed, figures, bytes, whole, along, smooth, tidy, join, logarithm } = page.plots;
  const { choice, smoothing, logarithmic, filled, lastOf } = page.chartTools;

  const KEPT = "studio-compare";
  const MOST = 8;
  const SECONDS = 5;
  const METRICS = {
    loss: { word: () => t("chart.loss_train"), format: fixed(3), tick: figures(3), log: true, smooth: true },
    eval: { word: () => t("chart.loss_eval"), format: fixed(3), tick: figures(3), log: true, points: true },
    rate: { word: () => t("chart.rate"), format: figures(3), tick: figures(2), zero: true },
    norm: { word: () => t("chart.norm"), format: fixed(2), tick: figures(3), zero: true, smooth: true },
    speed: { word: () => t("chart.speed"), format: whole, tick: whole, zero: true, smooth: true },
    memory: { word: () => t("chart.memory"), format: bytes, tick: bytes, zero: true },
  };
  const AXES = () => [["step", t("chart.steps")], ["tokens", t("chart.tokens")], ["t", t("chart.time")]];

  const kept = { runs: [], metric: "loss", x: "step", differences: true, open: false, ...JSON.parse(localStorage.getItem(KEPT) ?? "{}") };
  const keep = (changed) => {
    Object.assign(kept, changed);
    localStorage.setItem(KEPT, JSON.stringify(kept));
  };

  // Runs that have something to show, newest first.
  const candidates = () => (page.news.runs ?? []).filter((run) => !["queued", "starting"].includes(run.state) && run.kind !== "import");
  const chosen = () => kept.runs.filter((id) => candidates().some((run) => run.id === id));

  const open = (wanted, anew = true) => {
    if (wanted && chosen().length < 2) {
      const first = candidates().map((run) => run.id);
      keep({ runs: [...new Set([page.run(), ...chosen(), ...first])].filter((id) => first.includes(id)).slice(0, 2) });
    }
    keep({ open: wanted });
    page.compares(wanted, anew);
    page.told("compare", wanted);
    if (!wanted) page.toHead();
  };
  page.leaveComparison = () => kept.open && open(false);
  page.compares(kept.open);
  page.comesTo("compare", (wanted) => wanted !== kept.open && open(wanted, false));

  page.draws("compare-door", ["runs", "compare"], (place) => {
    place.root.className = "compare-door";
    place.root.hidden = candidates().length < 2;
    place.kept.button ??= element("button", { type: "button", class: "act", onclick: () => open(!kept.open) });
    place.kept.button.textContent = kept.open ? t("compare.close") : t("compare.open");
    place.kept.button.setAttribute("aria-expanded", String(kept.open));
    if (!place.kept.button.isConnected) place.root.replaceChildren(place.kept.button);
  });

  const made = (place) => {
    const panel = { found: null, data: [[]], plot: null, zoom: null };
    panel.pick = element("div", { class: "pick", role: "group", "aria-label": t("compare.which") });
    panel.metric = element("select", { "aria-label": t("compare.metric"), onchange: () => { keep({ metric: panel.metric.value }); reset(panel); load(panel); } },
      ...Object.entries(METRICS).map(([name, { word }]) => element("option", { value: name, selected: name === kept.metric }, word())));
    panel.smoothing = smoothing();
    panel.log = logarithmic();
    panel.everything = element("button", { type: "button", class: "link", onclick: () => zoomed(panel, null) }, t("chart.everything"));
    panel.everything.hidden = true;
    panel.at = element("span", { class: "at" });
    panel.keys = element("div", { class: "keys" });
    panel.root = element("div", { class: "plot" });
    panel.figure = element("figure", { class: "chart" }, element("figcaption", {}, panel.keys), panel.root);
    panel.hint = element("p", { class: "hint" });
    panel.results = element("table", { class: "results" });
    panel.settings = element("table", { class: "settings" });
    panel.differences = element("input", { type: "checkbox", onchange: () => { keep({ differences: panel.differences.checked }); tables(panel); } });
    panel.differences.checked = kept.differences;
    panel.node = element("section", { class: "compare charts", "aria-label": t("compare.title") },
      element("header", {}, element("h2", {}, t("compare.title")), element("button", { type: "button", class: "act", onclick: () => open(false) }, t("compare.close"))),
      panel.pick, panel.hint,
      element("div", { class: "shown" },
        element("div", { class: "tools" }, panel.metric, choice(t("chart.axis"), AXES(), kept.x, (x) => { keep({ x }); reset(panel); draw(panel); }), panel.smoothing, panel.log, panel.everything, panel.at),
        panel.figure,
        element("h3", {}, t("compare.results")), element("div", { class: "wide" }, panel.results),
        element("div", { class: "titled" }, element("h3", {}, t("compare.settings")), element("label", {}, panel.differences, t("compare.differences"))),
        element("div", { class: "wide" }, panel.settings)));
    new ResizeObserver(() => {
      if (panel.plot && panel.root.clientWidth) panel.plot.setSize({ width: panel.root.clientWidth, height: panel.plot.height });
      else if (panel.root.clientWidth) draw(panel);
    }).observe(panel.node);
    setInterval(() => kept.open && !document.hidden && panel.found?.runs.some((run) => run.active) && load(panel), SECONDS * 1000);
    place.root.replaceChildren(panel.node);
    return panel;
  };

  const reset = (panel) => {
    panel.plot?.destroy();
    panel.plot = panel.zoom = null;
    panel.everything.hidden = true;
  };

  // The server gives every run its colour: the same one as in the chat. A run just chosen gets it with its curve.
  const colour = (run) => `--run-${run.colour}`;
  const colourOf = (panel, id) => panel.found?.runs.filter((run) => run.id === id).map(colour)[0] ?? "--ink-soft";

  const pick = (panel) => {
    const mine = chosen();
    const now = JSON.stringify([mine, candidates().map((run) => [run.id, run.name, run.word, colourOf(panel, run.id)])]);
    if (now === panel.picked) return;
    panel.picked = now;
    const focused = panel.pick.contains(document.activeElement) ? document.activeElement.value : null;
    panel.pick.replaceChildren(...candidates().map((run) => {
      const box = element("input", { type: "checkbox", value: run.id, disabled: !mine.includes(run.id) && mine.length >= MOST, onchange: () => {
        keep({ runs: box.checked ? [...chosen(), run.id] : chosen().filter((id) => id !== run.id) });
        reset(panel);
        pick(panel);
        load(panel);
      } });
      box.checked = mine.includes(run.id);
      return element("label", { style: box.checked ? `--c:var(${colourOf(panel, run.id)})` : null, class: box.checked ? "on" : "" }, box, element("i", {}), element("span", { class: "name" }, run.name), element("span", { class: `state ${run.state}` }, run.word));
    }));
    if (focused) [...panel.pick.querySelectorAll("input")].find((box) => box.value === focused)?.focus();
  };

  const load = async (panel) => {
    const runs = chosen();
    panel.hint.textContent = runs.length < 2 ? t("compare.choose") : runs.length >= MOST ? t("compare.most", { most: whole(MOST) }) : "";
    panel.node.querySelector(".shown").hidden = !runs.length;
    if (!runs.length) return;
    const asked = JSON.stringify([runs, kept.metric]);
    panel.asked = asked;
    const query = new URLSearchParams({ language: page.language, runs: runs.join(), metric: kept.metric });
    let found;
    try {
      const answer = await fetch(`${page.prefix}/compare?${query}`);
      if (!answer.ok) return;
      found = await answer.json();
    } catch {
      return; // The studio is away; choosing again, or the next look at a running run, asks anew.
    }
    if (asked !== panel.asked) return;
    const lines = ({ runs }) => JSON.stringify(runs.map((run) => [run.id, run.colour]));
    if (panel.found && lines(panel.found) !== lines(found)) reset(panel);
    panel.found = found;
    panel.metricShown = kept.metric;
    pick(panel);
    draw(panel);
    tables(panel);
  };

  // Memory is not counted by tokens: there it stands over steps.
  const axis = (panel) => (kept.x === "tokens" && panel.metricShown === "memory" ? "step" : kept.x);

  // Before their first step runs load: time begins where something was measured.
  const beginOf = (panel) => (axis(panel) === "t" ? panel.data[0][0] ?? 0 : 0);

  const draw = (panel) => {
    if (!panel.found || !panel.root.clientWidth) return;
    const metric = METRICS[panel.metricShown];
    const smoothed = metric.smooth && prefs.smooth > 0;
    panel.smoothing.hidden = !metric.smooth;
    panel.log.hidden = !metric.log;
    const log = metric.log && prefs.log;
    const curves = panel.found.runs.map(({ curve }) => {
      const [x, values] = tidy(curve[axis(panel)], [curve.value]);
      const shown = smoothed ? smooth(values, prefs.smooth) : values;
      return [x, log ? logarithm(shown) : shown];
    });
    panel.data = join(curves);
    if (panel.plot && !panel.dirty) panel.plot.setData(panel.data);
    else build(panel, metric);
    panel.dirty = false;
    tell(panel, panel.plot.cursor.left >= 0 ? panel.plot.cursor.idx ?? null : null);
  };

  const build = (panel, metric) => {
    panel.plot?.destroy();
    const names = panel.found.runs.map((run) => run.name);
    panel.values = names.map(() => element("b", {}));
    panel.last = element("span", { class: "last" }, t("chart.last"));
    panel.keys.replaceChildren(panel.last, ...panel.found.runs.map((run, place) => element("span", { class: "key" }, element("i", { class: place > 3 ? "dashed" : "", style: `--c:var(${colour(run)})` }), `${run.name} `, panel.values[place])));
    panel.plot = plot(panel.root, {
      height: window.innerWidth < 720 ? 240 : 300,
      key: null,
      lines: panel.found.runs.map((run, place) => ({ colour: colour(run), width: 1.8, dash: place > 3 ? [6, 4] : undefined, points: metric.points })),
      format: metric.format, tick: metric.tick, zero: metric.zero,
      log: () => metric.log && prefs.log,
      x: () => axis(panel),
      range: () => panel.zoom ?? [beginOf(panel), Math.max(1, panel.data[0].at(-1) ?? 1)],
      zoomed: (range) => zoomed(panel, range),
      moved: (index) => tell(panel, index),
    }, panel.data);
  };

  const zoomed = (panel, range) => {
    const end = Math.max(1, panel.data[0].at(-1) ?? 1);
    const begin = beginOf(panel);
    panel.zoom = range && [Math.max(begin, range[0]), Math.min(end, range[1])];
    if (panel.zoom && panel.zoom[1] - panel.zoom[0] >= (end - begin) * 0.98) panel.zoom = null;
    panel.everything.hidden = !panel.zoom;
    const [min, max] = panel.zoom ?? [begin, end];
    panel.plot?.setScale("x", { min, max });
  };

  const tell = (panel, index) => {
    const [xs, ...columns] = panel.data;
    const metric = METRICS[panel.metricShown];
    const back = (value) => (metric.log && prefs.log ? 10 ** value : value);
    const x = index === null ? null : xs[index];
    panel.last.hidden = index !== null;
    panel.at.textContent = x === null || x === undefined ? "" : axis(panel) === "t" ? along.t(x) : axis(panel) === "step" ? t("chart.step", { step: whole(x) }) : t("chart.token", { count: whole(x) });
    columns.forEach((column, place) => {
      const value = index === null ? lastOf(column) : column.slice(0, index + 1).findLast((one) => one !== null && one !== undefined);
      panel.values[place].textContent = value === undefined || value === null ? "–" : metric.format(back(value));
    });
    panel.plot?.over.setAttribute("aria-label", metric.word());
    panel.figure.setAttribute("aria-label", `${metric.word()}: ${panel.found.runs.map((run, place) => `${run.name} ${panel.values[place].textContent}`).join(", ")}`);
  };

  const tables = (panel) => {
    const { runs, results, settings } = panel.found;
    const head = element("thead", {}, element("tr", {}, element("td", {}), ...runs.map((run) => element("th", { scope: "col" }, element("i", { style: `--c:var(${colour(run)})` }), run.name))));
    const line = ({ label, values, best, same }) => element("tr", { class: same === false ? "differs" : "" }, element("th", { scope: "row" }, label),
      ...values.map((value, place) => element("td", { class: best?.[place] ? "best" : "" }, value, best?.[place] ? element("span", { class: "mark" }, t("compare.best")) : null)));
    panel.results.replaceChildren(head.cloneNode(true), element("tbody", {}, ...results.map(line)));
    const shown = settings.filter(({ same }) => !same || !panel.differences.checked);
    panel.settings.replaceChildren(head, element("tbody", {}, ...(shown.length ? shown.map(line) : [element("tr", {}, element("td", { colspan: runs.length + 1, class: "hint" }, t("compare.alike")))])));
  };

  page.draws("compare", ["compare", "runs", "prefs", "theme", "chosen"], (place, news, event) => {
    place.root.className = kept.open ? "compare-place open" : "compare-place";
    place.root.hidden = !kept.open;
    // Who presses a run in the list wants to see that run.
    if (event === "chosen" && kept.open) return open(false, false);
    if (!kept.open) return;
    const panel = (place.kept.panel ??= made(place));
    if (event === "compare" || !panel.found) load(panel);
    // On a phone the panel stands below the list.
    if (event === "compare" && panel.node.getBoundingClientRect().top > window.innerHeight * 0.6) panel.node.scrollIntoView();
    pick(panel);
    if (event === "theme") panel.dirty = true;
    if (event === "theme" || event === "prefs") draw(panel);
  });
})();
