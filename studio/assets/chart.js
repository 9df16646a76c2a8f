// Loss and memory on one time axis, with the phases as bands under it. Drawn by uPlot.
(() => {
  const page = window.studioPage;
  const HEIGHT = 260;

  const colour = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();
  const number = (value, digits) => value.toLocaleString(page.language, { maximumSignificantDigits: digits });
  const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
  const bytes = (value) => (value >= 1e9 ? `${number(value / 1e9, 3)} GB` : `${number(value / 1e6, 3)} MB`);

  const columns = ({ loss, eval: held, memory }) => {
    const lines = [loss, held, memory].map((points) => [points.map((point) => point[0]), points.map((point) => point[2])]);
    return lines.some(([x]) => x.length) ? uPlot.join(lines) : [[], [], [], []];
  };

  const bands = (figure) => ({
    hooks: {
      draw: [(plot) => {
        const { ctx, bbox } = plot;
        const { phases = [], now = 0 } = figure.curves;
        const height = 6 * devicePixelRatio;
        phases.forEach(([from, name], index) => {
          const to = index + 1 < phases.length ? phases[index + 1][0] : now;
          const left = Math.max(bbox.left, plot.valToPos(from, "x", true));
          const right = Math.min(bbox.left + bbox.width, plot.valToPos(to, "x", true));
          if (right <= left) return;
          ctx.fillStyle = colour(`--phase-${name}`);
          ctx.fillRect(left, bbox.top + bbox.height - height, right - left, height);
        });
      }],
    },
  });

  const options = (figure) => {
    const axis = { stroke: colour("--ink-soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
    return {
      width: figure.clientWidth || 600,
      height: HEIGHT,
      legend: { show: true, live: true },
      cursor: { drag: { x: true, y: false } },
      scales: { x: { time: false }, loss: { range: (plot, low, high) => (low === null ? [0, 1] : [Math.min(0, low), high * 1.05 || 1]) }, memory: { range: (plot, low, high) => [0, (high || 1) * 1.15] } },
      series: [
        { label: page.t("time"), value: (plot, value) => (value === null ? "" : clock(value)) },
        { label: page.t("loss"), scale: "loss", stroke: colour("--train"), width: 1.6, spanGaps: true, points: { show: false }, value: (plot, value) => (value === null ? "" : number(value, 4)) },
        { label: page.t("eval"), scale: "loss", stroke: colour("--eval"), width: 1.6, dash: [5, 4], spanGaps: true, points: { show: true, size: 6, fill: colour("--eval") }, value: (plot, value) => (value === null ? "" : number(value, 4)) },
        { label: page.t("memory"), scale: "memory", stroke: colour("--memory"), fill: colour("--memory-soft"), width: 1, spanGaps: true, points: { show: false }, value: (plot, value) => (value === null ? "" : bytes(value)) },
      ],
      axes: [
        { ...axis, size: 32, values: (plot, values) => values.map(clock), space: 70 },
        { ...axis, scale: "loss", size: 50, values: (plot, values) => values.map((value) => number(value, 3)) },
        { ...axis, scale: "memory", side: 1, size: 66, grid: { show: false }, values: (plot, values) => values.map(bytes) },
      ],
      plugins: [bands(figure)],
    };
  };

  const key = (figure, phases) => {
    const names = [...new Set(phases.map(([, name]) => name))];
    if (names.join() === figure.named) return;
    figure.named = names.join();
    figure.key.replaceChildren(...names.map((name) => page.element("span", {}, page.element("i", { style: `background:var(--phase-${name})` }), page.t(`phase.${name}`))));
  };

  // Draws or updates; a chart is made again only when its place or the colours have changed.
  page.chart = (figure, curves) => {
    const data = columns(curves);
    figure.curves = curves;
    const look = document.body.classList.contains("dark") ? "dark" : "light";
    if (!data[0].length) {
      if (!figure.plot) figure.replaceChildren(page.element("p", { class: "hint" }, page.t("waiting")));
      return;
    }
    if (!figure.plot || figure.look !== look) {
      figure.replaceChildren();
      figure.look = look;
      figure.plot = new uPlot(options(figure), data, figure);
      figure.key = page.element("figcaption", { class: "phases" });
      figure.named = "";
      figure.append(figure.key);
      figure.sizes ??= new ResizeObserver(() => figure.clientWidth && figure.plot.setSize({ width: figure.clientWidth, height: HEIGHT }));
      figure.sizes.observe(figure);
    } else figure.plot.setData(data);
    figure.dataset.points = curves.loss.length;
    key(figure, curves.phases);
  };
})();
