// The curves of the chosen run on one axis of time or steps: loss, learning rate, gradient norm, speed, memory.
// Under them, in time, what the run was doing. Cursor and zoom are shared by all of them.
(() => {
  const page = window.studioPage;
  const { element, t } = page;
  const { plot, large, prefs, prefer, colour, clock, bytes, whole, endOfTime } = page.plots;
  const { CHARTS, columnsOf } = page.runCharts;

  const short = () => window.innerWidth < 720;
  const filled = (column) => column.some((value) => value !== null && value !== undefined);
  const lastOf = (column) => column.findLast((value) => value !== null && value !== undefined);

  // Strips of what the run was doing, dashed lines where it was resumed, and the memory that had been forecast.
  const over = (board, chart) => (made) => {
    const { ctx, bbox } = made;
    const ratio = devicePixelRatio;
    const { phases, resumed, stages, now, until, forecast } = board.curves;
    const right = bbox.left + bbox.width;
    const at = (value) => made.valToPos(value, "x", true);
    const ink = board.colour("--ink-soft");
    ctx.save();
    ctx.font = `${(large() ? 16 : 11) * ratio}px ui-sans-serif, system-ui, sans-serif`;
    if (prefs.x === "t") {
      phases.forEach(([from, name], index) => {
        const [left, end] = [Math.max(bbox.left, at(from)), Math.min(right, at(phases[index + 1]?.[0] ?? until ?? now))];
        if (end <= left) return;
        ctx.fillStyle = board.colour(`--phase-${name}`);
        ctx.fillRect(left, bbox.top + bbox.height + 3 * ratio, Math.max(end - left, ratio), 7 * ratio);
      });
    }
    ctx.strokeStyle = ctx.fillStyle = ink;
    ctx.setLineDash([2 * ratio, 3 * ratio]);
    for (const [time, step] of resumed) {
      const x = Math.round(at(prefs.x === "t" ? time : step));
      if (x < bbox.left || x > right) continue;
      line(ctx, x, bbox.top, x, bbox.top + bbox.height);
      if (chart.name === "loss") said(ctx, t("chart.resumed"), x + 5 * ratio, bbox.top + 10 * ratio, right, ratio);
    }
    // Of a chain: where one stage ends and the next begins.
    ctx.setLineDash([]);
    for (const [time, step, number, titles] of (stages ?? []).slice(1)) {
      const x = Math.round(at(prefs.x === "t" ? time : step));
      if (x < bbox.left || x > right) continue;
      line(ctx, x, bbox.top, x, bbox.top + bbox.height);
      if (chart.name === "loss") said(ctx, `${number}: ${titles[page.language] ?? titles.en}`, x + 5 * ratio, bbox.top + 24 * ratio, right, ratio);
    }
    if (chart.name === "memory" && forecast) {
      const y = Math.round(made.valToPos(forecast, "y", true));
      ctx.strokeStyle = board.colour("--amber");
      ctx.setLineDash([7 * ratio, 4 * ratio]);
      line(ctx, bbox.left, y, right, y);
    }
    ctx.restore();
  };
  const line = (ctx, ...[x, y, x2, y2]) => {
    ctx.beginPath();
    ctx.moveTo(x, y);
    ctx.lineTo(x2, y2);
    ctx.stroke();
  };
  // Right of x where there is room, else left of it.
  const said = (ctx, text, x, y, right, ratio) => {
    const width = ctx.measureText(text).width;
    ctx.fillText(text, x + width > right ? x - width - 10 * ratio : x, y);
  };

  const running = () => (page.news.runs ?? []).some((run) => run.id === page.run() && run.active);
  const endOf = ({ steps, eval: held, now, total }) => {
    const last = Math.max(steps.step.at(-1) ?? 0, held.step.at(-1) ?? 0, 1);
    if (prefs.x === "step") return running() ? Math.max(total ?? 0, last) : last;
    return running() ? endOfTime(now) : Math.max(now, 1);
  };

  // Before its first step a run loads: time begins where something was measured.
  const beginOf = ({ steps, eval: held }) => (prefs.x === "t" ? Math.min(steps.t[0] ?? Infinity, held.t[0] ?? steps.t[0] ?? 0) : 0);

  // The values beside the titles: under the cursor, else the last ones, which is said.
  const tell = (board, at) => {
    board.at.textContent = at === null || at === undefined ? "" : where(board, at);
    for (const one of board.charts) {
      one.last.hidden = at !== null && at !== undefined;
      const [xs, ...columns] = one.data;
      const index = at === null || at === undefined ? null : nearest(xs, at);
      const back = (value) => (one.chart.log?.() ? 10 ** value : value);
      columns.forEach((column, place) => {
        const value = index === null ? lastOf(column) : around(column, index);
        if (one.values[place]) one.values[place].textContent = value === undefined || value === null ? "–" : one.chart.format(back(value));
      });
    }
  };
  const nearest = (xs, x) => {
    let [low, high] = [0, xs.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (xs[middle] < x) low = middle + 1;
      else high = middle;
    }
    return low > 0 && x - xs[low - 1] < xs[low] - x ? low - 1 : low;
  };
  // Joined columns have gaps: the value at or before this place.
  const around = (column, index) => {
    while (index >= 0 && (column[index] === null || column[index] === undefined)) index -= 1;
    return index < 0 ? null : column[index];
  };
  const where = ({ curves }, at) => {
    const { steps, phases } = curves;
    const index = nearest(steps[prefs.x], at);
    const time = prefs.x === "t" ? at : steps.t[index];
    const step = prefs.x === "step" ? at : steps.t[index] <= at + 1 ? steps.step[index] : null;
    const phase = phases.findLast(([from]) => from <= time);
    return [time === undefined ? "" : clock(time), step === null || step === undefined ? "" : t("chart.step", { step: whole(step) }), phase && prefs.x === "t" ? t(`phase.${phase[1]}`) : ""].filter(Boolean).join(" · ");
  };

  const figure = (board, chart) => {
    const root = element("div", { class: "plot" });
    const values = chart.lines.map((one) => (one.dot === false ? null : element("b", {})));
    const keys = chart.lines.map((one, index) =>
      one.dot === false ? null
        : element("span", { class: one.key ? "key" : "key alone" }, one.key ? element("i", { class: one.dash ? "dashed" : one.faint ? "faint" : "", style: `--c:var(${one.colour})` }) : null, one.word ? `${one.word()} ` : null, values[index]));
    const forecast = chart.name === "memory" ? element("span", { class: "key" }, element("i", { class: "dashed", style: "--c:var(--amber)" }), `${t("chart.forecast")} `, element("b", {})) : null;
    const last = element("span", { class: "last" }, t("chart.last"));
    const made = { chart, root, values, keys, last, forecast, data: [[]], plot: null };
    made.node = element("figure", { class: `chart ${chart.name}` }, element("figcaption", {}, element("h4", {}, chart.title()), element("div", { class: "keys" }, last, ...keys, forecast)), root);
    return made;
  };

  const zoomed = (board, range) => {
    const full = [beginOf(board.curves), endOf(board.curves)];
    board.zoom = range && [Math.max(full[0], range[0]), Math.min(full[1], range[1])];
    if (board.zoom && board.zoom[1] - board.zoom[0] >= (full[1] - full[0]) * 0.98) board.zoom = null;
    const [min, max] = board.zoom ?? full;
    board.everything.hidden = !board.zoom;
    for (const one of board.charts) one.plot?.setScale("x", { min, max });
  };

  // What a screen reader says of a chart: its newest values.
  const summary = (one) => {
    const parts = one.chart.lines.map((line, index) => (one.values[index] && filled(one.data[index + 1]) ? `${line.word ? `${line.word()} ` : ""}${one.values[index].textContent}` : ""));
    return `${one.chart.title()}: ${parts.filter(Boolean).join(", ") || t("chart.nothing")}`;
  };

  const build = (board, one) => {
    one.plot?.destroy();
    const height = one.chart.name === "loss" ? (short() ? 230 : 280) : short() ? 136 : 150;
    one.plot = plot(one.root, {
      ...one.chart, height, key: "run",
      x: () => prefs.x,
      range: () => board.zoom ?? [beginOf(board.curves), endOf(board.curves)],
      least: () => (one.chart.name === "memory" && board.curves.forecast ? board.curves.forecast * 1.04 : null) ?? -Infinity,
      zoomed: (range) => zoomed(board, range),
      moved: (index, self) => self === board.charts[0].plot && tell(board, (board.hover = index === null || self.cursor.left < 0 ? null : self.posToVal(self.cursor.left, "x"))),
      over: over(board, one.chart),
    }, one.data);
  };

  const refresh = (board) => {
    const { curves } = board;
    if (!curves || !board.node.clientWidth) return;
    const empty = !curves.steps.t.length && !curves.eval.t.length && !curves.memory.t.length;
    board.hint.hidden = !empty;
    board.hint.textContent = running() ? [page.news.status?.detail, t("waiting")].filter(Boolean).join(" · ") : page.news.status?.state === "queued" ? t("waiting") : t("chart.none");
    board.figures.hidden = board.tools.hidden = empty;
    if (empty) return;
    for (const one of board.charts) {
      one.data = columnsOf(one.chart, curves);
      one.node.hidden = one.chart.name !== "loss" && !one.data.slice(1).some(filled);
      one.chart.lines.forEach((line, index) => line.key && one.keys[index] && (one.keys[index].hidden = !filled(one.data[index + 1])));
      if (one.forecast) {
        one.forecast.hidden = !curves.forecast;
        one.forecast.querySelector("b").textContent = curves.forecast ? bytes(curves.forecast) : "";
      }
      if (one.node.hidden) continue;
      if (one.plot) one.plot.setData(one.data);
      else build(board, one);
    }
    tell(board, board.hover);
    for (const one of board.charts) {
      const said = summary(one);
      one.node.setAttribute("aria-label", said);
      one.plot?.over.setAttribute("aria-label", said);
    }
    board.node.dataset.points = String(curves.steps.t.length);
    phasesKey(board, curves);
  };

  const phasesKey = (board, curves) => {
    const seen = curves.phases.filter((_, index, all) => (all[index + 1]?.[0] ?? Infinity) > beginOf(curves));
    const names = prefs.x === "t" ? [...new Set(seen.map(([, name]) => name))] : [];
    if (names.join() === board.named) return;
    board.named = names.join();
    board.key.replaceChildren(...names.map((name) => element("span", {}, element("i", { style: `background:var(--phase-${name})` }), t(`phase.${name}`))));
  };

  const choice = (name, options, chosen, choose) =>
    element("span", { class: "choice", role: "group", "aria-label": name },
      ...options.map(([value, word]) => element("button", { type: "button", "aria-pressed": String(value === chosen), "data-value": value, onclick: (event) => {
        for (const one of event.target.parentElement.children) one.setAttribute("aria-pressed", String(one === event.target));
        choose(value);
      } }, word)));

  const smoothing = () => {
    const said = element("output", {}, `${prefs.smooth} %`);
    const slider = element("input", { type: "range", min: 0, max: 95, step: 5, value: prefs.smooth, "aria-label": t("chart.smoothing"), oninput: () => {
      said.textContent = `${slider.value} %`;
      prefer({ smooth: Number(slider.value) });
    } });
    return element("label", { class: "smoothing" }, t("chart.smoothing"), slider, said);
  };
  const logarithmic = () => {
    const box = element("input", { type: "checkbox", onchange: () => prefer({ log: box.checked }) });
    box.checked = prefs.log;
    return element("label", {}, box, t("chart.log"));
  };
  page.chartTools = { choice, smoothing, logarithmic, filled, lastOf };

  const made = (place) => {
    const board = { zoom: null, hover: null, curves: null, named: "", colours: {} };
    board.colour = (name) => (board.colours[name] ??= colour(name));
    board.everything = element("button", { type: "button", class: "link", onclick: () => zoomed(board, null) }, t("chart.everything"));
    board.everything.hidden = true;
    board.at = element("span", { class: "at", "aria-live": "off" });
    board.tools = element("div", { class: "tools" },
      choice(t("chart.axis"), [["t", t("chart.time")], ["step", t("chart.steps")]], prefs.x, (x) => prefer({ x })), smoothing(), logarithmic(), board.everything, board.at);
    board.charts = CHARTS.map((chart) => figure(board, chart));
    board.key = element("p", { class: "phases" });
    board.hint = element("p", { class: "hint waiting" });
    board.figures = element("div", { class: "curves" }, board.charts[0].node, board.key, element("div", { class: "small" }, ...board.charts.slice(1).map((one) => one.node)), element("p", { class: "hint how" }, t("chart.how")));
    board.node = element("section", { class: "charts", "aria-label": t("curves") }, board.tools, board.hint, board.figures);
    // A place that was hidden has no width: the charts are drawn when it is seen.
    new ResizeObserver(() => {
      if (!board.node.clientWidth) return;
      for (const one of board.charts) if (one.plot && one.root.clientWidth) one.plot.setSize({ width: one.root.clientWidth, height: one.plot.height });
      if (board.charts[0].plot === null) refresh(board);
    }).observe(board.node);
    place.root.replaceChildren(board.node);
    return board;
  };

  const anew = (board) => {
    board.colours = {};
    for (const one of board.charts) { one.plot?.destroy(); one.plot = null; }
  };

  const zoomless = (board) => {
    board.zoom = null;
    board.everything.hidden = true;
  };

  page.draws("charts", ["curves", "chosen", "theme", "prefs", "status", "stage"], (place, { curves, status }, event) => {
    place.root.className = "charts-place";
    const board = (place.kept.board ??= made(place));
    if (event === "chosen") {
      zoomless(board);
      anew(board);
      board.figures.hidden = board.tools.hidden = true;
      board.hint.textContent = "";
    }
    place.root.hidden = !page.run();
    const was = place.kept.state;
    place.kept.state = status?.state;
    // The axis ends elsewhere once the run has ended; between two states the curves' own news say everything.
    if (event === "status" && was === status?.state && board.hint.hidden) return;
    if (event === "theme" || board.large !== large()) anew(board);
    if (event === "prefs" && board.x !== prefs.x) {
      zoomless(board);
      anew(board);
    }
    Object.assign(board, { x: prefs.x, large: large() });
    board.curves = curves;
    refresh(board);
  });
})();
