// The chat's state and what it asks of the server. The drawing is in chat-panes.js and chat-list.js.
(() => {
  const page = window.studioPage;
  const { t } = page;
  const FIELDS = ["base", "adapters", "system", "temperature", "top_p", "max_tokens", "repetition_penalty", "seed"];
  const KEPT = "studio-chat-fields", QUESTION = "studio-chat-question", CHAT = "studio-chat";

  const chat = (page.chat = { view: null, fields: {}, lines: [], search: "", ideas: [], corrections: 0, said: "", parts: new Map() });
  chat.id = sessionStorage.getItem(CHAT) ?? localStorage.getItem(CHAT) ?? "";

  const remember = () => {
    for (const store of [sessionStorage, localStorage]) store.setItem(CHAT, chat.id);
  };
  const address = (name, values = {}) =>
    `${page.prefix}/chat/${name}?${new URLSearchParams({ language: page.language, ...values })}`;
  chat.file = (kind) => address("file", { kind, chat: chat.id });

  // Every answer is {ok, ...what the server said}; without a server the sentence says that nothing typed is lost.
  const asked = async (url, options) => {
    try {
      const answer = await fetch(url, options);
      const said = answer.headers.get("content-type")?.includes("json") ? await answer.json() : { said: await answer.text() };
      return Array.isArray(said) ? said : { ok: answer.ok, ...said };
    } catch {
      return { ok: false, said: t("chat.offline") };
    }
  };
  chat.get = (name, values) => asked(address(name, values));
  chat.post = (name, values) =>
    asked(address(name), { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(values) });

  // What the fields of the page hold now; Gradio tells every change.
  chat.set = (name, value) => {
    chat.fields[name] = value;
    localStorage.setItem(KEPT, JSON.stringify(chat.fields));
    if (!["base", "adapters", "system"].includes(name)) checkSoon();
  };
  chat.seed = (values) => {
    FIELDS.forEach((name, index) => (chat.fields[name] = values[index]));
    check();
    start();
  };
  chat.situation = () => {
    const told = { chat: chat.id, kept: JSON.parse(localStorage.getItem(KEPT) ?? "null"), with: chat.wanted };
    chat.wanted = null;
    return JSON.stringify(told);
  };
  chat.preset = (id) => {
    chat.chosen = chat.ideas.find((one) => one.id === id) ?? null;
    page.told("chat", chat.view);
  };

  // A fault or a note stands at its field. What was typed stays.
  chat.fault = (name, said, kind = "fault") => {
    const field = document.getElementById(`chat-${name}`);
    if (!field) return;
    const id = `chat-${name}-${kind}`;
    document.getElementById(id)?.remove();
    const input = field.querySelector("input, textarea");
    if (kind === "fault") input?.toggleAttribute("aria-invalid", Boolean(said));
    if (!said) return input?.removeAttribute("aria-describedby");
    field.append(page.element("p", { id, class: `field-${kind}`, role: kind === "fault" ? "alert" : null }, said));
    input?.setAttribute("aria-describedby", id);
  };
  // What is asked with is what is seen: a text field that is on the page is read there.
  const values = () => {
    const seen = { ...chat.fields };
    for (const name of FIELDS.slice(2)) seen[name] = document.querySelector(`#chat-${name} :is(input, textarea)`)?.value ?? seen[name];
    return seen;
  };

  // Gradio makes the fields when they are unfolded: a moment later they are there.
  chat.unfolded = () => setTimeout(check, 150);
  const check = async () => {
    const seen = values();
    const settings = Object.fromEntries(FIELDS.slice(3).map((name) => [name, seen[name] ?? ""]));
    const found = await chat.post("check", settings);
    if (!found.faults) return;
    for (const name of Object.keys(settings)) {
      chat.fault(name, found.notes[name], "note");
      chat.fault(name, found.faults[name]);
    }
  };
  let waiting;
  const checkSoon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(check, 300);
  };

  // The shown conversation, from the server; `restore` puts what it was asked with into the fields.
  chat.load = async ({ restore = false } = {}) => {
    const wanted = chat.id;
    const found = wanted ? await chat.get("one", { chat: wanted }) : null;
    if (wanted !== chat.id) return;
    if (found && !found.ok && found.turns === undefined) {
      if (found.field === undefined) return setTimeout(chat.load, 2000);
      chat.id = "";
    }
    chat.view = found?.turns ? found : null;
    remember();
    page.told("chat", chat.view);
    if (restore) chat.restore?.(chat.id);
    if (chat.view?.answering) follow();
  };
  chat.open = (id) => {
    quiet();
    chat.id = id;
    chat.said = "";
    chat.load({ restore: true });
    page.told("chats", chat.lines);
  };
  chat.refresh = async () => {
    const found = await chat.get("list", { search: chat.search });
    if (!found.ok) return;
    Object.assign(chat, { lines: found.lines, corrections: found.corrections });
    page.told("chats", chat.lines);
  };
  chat.memory = async () => {
    const found = await chat.get("loaded");
    if (found.ok) page.told("chat-memory", found.said);
  };

  // The answers while they are written. Nobody looks: nothing is sent.
  let source = null;
  const quiet = () => {
    source?.close();
    source = null;
  };
  const follow = () => {
    quiet();
    if (document.hidden) return;
    const mine = new EventSource(address("stream", { chat: chat.id }));
    source = mine;
    mine.addEventListener("answers", (event) => JSON.parse(event.data).forEach((news) => chat.parts.get(news.id)?.(news)));
    mine.addEventListener("done", async () => {
      if (source !== mine) return;
      quiet();
      await chat.load();
      announce();
      chat.refresh();
      chat.memory();
    });
    // A studio that is gone comes back: then the conversation is as it was kept.
    mine.onerror = () => {
      if (source === mine && mine.readyState === EventSource.CLOSED) setTimeout(() => source === mine && chat.load(), 2000);
    };
  };
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) quiet();
    else if (chat.started) Promise.all([chat.load(), chat.refresh()]);
  });

  // Read out once, when it is there as a whole: word by word nobody could follow.
  const announce = () => {
    const last = chat.view?.turns.at(-1);
    if (last) page.told("chat-heard", last.answers.map((one) => `${one.label}: ${one.text || one.said}`).join(". "));
  };

  // Asking. The field is emptied only when the question is kept by the server.
  const begun = async (found) => {
    chat.said = found.ok ? "" : found.said;
    for (const name of ["base", "adapters"]) chat.fault(name, "");
    if (found.ok) {
      chat.id = found.chat;
      await chat.load();
      chat.refresh();
    } else if (found.field) chat.fault(found.field, found.said);
    page.told("chat-ask", chat.said);
    return found.ok;
  };
  chat.ask = async (question) => {
    if (chat.busy || chat.view?.answering) return false;
    chat.busy = true;
    const ok = await begun(await chat.post("ask", { ...values(), chat: chat.id, question }));
    chat.busy = false;
    return ok;
  };
  chat.edit = async (turn, question) => begun(await chat.post("edit", { ...values(), chat: chat.id, turn, question }));
  chat.again = async (answer) => begun(await chat.post("again", { chat: chat.id, answer }));
  chat.use = async (answer) => begun(await chat.post("use", { chat: chat.id, answer }));
  chat.stop = async () => {
    quiet();
    await chat.post("stop", { chat: chat.id });
    await chat.load();
    announce();
  };
  chat.mark = async (answer, up, corrected) => {
    const found = await chat.post("mark", { chat: chat.id, answer, up, corrected });
    await chat.load();
    chat.refresh();
    return found;
  };
  chat.rename = async (title) => {
    const found = await chat.post("rename", { chat: chat.id, title });
    if (found.ok) await Promise.all([chat.load(), chat.refresh()]);
    return found;
  };
  chat.remove = async () => {
    const found = await chat.post("delete", { chat: chat.id });
    if (found.ok) chat.open("");
    chat.refresh();
  };

  chat.draft = () => localStorage.getItem(QUESTION) ?? "";
  chat.keep = (question) => localStorage.setItem(QUESTION, question);

  // From a run: a new conversation with its adapter.
  chat.with = (run) => {
    quiet();
    Object.assign(chat, { id: "", view: null, wanted: run });
    remember();
    page.told("chat", null);
    page.open("chat");
  };

  chat.present = (on) => {
    document.body.classList.toggle("presenting", on);
    page.told("chat", chat.view);
  };
  document.addEventListener("keydown", (event) => {
    const open = document.getElementById("chat-panes")?.offsetParent;
    if (event.key !== "Escape" || !open || event.defaultPrevented) return;
    if (chat.view?.answering) chat.stop();
    else if (document.body.classList.contains("presenting")) chat.present(false);
  });

  // When somebody opens the tab: until then nothing is asked.
  const start = async () => {
    if (chat.started) return;
    chat.started = true;
    chat.ideas = await chat.get("ideas");
    await Promise.all([chat.load(), chat.refresh(), chat.memory()]);
  };
})();
