// Where one is, as the address says it: the open tab and the chosen run (`#run=…&tab=…`), in Runs whether runs are
// compared, in Chat and under Vision which conversation, in Models which model,
// in Data which data set, and whether it is reviewed. Going elsewhere is an entry of the browser's history:
// Back and Forward lead from one to the next, and a reload, another language and a link open the same.
(() => {
  const page = window.studioPage;
  // The tab for an address that says nothing, in this window.
  const OPEN = "studio-open-tab";
  const FIRST = "home";

  const said = () => {
    const told = new URLSearchParams(location.hash.slice(1));
    const run = told.get("run") || null;
    const tab = told.get("tab") || (run ? "runs" : null);
    return { run, tab, ...(tab === "runs" && { compare: told.has("compare") }), ...(tab === "chat" && { chat: told.get("chat") ?? "" }), ...(tab === "vision" && { ask: told.get("ask") ?? "" }), ...(tab === "models" && { model: told.get("model") ?? "" }), ...(tab === "data" && { data: told.get("data") ?? "", review: told.has("review") }) };
  };
  const hash = ({ run, tab, compare, chat, ask, model, data, review }) => {
    const values = { run, tab: run || tab !== FIRST ? tab : "", compare: tab === "runs" && compare ? "yes" : "", chat: tab === "chat" ? chat : "", ask: tab === "vision" ? ask : "", model: tab === "models" ? model : "", data: tab === "data" ? data : "", review: tab === "data" && data && review ? "yes" : "" };
    return `${new URLSearchParams(Object.entries(values).filter(([, value]) => value))}`;
  };

  let at = said();
  page.run = () => at.run;
  page.conversation = (part) => at[part] ?? "";
  page.model = () => at.model ?? "";
  page.dataset = () => at.data ?? "";
  page.reviewing = () => Boolean(at.review);

  // What comes of one act is one entry: who opens a run from Home goes once, not to a tab and then to a run.
  let entered = false;
  const write = (next, anew = false) => {
    at = next;
    sessionStorage.setItem(OPEN, at.tab);
    const told = hash(at);
    if (told === location.hash.slice(1)) return;
    history[anew && !entered ? "pushState" : "replaceState"](null, "", told ? `#${told}` : location.pathname + location.search);
    if (!anew) return;
    entered = true;
    setTimeout(() => (entered = false));
  };

  // Who compares, who talks and who looks at a model or data tell it here; `comes` is called when Back or Forward lead to another of theirs.
  const comes = {};
  const part = (name) => (value, anew = false) => value !== at[name] && write({ ...at, [name]: value }, anew);
  page.compares = part("compare");
  page.talks = { chat: part("chat"), ask: part("ask") };
  page.opensModel = part("model");
  page.opensData = part("data");
  page.opensReview = part("review");
  page.comesTo = (name, open) => (comes[name] = open);

  const chosen = () => {
    page.news.curves = page.news.status = undefined;
    page.told("chosen", at.run);
    page.listen();
  };
  // `anew`: a person has chosen it, so that Back leads to the run before.
  page.look = (run, anew = false) => {
    if (run === at.run) return;
    write({ ...at, run }, anew);
    chosen();
  };
  page.open = (tab, run) => {
    if (run) page.look(run, true);
    page.goTo(tab);
    show();
    window.scrollTo(0, 0);
  };
  // Only the address: what is opened by the reload that follows.
  page.goTo = (tab) => write({ ...at, tab }, true);

  // Gradio draws its tabs some time after the page has come.
  const show = (tries = 200) => {
    const tab = document.getElementById(`tab-${at.tab}-button`);
    if (!tab) return tries && setTimeout(show, 100, tries - 1);
    if (tab.getAttribute("aria-selected") !== "true") tab.click();
  };
  const nameOf = (tab) => /^tab-(\w+)-button$/.exec(tab?.id ?? "")?.[1];
  const pressed = (tab) => tab && tab !== at.tab && page.goTo(tab);
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("#tabs .tab-wrapper button");
    if (!button) return;
    // One out of the menu of a narrow screen has no name there; it comes into the row a moment later.
    if (nameOf(button)) pressed(nameOf(button));
    else setTimeout(() => pressed(nameOf(document.querySelector("#tabs [role=tab][aria-selected=true]"))), 200);
  });

  window.addEventListener("popstate", () => {
    const next = said();
    if (!next.tab && location.hash) return;
    next.tab ??= FIRST;
    const before = at;
    write({ ...before, ...next });
    show();
    if (next.run !== before.run) chosen();
    for (const name of ["compare", "chat", "ask", "model", "data", "review"]) if (name in next && next[name] !== before[name]) comes[name]?.(next[name]);
  });

  write({ ...at, tab: at.tab ?? sessionStorage.getItem(OPEN) ?? FIRST });
  show();
})();
