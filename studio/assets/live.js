// One stream of server-sent events for the whole page. It rests while nobody looks, unless something runs or waits.
(() => {
  const page = window.studioPage;
  const TABLES = ["steps", "eval", "memory", "rewards", "apart"];
  let source = null;

  // What comes is the whole, or what has changed in it: told to the page is always the whole.
  const whole = {
    rows: (rows) => {
      const changed = new Map(rows.map((row) => [row.id, row]));
      return ["runs", (page.news.runs ?? []).map((row) => changed.get(row.id) ?? row)];
    },
    curves: (said) => {
      const before = page.news.curves;
      if (said.reset || !before) return ["curves", said];
      const curves = { ...before, ...said };
      for (const name of TABLES) curves[name] = said[name] ? joined(before[name], said[name]) : before[name];
      return ["curves", curves];
    },
    answers: (said) => {
      const before = page.news.answers;
      if (said.reset || !before) return ["answers", said];
      const pages = new Map([...before.pages, ...said.pages].map((one) => [one.step, one]));
      return ["answers", { ...said, pages: [...pages.values()].sort((a, b) => a.step - b.step) }];
    },
  };

  // `from` is how many points stay in front; what is said stands behind them.
  const joined = (before, { from, ...columns }) =>
    Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, before[name].slice(0, from).concat(values)]));

  const take = (name) => (event) => {
    const said = JSON.parse(event.data);
    page.told(...(whole[name]?.(said) ?? [name, said]));
  };

  page.listen = () => {
    source?.close();
    source = null;
    if (page.rests()) return;
    const query = new URLSearchParams({ language: page.language });
    if (page.run()) query.set("run", page.run());
    source = new EventSource(`${page.prefix}/live?${query}`);
    source.onopen = () => page.told("connection", "open");
    source.onerror = () => {
      page.told("connection", "lost");
      // A browser does not try again by itself when the answer was an error, as during a restart behind a proxy.
      if (source?.readyState === EventSource.CLOSED) setTimeout(page.listen, 3000);
    };
    for (const name of ["runs", "rows", "machine", "curves", "answers", "status", "conversations", "models", "downloads", "sets", "imports"]) source.addEventListener(name, take(name));
  };

  // Nobody looks any more: what runs is still told in the title and by the browser, so then the stream goes on.
  const looks = () => {
    if (page.rests()) page.listen();
    else if (!source || source.readyState === EventSource.CLOSED) page.listen();
  };
  document.addEventListener("visibilitychange", looks);
  // The last one has ended meanwhile.
  page.hears(["runs", "downloads", "imports"], () => source && page.rests() && page.listen());
  window.addEventListener("pagehide", () => source?.close());
  page.listen();
})();
