// A run shown to a room: its loss, memory and answers in large type; what was recorded is drawn again as it came.
(() => {
  const page = window.studioPage;
  const { element, t } = page;
  const TABLES = ["steps", "eval", "memory", "rewards", "apart"];
  const SECONDS = 20;
  const FRAMES = 10;

  const presenting = () => document.body.classList.contains("presenting");
  const here = () => document.querySelector(".run-head")?.offsetParent;
  const shown = () => page.runParts.find(page.run());
  const ended = (run) => run && !run.active && run.state !== "queued";

  // As much of a table, and of the answers, as had come by a time of the run.
  const until = (table, time) => {
    const count = table.t.filter((at) => at <= time).length;
    return Object.fromEntries(Object.entries(table).map(([name, values]) => [name, Array.isArray(values) ? values.slice(0, count) : values]));
  };
  const cut = (curves, time) => ({
    ...curves,
    ...Object.fromEntries(TABLES.filter((name) => curves[name]).map((name) => [name, until(curves[name], time)])),
    until: time,
    ...(curves.phases ? { phases: curves.phases.filter(([from]) => from <= time) } : {}),
    ...(curves.resumed ? { resumed: curves.resumed.filter(([at]) => at <= time) } : {}),
  });

  let playing = null;
  const halt = () => {
    if (!playing) return;
    clearInterval(playing.timer);
    const { run, curves, answers } = playing;
    playing = null;
    if (page.run() !== run) return;
    page.told("curves", curves);
    if (answers) page.told("answers", answers);
    page.told("stage", "");
  };
  const draw = () => {
    const { run, curves, answers } = playing;
    if (page.run() !== run || !presenting()) return halt();
    const first = curves.steps.t[0], last = Math.max(curves.steps.t.at(-1), curves.eval.t.at(-1) ?? 0);
    const share = (playing.frame += 1) / (SECONDS * FRAMES);
    if (share >= 1) return halt();
    const now = cut(curves, first + (last - first) * share);
    const step = now.steps.step.at(-1) ?? 0;
    const pages = answers?.pages?.filter((one) => one.step <= step) ?? [];
    page.told("curves", { ...now, played: true });
    if (pages.length && pages.length !== playing.pages) page.told("answers", { ...answers, pages, played: true });
    playing.pages = pages.length;
  };
  const replay = () => {
    halt();
    const { curves, answers } = page.news;
    if (!curves?.steps.t.length || !ended(shown())) return;
    playing = { run: page.run(), curves, answers, frame: 0, pages: 0, timer: setInterval(draw, 1000 / FRAMES) };
    page.told("stage", "playing");
    draw();
  };

  // What is shown when the run of today does not come along: the newest one that is pinned, else the one that ships.
  const spare = () => {
    const runs = (page.news.runs ?? []).filter((one) => ended(one) && one.id !== page.run());
    return runs.find((one) => one.pinned && one.state === "done") ?? runs.find((one) => one.kind === "recorded");
  };
  let wanted = null;
  const fallBack = () => {
    const run = spare();
    if (!run) return;
    halt();
    wanted = run.id;
    page.look(run.id, true);
  };
  // It is played as soon as its curves are there. What the server says while one is played is played from then on.
  page.hears(["curves", "answers"], (news, event) => {
    const said = news[event];
    if (playing && said && !said.played && playing.run === page.run()) playing[event] = said;
    if (event !== "curves" || !wanted || wanted !== page.run() || !said?.reset || !said.steps.t.length) return;
    wanted = null;
    if (presenting()) replay();
  });

  const present = (on) => {
    halt();
    document.body.classList.toggle("presenting", on);
    document.activeElement?.blur();
    page.told("stage", "");
  };
  const KEYS = { Escape: () => present(false), r: replay, s: fallBack };
  document.addEventListener("keydown", (event) => {
    const act = KEYS[event.key] ?? KEYS[event.key.toLowerCase()];
    if (!act || !presenting() || !here() || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    event.preventDefault();
    act();
  });

  // Beside the other buttons of a run; while it is shown to a room there are no others.
  const button = (action, word, onclick) => element("button", { type: "button", class: "act", "data-action": action, onclick }, word);
  page.runStage = {
    on: presenting,
    door: (run) => (["train", "chain", "recorded"].includes(run.kind) && run.state !== "queued" ? button("present", t("chat.present"), () => present(true)) : null),
    tools: (run) => [
      ended(run) ? button("replay", t("stage.replay"), replay) : null,
      spare() ? button("spare", t("stage.spare", { name: spare().name }), fallBack) : null,
      button("end", t("chat.present.leave"), () => present(false)),
    ],
    said: (run) => (presenting() && ended(run) ? element("p", { class: "detail recorded" }, t("stage.recorded", { when: page.when(run) })) : null),
    state: () => `${presenting()} ${page.news.stage ?? ""} ${spare()?.id}`,
  };
})();
