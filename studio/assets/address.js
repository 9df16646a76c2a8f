// Where one is: the open tab and the chosen run, as the address says it (`#run=…&tab=…`). Going elsewhere is an entry of
// the browser's history: Back and Forward lead from tab to tab and from run to run, and a reload, another language and a
// link open the same.
(() => {
  const page = window.studioPage;
  // The tab for an address that says nothing, in this window.
  const OPEN = "studio-open-tab";
  const FIRST = "home";

  const said = () => {
    const told = new URLSearchParams(location.hash.slice(1));
    const run = told.get("run") || null;
    return { run, tab: told.get("tab") || (run ? "runs" : null) };
  };

  let at = said();
  page.run = () => at.run;

  // What comes of one act is one entry: who opens a run from Home goes once, not to a tab and then to a run.
  let entered = false;
  const write = (next, anew = false) => {
    at = next;
    sessionStorage.setItem(OPEN, at.tab);
    const told = `${new URLSearchParams({ ...(at.run && { run: at.run }), ...((at.run || at.tab !== FIRST) && { tab: at.tab }) })}`;
    if (told === location.hash.slice(1)) return;
    history[anew && !entered ? "pushState" : "replaceState"](null, "", told ? `#${told}` : location.pathname + location.search);
    if (!anew) return;
    entered = true;
    setTimeout(() => (entered = false));
  };

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
    const other = next.run !== at.run;
    write(next);
    show();
    if (other) chosen();
  });

  write({ ...at, tab: at.tab ?? sessionStorage.getItem(OPEN) ?? FIRST });
  show();
})();
