// One stream of server-sent events for the whole page. It rests while nobody looks at the page.
(() => {
  const page = window.studioPage;
  let source = null;

  const take = (name) => (event) => {
    const said = JSON.parse(event.data);
    if (name === "curves" && !said.reset && page.news.curves) page.told("curves", added(page.news.curves, said));
    else page.told(name, said);
  };

  // The curves so far with the points that have just come; far more points than pixels are asked for anew.
  const added = (before, update) => {
    const curves = { ...update };
    for (const name of ["loss", "eval", "memory"]) curves[name] = before[name].concat(update[name]);
    if (curves.loss.length > 4000) setTimeout(page.listen);
    return curves;
  };

  page.listen = () => {
    source?.close();
    source = null;
    if (document.hidden) return;
    const query = new URLSearchParams({ language: page.language });
    if (page.run()) query.set("run", page.run());
    source = new EventSource(`${page.prefix}/live?${query}`);
    source.onopen = () => page.told("connection", "open");
    source.onerror = () => {
      page.told("connection", "lost");
      // A browser does not try again by itself when the answer was an error, as during a restart behind a proxy.
      if (source?.readyState === EventSource.CLOSED) setTimeout(page.listen, 3000);
    };
    for (const name of ["runs", "machine", "curves", "status"]) source.addEventListener(name, take(name));
  };

  document.addEventListener("visibilitychange", page.listen);
  window.addEventListener("pagehide", () => source?.close());
  page.listen();
})();
