// The state of a chat and what it asks of the server. The drawing is in chat-panes.js, chat-list.js and chat-pictures.js.
// The page has two: Chat, and Ask under Vision, whose questions have pictures. Ids, news and what is kept bear their names.
window.studioPage.chats = [
  { name: "chat", tab: "chat", question: "#question", sight: "" },
  { name: "ask", tab: "vision", question: "#ask-question", sight: "yes" },
];
[window.studioPage.chat, window.studioPage.ask] = window.studioPage.chats;
for (const chat of window.studioPage.chats) {
  const page = window.studioPage;
  const { t } = page;
  const CHAT = `studio-${chat.name}`;
  const MOST_SEARCHED = 200;

  Object.assign(chat, { view: null, fields: {}, lines: [], search: "", ideas: [], judged: 0, said: "", away: false, parts: new Map() });
  chat.id = page.conversation(chat.name) || (sessionStorage.getItem(CHAT) ?? localStorage.getItem(CHAT) ?? "");
  const talks = page.talks[chat.name];
  talks(chat.id);
  chat.tell = (news, said) => page.told(`${chat.name}-${news}`, said);
  chat.box = () => document.querySelector(`${chat.question} textarea`);

  // A browser keeps a few megabytes for us and no more: what does not fit is still on the page.
  chat.store = (name, value, stores = [localStorage]) => {
    try {
      for (const store of stores) store.setItem(name, value);
    } catch {
      return false;
    }
    return true;
  };
  const remember = () => {
    chat.store(CHAT, chat.id, [sessionStorage, localStorage]);
    talks(chat.id);
  };
  // Without a server the sentence says that nothing typed is lost.
  const { address, get, post } = page.asker("chat", t("chat.offline"));
  Object.assign(chat, { address, get, post, file: (kind) => address("file", { kind, chat: chat.id }) });

  // Answers may overtake one another: whether this question of its kind is still the last one that was asked.
  const questions = {};
  const asking = (kind) => {
    const mine = (questions[kind] = (questions[kind] ?? 0) + 1);
    return () => questions[kind] === mine;
  };

  // The shown conversation, from the server; `restore` puts what it was asked with into the fields. Drawn again only
  // when it says something else.
  chat.load = async ({ restore = false } = {}) => {
    const wanted = chat.id, last = asking("one");
    restoring ||= restore;
    const found = wanted ? await chat.get("one", { chat: wanted }) : null;
    if (wanted !== chat.id || !last()) return;
    if (found && !found.ok && found.turns === undefined) {
      if (found.field === undefined) return setTimeout(chat.load, 2000);
      if (chat.view) chat.said = found.said;
      chat.id = "";
    }
    chat.view = found?.turns ? found : null;
    remember();
    const now = JSON.stringify(chat.view);
    if (now !== shown) chat.tell("view", chat.view);
    else chat.tell("said", chat.said);
    shown = now;
    if (restoring) chat.restore?.(chat.id);
    restoring = false;
    if (chat.view?.answering) follow();
    else if (unheard) announce();
  };
  // `unheard`: answers have ended that were not read out yet; whichever load is the last one has them whole.
  let shown, restoring = false, unheard = false;
  chat.open = (id, anew = true) => {
    quiet();
    unheard = false;
    chat.id = id;
    talks(id, anew);
    chat.said = "";
    chat.load({ restore: true });
    chat.tell("lines", chat.lines);
  };
  page.comesTo(chat.name, (id) => {
    if (chat.started && id !== chat.id) chat.open(id, false);
    else chat.id = id;
  });
  chat.refresh = async () => {
    const last = asking("list");
    const found = await chat.get("list", { search: chat.search.slice(0, MOST_SEARCHED), sight: chat.sight });
    if (!found.ok || !last()) return;
    Object.assign(chat, { lines: found.lines, judged: found.judged });
    chat.tell("lines", chat.lines);
  };
  chat.memory = async () => {
    const found = await chat.get("loaded");
    if (found.ok) chat.tell("memory", found.said);
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
    mine.addEventListener("answers", (event) => JSON.parse(event.data).forEach((news) => chat.parts.get(news.id)?.hear(news)));
    mine.addEventListener("done", async () => {
      if (source !== mine) return;
      quiet();
      unheard = true;
      await chat.load();
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

  // What was done in another window, or before a restart: told by the stream of the page as a number that grows.
  let known;
  page.hears(["conversations"], ({ conversations: { number, changed } }) => {
    const news = known !== undefined && known !== number;
    known = number;
    if (!news || !chat.started) return;
    chat.refresh();
    // While answers are followed they come by themselves, and with their end everything else.
    if (!source && (!changed || changed.includes(chat.id) || changed.includes(""))) chat.load();
  });
  page.hears(["connection"], ({ connection }) => {
    const away = connection === "lost";
    if (away === chat.away) return;
    chat.away = away;
    if (!chat.view?.answering) return;
    if (away) for (const part of chat.parts.values()) part.away();
    else chat.load();
  });

  // Read out once, when it is there as a whole: word by word nobody could follow.
  const announce = () => {
    unheard = false;
    const last = chat.view?.turns.at(-1);
    if (last) chat.tell("heard", last.answers.map((one) => `${one.label}: ${one.text || one.said}`).join(". "));
  };

  // Asking. A refusal comes back to who asked; one of a setting stands at that setting, too.
  const begun = async (found) => {
    for (const name of ["base", "adapters", "system"]) chat.fault(name, "");
    if (found.ok) {
      chat.id = found.chat;
      await chat.load();
      chat.refresh();
    } else if (found.field) chat.fault(found.field, found.said);
    return found;
  };
  const told = (found) => {
    chat.said = found.ok ? "" : found.said;
    chat.tell("said", chat.said);
    return found;
  };
  // `more`: what goes with it besides what is chosen.
  chat.ask = async (question, more = {}) => {
    if (chat.busy || chat.view?.answering) return false;
    chat.busy = true;
    if (chat.brought && !(await chat.brought())) return (chat.busy = false);
    const found = told(await begun(await chat.post("ask", { ...chat.values(), ...chat.shown?.(), ...more, chat: chat.id, question })));
    chat.busy = false;
    if (found.ok) chat.sent?.();
    return found.ok;
  };
  chat.edit = async (turn, question) => {
    const { pictures, reference } = chat.view.turns[turn];
    return begun(await chat.post("edit", { ...chat.values(), pictures, reference, chat: chat.id, turn, question }));
  };
  chat.again = async (answer) => told(await begun(await chat.post("again", { chat: chat.id, answer })));
  chat.use = async (answer) => told(await begun(await chat.post("use", { chat: chat.id, answer })));
  chat.stop = async () => {
    quiet();
    await chat.post("stop", { chat: chat.id });
    await chat.load();
    announce();
  };
  const changed = async (found) => {
    if (found.ok) await Promise.all([chat.load(), chat.refresh()]);
    return found;
  };
  chat.mark = async (answer, up) => told(await changed(await chat.post("mark", { chat: chat.id, answer, up })));
  // Emptied, a correction is taken back.
  chat.correct = async (answer, corrected, before) =>
    changed(before && !corrected.trim() ? await chat.forget(answer) : await chat.post("correct", { chat: chat.id, answer, corrected }));
  chat.forget = (answer) => chat.post("forget", { answer });
  chat.drop = (answer) => chat.post("drop", { answer });
  chat.rename = async (title) => changed(await chat.post("rename", { chat: chat.id, title }));
  chat.remove = async () => {
    const found = told(await chat.post("delete", { chat: chat.id }));
    if (found.ok) chat.open("", false);
    chat.refresh();
  };

  const question = page.draftOf(chat.name === "chat" ? "question" : chat.name, `${CHAT}-question`);
  chat.draft = () => question.read() ?? "";
  chat.keep = (typed) => question.write(typed);

  // Who asks to talk with a model that sees comes to the chat about pictures.
  const elsewhere = async (model) => !chat.sight && (await chat.get("learned", { model })).sees;
  // From a run: a new conversation with its adapter.
  chat.with = async (run) => {
    if (run && (await elsewhere(`run:${run}`))) return page.ask.with(run);
    quiet();
    Object.assign(chat, { id: "", view: null, wanted: run });
    remember();
    chat.tell("view", null);
    page.open(chat.tab);
  };

  // From the models: a new conversation with nothing but this one.
  chat.withBase = async (model) => {
    if (await elsewhere(model)) return page.ask.withBase(model);
    chat.fields = { ...chat.fields, base: model, adapters: [] };
    chat.store(`${CHAT}-fields`, JSON.stringify(chat.fields));
    chat.with(null);
  };

  document.addEventListener("keydown", (event) => {
    const open = document.getElementById(`${chat.name}-panes`)?.offsetParent;
    if (event.key !== "Escape" || !open || event.defaultPrevented) return;
    if (chat.view?.answering) chat.stop();
    else if (document.body.classList.contains("presenting")) chat.present(false);
  });

  // When somebody opens the tab: until then nothing is asked.
  chat.start = async () => {
    if (chat.started) return;
    chat.started = true;
    chat.ideas = await chat.get("ideas");
    if (chat.sight) {
      const found = await chat.get("gallery");
      if (found.ok) chat.gallery = found;
    }
    await Promise.all([chat.load(), chat.refresh(), chat.memory()]);
  };
}
