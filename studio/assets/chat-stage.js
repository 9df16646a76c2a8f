// Shown to a room: large type, nothing but questions and answers, and what was rehearsed on the keys 1 to 9.
for (const chat of window.studioPage.chats) {
  const page = window.studioPage;
  const { element, t } = page;
  const SLOW_SECONDS = 8;
  Object.assign(chat, { rehearsed: [], last: "" });

  const presenting = () => document.body.classList.contains("presenting");
  const redraw = () => chat.tell("view", chat.view);
  const say = (said) => {
    chat.said = said;
    chat.tell("said", said);
  };
  chat.rehearse = async () => {
    const found = await chat.get("rehearsed", { sight: chat.sight });
    if (!found.ok || JSON.stringify(found.rehearsed) === JSON.stringify(chat.rehearsed)) return;
    chat.rehearsed = found.rehearsed;
    if (!chat.view && presenting()) redraw();
  };
  page.hears(["conversations"], () => chat.started && chat.rehearse());

  // Beside a question: on the next free key, or off its key
  const put = async (turn, number) => {
    const found = await chat.post("rehearse", { chat: chat.id, turn: number, keep: !turn.rehearsed });
    if (!found.ok) return say(found.said);
    await Promise.all([chat.load(), chat.rehearse()]);
  };
  chat.onKey = (turn, number) =>
    element("button", { type: "button", class: "quiet", "data-key": `stage-${number}`, "aria-pressed": String(turn.rehearsed), onclick: () => put(turn, number) }, turn.rehearsed ? t("chat.stage.off") : t("chat.stage.put"));

  // What a key does
  let waiting;
  const ask = async (one) => {
    chat.last = one.id;
    clearTimeout(waiting);
    if (!(await chat.ask(one.question, { pictures: one.pictures, reference: one.reference }))) return play(one.id);
    const mine = chat.id;
    waiting = setTimeout(() => presenting() && chat.id === mine && chat.view?.answering && silent() && say(t("chat.stage.slow")), 1000 * SLOW_SECONDS);
  };
  const silent = () => document.querySelector(`#${chat.name}-panes .turn:last-child .reply[data-state=waiting]`);
  const play = async (id) => {
    clearTimeout(waiting);
    const found = await chat.post("play", { chat: chat.id, id });
    if (!found.ok) return say(found.said);
    chat.id = found.chat;
    say("");
    await chat.load();
    chat.refresh();
  };
  const anew = () => {
    clearTimeout(waiting);
    chat.last = "";
    if (chat.view?.answering) chat.stop();
    chat.open("", false);
    document.activeElement?.blur();
  };
  const recorded = () => (chat.rehearsed.some((one) => one.id === chat.last) ? play(chat.last) : null);
  const keyed = (key) => {
    const at = "123456789".indexOf(key);
    if (key === "0") return anew;
    if (key.toLowerCase() === "s") return recorded;
    return at >= 0 && chat.rehearsed[at] ? () => ask(chat.rehearsed[at]) : null;
  };
  document.addEventListener("keydown", (event) => {
    const typed = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (!presenting() || typed || event.ctrlKey || event.metaKey || event.altKey || !document.getElementById(`${chat.name}-panes`)?.offsetParent) return;
    const act = keyed(event.key);
    if (!act) return;
    event.preventDefault();
    act();
  });

  // Before the first question: what is on the keys
  const line = (one, index) =>
    element("li", {}, element("button", { type: "button", class: "idea", "data-key": `on-${index + 1}`, title: one.when, onclick: () => ask(one) },
      element("kbd", {}, String(index + 1)), one.pictures.length ? element("img", { src: chat.address("picture", { name: one.pictures[0], small: "yes" }), alt: "" }) : null, element("span", {}, one.question)));
  chat.stage = () =>
    element("div", { class: "ideas stage" }, chat.rehearsed.length ? element("ul", { "aria-label": t("chat.stage.list") }, ...chat.rehearsed.map(line)) : element("p", {}, t("chat.stage.empty")),
      element("p", { class: "detail" }, t("chat.stage.keys")));
  chat.staging = () => [
    element("button", { type: "button", class: "quiet", "data-key": "anew", onclick: anew }, t("chat.stage.anew")),
    element("button", { type: "button", class: "quiet", "data-key": "present", "aria-pressed": "true", onclick: () => chat.present(false) }, t("chat.present.leave")),
  ];

  chat.present = (on) => {
    document.body.classList.toggle("presenting", on);
    if (on) {
      chat.rehearse();
      document.activeElement?.blur();
    }
    redraw();
  };
}
