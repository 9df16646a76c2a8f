// The list of runs, the head of the chosen one and what Home says about them. Names and notes are only ever put in as text.
(() => {
  const page = window.studioPage;
  const { element, t } = page;

  const MOST_SHOWN = 50;
  const MOST_WAITING = 3;
  // Those that wait, next one first.
  const queued = (runs) => runs.filter((run) => run.state === "queued").sort((a, b) => (a.position ?? 1e9) - (b.position ?? 1e9));
  const find = (id) => (page.news.runs ?? []).find((run) => run.id === id);
  const button = (word, act, more = {}) => element("button", { type: "button", class: "act", onclick: act, ...more }, word);

  // Moments in the person's own time zone and language; the day only when it is another one.
  const moment = (seconds) => {
    const when = new Date(seconds * 1000);
    const today = when.toDateString() === new Date().toDateString();
    const day = today ? {} : { day: "numeric", month: "short", ...(when.getFullYear() === new Date().getFullYear() ? {} : { year: "numeric" }) };
    return new Intl.DateTimeFormat(page.language, { ...day, hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(when);
  };

  const state = (run) => element("span", { class: `state ${run.state}` }, run.word);

  const badges = (run) => [
    run.kind === "recorded" ? element("span", { class: "badge", title: t("recorded_why") }, t("recorded")) : null,
    run.kind === "import" ? element("span", { class: "badge", title: t("imported_why") }, t("imported")) : null,
    run.kind === "export" ? element("span", { class: "badge", title: t("exported_why") }, t("exported")) : null,
    run.pinned ? element("span", { class: "badge", title: t("pinned_why") }, t("pinned")) : null,
  ];

  const bar = (run) =>
    run.active && run.share !== null
      ? element("span", { class: "progress", role: "progressbar", "aria-label": run.name, "aria-valuenow": Math.round(run.share * 100), "aria-valuemin": 0, "aria-valuemax": 100 },
          element("i", { style: `width:${(run.share * 100).toFixed(1)}%` }))
      : null;

  // When a waiting run will start, or when an ended one ended, in a few words.
  const when = (run) => {
    // What ships with the studio was not trained here today: its whole date.
    if (run.kind === "recorded") return new Intl.DateTimeFormat(page.language, { dateStyle: "medium" }).format(new Date(run.ended * 1000));
    if (run.state !== "queued") return run.ended ? moment(run.ended) : "";
    const now = Date.now() / 1000;
    // The moment that was set, unless others will still be before it then.
    if (run.startAt > now && !(run.starts > run.startAt + 60)) return t("starts_at", { time: moment(run.startAt) });
    if (!run.starts) return t("starts_unknown");
    const time = moment(Math.max(run.starts, now));
    return run.sure ? t("starts_about", { time }) : t("starts_after", { time });
  };
  page.when = when;

  const row = (run, chosen, choose) =>
    element("li", { "data-run": run.id },
      element("button", { type: "button", class: "run", "aria-current": run.id === chosen && "true", onclick: () => choose(run.id) },
        element("b", {}, run.name), run.state === "queued" ? null : state(run),
        element("span", { class: "detail" }, [run.position ? `${run.position}.` : "", run.active ? run.detail : when(run)].filter(Boolean).join(" "), ...badges(run)), bar(run)));

  // The import as it was typed and not sent: source, place and name.
  const typedImport = page.draftOf("import", "studio-import-draft");
  page.keptImport = () => JSON.parse(typedImport.read() ?? '["zip", "", ""]');
  // Read where it was typed: Gradio's own values come some time after.
  document.addEventListener("input", (event) => {
    const form = event.target.closest?.("#import");
    if (!form) return;
    const [source, where] = page.keptImport();
    const at = [...form.querySelectorAll("input[type=radio]")].findIndex((one) => one.checked);
    const value = (name) => form.querySelector(`#import-${name} :is(input, textarea)`)?.value;
    typedImport.write(JSON.stringify([["zip", "folder", "hub"][at] ?? source, value("where") ?? where, value("name") ?? ""]));
  });

  // What was asked of the server and not answered yet, and what it refused: `wrong` is shown where it was pressed.
  const refused = {};
  page.act = (place, action, run, value = null) => {
    delete refused[run];
    place.tell({ action, run, value });
  };
  page.refused = (run, action) => (refused[run]?.action === action ? refused[run].wrong : "");
  page.acted = (text) => {
    if (!text) return;
    const { action, run, line, wrong } = JSON.parse(text);
    if (wrong) refused[run] = { action, wrong };
    else if (action === "delete") return forget(run);
    else if (line) known(line);
    if (action === "import" && !wrong) {
      typedImport.write("");
      page.justImported = run;
    }
    if (["repeat", "import"].includes(action) && !wrong) return choose(run);
    page.told("acted", { action, run: action === "export" && !wrong ? page.run() : run, wrong });
  };

  // What is wrong stands under the field; the field itself says that it is.
  page.imported = (nameSaid, said, answer) => {
    for (const [name, wrong] of [["name", nameSaid], ["where", said]])
      for (const field of document.querySelectorAll(`#import-${name} :is(input, textarea)`)) {
        field.setAttribute("aria-invalid", String(Boolean(wrong)));
        field.setAttribute("aria-describedby", name === "name" ? "import-name-said" : "import-said");
      }
    page.acted(answer);
  };

  // The line as the server has just told it; what only the stream knows of it stays.
  const known = (line) => {
    const before = find(line.id);
    const kept = before ? { ...before, ...line, share: line.share ?? before.share, detail: line.detail || (line.active ? before.detail : ""), position: line.state === "queued" ? before.position : null, starts: before.starts, sure: before.sure } : line;
    page.told("runs", before ? page.news.runs.map((run) => (run.id === line.id ? kept : run)) : [kept, ...(page.news.runs ?? [])]);
    if (page.news.status?.id === line.id) page.told("status", { ...page.news.status, ...kept });
  };

  const forget = (id) => {
    if (page.run() === id) page.look(null);
    page.told("runs", page.news.runs.filter((run) => run.id !== id));
  };

  // A run that has just been started is not in the list we have: only a new list can say that there is no such run.
  const settle = (runs) => {
    if (runs.some((run) => run.id === page.run())) return;
    if (runs.length) page.look((runs.find((run) => run.active) ?? runs[0]).id);
    else if (page.run()) page.look(null);
  };

  const GROUPS = [
    { name: "running", title: t("group_running"), holds: (run) => run.active },
    { name: "queue", title: t("group_queue"), holds: (run) => run.state === "queued" },
    { name: "ended", title: t("group_ended"), holds: (run) => !run.active && run.state !== "queued" },
  ];
  const STATES = [["done", t("is_done")], ["stopped", t("is_stopped")], ["failed", t("is_failed")], ["interrupted", t("is_interrupted")], ["import", t("imported")], ["export", t("exported")], ["recorded", t("recorded")]];

  // Places in the queue are changed where the queue stands; all of it works by keyboard.
  const movers = (place, run, last) => {
    const mover = (action, sign, label, able) =>
      element("button", { type: "button", class: "mover", "data-action": action, "aria-label": label, title: label, disabled: !able, onclick: () => page.act(place, action, run.id) }, sign);
    return element("span", { class: "movers" },
      mover("first", "⤒", t("move_first", { name: run.name }), run.position > 1),
      mover("earlier", "↑", t("move_earlier", { name: run.name }), run.position > 1),
      mover("later", "↓", t("move_later", { name: run.name }), run.position < last));
  };

  const found = (run, { words, state: wanted }) =>
    (!wanted || run.state === wanted || run.kind === wanted) && words.every((word) => `${run.name} ${run.note} ${run.word}`.toLocaleLowerCase().includes(word));

  // On a phone the run stands below the list, and whoever compared or imported may be far down: its head is brought up.
  // What it stands above may still be drawn, and a page that is too short cannot be scrolled: again, until a hand does.
  const head = { tries: 0 };
  const toHead = () => {
    const node = document.querySelector(".run-head");
    const top = node?.offsetParent ? node.getBoundingClientRect().top : null; // null: its tab is being opened
    const deep = window.innerWidth <= 720 ? 0 : window.innerHeight / 2;
    const there = top !== null && top >= -1 && top <= deep + 1;
    if (top !== null && !there) node.scrollIntoView({ block: "start" });
    if (!there && head.tries-- > 0) setTimeout(toHead, 100);
  };
  for (const by of ["wheel", "touchmove", "keydown", "pointerdown"]) window.addEventListener(by, () => (head.tries = 0), { passive: true });
  page.toHead = () => {
    head.tries = 20;
    setTimeout(toHead, 100);
  };
  const choose = (run) => {
    page.leaveComparison();
    if (run !== page.justImported) page.justImported = null;
    page.look(run, true);
    page.toHead();
  };

  const group = (place, { name, title, holds }, runs, filter) => {
    const mine = name === "queue" ? queued(runs) : runs.filter(holds);
    if (name === "ended") mine.sort((a, b) => (b.ended ?? 0) - (a.ended ?? 0));
    const matching = name === "ended" ? mine.filter((run) => found(run, filter)) : mine;
    const shown = matching.slice(0, name === "ended" ? place.kept.most ?? MOST_SHOWN : matching.length);
    if (!mine.length) return null;
    const lines = shown.map((run) => {
      const made = row(run, page.run(), choose);
      if (name === "queue" && mine.length > 1) made.append(movers(place, run, mine.length));
      return made;
    });
    return element("section", { class: `group ${name}` },
      element("h2", {}, title, mine.length > 1 ? element("span", { class: "count" }, mine.length.toLocaleString(page.language)) : null),
      name === "ended" && mine.length > 5 ? place.kept.filter : null,
      lines.length ? element("ul", { "aria-label": title }, ...lines) : element("p", { class: "hint" }, t("no_run_found")),
      shown.length < matching.length
        ? element("button", { type: "button", class: "link", onclick: () => { place.kept.most = shown.length + MOST_SHOWN; list(place, page.news); } }, t("more", { count: (matching.length - shown.length).toLocaleString(page.language) }))
        : null);
  };

  // The search field is made once: what is typed in it outlives every redraw.
  const filterOf = (place) => {
    const again = () => list(place, page.news);
    const search = element("input", { type: "search", placeholder: t("search_hint"), "aria-label": t("search"), oninput: again });
    const select = element("select", { "aria-label": t("state"), onchange: again }, element("option", { value: "" }, t("every_state")),
      ...STATES.map(([name, word]) => element("option", { value: name }, word)));
    place.kept.asked = () => ({ words: search.value.toLocaleLowerCase().split(/\s+/).filter(Boolean), state: select.value });
    return element("div", { class: "filter" }, search, select);
  };

  // What has the focus keeps it when the list is drawn again.
  const focused = (root) => {
    const active = document.activeElement;
    if (!active || !root.contains(active)) return () => {};
    const run = active.closest("li")?.dataset.run;
    const action = active.dataset.action;
    return () => {
      if (!run) return root.contains(active) && active.focus();
      const line = [...root.querySelectorAll("li")].find((one) => one.dataset.run === run);
      const same = action ? [...(line?.querySelectorAll(".mover:not([disabled])") ?? [])] : [];
      (same.find((one) => one.dataset.action === action) ?? same[0] ?? line?.querySelector("button"))?.focus();
    };
  };

  const list = (place, { runs }, event) => {
    if (!runs) return;
    if (event === "runs" || !page.run()) settle(runs);
    place.root.className = "runs-list";
    place.kept.filter ??= filterOf(place);
    const again = focused(place.root);
    const scrolled = place.root.querySelector(".ended ul")?.scrollTop ?? 0;
    const groups = GROUPS.map((one) => group(place, one, runs, place.kept.asked())).filter(Boolean);
    const own = runs.some((run) => run.kind !== "recorded");
    place.root.replaceChildren(...groups, ...(own ? [] : [element("div", { class: "nothing" }, element("p", {}, t("none")),
      element("button", { type: "button", class: "link", onclick: () => page.open("train") }, t("first")))]));
    const ended = place.root.querySelector(".ended ul");
    if (ended) ended.scrollTop = scrolled;
    again();
  };
  page.draws("runs", ["runs", "chosen"], list);

  const visit = (run) => {
    page.open("runs");
    choose(run);
  };
  page.draws("now", ["runs"], (place, { runs }) => {
    if (!runs) return;
    place.root.className = "now";
    const active = runs.filter((run) => run.active);
    const waiting = queued(runs);
    const next = waiting.slice(0, MOST_WAITING);
    if (!active.length && !waiting.length) return place.root.replaceChildren();
    const part = (title, mine) => (mine.length ? [element("h2", {}, title), element("ul", {}, ...mine.map((run) => row(run, null, visit)))] : []);
    place.root.replaceChildren(
      ...part(t("now"), active),
      ...part(t("group_queue"), next),
      ...(next.length < waiting.length ? [element("p", { class: "hint" }, t("now_more", { count: (waiting.length - next.length).toLocaleString(page.language) }))] : []));
  });

  page.runParts = { button, state, badges, bar, moment, when, find };
})();
