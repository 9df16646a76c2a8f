// The charts of a run: loss, what preferred answers are rewarded with, learning rate, gradient norm, speed, memory.
(() => {
  const page = window.studioPage;
  const { t } = page;
  const { prefs, fixed, figures, bytes, whole, smooth, tidy, join, logarithm } = page.plots;

  const faint = () => prefs.smooth > 0;

  const share = (value) => `${Math.round(value * 100)} %`;
  // Columns of the pairs that are trained on, then the same of those kept apart.
  const both = ({ rewards, apart }, names) => join([rewards, apart].map((table) => tidy(table[prefs.x], names.map((name) => table[name]))));

  // Each chart: where its columns come from, how its values are said, and the lines in the order of its columns.
  const CHARTS = [
    { name: "loss", title: () => t("chart.loss"), format: fixed(3), tick: figures(3), log: () => prefs.log, bands: [[3, 2, "--train"]],
      lines: [
        { key: "train", word: () => t("chart.train"), colour: "--train", faint, width: 1.2 },
        { hidden: true, dot: false, colour: "--train" }, { hidden: true, dot: false, colour: "--train" },
        { key: "smooth", word: () => t("chart.smoothed"), colour: "--train", width: 2 },
        { key: "eval", word: () => t("chart.eval"), colour: "--eval", dash: [6, 4], points: true, width: 1.6 },
      ],
      data: ({ steps, eval: held }) => {
        const [x, loss, low, high] = tidy(steps[prefs.x], [steps.loss, steps.low, steps.high]);
        const tables = [[x, loss, low, high, faint() ? smooth(loss, prefs.smooth) : loss.map(() => null)], tidy(held[prefs.x], [held.loss])];
        const [xs, ...columns] = join(tables);
        return [xs, ...(prefs.log ? columns.map(logarithm) : columns)];
      } },
    { name: "rewards", title: () => t("chart.rewards"), format: fixed(2), tick: figures(2),
      lines: [
        { key: "chosen", word: () => t("chart.chosen"), colour: "--train", width: 1.6 },
        { key: "rejected", word: () => t("chart.rejected"), colour: "--run-7", width: 1.6 },
        { key: "chosen-apart", word: () => t("chart.chosen_apart"), colour: "--train", dash: [6, 4], points: true, width: 1.4 },
        { key: "rejected-apart", word: () => t("chart.rejected_apart"), colour: "--run-7", dash: [6, 4], points: true, width: 1.4 },
      ],
      data: (curves) => both(curves, ["chosen", "rejected"]) },
    { name: "accuracy", title: () => t("chart.accuracy"), format: share, tick: share, zero: true,
      lines: [
        { key: "told", word: () => t("chart.train"), colour: "--train", width: 1.6 },
        { key: "told-apart", word: () => t("chart.eval"), colour: "--eval", dash: [6, 4], points: true, width: 1.6 },
      ],
      data: (curves) => both(curves, ["accuracy"]) },
    { name: "rate", title: () => t("chart.rate"), format: figures(3), tick: figures(2), zero: true, lines: [{ colour: "--train" }], from: "steps", columns: ["rate"] },
    { name: "norm", title: () => t("chart.norm"), format: fixed(2), tick: figures(3), zero: true, lines: [{ colour: "--slate", width: 1.2 }], from: "steps", columns: ["norm"] },
    { name: "speed", title: () => t("chart.speed"), format: whole, tick: whole, zero: true, lines: [{ colour: "--slate", width: 1.2 }], from: "steps", columns: ["speed"] },
    { name: "memory", title: () => t("chart.memory"), format: bytes, tick: bytes, zero: true, from: "memory", columns: ["process", "allocated", "reserved", "card"],
      lines: [
        { key: "process", word: () => t("chart.process"), colour: "--memory-line", fill: "--memory-soft", width: 1.4 },
        { key: "allocated", word: () => t("chart.allocated"), colour: "--train", width: 1.4 },
        { key: "reserved", word: () => t("chart.reserved"), colour: "--eval", width: 1.4 },
        { key: "card", word: () => t("chart.card"), colour: "--slate", width: 1.4, dash: [4, 3] },
      ] },
  ];
  const columnsOf = (chart, curves) => {
    if (chart.data) return chart.data(curves);
    const table = curves[chart.from];
    const columns = chart.columns.map((name) => table[name]);
    // On a card the process in main memory says little: it is drawn only where there is nothing else.
    if (chart.name === "memory" && table.card.some((value) => value !== null)) columns[0] = columns[0].map(() => null);
    return tidy(table[prefs.x], columns);
  };

  page.runCharts = { CHARTS, columnsOf };
})();
