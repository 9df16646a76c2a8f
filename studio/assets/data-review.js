// A review of one data set: what it asks of the server, row by row, and the keys by which one goes through it.
(() => {
  const page = window.studioPage;
  const { t, data } = page;
  const { get, post } = page.asker("review", t("data.away"));
  const tell = () => page.told("data-beside");
  const root = () => document.querySelector("#data-review");

  // Who reviews in this browser: others have one of their own, so it is not kept by the studio as what is typed is.
  const WHO = "studio-reviewer", KEYS = "studio-review-keys", TYPED = "studio-review-typed";
  const review = (data.review = { open: null });
  review.remembered = () => localStorage.getItem(WHO) ?? "";
  review.keys = () => localStorage.getItem(KEYS) !== "off";
  review.setKeys = (on) => localStorage.setItem(KEYS, on ? "on" : "off");

  // A correction that is being written outlives a reload.
  const place = () => `${review.open.id} ${review.open.who} ${review.open.at?.place}`;
  review.typed = () => {
    const kept = JSON.parse(sessionStorage.getItem(TYPED) ?? "{}");
    return kept.place === place() ? kept.values : null;
  };
  review.types = (values) => sessionStorage.setItem(TYPED, JSON.stringify({ place: place(), values }));
  const forgetsTyped = () => sessionStorage.removeItem(TYPED);

  // One question at a time: a key that is pressed while an answer is on its way is not heard, so that no row is judged unseen.
  const asks = async (question) => {
    const mine = review.open;
    if (!mine || mine.busy) return null;
    mine.busy = true;
    root()?.setAttribute("aria-busy", "true");
    const found = await question(mine);
    if (review.open !== mine) return null;
    mine.busy = false;
    root()?.setAttribute("aria-busy", "false");
    mine.wrong = found.ok ? null : { field: found.field ?? "", said: found.said };
    if (found.ok && "review" in found) mine.state = found.review;
    return found;
  };
  const values = (mine) => ({ id: mine.id, who: mine.who, which: mine.which, place: String(mine.at?.place ?? 0) });
  const shows = (found) => {
    const mine = review.open;
    if (found?.ok) {
      if (found.told) forgetsTyped();
      Object.assign(mine, { at: found.at, note: found.at?.note ?? "" });
      mine.editing = Boolean(mine.at && review.typed());
      mine.said = [found.told, found.at?.head].filter(Boolean).join(". ");
    }
    tell();
    arrives(Boolean(found?.ok));
  };
  // What had the focus and is gone hands it to the row; a long row is read from its beginning.
  const arrives = (anew) => {
    const head = document.querySelector("#data-review-head");
    if (!head) return;
    const active = document.activeElement;
    if (active === document.body || !active?.checkVisibility()) head.focus({ preventScroll: true });
    if (anew && root().getBoundingClientRect().top < 0) root().scrollIntoView();
  };

  review.starts = async (anew = true) => {
    const id = data.open.id;
    review.open = { id, who: review.remembered(), which: "unseen", state: null, at: null, note: "", name: review.remembered(), sample: "", said: "" };
    page.opensReview(true, anew);
    const found = await asks((mine) => get("look", { id, who: mine.who }));
    if (!found) return;
    if (found.ok) Object.assign(review.open, { rows: found.rows, loaded: true });
    review.open.who = review.open.state?.who ?? "";
    if (review.open.who) await goes(0, 0);
    else tell();
    document.querySelector("#data-review-head, #data-review-name")?.focus();
  };
  review.ends = (anew = true) => {
    if (!review.open) return;
    review.open = null;
    forgetsTyped();
    page.opensReview(false, anew);
    tell();
    document.querySelector("[data-key=review]")?.focus();
  };
  page.comesTo("review", (on) => {
    if (!data.started || !data.open || Boolean(on) === Boolean(review.open)) return;
    if (on) review.starts(false);
    else review.ends(false);
  });

  const enters = async (name, sent) => {
    const found = await asks((mine) => post(name, { id: mine.id, ...sent }));
    if (!found) return;
    if (!found.ok) {
      tell();
      document.querySelector(`#data-review-${found.field || "name"}`)?.focus();
      return;
    }
    review.open.who = found.review.who;
    localStorage.setItem(WHO, review.open.who);
    await goes(0, 0);
  };
  review.joins = (name) => (review.open.state ? enters("join", { name }) : enters("begin", { name, sample: review.open.sample }));
  review.changes = () => {
    Object.assign(review.open, { who: "", name: "", at: null });
    tell();
    document.querySelector("#data-review-name")?.focus();
  };

  // `way` 0: this place, else the next one that is looked for; 1 and -1: the next and the one before.
  const goes = async (at, way) => {
    const found = await asks((mine) => get("at", { ...values(mine), place: at, way }));
    if (!found) return;
    if (way && found.ok && !found.at) {
      review.open.said = way > 0 ? t("data.review.no_row_behind") : t("data.review.no_row_before");
      return tell();
    }
    shows(found);
  };
  review.moves = (way) => review.open.at && goes(review.open.at.place, way);
  review.filters = (which) => {
    const at = which === "disagreement" ? 0 : review.open.at?.place ?? 0;
    Object.assign(review.open, { which, editing: false });
    return goes(at, 0);
  };
  review.judges = async (said, more = {}) => {
    if (!review.open.at) return;
    const found = await asks((mine) => post("judge", { ...values(mine), said, note: mine.note, ...more }));
    if (found) shows(found);
    if (found && !found.ok) document.querySelector("#data-review [aria-invalid=true]")?.focus();
  };
  review.undoes = async () => {
    const found = await asks((mine) => post("undo", values(mine)));
    if (found) shows(found);
  };
  review.edits = () => {
    if (!review.open.at || review.open.busy) return;
    review.open.editing = true;
    tell();
    document.querySelector("#data-review-edit textarea, #data-review-edit input")?.focus();
  };
  review.leavesEdit = () => {
    forgetsTyped();
    Object.assign(review.open, { editing: false, wrong: null });
    tell();
    document.querySelector("#data-review-head")?.focus();
  };
  review.saves = () => {
    const fields = [...document.querySelectorAll("#data-review-edit [data-field]")];
    return review.judges("edit", { values: Object.fromEntries(fields.map((one) => [one.dataset.field, one.value])) });
  };
  review.makes = async () => {
    const found = await asks((mine) => post("make", { id: mine.id }));
    if (!found) return;
    if (!found.ok) return tell();
    const { id } = review.open;
    review.ends();
    await data.examine(id);
    data.follows(id, { job: found.job, action: "review" });
    document.querySelector("#data-name")?.focus();
  };
  review.forgets = async () => {
    const found = await asks((mine) => post("forget", { id: mine.id }));
    if (!found) return;
    if (found.ok) Object.assign(review.open, { who: "", at: null, sure: false, name: review.remembered() });
    tell();
    document.querySelector("#data-review-name")?.focus();
  };

  // Keys: only here, and never while something is being typed or chosen.
  const help = () => {
    const fold = document.querySelector("#data-review-help");
    if (fold) fold.open = !fold.open;
  };
  const KEY = {
    a: () => review.judges("approve"),
    r: () => review.judges("reject"),
    e: () => review.edits(),
    u: () => review.undoes(),
    n: () => document.querySelector("#data-review-note")?.focus(),
    "?": help,
    arrowleft: () => review.moves(-1),
    arrowright: () => review.moves(1),
  };
  const inEdit = (event) => {
    const act = event.key === "Escape" ? review.leavesEdit : event.key === "Enter" && (event.ctrlKey || event.metaKey) ? review.saves : null;
    if (!act || !event.target.closest("#data-review-edit")) return;
    event.preventDefault();
    act();
  };
  const inNote = (event) => {
    if (event.target.id !== "data-review-note" || !["Escape", "Enter"].includes(event.key)) return;
    event.preventDefault();
    document.querySelector("#data-review-head")?.focus();
  };
  const pressed = (event) => {
    const number = /^[1-9]$/.test(event.key) && document.querySelector(`#data-review [data-take="${event.key}"]`);
    return number ? () => number.click() : KEY[event.key.toLowerCase()];
  };
  document.addEventListener("keydown", (event) => {
    if (!review.open?.who || event.defaultPrevented || event.isComposing || event.altKey || !root()?.checkVisibility()) return;
    if (review.open.editing) return inEdit(event);
    if (event.ctrlKey || event.metaKey || !(event.target === document.body || root().contains(event.target))) return;
    if (event.target.matches("input:not([type=checkbox]), textarea, select, [contenteditable=true]")) return inNote(event);
    if (!review.keys() && event.key !== "?") return;
    const act = pressed(event);
    if (!act) return;
    event.preventDefault();
    if (!event.repeat || event.key.startsWith("Arrow")) act();
  });
})();
