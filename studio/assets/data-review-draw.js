// How a review is drawn: who one is, one row large, the buttons with their keys, and what has come of it in words.
(() => {
  const page = window.studioPage;
  const { element, t, data } = page;
  const { review } = data;
  const button = (key, word, act, more = {}) => element("button", { type: "button", class: "act", "data-key": `review ${key}`, onclick: act, ...more }, ...[word].flat());
  // The key stands on the button; a screen reader is told it by itself.
  const keyed = (key, letter, word, act, more = {}) => button(key, [element("kbd", { "aria-hidden": "true" }, letter), " ", word], act, { "aria-keyshortcuts": more["aria-keyshortcuts"] ?? letter, ...more });
  const wrongAt = (field) => (review.open.wrong?.field === field ? review.open.wrong.said : "");
  const said = (id, field) => element("p", { class: "wrong field-said", role: "alert", id }, wrongAt(field));

  const entry = (mine) => {
    const name = element("input", { type: "text", id: "data-review-name", "data-key": "review name", maxlength: "64", autocomplete: "name", "aria-describedby": "data-review-name-said data-review-name-hint", "aria-invalid": String(Boolean(wrongAt("name"))), oninput: () => (mine.name = name.value) });
    name.value = mine.name;
    const sample = mine.state ? null : element("input", { type: "text", inputmode: "numeric", class: "short", id: "data-review-sample", "data-key": "review sample", maxlength: "9", autocomplete: "off", "aria-describedby": "data-review-sample-said", "aria-invalid": String(Boolean(wrongAt("sample"))), oninput: () => (mine.sample = sample.value) });
    if (sample) sample.value = mine.sample;
    const goes = (event) => {
      event.preventDefault();
      review.joins(name.value);
    };
    const known = mine.state?.reviewers ?? [];
    return [element("p", { class: "hint" }, t("data.review.says")),
      known.length ? element("section", {}, element("h3", {}, t("data.review.taking")), element("ul", { class: "reviewers" }, ...known.map((one) =>
        element("li", {}, button(`as ${one.name}`, t("data.review.as", { name: one.name }), () => review.joins(one.name)), element("span", { class: "detail" }, one.said))))) : null,
      element("form", { class: "enter", novalidate: true, onsubmit: goes },
        element("label", { for: "data-review-name" }, t("data.review.name")), name, element("p", { class: "hint", id: "data-review-name-hint" }, t("data.review.name.says")), said("data-review-name-said", "name"),
        sample ? element("label", { for: "data-review-sample" }, t("data.review.sample")) : null, sample, sample ? said("data-review-sample-said", "sample") : null,
        element("div", { class: "acts" }, element("button", { class: "act first", "data-key": "review enter" }, mine.state ? t("data.review.join") : t("data.review.begin")))),
      said("data-review-said", "")];
  };

  const bar = (mine) => {
    const { mine: me } = mine.state, share = me.total ? me.judged / me.total : 0;
    return element("div", { class: "review-progress" },
      element("span", { class: "progress", role: "progressbar", "aria-label": me.said, "aria-valuenow": me.judged, "aria-valuemin": 0, "aria-valuemax": me.total }, element("i", { style: `width:${(share * 100).toFixed(1)}%` })),
      element("span", { class: "detail" }, [me.said, me.counts, mine.state.sampled].filter(Boolean).join(" · ")));
  };
  const KINDS = { unseen: t("data.review.unseen"), all: t("data.review.all"), rejected: t("data.review.rejected"), disagreement: t("data.review.disagreement") };
  const DONE = { unseen: t("data.review.done.unseen"), all: t("data.review.done.all"), rejected: t("data.review.done.rejected"), disagreement: t("data.review.done.disagreement") };
  const filter = (mine) => {
    const select = element("select", { id: "data-review-filter", "data-key": "review filter", onchange: () => review.filters(select.value) }, ...Object.entries(KINDS).map(([value, word]) => element("option", { value }, word)));
    select.value = mine.which;
    return element("label", { class: "understood", for: "data-review-filter" }, element("span", {}, t("data.review.filter")), select);
  };
  const whole = (id) => (name) => data.address("picture", { id, name });
  const drawn = (row, mine) => element("ul", { class: "data-rows" }, data.row(row, whole(mine.id)));

  const other = (one, number, mine) => element("li", {}, element("b", {}, `${one.name}: `), one.said, one.note ? element("span", { class: "detail" }, ` “${one.note}”`) : null,
    one.row ? drawn(one.row, mine) : null,
    one.row ? keyed(`take ${number}`, String(number), t("data.review.take", { name: one.name }), () => review.judges("take", { of: one.name }), { "data-take": number }) : null);
  const others = (mine) => {
    if (mine.which !== "disagreement") return null;
    const numbers = mine.at.others.filter((one) => one.row);
    return element("section", { class: "review-others" }, element("h3", {}, t("data.review.others")), element("ul", {}, ...mine.at.others.map((one) => other(one, numbers.indexOf(one) + 1, mine))));
  };

  const editing = (mine) => {
    const kept = review.typed();
    const field = (one) => {
      const id = `data-review-field-${one.name.replaceAll(".", "-")}`, wrong = wrongAt(one.name);
      const known = { id, "data-field": one.name, "data-key": `review ${one.name}`, "aria-invalid": String(Boolean(wrong)), "aria-describedby": wrong ? `${id}-said` : null };
      const input = one.short ? element("input", { type: "text", autocomplete: "off", ...known }) : element("textarea", { rows: Math.min(14, 1 + Math.ceil(one.value.length / 90) + one.value.split("\n").length - 1), ...known });
      input.value = kept?.[one.name] ?? one.value;
      input.addEventListener("input", () => review.types({ ...review.typed(), [one.name]: input.value }));
      return [element("label", { for: id }, one.label), input, wrong ? element("p", { class: "wrong", role: "alert", id: `${id}-said` }, wrong) : null];
    };
    const saves = (event) => {
      event.preventDefault();
      review.saves();
    };
    return element("form", { id: "data-review-edit", novalidate: true, onsubmit: saves }, ...mine.at.fields.flatMap(field),
      element("div", { class: "review-acts" }, element("button", { class: "act first", "data-key": "review save", "aria-keyshortcuts": "Control+Enter" }, element("kbd", { "aria-hidden": "true" }, "Ctrl ⏎"), " ", t("data.review.save")),
        keyed("cancel", "Esc", t("data.review.cancel"), review.leavesEdit, { "aria-keyshortcuts": "Escape" })));
  };
  const note = (mine) => {
    const input = element("input", { type: "text", id: "data-review-note", "data-key": "review note", maxlength: "2000", autocomplete: "off", "aria-invalid": String(Boolean(wrongAt("note"))), "aria-keyshortcuts": "N", oninput: () => (mine.note = input.value) });
    input.value = mine.note;
    return element("div", { class: "review-note" }, element("label", { for: "data-review-note" }, t("data.review.note")), input, said("data-review-note-said", "note"));
  };
  const acts = (mine) => element("div", { class: "review-acts" },
    keyed("approve", "A", mine.which === "disagreement" ? t("data.review.approve_as_is") : t("data.review.approve"), () => review.judges("approve"), { class: "act first", "data-said": "approve" }),
    keyed("edit", "E", t("data.review.edit"), review.edits, { "data-said": "edit" }),
    keyed("reject", "R", t("data.review.reject"), () => review.judges("reject"), { "data-said": "reject" }),
    element("span", { class: "review-moves" },
      keyed("back", "←", t("data.review.back"), () => review.moves(-1), { "aria-keyshortcuts": "ArrowLeft" }),
      keyed("next", "→", t("data.review.next"), () => review.moves(1), { "aria-keyshortcuts": "ArrowRight" }),
      keyed("undo", "U", t("data.review.undo"), review.undoes)));

  const row = (mine) => {
    const { at } = mine;
    const head = element("h3", { id: "data-review-head", tabindex: "-1", "data-key": "review head" }, at.head, at.number ? element("span", { class: "detail" }, at.number) : null, at.word ? element("span", { class: `badge ${at.said}` }, at.word) : null);
    if (mine.editing) return [head, editing(mine)];
    return [head, drawn(at.row, mine), others(mine), note(mine), acts(mine)];
  };
  const done = (mine) => [element("h3", { id: "data-review-head", tabindex: "-1", "data-key": "review head" }, DONE[mine.which]),
    element("div", { class: "acts" }, mine.which === "all" ? null : button("all", [t("data.review.filter"), ": ", t("data.review.all")], () => review.filters("all")), keyed("undo", "U", t("data.review.undo"), review.undoes))];

  const help = () => {
    const box = element("input", { type: "checkbox", "data-key": "review keys", onchange: () => review.setKeys(box.checked) });
    box.checked = review.keys();
    return element("details", { class: "run-more", id: "data-review-help" }, element("summary", { "data-key": "review help" }, element("kbd", { "aria-hidden": "true" }, "?"), " ", t("data.review.help")),
      ...[t("data.review.help.keys"), t("data.review.help.edit"), t("data.review.help.settle")].map((one) => element("p", { class: "hint" }, one)), element("label", { class: "ticked" }, box, " ", t("data.review.keys")));
  };

  const sure = (mine) => element("div", { class: "sure", role: "group", "aria-label": t("data.review.forget") }, element("span", {}, t("data.review.forget.says")),
    button("forget now", t("data.review.forget.now"), review.forgets, { class: "act danger" }), button("keep", t("data.keep"), () => asks(mine, false), { "data-action": "keep" }));
  const asks = (mine, on) => {
    mine.sure = on;
    page.told("data-beside");
    [...document.querySelectorAll("#data-review [data-key]")].find((one) => one.dataset.key === (on ? "review forget now" : "review forget"))?.focus();
  };
  const results = (mine) => {
    const { state } = mine;
    const fold = element("details", { class: "run-more", id: "data-review-results" }, element("summary", { "data-key": "review results" }, t("data.review.results")),
      element("p", { class: "hint" }, t("data.review.results.says")),
      element("p", { class: "outcome" }, element("b", {}, `${t("data.review.together")}: `), state.outcome),
      element("ul", { class: "reviewers" }, ...state.reviewers.map((one) => element("li", {}, element("b", {}, one.name), " ", element("span", { class: "detail" }, `${one.said} · ${one.counts}`)))),
      state.alone ? element("p", { class: "detail" }, state.alone) : element("ul", { class: "agreement" }, ...state.agreement.map((one) => element("li", {}, element("b", {}, one.names), ": ", [one.said, one.kappa].filter(Boolean).join(" ")))),
      state.disputed ? element("div", { class: "acts" }, element("span", {}, state.disputed), button("settle", t("data.review.settle"), () => review.filters("disagreement"))) : null,
      element("p", { class: "hint" }, state.rule),
      element("div", { class: "acts" }, button("make", t("data.review.make"), review.makes, { class: "act first", disabled: !state.through }), mine.sure ? null : button("forget", t("data.review.forget"), () => asks(mine, true))),
      mine.sure ? sure(mine) : null);
    fold.open = Boolean(mine.results) || !mine.at;
    fold.addEventListener("toggle", () => (mine.results = fold.open));
    return fold;
  };

  const judging = (mine) => [
    element("div", { class: "review-head" }, element("p", { class: "detail" }, t("data.review.who", { name: mine.who }), " ", button("change", t("data.review.change"), review.changes, { class: "link" })), filter(mine)),
    bar(mine), mine.which === "disagreement" ? element("p", { class: "hint" }, t("data.review.settling")) : null,
    ...(mine.at ? row(mine) : done(mine)), said("data-review-said", ""), help(), results(mine)];

  // What is said of each act stays where it is, so that a screen reader hears it.
  data.drawReview = (root, kept) => {
    const mine = review.open;
    root.hidden = !mine;
    if (!kept.reviewed) {
      kept.reviewed = element("div", {});
      kept.told = element("p", { class: "detail review-told", role: "status", "aria-live": "polite" });
      root.replaceChildren(kept.told, kept.reviewed);
    }
    if (mine && kept.told.textContent !== mine.said) kept.told.textContent = mine.said;
    const { at, editing: edits, which, state, who, wrong, sure: asked, loaded } = mine ?? {};
    const seen = JSON.stringify([at, edits, which, state, who, wrong, asked, loaded, data.open?.name, Boolean(mine)]);
    if (kept.review === seen) return;
    kept.review = seen;
    const opened = document.querySelector("#data-review-help")?.open;
    page.anew(kept.reviewed, "#data-review-head", () => kept.reviewed.replaceChildren(...(mine ? [
      button("leave", t("data.review.leave"), () => review.ends(), { class: "link" }), element("h2", {}, `${t("data.review.title")}: ${data.open.name}`),
      ...(!loaded ? [said("data-review-said", "")] : who ? judging(mine) : entry(mine))].filter(Boolean) : [])));
    if (opened) document.querySelector("#data-review-help")?.setAttribute("open", "");
  };
})();
