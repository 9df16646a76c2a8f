// The Train form: what stands under a field, what was changed, what is wrong, which fields are to be seen; the draft.
// Gradio draws the fields; their elements are only given attributes and a foot here, again after each of its redraws.
(() => {
  const page = window.studioPage;
  const { element } = page;

  // The draft is kept at every key press and handed to the form when the page is opened.
  const kept = page.draftOf("train", "studio-train-draft");
  const draft = () => JSON.parse(kept.read() ?? "{}");
  const save = (changed, own) => kept.write(JSON.stringify({ ...draft(), ...changed }), own);
  page.draft = () => kept.read() ?? "";
  page.keep = (name, value) => {
    if (name === "recipe") kept.write(JSON.stringify({ recipe: value ?? "" }));
    else save({ [name]: value ?? "" });
  };
  page.keepField = (name, value) => save({ fields: { ...draft().fields, [name]: value ?? "" } });
  page.forgetFields = () => (save({ fields: {} }), page.draft());
  // These fields as the person left them for this recipe, whatever has been filled in since. One value is no list.
  page.typed = (names, recipe, ...values) => {
    const { recipe: mine, fields } = draft();
    const found = names.map((name, index) => (mine === recipe ? fields?.[name] : undefined) ?? values[index]);
    return found.length === 1 ? found[0] : found;
  };
  // What makes a run fit is put into the draft, from which the form is filled; the draft of before is the way back.
  let unfitted = null;
  page.fit = (said) => {
    if (!said) return;
    const { fields, model } = JSON.parse(said), before = draft();
    unfitted = { fields: before.fields ?? {}, model: before.model };
    save({ fields: { ...before.fields, ...fields }, ...(model && { model }) });
  };
  page.unfit = (model) => {
    if (!unfitted) return model;
    save({ fields: unfitted.fields, model: unfitted.model });
    const back = unfitted.model ?? model;
    unfitted = null;
    return back;
  };
  // The recipe that the form shows; another one than before begins a new draft.
  page.settled = (recipe) => save({ recipe }, false);
  page.adopted = (recipe) => draft().recipe !== recipe && page.keep("recipe", recipe);
  // The names in the tools of the form.
  const NAMES = ["data-name", "recipe-name"];
  const typedNames = page.draftOf("names", "studio-names-draft");
  const names = () => JSON.parse(typedNames.read() ?? "{}");
  page.keepName = (name, value) => typedNames.write(JSON.stringify({ ...names(), [name]: value ?? "" }));
  page.keptNames = () => NAMES.map((name) => names()[name] ?? "");
  page.started = (run, problem) => {
    refusal = run ? "" : problem;
    if (!run) return apply();
    save({ name: undefined });
    page.open("runs", run);
  };
  // What the button says afterwards. A page that is not from this computer may have no clipboard but the old way to it.
  page.copy = async (text) => {
    const old = () => {
      document.querySelector("#panel-command textarea").select();
      return document.execCommand("copy");
    };
    const done = await (navigator.clipboard?.writeText(text).then(() => true, old) ?? old());
    return done ? page.t("widget.copied") : page.t("widget.copy_by_hand");
  };
  page.download = (text, name) => {
    if (!text) return;
    const link = element("a", { href: URL.createObjectURL(new Blob([text], { type: "application/yaml" })), download: `${name || "recipe"}.yaml` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  };

  let state = { changed: [], idle: [], faults: {}, sources: {} };
  let refusal = "";
  let wanted = "";
  let onlyChanged = false;
  let place = null;
  const CHOICES = ["model", "data", "recipe", "name"];
  const wrapper = (name) => document.getElementById(CHOICES.includes(name) ? `train-${name}` : `field-${name}`);
  const inputs = (wrap) => wrap.querySelectorAll("input, textarea");

  page.form = (said) => {
    state = JSON.parse(said);
    refusal = "";
    if (!state.changed.length) onlyChanged = false;
    apply();
  };
  page.find = (text) => {
    wanted = plain(text);
    apply();
  };
  page.onlyChanged = () => {
    onlyChanged = !onlyChanged;
    apply();
  };

  // As one types it: without the marks over and under letters.
  const plain = (text) => (text ?? "").normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().trim();
  const set = (node, name, value) => {
    if (value === null || value === false) node.removeAttribute(name);
    else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
  };
  const say = (node, text) => {
    if (node.textContent !== text) node.textContent = text;
    if (node.hidden !== !text) node.hidden = !text;
  };

  // A few words, the paragraph behind "?", and what is wrong: under every field.
  const foot = (name, wrap, words) => {
    let made = wrap.querySelector(":scope > .foot");
    if (made) return made;
    made = element("div", { class: "foot" });
    if (words) {
      const help = element("p", { class: "help", id: `help-${name}`, hidden: true }, words.textContent);
      const more = element("button", { type: "button", class: "more", "aria-label": words.dataset.more, "aria-expanded": "false", "aria-controls": help.id,
        onclick: () => { help.hidden = !help.hidden; more.setAttribute("aria-expanded", String(!help.hidden)); } }, "?");
      // Where the recipe's value is from; the note about it is unfolded with the help.
      made.append(element("p", { class: "hint-line" }, element("span", { id: `hint-${name}` }, words.dataset.hint), more), help,
        element("p", { class: "source-note", lang: "en" }), element("p", { class: "source", id: `source-${name}`, hidden: true }));
    }
    made.append(element("p", { class: "fault", id: `fault-${name}`, hidden: true }));
    wrap.append(made);
    return made;
  };

  const mark = (name, words) => {
    const wrap = wrapper(name);
    if (!wrap) return;
    const fault = state.faults[name] ?? "";
    say(foot(name, wrap, words).querySelector(".fault"), fault);
    const [source, note] = state.sources?.[name] ?? ["", ""];
    if (words) {
      say(wrap.querySelector(".source"), source);
      say(wrap.querySelector(".source-note"), note);
      set(wrap.querySelector(".source"), "title", note || null);
    }
    set(wrap, "data-changed", state.changed.includes(name) && "yes");
    set(wrap, "data-away", !seen(name, words) && "yes");
    for (const input of inputs(wrap)) {
      set(input, "aria-invalid", fault ? "true" : null);
      set(input, "aria-describedby", [words && `hint-${name}`, source && `source-${name}`, name === "recipe" && document.getElementById("recipe-about") && "recipe-about", fault && `fault-${name}`].filter(Boolean).join(" ") || null);
    }
  };

  const sifting = () => wanted !== "" || onlyChanged;
  const seen = (name, words) => {
    if (!words) return true;
    if (state.faults[name]) return true;
    if (state.idle.includes(name)) return false;
    return plain(words.dataset.words).includes(wanted) && (!onlyChanged || state.changed.includes(name));
  };

  // While something is looked for, every panel with a field that was found is open; else as the person left them.
  const opened = new Set();
  const panels = () => {
    for (const button of document.querySelectorAll("#train-form .opener")) {
      const name = button.id.replace("open-", "");
      const panel = document.getElementById(`panel-${name}`);
      if (!panel) continue;
      const fields = [...panel.querySelectorAll(".setting")];
      const some = fields.some((field) => !field.dataset.away);
      const open = sifting() && fields.length ? some : opened.has(name);
      set(panel, "data-open", open && "yes");
      set(button, "aria-expanded", open);
      set(button, "aria-controls", panel.id);
      set(button, "data-away", fields.length > 0 && !some && "yes");
      set(button, "data-count", fields.filter((field) => field.dataset.changed).length || null);
      set(button, "data-fault", fields.some((field) => field.querySelector("[aria-invalid]")) && "yes");
    }
  };

  // Everything that is wrong, beside the Start button; pressing it leads to the field.
  const missing = () => {
    const node = document.querySelector("#missing .missing");
    if (!node) return;
    const said = Object.entries(state.faults).map(([name, text]) => [name, text]);
    if (refusal) said.push(["", refusal]);
    const key = JSON.stringify(said);
    if (node.dataset.key === key) return;
    node.dataset.key = key;
    page.calmly(node, () => node.replaceChildren(...said.map(([name, text]) =>
      name ? element("button", { type: "button", onclick: () => go(name) }, text) : element("p", {}, text))));
  };
  const go = (name) => {
    const wrap = wrapper(name);
    const panel = wrap?.closest(".fold");
    if (panel) opened.add(panel.id.replace("panel-", ""));
    apply();
    wrap?.scrollIntoView({ block: "center" });
    wrap?.querySelector("input, textarea")?.focus();
  };

  // What a tool of the form says about one of its fields ("data-at") marks that field.
  const tools = () => {
    for (const [panel, kinds] of [["panel-data", ".jsonl,.txt,.parquet"], ["panel-recipes", ".yaml,.yml"]])
      for (const input of document.querySelectorAll(`#${panel} input[type=file]`)) set(input, "accept", kinds);
    for (const [id, at] of [["data-name", "added"], ["data-file", "added"], ["recipe-name", "recipe-said"], ["recipe-upload", "recipe-said"], ["recipe-run", "recipe-said"]]) {
      const wrap = document.getElementById(id);
      const fault = document.querySelector(`#${at} [data-at="${id}"]`);
      for (const input of wrap ? inputs(wrap) : []) {
        set(input, "aria-invalid", fault ? "true" : null);
        set(input, "aria-describedby", fault ? at : null);
      }
    }
  };

  const apply = () => {
    if (!place?.root.isConnected) return;
    const words = Object.fromEntries([...document.querySelectorAll("#field-words [data-field]")].map((one) => [one.dataset.field, one]));
    for (const name of CHOICES) mark(name);
    for (const name of Object.keys(words)) mark(name, words[name]);
    panels();
    missing();
    tools();
    const count = document.getElementById("changed");
    if (count) set(count, "aria-pressed", onlyChanged);
    const start = document.getElementById("start");
    if (start) set(start, "aria-describedby", "missing");
    say(place.root, sifting() && !Object.keys(words).some((name) => wrapper(name) && !wrapper(name).dataset.away) ? page.t("nothing_found") : "");
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("#train-form .opener");
    if (!button) return;
    const name = button.id.replace("open-", "");
    if (opened.has(name)) opened.delete(name);
    else opened.add(name);
    apply();
  });

  // What is forecast changes by itself: soon while this computer is being measured, seldom afterwards.
  const SOON = 3_000, SELDOM = 20_000;
  const looked = () => place?.root.isConnected && !document.hidden && document.getElementById("start")?.offsetParent;
  const renew = () => {
    if (looked()) place.choose("");
    setTimeout(renew, document.querySelector("#forecast [data-rough]") ? SOON : SELDOM);
  };
  setTimeout(renew, SOON);

  let due = 0;
  const soon = () => {
    due ||= requestAnimationFrame(() => {
      due = 0;
      apply();
    });
  };
  page.draws("form", [], (found) => {
    place = found;
    place.root.className = "nothing";
    place.root.setAttribute("role", "status");
    place.root.hidden = true;
    const form = place.root.closest("#train-form");
    if (form) new MutationObserver(soon).observe(form, { childList: true, subtree: true });
    soon();
  });
  page.draws("missing", [], (found) => {
    found.root.className = "missing";
    found.root.setAttribute("aria-live", "polite");
    delete found.root.dataset.key;
    soon();
  });
})();
