// Answers compared without their names: they stand in an order made by chance until somebody says which one is better.
for (const chat of window.studioPage.chats) {
  const page = window.studioPage;
  const { element, t } = page;
  let forgetting = null;

  const press = (key, label, onclick, more = {}) => element("button", { type: "button", class: "chip strong", "data-key": key, onclick, ...more }, label);
  const redraw = () => chat.tell("view", chat.view);
  const focused = (key) => document.querySelector(`#${chat.name}-panes [data-key="${key}"]`)?.focus();
  const changed = async (found) => {
    chat.said = found.ok ? "" : found.said;
    if (found.ok) await chat.load();
    else chat.tell("said", chat.said);
  };
  const prefer = async (turn, preferred) => {
    await changed(await chat.post("prefer", { chat: chat.id, turn, preferred }));
    chat.box()?.focus();
  };
  const anew = async (turn) => {
    forgetting = null;
    await changed(await chat.post("anew", { chat: chat.id, turn }));
    chat.box()?.focus();
  };

  // Beside the title: whether the next question is put blindly. One answer alone hides nothing.
  chat.blindness = () => {
    const on = Boolean(chat.fields.blind);
    const change = () => (chat.set("blind", !on), redraw());
    return chat.fields.adapters?.length ? element("button", { type: "button", class: "quiet", "data-key": "blind", "aria-pressed": String(on), title: t("chat.blind.why"), onclick: change }, t("chat.blind")) : null;
  };

  const letters = (turn, number) => turn.answers.map((one) => press(`prefer-${number}-${one.pane}`, one.label, () => prefer(number, one.id)));
  const asking = (turn, number) =>
    element("div", { class: "blind", role: "group", "aria-label": t("chat.blind.which") }, element("b", {}, t("chat.blind.which")),
      element("div", { class: "tools" }, ...letters(turn, number), press(`tie-${number}`, t("chat.blind.tie"), () => prefer(number, "tie")),
        press(`uncounted-${number}`, t("chat.blind.uncounted"), () => prefer(number, "uncounted"), { class: "quiet" })));
  const told = (turn, number) => {
    const ask = () => ((forgetting = number), redraw(), focused(`anew-${number}`));
    const leave = () => ((forgetting = null), redraw(), focused(`anew-${number}`));
    const tools = forgetting === number
      ? [press(`anew-${number}`, t("chat.blind.anew.now"), () => anew(number), { class: "quiet danger" }), press("leave", t("chat.leave"), leave, { class: "quiet" })]
      : [press(`anew-${number}`, t("chat.blind.anew"), ask, { class: "quiet" })];
    return element("div", { class: "blind" }, element("p", { role: "status" }, turn.blind.said), turn.last && element("div", { class: "tools" }, ...tools));
  };
  // Under the answers of a turn that is compared blindly; while they are written nobody can choose.
  chat.blindly = (turn, number) => {
    if (!turn.blind || (turn.blind.secret && chat.view.answering && turn.last)) return null;
    return turn.blind.secret ? asking(turn, number) : told(turn, number);
  };
}
