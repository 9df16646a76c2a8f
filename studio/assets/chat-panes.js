// Questions with their answers side by side, in one shared scroll. What people and models wrote is only ever put in as text.
for (const chat of window.studioPage.chats) {
  const page = window.studioPage;
  const { element, t } = page;
  const OPEN = `studio-${chat.name}-open`;
  const CLOSED = { chat: "", edited: null, referred: null, corrected: null, renaming: false, typed: {} };
  // Which form is open and what is typed in it survives a reload; `said`: what was refused, by form.
  const state = { ...CLOSED, deleting: false, said: {}, ...JSON.parse(sessionStorage.getItem(OPEN) ?? "{}") };

  const redraw = () => chat.tell("view", chat.view);
  const become = (values) => {
    Object.assign(state, values);
    chat.store(OPEN, JSON.stringify(Object.fromEntries(Object.keys(CLOSED).map((name) => [name, state[name]]))), [sessionStorage]);
  };
  const without = (values, key) => Object.fromEntries(Object.entries(values).filter(([name]) => name !== key));
  const press = (key, label, onclick, more = {}) => element("button", { type: "button", class: "quiet", "data-key": key, onclick, ...more }, label);
  // A small form in the place of what it changes; `keep` asks the server, `key` names what is typed here.
  const form = ({ tag, key, id, label, value, word, closed, keep, note, back }) => {
    const input = element(tag, { rows: tag === "textarea" ? "3" : null, type: tag === "input" ? "text" : null, "aria-label": label, "data-key": key, id,
      "aria-invalid": Boolean(state.said[key]), "aria-describedby": state.said[key] ? `${chat.name}-said-${key}` : null, oninput: () => become({ typed: { ...state.typed, [key]: input.value } }) });
    input.value = state.typed[key] ?? value;
    const leave = () => {
      become({ ...closed, typed: without(state.typed, key) });
      state.said = {};
      redraw();
      goesOn(back);
    };
    const send = async (event) => {
      event.preventDefault();
      const found = await keep(input.value);
      if (found.ok) return leave();
      state.said = { [key]: found.said };
      become({ typed: { ...state.typed, [key]: input.value } });
      redraw();
      focused(key)?.focus();
    };
    return element("form", { class: "inline", onsubmit: send, onkeydown: (event) => event.key === "Escape" && (event.preventDefault(), leave()) },
      input, state.said[key] && element("p", { class: "field-fault", role: "alert", id: `${chat.name}-said-${key}` }, state.said[key]),
      element("div", { class: "tools" }, element("button", { type: "submit", class: "chip strong" }, word), press("leave", t("chat.leave"), leave)),
      note && element("p", { class: "detail" }, note));
  };
  const root = () => document.getElementById(`${chat.name}-panes`);
  const focused = (key) => root().querySelector(`[data-key="${CSS.escape(key)}"]`);
  // Back to the button that opened the form; while an answer is written there is none.
  const goesOn = (key) => (focused(key) ?? chat.box())?.focus();

  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll(`#${chat.name}-panes .menu[open]`)) menu.open = menu.contains(event.target);
  });

  // The bar above: what this conversation is called and what can be done with it
  const bar = () => {
    const view = chat.view;
    const title = state.renaming && view ? rename(view) : element("h2", {}, view?.title ?? t("chat.new"));
    const presenting = document.body.classList.contains("presenting");
    const tools = presenting ? chat.staging() : [...(view ? conversationTools() : []), chat.blindness(), press("present", t("chat.present"), () => chat.present(true))];
    return element("header", { class: "chat-bar" }, title, element("div", { class: "tools" }, ...tools.filter(Boolean)));
  };
  const rename = (view) =>
    element("div", { class: "renaming" }, form({ tag: "input", key: "title", id: `${chat.name}-name`, label: t("chat.name"), value: view.title, word: t("chat.keep"), closed: { renaming: false }, keep: chat.rename, back: "rename" }));
  const conversationTools = () => {
    const keep = () => ((state.deleting = false), redraw(), focused("delete")?.focus());
    const remove = async () => ((state.deleting = false), await chat.remove(), document.getElementById(`${chat.name}-new`)?.focus());
    if (state.deleting)
      return [element("span", { class: "sure tools" }, press("delete", t("chat.delete.now"), remove, { class: "quiet danger" }),
        press("leave", t("chat.delete.leave"), keep, { "data-action": "keep" }))];
    const files = [["md", "Markdown"], ["json", "JSON"], ["jsonl", t("chat.export.jsonl")]];
    return [
      press("rename", t("chat.rename"), () => (become({ renaming: true }), redraw(), focused("title")?.select())),
      element("details", { class: "menu" }, element("summary", { class: "quiet", "data-key": "export" }, t("chat.export")),
        element("div", {}, ...files.map(([kind, name]) => element("a", { href: chat.file(kind), download: "" }, name)))),
      press("delete", t("chat.delete"), () => ((state.deleting = true), redraw())),
    ];
  };

  // One question
  const question = (turn, number) => {
    if (state.edited === number) {
      const made = form({ tag: "textarea", key: "edit-field", label: t("chat.question"), value: turn.question, word: t("chat.edit.send"),
        closed: { edited: null }, keep: (text) => chat.edit(number, text), back: `edit-${number}`, note: t("chat.edit.kept") });
      return element("div", { class: "asked editing" }, made);
    }
    const edit = () => (become({ edited: number }), redraw(), focused("edit-field")?.focus());
    const tools = chat.view.answering ? [] : [...(chat.sight ? referring(turn, number) : []), chat.onKey(turn, number), press(`edit-${number}`, t("chat.edit"), edit)];
    return element("div", { class: "asked" }, element("p", { class: "words" }, turn.question), element("div", { class: "tools" }, ...tools));
  };
  // What it was about, and what the right answer is
  const shown = (turn) => (turn.pictures.length ? element("div", { class: "pictures" }, ...turn.pictures.map((name, index) => chat.thumb(name, index + 1))) : null);
  const referring = (turn, number) => {
    const refer = () => (become({ referred: number }), redraw(), focused("reference-field")?.focus());
    const save = async () => {
      const found = await chat.saveTest(number, !turn.test);
      if (found.ok) return;
      state.said = { "reference-field": found.said };
      refer();
    };
    return [press(`refer-${number}`, t("ask.reference"), refer), press(`test-${number}`, turn.test ? t("ask.test.saved") : t("ask.test"), save, { "aria-pressed": String(turn.test) })];
  };
  const reference = (turn, number) => {
    if (state.referred === number)
      return element("div", { class: "correcting" }, form({ tag: "textarea", key: "reference-field", label: t("ask.reference.label"), value: turn.reference, word: t("chat.keep"),
        closed: { referred: null }, keep: (text) => chat.refer(number, text), back: `refer-${number}`, note: t("ask.reference.why") }));
    return turn.reference ? element("p", { class: "reference" }, element("b", {}, t("ask.reference.label")), " ", turn.reference) : null;
  };

  // One answer
  const versions = (one) => {
    if (!one.versions.length) return null;
    const at = one.versions.indexOf(one.id);
    const step = (to, key, label, sign) => press(`${key}-${one.pane}`, sign, () => chat.use(one.versions[to]), { "aria-label": label, disabled: !one.versions[to] });
    return element("span", { class: "versions" }, step(at - 1, "before", t("chat.version.before"), "‹"), `${at + 1}/${one.versions.length}`, step(at + 1, "next", t("chat.version.next"), "›"));
  };
  const correction = (one) => {
    if (state.corrected === one.id)
      return element("div", { class: "correcting" }, form({ tag: "textarea", key: "correct-field", label: t("chat.corrected"), value: one.corrected || one.text, word: t("chat.keep"),
        closed: { corrected: null }, keep: (text) => chat.correct(one.id, text, one.corrected), back: `correct-${one.id}`, note: t("chat.correct.why") }));
    return one.corrected ? element("div", { class: "corrected" }, element("b", {}, t("chat.corrected")), element("p", { class: "words" }, one.corrected)) : null;
  };
  const copy = async (one, button) => {
    try {
      await navigator.clipboard.writeText(one.text);
    } catch {
      // Without https a browser may refuse: the old way.
      const box = element("textarea", {});
      box.value = one.text;
      document.body.append(box);
      box.select();
      document.execCommand("copy");
      box.remove();
    }
    button.textContent = t("chat.copied");
    setTimeout(() => (button.textContent = t("chat.copy")), 1500);
  };
  const tools = (one, last) => {
    const thumb = (up, word) => press(`${up ? "up" : "down"}-${one.id}`, word, () => chat.mark(one.id, one.up === up ? null : up), { "aria-pressed": String(one.up === up) });
    const correct = () => (become({ corrected: one.id }), redraw(), focused("correct-field")?.focus());
    const made = one.text ? [press(`copy-${one.id}`, t("chat.copy"), (event) => copy(one, event.target)), thumb(true, t("chat.good")), thumb(false, t("chat.bad")), press(`correct-${one.id}`, t("chat.correct"), correct)] : [];
    if (last && !one.retry) made.push(press(`again-${one.pane}`, t("chat.again"), () => chat.again(one.id)));
    return element("div", { class: "tools" }, ...made, versions(one));
  };
  const answer = (one, last, secret) => {
    const words = element("p", { class: "words" }, one.text);
    const said = element("p", {}), detail = element("p", { class: "detail" }), full = element("p", { class: "full" }), scores = element("p", { class: "scores" });
    const section = element("section", { class: `reply pane-${one.pane}`, "data-pane": one.pane, "aria-label": one.label, style: one.colour ? `--pane:var(--run-${one.colour})` : null });
    const show = (news) => {
      section.dataset.state = news.state;
      said.textContent = news.said;
      said.className = `said ${news.state}`;
      said.dataset.waits = news.state === "waiting" ? "1" : "";
      if (news.state !== "waiting") delete said.dataset.seconds;
      detail.textContent = news.detail;
      full.textContent = news.full;
      scores.textContent = news.scores ?? "";
    };
    show(one);
    const busy = ["waiting", "writing"].includes(one.state);
    const hear = (news) => {
      const low = atEnd();
      if (news.from <= words.textContent.length) words.textContent = words.textContent.slice(0, news.from) + news.more;
      show(news);
      if (low) toEnd();
    };
    const away = () => show({ ...one, state: "away", said: t("chat.away") });
    if (busy) chat.parts.set(one.id, { hear, away });
    if (busy && chat.away) away();
    const retry = one.retry && last && !secret && !chat.view.answering ? element("button", { type: "button", class: "chip strong", "data-key": `retry-${one.pane}`, onclick: () => chat.again(one.id) }, t("chat.retry")) : null;
    if (busy) section.setAttribute("aria-busy", "true");
    section.append(...[
      element("h3", {}, element("i", { class: "dot" }), one.label, one.gone && element("span", { class: "detail" }, ` (${one.gone})`)),
      words, said, retry, correction(one), scores, full, detail, busy || chat.view.answering || secret ? null : tools(one, last),
    ].filter(Boolean));
    return section;
  };

  // Nothing asked yet: questions to begin with, in each language
  const ideas = () => {
    const language = chat.ideasIn ?? chat.chosen?.language ?? (chat.learned || page.language);
    const preset = chat.chosen?.language === language ? chat.chosen : chat.ideas.find((one) => one.language === language);
    const names = [["en", "English"], ["ro", "Română"], ["it", "Italiano"]];
    return element("div", { class: "ideas" },
      element("p", {}, t("chat.empty")),
      element("div", { class: "chips", role: "group", "aria-label": t("chat.ideas") }, ...names.map(([code, name]) =>
        element("button", { type: "button", class: "chip", lang: code, "data-key": `in-${code}`, "aria-pressed": String(code === language), onclick: () => ((chat.ideasIn = code), redraw()) }, name))),
      element("ul", { lang: language }, ...(preset?.questions ?? []).map((text) =>
        element("li", {}, element("button", { type: "button", class: "idea", onclick: () => chat.ask(text) }, text)))));
  };

  const beginning = () => (document.body.classList.contains("presenting") ? chat.stage() : chat.begin ? chat.begin() : ideas());
  const scroller = () => root()?.querySelector(".chat-scroll");
  const atEnd = () => {
    const box = scroller();
    return !box || box.scrollHeight - box.scrollTop - box.clientHeight < 60;
  };
  const toEnd = () => {
    const box = scroller();
    if (box) box.scrollTop = box.scrollHeight;
  };
  setInterval(() => {
    for (const one of document.querySelectorAll(`#${chat.name}-panes .said[data-waits='1']`))
      one.dataset.seconds = `${Math.round((Date.now() - chat.since) / 1000)} s`;
  }, 500);

  page.draws(`${chat.name}-panes`, [`${chat.name}-view`, `${chat.name}-heard`], (place, news, event) => {
    chat.restore = place.choose;
    place.kept.heard ??= element("p", { class: "unseen", "aria-live": "polite" });
    if (event === `${chat.name}-heard`) return (place.kept.heard.textContent = news[event]);
    const { view } = chat;
    if ((view?.id ?? "") !== state.chat && (view || chat.started)) {
      become({ ...CLOSED, chat: view?.id ?? "" });
      Object.assign(state, { deleting: false, said: {} });
    }
    const old = scroller();
    const [top, low] = [old?.scrollTop ?? 0, view?.id !== place.kept.id || view?.turns.length !== place.kept.turns || atEnd()];
    const active = place.root.contains(document.activeElement) && document.activeElement.dataset.key ? document.activeElement : null;
    const [key, from, to] = [active?.dataset.key, active?.selectionStart, active?.selectionEnd];
    if (view?.answering && !place.kept.answering) chat.since = Date.now();
    Object.assign(place.kept, { id: view?.id, turns: view?.turns.length, answering: view?.answering });
    chat.parts.clear();
    const turns = view ? view.turns.map((turn, number) => element("article", { class: "turn", "data-panes": turn.answers.length },
      shown(turn), question(turn, number), reference(turn, number), element("div", { class: "replies", style: `--panes:${turn.answers.length}` }, ...turn.answers.map((one) => answer(one, turn.last, turn.blind?.secret))), chat.blindly(turn, number))) : [beginning()];
    place.root.className = chat.sight ? "chat-view seeing" : "chat-view";
    place.root.replaceChildren(bar(), element("div", { class: "chat-scroll", tabindex: "0", role: "region", "aria-label": t("chat.conversation") }, ...turns), place.kept.heard);
    if (view && low) toEnd();
    else scroller().scrollTop = top;
    const again = key && place.root.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (again) again.focus();
    if (again && from !== undefined) again.setSelectionRange(from, to);
    chat.tell("said", chat.said);
  });
}
