// A run that ends is told: in the title of the page, on the tab of the runs, and by the browser when she asked for it.
(() => {
  const page = window.studioPage;
  const { element, t } = page;
  const KEPT = "studio-tell-me";
  let before = new Map();
  let ended = null;
  let title = "";

  const wanted = () => JSON.parse(localStorage.getItem(KEPT) ?? "[]");
  const possible = "Notification" in window && window.isSecureContext;
  page.noticeState = (run) => (wanted().includes(run.id) ? `wanted ${possible && Notification.permission}` : "");

  const want = async (run) => {
    const permission = Notification.permission === "default" ? await Notification.requestPermission() : Notification.permission;
    if (permission === "granted") localStorage.setItem(KEPT, JSON.stringify([...wanted().slice(-20), run.id]));
    page.told("notice", { run: run.id, permission });
  };

  // Permission is asked for by this button alone.
  page.noticeButton = (run) => {
    if (!possible) return null;
    if (wanted().includes(run.id) && Notification.permission === "granted") return element("span", { class: "will-tell" }, t("will_tell"));
    if (Notification.permission === "denied") return element("span", { class: "will-tell" }, t("cannot_tell"));
    return element("button", { type: "button", class: "act", "data-action": "tell", onclick: () => want(run) }, t("tell_me"));
  };

  const tell = (run) => {
    ended = run;
    // Of several open pages the first one tells it.
    if (!wanted().includes(run.id)) return;
    localStorage.setItem(KEPT, JSON.stringify(wanted().filter((id) => id !== run.id)));
    if (!possible || Notification.permission !== "granted") return;
    const shown = new Notification(t("ended_title", { name: run.name }), { body: run.word, tag: run.id, icon: `${page.prefix}/assets/icon.svg` });
    shown.onclick = () => {
      window.focus();
      page.open("runs", run.id);
    };
  };

  const percent = (run) => (run.share === null ? "…" : `${Math.round(run.share * 100)} %`);

  // A dot on the tab while something runs, with its share. Gradio makes the tab's button anew when it pleases, so it
  // is the page that says it; the style puts it behind the word of the tab.
  const mark = () => {
    title ||= document.title;
    const active = (page.news.runs ?? []).find((run) => run.active);
    const root = document.documentElement;
    root.dataset.runs = active ? "active" : "";
    root.style.setProperty("--runs-active", JSON.stringify(active ? `● ${active.share === null ? "" : percent(active)}`.trim() : ""));
    if (active) document.title = `${percent(active)} ${active.name} · ${title}`;
    else if (ended) document.title = `${ended.word}: ${ended.name} · ${title}`;
    else document.title = title;
  };

  page.hears(["runs", "chosen"], () => {
    const now = new Map((page.news.runs ?? []).map((run) => [run.id, run]));
    for (const run of now.values()) {
      const was = before.get(run.id);
      if (was?.active && !run.active && run.state !== "queued") tell(run);
      if (run.active) ended = null;
    }
    before = now;
    mark();
  });
  // Looked at again: the title need not say it any more.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    setTimeout(() => { ended = null; mark(); }, 5000);
  });

  // The stream rests while nobody looks, unless something is going on that the title tells.
  const busy = (jobs) => (jobs ?? []).some((job) => job.active || job.state === "queued");
  page.rests = () => document.hidden && page.news.runs !== undefined && !busy(page.news.runs) && !busy(page.news.downloads) && !busy(page.news.imports);
})();
