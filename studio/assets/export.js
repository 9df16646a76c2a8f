// The ways out of the studio: what a run can be had as, what was made of it, and how other programs use that.
(() => {
  const page = window.studioPage;
  const { element, t } = page;
  const { state, find } = page.runParts;
  const AFTER = "studio-export-draft";
  const ended = (run) => run && !run.active && run.state !== "queued";

  // What was chosen and typed and not sent, by run: it outlives a reload.
  const unsent = page.draftOf("export", AFTER);
  const drafts = () => JSON.parse(unsent.read() ?? "{}");
  const draft = (run) => drafts()[run] ?? {};
  const keep = (run, values) => unsent.write(JSON.stringify(Object.fromEntries(Object.entries({ ...drafts(), [run]: { ...draft(run), ...values } }).slice(-20))));

  const address = (what, run, more = {}) => `${page.prefix}/exports${what}?${new URLSearchParams({ run, language: page.language, ...more })}`;

  // Copied in either of two ways: a page that is not from this computer may have no clipboard.
  const copy = async (pre, button) => {
    const old = () => {
      getSelection().selectAllChildren(pre);
      return document.execCommand("copy");
    };
    const done = await (navigator.clipboard?.writeText(pre.textContent).then(() => true, old) ?? old());
    button.textContent = done ? t("widget.copied") : t("widget.copy_by_hand");
    setTimeout(() => (button.textContent = t("export.copy")), 1500);
  };
  const snippet = ({ program, text }) => {
    const pre = element("pre", { tabindex: 0, "aria-label": program }, text);
    const button = element("button", { type: "button", class: "act", onclick: () => copy(pre, button) }, t("export.copy"));
    return element("div", { class: "snippet" }, element("header", {}, element("b", {}, program), button), pre);
  };
  const snippets = (title, use) =>
    use?.length ? element("details", { class: "use" }, element("summary", {}, title), ...use.map(snippet)) : null;

  const parity = (found) =>
    element("div", { class: `parity ${found.verdict}` }, element("p", {}, found.said),
      element("details", { class: "closeness" }, element("summary", {}, t("export.figures")),
        element("dl", {}, ...found.figures.map((one) => element("div", {}, element("dt", {}, one.what), element("dd", {}, one.value))))));

  // One export: how its job stands, then what it made.
  const line = (one, alone) => {
    const run = find(one.id);
    const name = alone ? null : element("button", { type: "button", class: "link", onclick: () => page.look(one.id, true) }, one.name);
    return element("li", { class: "made", "data-run": one.id },
      alone ? null : element("p", { class: "made-head" }, name, run ? state(run) : null, run?.active ? element("span", { class: "hint" }, run.detail) : null),
      one.what ? element("p", {}, one.what) : null,
      one.address ? element("p", {}, element("a", { href: one.address, target: "_blank", rel: "noreferrer" }, one.address)) : null,
      one.there ? element("p", { class: "files" }, element("a", { class: "act", href: address("/files", one.id), download: "", "data-action": "export-files" }, t("export.download")), element("span", { class: "hint" }, t("export.where"), " ", element("code", {}, one.where))) : null,
      one.what && !one.there && !one.address ? element("p", { class: "hint" }, t("export.gone")) : null,
      one.parity ? parity(one.parity) : null,
      snippets(t("export.use"), one.use));
  };

  const check = (run, name, label, on, act = () => {}) => {
    const input = element("input", { type: "checkbox", name, checked: on, onchange: () => { keep(run, { [name]: input.checked }); act(); } });
    return { input, node: element("label", { class: "check" }, input, element("span", {}, label)) };
  };

  // The card is asked for when it is to be read, and sent only when it was changed.
  const cardOf = (run, merged) => {
    const typed = draft(run).card;
    const box = element("textarea", { rows: 16, id: "export-card", spellcheck: false, maxlength: 100_000, oninput: () => keep(run, { card: box.value === made ? undefined : box.value }) });
    let made = null;
    const fetched = async () => {
      const answer = await fetch(address("/card", run, { merged: merged() }));
      const text = answer.ok ? await answer.text() : "";
      if (box.value === (made ?? "") || made === null) box.value = draft(run).card ?? text;
      made = text;
    };
    const details = element("details", { class: "card-of", ontoggle: () => details.open && made === null && fetched() },
      element("summary", {}, t("export.card")), element("p", { class: "hint" }, t("export.card.why")),
      element("label", { for: "export-card" }, t("export.card.text")), box,
      element("button", { type: "button", class: "act", onclick: () => { keep(run, { card: undefined }); made = null; fetched(); } }, t("export.card.again")));
    details.open = typed !== undefined;
    return { details, again: () => made !== null && fetched(), text: () => draft(run).card ?? "" };
  };

  const token = (place, run, found) => {
    const said = element("span", { class: "hint", id: "export-token-said" }, found.token);
    if (found.kept) return element("p", {}, said);
    const input = element("input", { type: "password", id: "export-token", autocomplete: "off", "aria-describedby": "export-token-said", placeholder: "hf_…" });
    const give = () => page.act(place, "token", run, input.value);
    return element("p", { class: "token" }, element("label", { for: "export-token" }, t("export.token")), input, element("button", { type: "button", class: "act", "data-action": "token", onclick: give }, t("export.token.keep")), said);
  };

  // What each form asks for beside itself, and what is sent.
  const OPTIONS = {
    merged: (run, found) => {
      const kinds = ["float16", "bfloat16", "float32"];
      const select = element("select", { id: "export-dtype", onchange: () => keep(run, { dtype: select.value }) }, ...kinds.map((one) => element("option", { value: one, selected: one === (draft(run).dtype ?? found.stored) }, one)));
      return { nodes: [element("p", {}, element("label", { for: "export-dtype" }, t("export.dtype")), select)], asked: () => ({ to: "merged", dtype: select.value }) };
    },
    rounded: (run, found) => {
      const plain = OPTIONS.merged(run, found);
      return { nodes: plain.nodes, asked: () => ({ ...plain.asked(), rounded: true }) };
    },
    gguf_q8: () => ({ nodes: [], asked: () => ({ to: "gguf", precision: "q8_0" }) }),
    gguf_f16: () => ({ nodes: [], asked: () => ({ to: "gguf", precision: "f16" }) }),
    capsule: (run) => {
      const weights = check(run, "weights", t("export.with_adapter"), draft(run).weights ?? false);
      const texts = check(run, "texts", t("export.with_texts"), draft(run).texts ?? false);
      return { nodes: [weights.node, texts.node], asked: () => ({ to: "capsule", weights: weights.input.checked, texts: texts.input.checked }) };
    },
    hub: (run, found, place) => {
      const name = element("input", { type: "text", id: "export-hub", maxlength: 4096, placeholder: t("export.hub.hint"), value: draft(run).hub ?? "", oninput: () => keep(run, { hub: name.value }) });
      const whole = check(run, "merged", t("export.hub.merged"), draft(run).merged ?? false, () => card.again());
      const closed = check(run, "private", t("export.private"), draft(run).private ?? true);
      const card = cardOf(run, () => whole.input.checked);
      return {
        nodes: [token(place, run, found), element("p", {}, element("label", { for: "export-hub" }, t("export.hub.name")), name), closed.node, whole.node, card.details],
        asked: () => ({ to: "hub", hub: name.value.trim(), private: closed.input.checked, what: whole.input.checked ? "merged" : "adapter", card: card.text() }),
      };
    },
  };

  const form = (place, run, found) => {
    const panel = element("div", { class: "export-options" });
    const show = (one) => {
      const options = OPTIONS[one.name](run, found, place);
      place.kept.said = element("p", { class: "wrong", role: "alert", id: "export-said" });
      const start = element("button", { type: "button", class: "act first", "data-action": "export", disabled: Boolean(one.wrong), onclick: () => page.act(place, "export", run, options.asked()) }, one.name === "hub" ? t("export.push") : t("export.start"));
      panel.replaceChildren(...options.nodes, element("p", { class: "go" }, start, element("span", { class: "hint" }, [one.takes, t("export.free", { free: found.free })].filter(Boolean).join(" "))), place.kept.said);
    };
    const chosen = found.forms.find((one) => one.name === draft(run).form && !one.wrong) ?? found.forms.find((one) => !one.wrong);
    const radios = found.forms.map((one) => {
      const input = element("input", { type: "radio", name: "export-form", value: one.name, disabled: Boolean(one.wrong), checked: one === chosen, onchange: () => { keep(run, { form: one.name }); show(one); } });
      return element("label", { class: "export-form" }, input, element("span", {}, element("b", {}, one.title), element("span", { class: "hint" }, one.wrong || one.about)));
    });
    if (chosen) show(chosen);
    return [element("fieldset", {}, element("legend", {}, t("export.as")), ...radios), panel];
  };

  const made = (place, found, alone) => {
    const open = [...(place.kept.made?.querySelectorAll("details[open]") ?? [])].map((one) => `${one.closest("li").dataset.run} ${one.className}`);
    const list = element("ul", { class: "exports", "aria-label": t("export.made") }, ...found.made.map((one) => line(one, alone)));
    for (const one of list.querySelectorAll("details")) one.open = open.includes(`${one.closest("li").dataset.run} ${one.className}`);
    place.kept.made.replaceChildren(...(found.made.length ? [alone ? null : element("h4", {}, t("export.made")), list].filter(Boolean) : []));
  };

  // Made once for each run; afterwards only the list of what was made is drawn again.
  const draw = (place, found) => {
    const run = page.run();
    place.root.className = "export-place";
    place.kept.made = element("div");
    place.kept.told = found;
    if (!found.forms.length && !found.wrong) {
      place.root.replaceChildren(element("section", { class: "export-one", "aria-label": t("export") }, place.kept.made));
      return made(place, found, true);
    }
    const inside = found.wrong ? [element("p", { class: "wrong" }, found.wrong)] : [element("p", { class: "hint" }, t("export.lead")), ...form(place, run, found), snippets(t("export.use.adapter"), found.use)];
    const details = element("details", { class: "export" }, element("summary", {}, t("export"), found.made.length ? element("span", { class: "count" }, found.made.length.toLocaleString(page.language)) : null), ...inside, place.kept.made);
    details.open = place.kept.openFor === run;
    details.addEventListener("toggle", () => (place.kept.openFor = details.open ? run : null));
    place.root.replaceChildren(details);
    made(place, found, false);
  };

  const look = async (place, run, whole) => {
    const answer = await fetch(address("", run.id)).catch(() => null);
    if (!answer?.ok || page.run() !== run.id) return;
    const found = await answer.json();
    const forms = JSON.stringify([found.forms.map((one) => [one.name, one.wrong]), found.kept]);
    if (!whole && place.kept.forms === forms && place.kept.made) {
      place.kept.told = found;
      return made(place, found, run.kind === "export");
    }
    place.kept.forms = forms;
    draw(place, found);
  };

  page.draws("export", ["runs", "chosen", "status", "details", "acted"], (place, news, event) => {
    const run = find(page.run());
    const mine = page.details?.run === run?.id ? page.details : null;
    const shown = ended(run) && (mine?.made || run.kind === "export");
    const others = (news.runs ?? []).filter((one) => one.kind === "export").map((one) => `${one.id} ${one.state} ${one.detail}`);
    const seen = shown ? JSON.stringify([run.id, run.state, others]) : "";
    const acted = event === "acted" && news.acted?.run === run?.id ? news.acted : null;
    if (acted && ["export", "token"].includes(acted.action) && place.kept.said) place.kept.said.textContent = acted.wrong ?? "";
    const again = acted?.action === "token" && !acted.wrong;
    if (place.kept.seen === seen && !again) return;
    const same = place.kept.of === run?.id && place.kept.made;
    Object.assign(place.kept, { seen, of: run?.id });
    if (!shown) {
      place.kept.made = null;
      return place.root.replaceChildren();
    }
    if (!same) place.root.replaceChildren();
    look(place, run, !same);
  });

  // A run out of a capsule: what it was made from, what of that is here, and the same again.
  page.needsOf = (details) => {
    if (!details?.needs?.length) return null;
    const here = Object.fromEntries(details.needs.map((one) => [one.part, one.here]));
    const missing = details.needs.some((one) => !one.here && one.part !== "versions");
    const fields = { ...("replay" in here ? { replay__data: here.replay } : {}), ...("check" in here ? { watching__check: here.check } : {}) };
    const open = () => page.trainWith({ recipe: `run:${details.run}`, model: here.model || undefined, data: here.data || undefined, fields });
    return element("section", { class: "needs", "aria-label": t("needs") },
      element("p", {}, t("needs")),
      element("ul", {}, ...details.needs.map((one) => element("li", { class: one.here ? "here" : "missing" }, element("b", {}, one.what), " ", one.name, " · ", one.said, one.known ? element("span", { class: "hint" }, one.known) : null))),
      element("p", {}, element("button", { type: "button", class: "act first", "data-action": "repeat-capsule", onclick: open }, t("needs.repeat"))),
      missing ? element("p", { class: "hint" }, t("needs.missing")) : null);
  };
})();
