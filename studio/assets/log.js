// The log of the chosen run: looked through on the server, shown as text, followed while it grows.
(() => {
  const page = window.studioPage;
  const { element, t } = page;
  const SECONDS = 2;
  const PAUSE = 200;
  const LEAST = { info: t("log.least.info"), warning: t("log.least.warning"), error: t("log.least.error") };
  const WORDS = { warning: t("log.warning"), error: t("log.error") };

  const number = (value) => value.toLocaleString(page.language);

  // What was looked for, marked; both are text nodes, whatever they hold.
  const marked = (text, wanted) => {
    if (!wanted) return [text];
    const parts = [];
    const [low, searched] = [text.toLowerCase(), wanted.toLowerCase()];
    let from = 0;
    for (let at = low.indexOf(searched); at >= 0 && low.length === text.length; at = low.indexOf(searched, from)) {
      parts.push(text.slice(from, at), element("mark", {}, text.slice(at, at + searched.length)));
      from = at + searched.length;
    }
    return [...parts, text.slice(from)];
  };

  const line = (wanted) => ([at, level, text]) =>
    element("div", { class: `line ${level}` },
      element("span", { class: "number", "aria-hidden": "true" }, number(at)),
      element("span", { class: "text" }, WORDS[level] ? element("span", { class: "level" }, WORDS[level], " ") : null, ...marked(text, wanted)));

  const made = (place) => {
    const log = { known: -1, shown: "" };
    const changed = () => { log.known = -1; look(log); };
    let typing;
    log.search = element("input", { type: "search", placeholder: t("log.search"), "aria-label": t("log.search"), maxlength: 200, spellcheck: "false", oninput: () => { clearTimeout(typing); typing = setTimeout(changed, PAUSE); } });
    log.level = element("select", { "aria-label": t("log.level"), onchange: changed }, ...Object.entries(LEAST).map(([name, word]) => element("option", { value: name }, word)));
    log.follow = element("input", { type: "checkbox", onchange: () => log.follow.checked && down(log) });
    log.follow.checked = true;
    log.count = element("span", { class: "count", role: "status" });
    log.whole = element("a", { class: "link", download: "" }, t("log.whole"));
    log.lines = element("div", { class: "lines", tabindex: "0", role: "log", "aria-live": "off", "aria-label": t("log"), onscroll: () => scrolled(log) });
    log.node = element("details", { class: "log", ontoggle: () => { log.known = -1; look(log); } },
      element("summary", {}, t("log")),
      element("div", { class: "tools" }, log.search, log.level, element("label", {}, log.follow, t("log.follow")), log.count, log.whole), log.lines);
    place.root.replaceChildren(log.node);
    setInterval(() => look(log), SECONDS * 1000);
    return log;
  };

  const down = (log) => (log.lines.scrollTop = log.lines.scrollHeight);
  // Who scrolls up wants to read: it stops following; who comes back to the end follows again.
  const scrolled = (log) => (log.follow.checked = log.lines.scrollTop + log.lines.clientHeight >= log.lines.scrollHeight - 8);

  const look = async (log) => {
    const run = page.run();
    if (!log.node.open || !run || document.hidden || !log.node.isConnected) return;
    const [text, level] = [log.search.value, log.level.value];
    const query = new URLSearchParams({ run, text, level, known: log.known });
    let found;
    try {
      const answer = await fetch(`${page.prefix}/log?${query}`);
      if (answer.status !== 200) return;
      found = await answer.json();
    } catch {
      return; // The studio is away; the next look is soon.
    }
    if (run !== page.run() || text !== log.search.value || level !== log.level.value) return;
    log.known = found.size;
    show(log, found, text);
  };

  const show = (log, { lines, hits, total }, wanted) => {
    const all = !wanted && log.level.value === "info";
    log.count.textContent = all ? t("log.total", { total: number(total) }) : t("log.hits", { hits: number(hits), total: number(total) });
    if (lines.length < hits) log.count.textContent += ` · ${t("log.newest", { count: number(lines.length) })}`;
    const before = log.lines.scrollTop;
    log.lines.replaceChildren(...(lines.length ? lines.map(line(wanted)) : [element("p", { class: "hint" }, total ? t("log.nothing") : t("log.empty"))]));
    if (log.follow.checked) down(log);
    else log.lines.scrollTop = before;
  };

  page.draws("log", ["chosen"], (place, news, event) => {
    place.root.className = "log-place";
    const log = (place.kept.log ??= made(place));
    const run = page.run();
    place.root.hidden = !run;
    log.whole.href = `${page.prefix}/log/whole?run=${encodeURIComponent(run ?? "")}`;
    if (event !== "chosen") return;
    log.known = -1;
    log.lines.replaceChildren();
    log.count.textContent = "";
    log.follow.checked = true;
    look(log);
  });
})();
