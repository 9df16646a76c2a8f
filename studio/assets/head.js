// The head of the chosen run: how it stands and what may be done with it; under the curves its settings and files.
(() => {
  const page = window.studioPage;
  const { element, t } = page;
  const { button, state, badges, bar, moment, find } = page.runParts;

  const detailsOf = (run) => (page.details?.run === run.id ? page.details : null);
  const own = (run) => run.kind !== "recorded";
  const wrong = (run, action) => {
    const said = page.refused(run.id, action);
    return said ? element("p", { class: "wrong", role: "alert" }, said) : null;
  };

  // Two presses for what cannot be taken back: the first one asks, and says what it means.
  const twice = (place, run, action, word, question, sure) => {
    if (place.kept.asking !== action)
      return button(word, () => ask(place, action), { "data-action": action });
    return element("span", { class: "sure", role: "group", "aria-label": question },
      element("span", {}, question),
      button(sure, () => { place.kept.asking = null; page.act(place, action, run.id); draw(place, page.news); }, { class: "act danger", "data-action": `${action}-now` }),
      button(t("keep"), () => ask(place, null, action), { "data-action": "keep" }));
  };
  const ask = (place, action, back) => {
    place.kept.asking = action;
    draw(place, page.news);
    place.root.querySelector(`[data-action="${action ? `${action}-now` : back}"]`)?.focus();
  };

  // What goes when it is stopped without saving.
  const savedOf = (run) => (page.news.status?.id === run.id ? page.news.status.saved : 0);
  const discards = (run) => (savedOf(run) ? t("discard_from", { step: savedOf(run).toLocaleString(page.language) }) : t("discard_all"));

  const adapterAddress = (run) => `${page.prefix}/adapter?run=${encodeURIComponent(run.id)}&language=${page.language}`;

  // What can be done now, most wanted first.
  const actions = (place, run) => {
    if (page.runStage.on()) return page.runStage.tools(run);
    const act = (action, word, more = {}) => button(word, () => page.act(place, action, run.id), { "data-action": action, ...more });
    const { made, sees } = detailsOf(run) ?? {};
    const idle = !run.active && run.state !== "queued";
    const offered = [
      run.resumable ? act("resume", t("resume"), { class: "act first" }) : null,
      made && idle && sees ? button(t("see"), () => page.ask.with(run.id), { class: run.state === "done" ? "act first" : "act", "data-action": "see" }) : null,
      made && idle && !sees ? button(t("chat"), () => page.chat.with(run.id), { class: run.state === "done" ? "act first" : "act", "data-action": "chat" }) : null,
      run.active && !run.stopping ? act("stop", t("stop")) : null,
      run.active && !run.stopping && ["train", "chain"].includes(run.kind) ? twice(place, run, "discard", t("discard"), discards(run), t("discard")) : null,
      run.active || run.state === "queued" ? page.noticeButton?.(run) ?? null : null,
      run.state === "queued" ? act("stop", t("unqueue")) : null,
      made && idle ? element("a", { class: "act", href: adapterAddress(run), download: "", "data-action": "download" }, made === "model" ? t("download.model") : t("download.adapter")) : null,
      idle && !["import", "export"].includes(run.kind) ? act("repeat", t("repeat")) : null,
      !["import", "export"].includes(run.kind) ? button(t("copy_settings"), () => page.trainWith({ recipe: `run:${run.id}` }), { "data-action": "copy", title: t("copy_settings_why") }) : null,
      page.runStage.door(run),
    ];
    return [...offered, ...["resume", "stop", "discard", "repeat"].map((action) => wrong(run, action))];
  };

  // What was typed and not saved, by run and field: it outlives a reload, a look at another run, and the start of this one.
  const unsent = page.draftOf("runs", "studio-run-drafts");
  const MOST_DRAFTS = 50;
  const drafts = () => JSON.parse(unsent.read() ?? "{}");
  const keepDraft = (run, action, text) => {
    const { [run]: mine = {}, ...others } = drafts();
    if (text === null) delete mine[action];
    else mine[action] = text;
    const kept = [...Object.entries(others), ...(Object.keys(mine).length ? [[run, mine]] : [])].slice(-MOST_DRAFTS);
    unsent.write(kept.length ? JSON.stringify(Object.fromEntries(kept)) : "");
  };
  const mark = (input, said, ...what) => {
    said.replaceChildren(...what);
    const refused = what.some((one) => one.className === "wrong");
    if (refused) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  };

  // A field that keeps what is typed in it while the rest is drawn again; Enter is the button. It takes more than may be
  // saved, so that what is too long is refused in words and not cut off in silence.
  const field = (place, run, action, label, word, value, make = {}) => {
    const said = element("div", { class: "field-said", id: `said-${action}`, "aria-live": "polite" });
    const typed = () => keepDraft(run.id, action, input.value === (place.kept.values[action] ?? "") ? null : input.value);
    const input = element(make.long ? "textarea" : "input", { type: make.long ? null : make.type ?? "text", rows: make.long ? 3 : null, maxlength: make.long ? 20_000 : 4_096, id: `run-${action}`, "aria-describedby": said.id, oninput: typed, ...make.more });
    const draft = drafts()[run.id]?.[action];
    place.kept.values[action] = value;
    input.value = draft ?? value;
    if (draft !== undefined) mark(input, said, element("p", { class: "hint" }, t("unsaved")));
    const send = (event) => {
      event.preventDefault();
      mark(input, said);
      page.act(place, action, run.id, make.read ? make.read(input.value) : input.value);
    };
    const form = element("form", { class: "field", novalidate: true, onsubmit: send },
      element("label", { for: `run-${action}` }, label), input,
      element("button", { type: "submit", class: "act", "data-action": action }, word), ...(make.beside?.(input) ?? []), said);
    place.kept.saids[action] = said;
    place.kept.inputs[action] = input;
    return form;
  };

  const local = (seconds) => {
    const when = new Date(seconds * 1000);
    return new Date(when.getTime() - when.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
  };

  const startForm = (place, run) =>
    field(place, run, "start", t("start_at"), t("set"), run.startAt ? local(run.startAt) : "", {
      type: "datetime-local",
      more: { min: local(Date.now() / 1000) },
      // An empty text is no moment: the server says so.
      read: (value) => (value ? new Date(value).getTime() / 1000 : ""),
      beside: () => [button(t("start_soon"), () => page.act(place, "start", run.id, null), { "data-action": "start-soon" })],
    });

  const more = (place, run) => {
    const details = element("details", { class: "run-more" }, element("summary", {}, t("more_actions")),
      field(place, run, "rename", t("name"), t("rename"), run.name),
      field(place, run, "note", t("note"), t("save_note"), run.note, { long: true }),
      element("div", { class: "last" }, (place.kept.pin = element("span")), (place.kept.remove = element("span", { class: "remove" }))));
    return details;
  };

  // The size comes with the details of the run; until then the question says only what goes.
  const remove = (place, run) => {
    const size = detailsOf(run)?.files.total ?? "";
    return [twice(place, run, "delete", t("delete"), size ? t("delete_sure", { size }) : t("delete_what"), t("delete_now")), wrong(run, "delete")];
  };

  // The forms are made once for each run and state of the queue; everything else is drawn again with every piece of news.
  const forms = (place, run) => {
    const key = `${run.id} ${run.state === "queued"} ${run.active}`;
    if (place.kept.formsOf === key) return;
    const typing = drafts()[run.id] ?? {};
    const open = "rename" in typing || "note" in typing || (place.kept.formsOf?.startsWith(`${run.id} `) && place.kept.forms.querySelector("details")?.open);
    const typed = place.kept.forms.contains(document.activeElement) ? document.activeElement : null;
    Object.assign(place.kept, { formsOf: key, saids: {}, inputs: {}, values: {}, asking: null });
    place.kept.forms.replaceChildren(...[run.state === "queued" ? startForm(place, run) : null, own(run) ? more(place, run) : null].filter(Boolean));
    if (open && own(run)) place.kept.forms.querySelector("details").open = true;
    const again = typed?.id ? document.getElementById(typed.id) : null;
    again?.focus();
    // Where she was typing; a field for a moment has no such place.
    if (Number.isInteger(typed?.selectionEnd)) again?.setSelectionRange(typed.selectionStart, typed.selectionEnd);
  };

  const answered = (place, { action, run, wrong: refusal }) => {
    const said = place.kept.saids?.[action];
    if (!said) return;
    const input = place.kept.inputs[action];
    mark(input, said, refusal ? element("p", { class: "wrong", role: "alert" }, refusal) : element("p", { class: "saved", role: "status" }, t("saved")));
    const now = find(run);
    if (refusal || !now) return;
    keepDraft(run, action, null);
    input.value = place.kept.values[action] = { rename: now.name, note: now.note, start: now.startAt ? local(now.startAt) : "" }[action];
  };

  // What was measured at the end; before that the highest memory so far, and of a run that was stopped its time.
  const measured = (one, status) => one.measured || status?.[{ memory: "peak", time: "time" }[one.key]] || "";

  const facts = (run, status) => {
    const known = detailsOf(run);
    const lines = (known?.beside ?? []).map((one) =>
      element("div", {}, element("dt", {}, one.what), element("dd", {}, measured(one, status),
        one.forecast ? element("span", { class: "forecast-was" }, ` ${t("forecast", { value: one.forecast })}`) : null)));
    const made = (known?.from ?? []).map((one) => element("div", {}, element("dt", {}, one.what), element("dd", {}, one.value)));
    return lines.length || made.length ? [element("dl", { class: "facts" }, ...made, ...lines)] : [];
  };

  const waits = (run) => {
    if (run.state !== "queued") return null;
    return element("p", { class: "detail" }, [run.position ? t("position", { position: run.position }) : "", page.when(run)].filter(Boolean).join(" · "));
  };

  const draw = (place, { status }, event) => {
    const { kept, root } = place;
    const run = find(page.run());
    if (!kept.top) {
      Object.assign(kept, { top: element("div", { class: "top-of-run" }), acts: element("div", { class: "acts" }), forms: element("div", { class: "forms" }), saids: {}, inputs: {}, values: {} });
      root.className = "run-head";
      root.setAttribute("role", "region");
      root.setAttribute("aria-labelledby", "run-name");
    }
    if (!run) {
      kept.formsOf = null;
      return root.replaceChildren(element("p", { class: "hint" }, page.run() ? "…" : t("choose")));
    }
    if (!kept.top.isConnected) root.replaceChildren(kept.top, kept.acts, kept.forms);
    const live = status?.id === run.id ? status : null;
    const detail = [live?.detail ?? run.detail, live?.phase].filter(Boolean).join(" · ");
    kept.top.replaceChildren(
      element("h2", { id: "run-name" }, run.name, " ", state(run), ...badges(run)),
      ...(page.justImported === run.id ? [element("p", { class: "saved", role: "status" }, t("imported_as", { name: run.name }))] : []),
      ...[bar(run), waits(run)].filter(Boolean),
      ...(detail ? [element("p", { class: "detail", id: "run-detail" }, detail)] : []),
      ...[page.runStage.said(run)].filter(Boolean),
      ...(live?.reason ? [element("p", { class: `reason ${run.state}` }, live.reason)] : []),
      ...(run.note ? [element("p", { class: "own-note" }, run.note)] : []),
      ...facts(run, live),
      ...[page.needsOf(detailsOf(run))].filter(Boolean),
      ...(live?.notes ?? []).map((note) => element("p", { class: "note" }, note)));
    forms(place, run);
    if (event === "acted" && page.news.acted?.run === run.id) answered(place, page.news.acted);
    buttons(place, run);
    if (kept.pin) {
      const pin = run.pinned ? "unpin" : "pin";
      redraw(kept.pin, `${pin} ${page.refused(run.id, pin)}`, () => [button(run.pinned ? t("unpin") : t("pin"), () => page.act(place, pin, run.id), { "data-action": pin, title: t("pinned_why") }), wrong(run, pin)]);
      redraw(kept.remove, JSON.stringify([run.active, kept.asking === "delete", page.refused(run.id, "delete"), Boolean(detailsOf(run))]), () => (run.active ? [] : remove(place, run)));
    }
    needDetails(run);
  };

  const buttons = (place, run) => {
    const seen = JSON.stringify([run.id, run.state, run.stopping, run.resumable, detailsOf(run)?.made, place.kept.asking, savedOf(run), page.noticeState?.(run), page.runStage.state(), ...["resume", "stop", "discard", "repeat"].map((action) => page.refused(run.id, action))]);
    redraw(place.kept.acts, seen, () => actions(place, run));
  };

  // Drawn again only when it says something else; the focus stays on the same button.
  const redraw = (root, seen, make) => {
    if (root.dataset.seen === seen) return;
    root.dataset.seen = seen;
    const action = root.contains(document.activeElement) ? document.activeElement.dataset.action : null;
    root.replaceChildren(...make().filter(Boolean));
    if (action) root.querySelector(`[data-action="${action}"]`)?.focus();
  };

  // Settings, files and figures are asked for once for each run and state, and when a checkpoint has been saved.
  const needDetails = async (run) => {
    const wanted = `${run.id} ${run.state} ${savedOf(run)}`;
    if (page.detailsOf === wanted) return;
    page.detailsOf = wanted;
    const answer = await fetch(`${page.prefix}/details?run=${encodeURIComponent(run.id)}&language=${page.language}`).catch(() => null);
    if (!answer?.ok) return (page.detailsOf = null);
    const details = await answer.json();
    if (page.run() !== details.run) return;
    page.details = details;
    page.told("details", details);
  };
  page.draws("run-head", ["status", "runs", "chosen", "acted", "details", "notice", "stage"], draw);

  const settings = (details) =>
    element("details", { class: "settings" },
      element("summary", {}, t("settings"), details.changed ? element("span", { class: "count" }, details.changed) : null),
      details.recipe ? element("p", { class: "hint" }, t("recipe_was", { recipe: details.recipe })) : null,
      element("dl", {}, ...details.settings.map((one) => element("div", { class: one.before === null ? "" : "changed" },
        element("dt", {}, one.label), element("dd", {}, one.value, one.before === null ? null : element("span", { class: "before" }, ` ${t("instead_of", { value: one.before })}`))))));

  const files = (details) =>
    element("details", { class: "files" },
      element("summary", {}, t("files"), element("span", { class: "count" }, details.files.total)),
      element("dl", {}, ...details.files.rows.map((one) => element("div", {}, element("dt", {}, one.what), element("dd", {}, one.size)))));

  page.draws("run-details", ["details", "chosen"], (place, { details }) => {
    place.root.className = "run-details";
    if (!details || details.run !== page.run()) return place.root.replaceChildren();
    const open = [...place.root.querySelectorAll("details[open]")].map((one) => one.className);
    place.root.replaceChildren(...[details.settings.length ? settings(details) : null, files(details)].filter(Boolean));
    for (const one of place.root.querySelectorAll("details")) one.open = open.includes(one.className);
  });
})();
