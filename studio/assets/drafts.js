// What is typed and not sent: kept in this browser at every key press and, a moment later, by the studio, so that it is
// there in another browser and after anything. `page.drafts` is what the studio knew when it wrote this page.
(() => {
  const page = window.studioPage;
  const { drafts } = page;
  // By form: when it was typed here, the name of that very text, and the one that the studio has.
  const MARKS = "studio-drafts";
  const SOON = 400;
  // More than this is not sent by a browser that leaves the page; it is sent when the page is opened again.
  const MOST_LEAVING = 60_000;
  const keys = {};
  const waiting = new Set();

  // A browser keeps a few megabytes for us and no more: what does not fit is still on the page.
  const store = (key, text) => {
    try {
      if (text === "" || text === null) localStorage.removeItem(key);
      else localStorage.setItem(key, text);
    } catch {
      return false;
    }
    return true;
  };
  const marks = () => JSON.parse(localStorage.getItem(MARKS) ?? "{}");
  const marked = (form) => ({ at: 0, stamp: "", sent: null, ...marks()[form] });
  const mark = (form, values) => store(MARKS, JSON.stringify({ ...marks(), [form]: { ...marked(form), ...values } }));

  const named = () => `${Date.now()}.${Math.random().toString(36).slice(2)}`;

  // When the studio wrote this page, by the clock of this browser.
  const written = performance.timeOrigin + (performance.getEntriesByType("navigation")[0]?.responseStart ?? 0);

  // What was typed here since the studio had it last stays; else the newer one.
  const settle = (form) => {
    // Kept before the studio knew of drafts: any other is newer.
    if (!marked(form).stamp && localStorage.getItem(keys[form]) !== null) mark(form, { stamp: named() });
    const mine = marked(form);
    const theirs = drafts[form];
    if (theirs && theirs.stamp === mine.stamp) return mark(form, { sent: mine.stamp });
    const newer = !theirs || (mine.sent !== mine.stamp && mine.sent === theirs.stamp) || mine.at > written - 1000 * theirs.age;
    if (newer) return mine.stamp && waiting.add(form);
    store(keys[form], theirs.text);
    mark(form, { at: written - 1000 * theirs.age, stamp: theirs.stamp, sent: theirs.stamp });
  };

  const send = async (form, leaving = false) => {
    waiting.delete(form);
    const { at, stamp } = marked(form);
    const text = localStorage.getItem(keys[form]) ?? "";
    const body = JSON.stringify({ form, text, stamp, age: Math.max(0, (Date.now() - at) / 1000) });
    try {
      const answer = await fetch(`${page.prefix}/draft`, { method: "POST", headers: { "content-type": "application/json" }, body, keepalive: leaving && body.length < MOST_LEAVING });
      if (answer.ok) mark(form, { sent: stamp });
    } catch {
      waiting.add(form); // The studio is away: again when it is back.
    }
  };
  const sendAll = (leaving) => [...waiting].map((form) => send(form, leaving));
  let due;
  const soon = () => {
    clearTimeout(due);
    due = setTimeout(sendAll, SOON);
  };

  // The draft of one form, kept in the browser as `key`. What the page itself puts there is nobody's typing: `own` false.
  page.draftOf = (form, key) => {
    keys[form] = key;
    settle(form);
    if (waiting.size) soon();
    return {
      read: () => localStorage.getItem(key),
      write: (text, own = true) => {
        if (text === (localStorage.getItem(key) ?? "")) return;
        if (!store(key, text) || !own) return;
        mark(form, { at: Date.now(), stamp: named() });
        waiting.add(form);
        soon();
      },
    };
  };

  window.addEventListener("pagehide", () => sendAll(true));
  document.addEventListener("visibilitychange", () => document.hidden && sendAll(true));
  page.hears(["connection"], ({ connection }) => connection === "open" && soon());
})();
