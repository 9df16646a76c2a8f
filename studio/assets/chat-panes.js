// Questions with their answers side by side, in one shared scroll. What people and models wrote is only ever put in as text.
(() => {
  const page = window.studioPage;
  const { element, t, chat } = page;
  const state = { edited: null, corrected: null, renaming: false, deleting: false, said: {} };

  const redraw = () => page.told("chat", chat.view);
  const press = (key, label, onclick, more = {}) => element("button", { type: "button", class: "quiet", "data-key": key, onclick, ...more }, label);
  const field = (value, label, key) => {
    const made = element("textarea", { rows: "3", "aria-label": label, "data-key": key });
    made.value = value;
    return made;
  };
  const form = (input, keep, leave, label) =>
    element("form", { class: "inline", onsubmit: (event) => (event.preventDefault(), keep(input.value)),
      onkeydown: (event) => event.key === "Escape" && (event.preventDefault(), leave()) },
      input, element("div", { class: "tools" }, element("button", { type: "submit", class: "chip strong" }, label), press("leave", t("chat.leave"), leave)));

  // The bar above: what this conversation is called and what can be done with it
  const bar = () => {
    const view = chat.view;
    const title = state.renaming && view ? rename(view) : element("h2", {}, view?.title ?? t("chat.new"));
    const presenting = document.body.classList.contains("presenting");
    const tools = [press("present", presenting ? t("chat.present.leave") : t("chat.present"), () => chat.present(!presenting), { "aria-pressed": String(presenting) })];
    if (view && !presenting) tools.unshift(...conversationTools());
    return element("header", { class: "chat-bar" }, title, element("div", { class: "tools" }, ...tools));
  };
  const rename = (view) => {
    const input = element("input", { type: "text", "aria-label": t("chat.name"), "data-key": "title", id: "chat-name" });
    input.value = state.said.titleTyped ?? view.title;
    const leave = () => (Object.assign(state, { renaming: false, said: {} }), redraw());
    const keep = async (title) => {
      const found = await chat.rename(title);
      if (found.ok) return leave();
      state.said = { title: found.said, titleTyped: title };
      redraw();
    };
    return element("div", { class: "renaming" }, form(input, keep, leave, t("chat.keep")), state.said.title && element("p", { class: "field-fault", role: "alert" }, state.said.title));
  };
  const conversationTools = () => {
    if (state.deleting)
      return [press("delete", t("chat.delete.now"), () => ((state.deleting = false), chat.remove()), { class: "quiet danger" }),
        press("leave", t("chat.delete.leave"), () => ((state.deleting = false), redraw()))];
    const files = [["md", "Markdown"], ["json", "JSON"], ["jsonl", t("chat.export.jsonl")]];
    return [
      press("rename", t("chat.rename"), () => ((state.renaming = true), redraw(), document.getElementById("chat-name")?.select())),
      element("details", { class: "menu" }, element("summary", { class: "quiet", "data-key": "export" }, t("chat.export")),
        element("div", {}, ...files.map(([kind, name]) => element("a", { href: chat.file(kind), download: "" }, name)))),
      press("delete", t("chat.delete"), () => ((state.deleting = true), redraw())),
    ];
  };

  // One question
  const question = (turn, number) => {
    if (state.edited === number) {
      const input = field(turn.question, t("chat.question"), "edit-field");
      const leave = () => ((state.edited = null), redraw());
      const keep = async (text) => (await chat.edit(number, text)) && leave();
      return element("div", { class: "asked editing" }, form(input, keep, leave, t("chat.edit.send")), element("p", { class: "detail" }, t("chat.edit.kept")));
    }
    const edit = () => ((state.edited = number), redraw(), document.querySelector("[data-key=edit-field]")?.focus());
    return element("div", { class: "asked" }, element("p", { class: "words" }, turn.question),
      chat.view.answering ? null : press(`edit-${number}`, t("chat.edit"), edit));
  };

  // One answer
  const versions = (one) => {
    if (!one.versions.length) return null;
    const at = one.versions.indexOf(one.id);
    const step = (to, key, label, sign) => press(`${key}-${one.pane}`, sign, () => chat.use(one.versions[to]), { "aria-label": label, disabled: !one.versions[to] });
    return element("span", { class: "versions" }, step(at - 1, "before", t("chat.version.before"), "‹"), `${at + 1}/${one.versions.length}`, step(at + 1, "next", t("chat.version.next"), "›"));
  };
  const correction = (one) => {
    if (state.corrected === one.id) {
      const leave = () => ((state.corrected = null), redraw());
      const keep = async (text) => ((state.corrected = null), await chat.mark(one.id, one.up, text));
      return element("div", { class: "correcting" }, form(field(one.corrected || one.text, t("chat.corrected"), "correct-field"), keep, leave, t("chat.keep")), element("p", { class: "detail" }, t("chat.correct.why")));
    }
    return one.corrected ? element("div", { class: "corrected" }, element("b", {}, t("chat.corrected")), element("p", { class: "words" }, one.corrected)) : null;
  };
  const copy = async (one, button) => {
    try {
      await navigator.clipboard.writeText(one.text);
    } catch {
      // Without https a browser may refuse: the old way.
      const box = field(one.text, "", "");
      document.body.append(box);
      box.select();
      document.execCommand("copy");
      box.remove();
    }
    button.textContent = t("chat.copied");
    setTimeout(() => (button.textContent = t("chat.copy")), 1500);
  };
  const tools = (one, last) => {
    const thumb = (up, word) => press(`${up ? "up" : "down"}-${one.id}`, word, () => chat.mark(one.id, one.up === up ? null : up, one.corrected), { "aria-pressed": String(one.up === up) });
    const correct = () => ((state.corrected = one.id), redraw(), document.querySelector("[data-key=correct-field]")?.focus());
    const made = one.text ? [press(`copy-${one.id}`, t("chat.copy"), (event) => copy(one, event.target)), thumb(true, t("chat.good")), thumb(false, t("chat.bad")), press(`correct-${one.id}`, t("chat.correct"), correct)] : [];
    if (last && !one.retry) made.push(press(`again-${one.pane}`, t("chat.again"), () => chat.again(one.id)));
    return element("div", { class: "tools" }, ...made, versions(one));
  };
  const answer = (one, last) => {
    const words = element("p", { class: "words" }, one.text);
    const said = element("p", { class: `said ${one.state}` }), detail = element("p", { class: "detail" }), full = element("p", { class: "full" });
    const section = element("section", { class: `reply pane-${one.pane}`, "data-pane": one.pane, "aria-label": one.label });
    const show = (news) => {
      section.dataset.state = news.state;
      said.textContent = news.said;
      said.dataset.waits = news.state === "waiting" ? "1" : "";
      detail.textContent = news.detail;
      full.textContent = news.full;
    };
    show(one);
    const busy = ["waiting", "writing"].includes(one.state);
    if (busy)
      chat.parts.set(one.id, (news) => {
        const low = atEnd();
        if (news.from <= words.textContent.length) words.textContent = words.textContent.slice(0, news.from) + news.more;
        show(news);
        if (low) toEnd();
      });
    const retry = one.retry && last && !chat.view.answering ? element("button", { type: "button", class: "chip strong", "data-key": `retry-${one.pane}`, onclick: () => chat.again(one.id) }, t("chat.retry")) : null;
    if (busy) section.setAttribute("aria-busy", "true");
    section.append(...[
      element("h3", {}, element("i", { class: "dot" }), one.label, one.gone && element("span", { class: "detail" }, ` (${one.gone})`)),
      words, said, retry, correction(one), full, detail, busy || chat.view.answering ? null : tools(one, last),
    ].filter(Boolean));
    return section;
  };

  // Nothing asked yet: questions to begin with, in each language
  const ideas = () => {
    const language = chat.ideasIn ?? chat.chosen?.language ?? page.language;
    const preset = chat.chosen?.language === language ? chat.chosen : chat.ideas.find((one) => one.language === language);
    const names = [["en", "English"], ["ro", "Română"], ["it", "Italiano"]];
    return element("div", { class: "ideas" },
      element("p", {}, t("chat.empty")),
      element("div", { class: "chips", role: "group", "aria-label": t("chat.ideas") }, ...names.map(([code, name]) =>
        element("button", { type: "button", class: "chip", lang: code, "data-key": `in-${code}`, "aria-pressed": String(code === language), onclick: () => ((chat.ideasIn = code), redraw()) }, name))),
      element("ul", { lang: language }, ...(preset?.questions ?? []).map((text) =>
        element("li", {}, element("button", { type: "button", class: "idea", onclick: () => chat.ask(text) }, text)))));
  };

  const scroller = () => document.querySelector(".chat-scroll");
  const atEnd = () => {
    const box = scroller();
    return !box || box.scrollHeight - box.scrollTop - box.clientHeight < 60;
  };
  const toEnd = () => {
    const box = scroller();
    if (box) box.scrollTop = box.scrollHeight;
  };
  setInterval(() => {
    for (const one of document.querySelectorAll(".chat .said[data-waits='1']"))
      one.dataset.seconds = `${Math.round((Date.now() - chat.since) / 1000)} s`;
  }, 500);

  page.draws("chat-panes", ["chat", "chat-heard"], (place, news, event) => {
    chat.restore = place.choose;
    place.kept.heard ??= element("p", { class: "unseen", "aria-live": "polite" });
    if (event === "chat-heard") return (place.kept.heard.textContent = news["chat-heard"]);
    const { view } = chat;
    if (view?.id !== place.kept.id) Object.assign(state, { edited: null, corrected: null, renaming: false, deleting: false });
    const old = scroller();
    const [top, low] = [old?.scrollTop ?? 0, view?.id !== place.kept.id || view?.turns.length !== place.kept.turns || atEnd()];
    const focused = document.activeElement?.closest?.(".chat-view") && document.activeElement.dataset.key;
    if (view?.answering && !place.kept.answering) chat.since = Date.now();
    Object.assign(place.kept, { id: view?.id, turns: view?.turns.length, answering: view?.answering });
    chat.parts.clear();
    const turns = view ? view.turns.map((turn, number) => element("article", { class: "turn", "data-panes": turn.answers.length },
      question(turn, number), element("div", { class: "replies", style: `--panes:${turn.answers.length}` }, ...turn.answers.map((one) => answer(one, turn.last))))) : [ideas()];
    place.root.className = "chat-view";
    place.root.replaceChildren(bar(), element("div", { class: "chat-scroll", tabindex: "0", role: "region", "aria-label": t("chat.conversation") }, ...turns), place.kept.heard);
    if (low) toEnd();
    else scroller().scrollTop = top;
    if (focused) place.root.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
    page.told("chat-ask", chat.said);
  });
})();
