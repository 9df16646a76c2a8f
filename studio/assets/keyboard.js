// The page by keyboard, where Gradio leaves it alone: the row of tabs is one stop whose arrow keys lead from tab to tab,
// Esc takes back what is being asked, and who leaves a tab by one of its buttons goes on at the head of the next one.
(() => {
  const page = window.studioPage;
  const tabs = () => [...document.querySelectorAll("#tabs .tab-wrapper [role=tab]")];

  // On a phone the row is wider than the screen: the open tab is moved to where it is seen.
  let seen = null;
  const inSight = (tab) => {
    const row = tab.closest(".tab-wrapper");
    const [left, right] = [tab.offsetLeft - 24, tab.offsetLeft + tab.offsetWidth + 24];
    if (left < row.scrollLeft) row.scrollLeft = left;
    else if (right > row.scrollLeft + row.clientWidth) row.scrollLeft = right - row.clientWidth;
  };
  const rove = () => {
    const all = tabs();
    const stop = all.find((one) => one.getAttribute("aria-selected") === "true") ?? all[0];
    if (stop && stop !== seen) inSight(stop);
    seen = stop;
    for (const one of all) {
      const index = one === stop ? "0" : "-1";
      if (one.getAttribute("tabindex") !== index) one.setAttribute("tabindex", index);
    }
  };
  let due = 0;
  const soon = () => (due ||= requestAnimationFrame(() => { due = 0; rove(); }));
  document.addEventListener("DOMContentLoaded", () =>
    new MutationObserver(soon).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["aria-selected"] }));

  const goes = (event, tab) => {
    const all = tabs();
    const at = all.indexOf(tab);
    const to = { ArrowRight: all[(at + 1) % all.length], ArrowLeft: all.at(at - 1), Home: all[0], End: all.at(-1) }[event.key];
    if (!to) return;
    event.preventDefault();
    to.click();
    to.focus();
  };
  // Prevented, so that nothing else takes the same key for its own.
  const takesBack = (event) => {
    const keep = event.target.closest(".sure")?.querySelector("[data-action=keep]");
    const help = event.target.closest(".foot")?.querySelector(".more[aria-expanded=true]");
    if (!keep && !help) return;
    event.preventDefault();
    (keep ?? help).click();
    help?.focus();
  };
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || !event.target.closest) return;
    const tab = event.target.closest("#tabs [role=tab]");
    if (tab) goes(event, tab);
    else if (event.key === "Escape") takesBack(event);
    else if (event.key === " " && event.target.matches(".token-remove")) {
      event.preventDefault();
      event.target.click();
    }
  }, true);

  // The run that was opened, else the heading of the tab.
  const headOf = (tab) => (tab === "runs" && page.run() && document.querySelector(".run-head")) || document.querySelector(`#tab-${tab} h1`);
  const arrive = (head) => {
    head.tabIndex = -1;
    head.focus({ preventScroll: true });
  };
  const lost = () => document.activeElement === document.body || !document.activeElement?.checkVisibility();
  const follow = (tab, tries = 100) => setTimeout(() => {
    const head = headOf(tab);
    if (!lost()) return;
    if (head?.checkVisibility()) arrive(head);
    else if (tries) follow(tab, tries - 1);
  }, 50);
  const open = page.open;
  page.open = (tab, run) => {
    open(tab, run);
    follow(tab);
  };

  page.skip = (event) => {
    event.preventDefault();
    const head = [...document.querySelectorAll("#tabs h1")].find((one) => one.checkVisibility());
    if (head) arrive(head);
  };
})();
