// What every chart of the page shares: numbers and times as the language writes them, calm axes, smoothing, one uPlot.
(() => {
  const page = window.studioPage;
  const { element } = page;

  const KEPT = "studio-charts";
  const LETTERS = "ui-sans-serif, system-ui, sans-serif";
  // Shown to a room, the numbers are read from its last row.
  const large = () => document.body.classList.contains("presenting");
  const sizes = () => (large() ? { font: `16px ${LETTERS}`, side: 84, bottom: 42 } : { font: `11px ${LETTERS}`, side: 54, bottom: 34 });

  // Choices of this browser, for all charts of the page.
  const prefs = { smooth: 80, log: false, x: "t", ...JSON.parse(localStorage.getItem(KEPT) ?? "{}") };
  const prefer = (changed) => {
    Object.assign(prefs, changed);
    localStorage.setItem(KEPT, JSON.stringify(prefs));
    page.told("prefs", prefs);
  };

  const colour = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();
  const formats = {};
  const number = (value, options) => (formats[JSON.stringify(options)] ??= new Intl.NumberFormat(page.language, { useGrouping: "always", ...options })).format(value);
  const fixed = (digits) => (value) => number(value, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const figures = (most) => (value) => number(value, { maximumSignificantDigits: most });
  const clock = (seconds) => {
    const whole = Math.max(0, Math.round(seconds));
    const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60].map((part) => String(part).padStart(2, "0"));
    return whole >= 3600 ? `${Number(h)}:${m}:${s}` : `${Number(m)}:${s}`;
  };
  const bytes = (value) => (value >= 9.95e8 ? `${fixed(value >= 9.95e9 ? 1 : 2)(value / 1e9)} GB` : `${fixed(0)(value / 1e6)} MB`);
  const whole = fixed(0);
  const along = { t: clock, step: whole, tokens: whole };

  // The next round number of the series 1, 2, 5, 10, … that is not below `value`.
  const round = (value) => {
    const unit = 10 ** Math.floor(Math.log10(value));
    return unit * ([1, 2, 5].find((part) => value <= part * unit * 1.000001) ?? 10);
  };
  const CLOCKS = [5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 420, 600, 900, 1200, 1800, 2700, 3600];
  // Where a time axis that still grows ends: rarely somewhere else.
  const endOfTime = (now) => CLOCKS.find((end) => end >= now * 1.02) ?? Math.ceil((now * 1.02) / 3600) * 3600;

  // Bounds that stay as they are while the values fit into them and fill half of them.
  const calm = (low, high, before) => {
    if (before && low >= before[0] && high <= before[1] && high - low >= (before[1] - before[0]) * 0.5) return before;
    const span = high - low || Math.abs(high) || 1;
    const unit = round(span / 4);
    const bottom = Math.floor(low / unit) * unit;
    return [low >= 0 ? Math.max(0, bottom) : bottom, Math.ceil((high + span * 0.02) / unit) * unit];
  };

  // Exponential smoothing without the pull of its first value; where there is no value there is no point.
  const smooth = (values, percent) => {
    const keep = percent / 100;
    let [sum, weight] = [0, 0];
    return values.map((value) => {
      if (value === null || value === undefined) return null;
      sum = sum * keep + (1 - keep) * value;
      weight = weight * keep + (1 - keep);
      return sum / weight;
    });
  };

  // Columns over one x that only grows: where it goes back (a run was resumed), what was repeated is left out.
  const tidy = (xs, columns) => {
    const kept = [[], ...columns.map(() => [])];
    xs.forEach((x, at) => {
      while (kept[0].length && kept[0].at(-1) > x) for (const column of kept) column.pop();
      const same = kept[0].at(-1) === x;
      if (!same) kept[0].push(x);
      columns.forEach((column, index) => {
        const value = column?.[at] ?? null;
        if (!same) kept[index + 1].push(value);
        else if (value !== null) kept[index + 1][kept[index + 1].length - 1] = Math.max(value, kept[index + 1].at(-1) ?? value);
      });
    });
    return kept;
  };
  const join = (tables) => {
    const filled = tables.map((table) => (table[0].length ? table : [[], ...table.slice(1)]));
    return filled.some((table) => table[0].length) ? uPlot.join(filled) : [[], ...filled.flatMap((table) => table.slice(1))];
  };

  const logarithm = (values) => values.map((value) => (value > 0 ? Math.log10(value) : null));
  const logSplits = (low, high) => {
    const marks = [];
    const parts = high - low > 3 ? [1] : high - low > 1 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 6, 8];
    for (let power = Math.floor(low); power <= high; power++) for (const part of parts) marks.push(power + Math.log10(part));
    return marks.filter((mark) => mark >= low && mark <= high);
  };

  // A line that is smoothed beside itself steps back.
  const stroke = (line) => {
    const strong = line.hidden ? "transparent" : line.paint ?? colour(line.colour);
    return () => (line.faint?.() ? `${strong}55` : strong);
  };

  // One chart. `chart`: {height, lines, format, zero, log(), x(), range(), zoomed(range), moved(index), over(plot), bands}.
  const plot = (root, chart, data) => {
    const [ink, grid] = [colour("--ink-soft"), colour("--line")];
    const { font, side, bottom } = sizes();
    const axis = { stroke: ink, font, grid: { stroke: grid, width: 1 }, ticks: { show: false } };
    let before = null;
    const bounds = (_, low, high) => {
      if (low === null || low === undefined || !Number.isFinite(low)) return before ?? [0, 1];
      if (chart.log?.()) return [low - 0.05, high + 0.05];
      return (before = calm(chart.zero ? 0 : low, Math.max(high, chart.least?.() ?? high), before));
    };
    const y = {
      ...axis, size: side, gap: 6,
      values: (_, values) => values.map((value) => (chart.log?.() ? figures(2)(10 ** value) : chart.tick(value))),
    };
    const made = new uPlot({
      width: Math.max(root.clientWidth, 120),
      height: chart.height,
      padding: [8, 18, 0, 0],
      legend: { show: false },
      cursor: {
        y: false,
        drag: { x: true, y: false, setScale: false },
        sync: { key: chart.key, scales: ["x", null], filters: { pub: (type) => type === "mousemove" || type === "mouseleave" } },
        bind: { dblclick: () => () => chart.zoomed(null) },
        points: {
          show: (_, index) => (chart.lines[index - 1].dot === false ? element("div") : element("div", { class: "cursor-dot", style: `background:${chart.lines[index - 1].paint ?? colour(chart.lines[index - 1].colour)}` })),
        },
      },
      scales: { x: { time: false, range: () => chart.range() }, y: { range: bounds } },
      series: [{}, ...chart.lines.map((line) => ({
        scale: "y", spanGaps: true, width: line.width ?? 1.5, dash: line.dash,
        stroke: stroke(line),
        fill: line.fill && colour(line.fill),
        points: { show: Boolean(line.points), size: 6, fill: line.paint ?? colour(line.colour) },
      }))],
      bands: (chart.bands ?? []).map(([top, bottom, name]) => ({ series: [top, bottom], fill: `${colour(name)}22` })),
      axes: [
        { ...axis, size: bottom, gap: 14, space: 64, incrs: chart.x() === "t" ? [...CLOCKS, 7200, 10800, 21600, 43200, 86400, 172800] : undefined, values: (_, values) => values.map(along[chart.x()]) },
        { ...y, splits: (self, at, low, high, unit) => (chart.log?.() ? logSplits(low, high) : even(low, high, unit)) },
      ],
      hooks: {
        setCursor: [(self) => chart.moved(self.cursor.idx ?? null, self)],
        setSelect: [(self) => {
          const { left, width } = self.select;
          if (width > 6) chart.zoomed([self.posToVal(left, "x"), self.posToVal(left + width, "x")]);
          if (width) self.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        }],
        draw: [(self) => chart.over?.(self)],
      },
    }, data, root);
    keyboard(made, chart);
    return made;
  };

  const even = (low, high, unit) => {
    const marks = [];
    for (let mark = Math.ceil(low / unit - 1e-9) * unit; mark <= high + unit * 1e-9; mark += unit) marks.push(Math.abs(mark) < unit * 1e-9 ? 0 : mark);
    return marks;
  };

  // The arrow keys move the cursor, + and − change what is seen, Escape shows everything.
  const keyboard = (made, chart) => {
    made.over.tabIndex = 0;
    made.over.setAttribute("role", "img");
    made.over.addEventListener("keydown", (event) => {
      const xs = made.data[0];
      if (!xs.length) return;
      const at = made.cursor.idx ?? xs.length - 1;
      const step = { ArrowLeft: -1, ArrowRight: 1, Home: -1e9, End: 1e9 }[event.key];
      const [low, high] = chart.range();
      const half = { "+": 0.25, "-": 1 }[event.key];
      if (step !== undefined) {
        const to = Math.min(xs.length - 1, Math.max(0, at + step * (event.shiftKey ? 10 : 1)));
        made.setCursor({ left: made.valToPos(xs[to], "x"), top: made.over.clientHeight / 2 }, true, true);
      } else if (half) {
        const [middle, span] = [xs[at], high - low];
        chart.zoomed([middle - span * half, middle + span * half]);
      } else if (event.key === "Escape") {
        made.setCursor({ left: -10, top: -10 }, true, true);
        chart.zoomed(null);
      } else return;
      event.preventDefault();
    });
  };

  page.plots = { plot, large, prefs, prefer, colour, fixed, figures, clock, bytes, whole, along, endOfTime, smooth, tidy, join, logarithm };
})();
