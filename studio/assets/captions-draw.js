// The captions' part of the tab as it is drawn: the two parts, jobs, a new job, one job with its pictures and captions.
(() => {
  const page = window.studioPage;
  const { element, t, captions } = page;
  const button = (key, word, act, more = {}) => element("button", { type: "button", class: "act", "data-key": key, onclick: act, ...more }, word);
  const bar = (share, label) => element("span", { class: "progress", role: "progressbar", "aria-label": label, "aria-valuenow": Math.round(share * 100), "aria-valuemin": 0, "aria-valuemax": 100 }, element("i", { style: `width:${(share * 100).toFixed(1)}%` }));
  const wrong = (where) => element("p", { class: "wrong", role: "alert" }, captions.said[where] ?? "");

  page.draws("vision-parts", ["vision-part"], ({ root, kept }) => {
    const shown = captions.wanted().part;
    if (!kept.drawn) {
      kept.drawn = true;
      setTimeout(() => captions.shows(shown));
    }
    const part = (name, word) => element("button", { type: "button", class: "part", "data-key": name, "aria-pressed": String(shown === name), onclick: () => captions.shows(name) }, word);
    page.anew(root, null, () => root.replaceChildren(element("div", { class: "parts", role: "group", "aria-label": t("captions.parts") }, part("ask", t("captions.part.ask")), part("captions", t("captions.part.captions")))));
  });

  const line = (one) => element("li", { "data-state": one.state },
    element("button", { type: "button", class: "run", "data-key": `open ${one.id}`, "aria-current": captions.open?.id === one.id && "true", onclick: () => captions.shown(one.id) },
      element("b", {}, one.name), element("span", { class: `state ${one.state}` }, one.word), element("span", { class: "detail" }, one.detail), one.share === null ? null : bar(one.share, one.name)));
  page.draws("captions-list", ["captions"], ({ root, kept }) => {
    const seen = JSON.stringify([captions.lines, captions.open?.id, captions.said.list]);
    if (kept.seen === seen) return;
    kept.seen = seen;
    root.className = "data-here";
    page.anew(root, null, () => root.replaceChildren(
      element("h2", {}, t("captions.jobs")), wrong("list"), button("new", t("captions.new"), captions.closes, { class: "act", disabled: !captions.open }),
      captions.lines?.length ? element("ul", { "aria-label": t("captions.jobs") }, ...captions.lines.map(line)) : element("p", { class: "nothing" }, t("captions.none"))));
  });

  // A new job
  const hidden = (id, more) => element("input", { type: "file", id, class: "unseen", tabindex: "-1", "aria-hidden": "true", multiple: true, ...more, onchange: (event) => {
    captions.takesFiles(page.data.named(event.target.files));
    event.target.value = "";
  } });
  const brought = () => {
    const [first] = captions.files, more = captions.files.length - 1;
    return element("div", { class: "brought" }, element("p", { role: "status" }, more ? t("captions.files", { name: first.name, more }) : first.name), button("drop-files", t("captions.drop_files"), captions.dropsFiles));
  };
  const zone = () => {
    const files = hidden("captions-chosen"), folder = hidden("captions-folder", { webkitdirectory: true });
    return element("div", { class: "drop", id: "captions-drop" }, element("p", {}, t("captions.drop")),
      element("div", { class: "acts" }, button("files", t("captions.choose"), () => files.click(), { class: "act first", id: "captions-files" }), button("folder", t("data.folder"), () => folder.click())),
      element("p", { class: "hint" }, t("captions.drop.says")), files, folder);
  };
  const models = () => {
    const { models: every, adapters } = captions.offered;
    const made = element("select", { id: "captions-model", "data-key": "model", onchange: () => (captions.want({ model: made.value }), page.told("captions")) },
      ...[["captions.adapters", adapters], ["captions.models", every]].filter(([, some]) => some.length).map(([, some], at, all) =>
        element("optgroup", { label: all.length > 1 && !at ? t("captions.adapters") : t("captions.models") }, ...some.map((one) => element("option", { value: one.id }, one.name)))));
    made.value = captions.model()?.id ?? "";
    return made;
  };
  const prompts = () => {
    const made = element("select", { id: "captions-prompts", "data-key": "prompts", "aria-label": t("captions.prompts"), onchange: () => {
      captions.want({ prompt: made.value });
      document.getElementById("captions-prompt").value = made.value;
    } }, element("option", { value: "" }, t("captions.prompts")));
    const tongues = [page.language, ...["en", "ro", "it"].filter((one) => one !== page.language)];
    const words = (one) => [captions.model()?.describes[one], ...captions.offered.questions[one]].filter(Boolean);
    for (const one of tongues) made.append(element("optgroup", { label: { en: "English", ro: "Română", it: "Italiano" }[one], lang: one }, ...words(one).map((said) => element("option", { value: said }, said))));
    return made;
  };
  const prompt = () => {
    const area = element("textarea", { id: "captions-prompt", "data-key": "prompt", rows: "2", maxlength: "2000", "aria-invalid": String(Boolean(captions.said.prompt)), oninput: () => captions.want({ prompt: area.value }) });
    area.value = captions.prompt();
    return area;
  };
  const beside = () => {
    const box = element("input", { type: "checkbox", id: "captions-beside-base", "data-key": "beside", onchange: () => captions.want({ beside: box.checked }) });
    box.checked = captions.wanted().beside;
    return element("label", { class: "ticked", hidden: !captions.model()?.id.startsWith("run:") }, box, t("captions.beside"));
  };
  const fresh = () => captions.offered ? element("form", { id: "captions-new", novalidate: true, onsubmit: (event) => (event.preventDefault(), captions.sending || captions.begins()) },
    element("h2", { tabindex: "-1" }, t("captions.new")), wrong("files"), captions.files.length ? brought() : zone(),
    element("div", { class: "captions-field" }, element("label", { for: "captions-model" }, t("captions.model")), models(), beside(), wrong("model")),
    element("div", { class: "captions-field" }, element("label", { for: "captions-prompt" }, t("captions.prompt")), prompts(), prompt(), wrong("prompt")),
    captions.sending ? bar(captions.sending.share, t("data.sending.short")) : null,
    element("div", { class: "acts" }, element("button", { class: "act first", "data-key": "begin", disabled: Boolean(captions.sending) }, t("captions.begin")))) : element("p", { class: "nothing" }, "…");

  // One job
  const moves = (one) => {
    if (one.stopping) return [];
    if (one.active || one.waiting) return [button("stop", t("data.stop"), () => captions.stops(one.id))];
    const sure = captions.sure ? button("forget", t("captions.sure"), () => captions.forgets(one.id), { class: "act danger" }) : button("forget", t("captions.forget"), () => ((captions.sure = true), page.told("captions")));
    return [one.resumable ? button("resume", t("captions.resume"), () => captions.resumes(one.id), { class: "act first" }) : null, sure].filter(Boolean);
  };
  const row = (one) => {
    const { id } = captions.open;
    const area = element("textarea", { rows: "2", "data-key": `caption ${one.name}`, "aria-label": t("captions.of", { name: one.name }), onchange: () => captions.corrects(one.name, area.value) });
    area.value = one.caption;
    const image = element("img", { src: captions.address("picture", { id, name: one.name }), alt: "", loading: "lazy", width: "96", height: "96" });
    return element("li", { "data-name": one.name }, image, element("div", { class: "said" }, element("span", { class: "detail" }, one.name, one.corrected ? element("span", { class: "badge" }, t("captions.corrected")) : null), area),
      one.base === null ? null : element("div", { class: "base" }, element("span", { class: "detail" }, t("captions.base")), element("p", {}, one.base)));
  };
  const turns = ({ first, count, rows }) => count <= rows.length && !first ? null : element("div", { class: "acts pages" },
    button("before", t("captions.before"), () => captions.shown(captions.open.id, Math.max(0, first - 24)), { disabled: !first }),
    element("span", { class: "detail" }, t("captions.page", { first: first + 1, last: first + rows.length, count })),
    button("after", t("captions.after"), () => captions.shown(captions.open.id, first + 24), { disabled: first + rows.length >= count }));
  const failed = (some) => some.length ? element("details", { class: "run-more", open: some.length < 6 }, element("summary", {}, t("captions.failed", { count: some.length })),
    element("ul", { class: "findings" }, ...some.map((one) => element("li", { class: "error" }, element("b", {}, one.name), element("span", { class: "detail" }, one.reason))))) : null;
  const files = (id) => [["csv", t("captions.csv")], ["jsonl", t("captions.jsonl")], ["txt", t("captions.txt")]].map(([form, word]) =>
    element("a", { class: "act", href: captions.address("file", { id, form }), download: true, "data-key": form }, word));
  const made = () => captions.made ? element("p", { class: "saved", role: "status" }, captions.made, " ", button("to-data", t("captions.to_data"), () => (page.open("data"), page.data.show(captions.data)))) : null;
  const one = (open) => [
    element("h2", { id: "captions-name", tabindex: "-1" }, open.line.name), element("p", { class: "detail" }, open.prompt),
    element("p", { class: "captions-state", role: "status" }, element("span", { class: `state ${open.line.state}` }, open.line.word), element("span", { class: "detail" }, open.line.detail)),
    open.line.share === null ? null : bar(open.line.share, open.line.name), open.line.reason ? element("p", { class: "wrong" }, open.line.reason) : null, wrong("one"),
    element("div", { class: "acts" }, ...moves(open.line)),
    open.count ? element("div", { class: "acts" }, ...files(open.id), button("data", t("captions.as_data"), captions.asData)) : null, made(),
    open.count ? element("p", { class: "hint" }, t("captions.edit")) : null,
    element("ul", { class: "captions-rows", "aria-label": t("captions.captions") }, ...open.rows.map(row)), turns(open), failed(open.failed)].filter(Boolean);

  // A caption that is being written is not taken from under the fingers: its list is drawn again when it is left.
  const writing = (root) => root.contains(document.activeElement) && document.activeElement.matches("textarea, select, input");
  page.draws("captions-beside", ["captions"], ({ root, kept }) => {
    const { open } = captions;
    const seen = JSON.stringify([open, captions.files.map(({ name }) => name), captions.sending, captions.offered, captions.said, captions.made, captions.sure, captions.wanted().model]);
    if (kept.seen === seen) return;
    if (open?.line && kept.id === open.id && kept.first === open.first && writing(root)) return (kept.late = true);
    if (!kept.hears) {
      kept.hears = true;
      root.addEventListener("focusout", () => setTimeout(() => kept.late && !writing(root) && ((kept.late = false), page.told("captions"))));
      const over = (is) => root.querySelector("#captions-drop")?.toggleAttribute("data-over", is);
      root.addEventListener("dragover", (event) => event.dataTransfer.types.includes("Files") && (event.preventDefault(), over(true)));
      root.addEventListener("dragleave", (event) => root.contains(event.relatedTarget) || over(false));
      root.addEventListener("drop", async (event) => {
        if (!event.dataTransfer.types.includes("Files") || captions.open || captions.sending) return;
        event.preventDefault();
        over(false);
        captions.takesFiles(await page.data.unpacked(event.dataTransfer));
      });
    }
    Object.assign(kept, { seen, id: open?.id, first: open?.first });
    root.className = "data-beside captions";
    page.anew(root, "h2", () => root.replaceChildren(...(open ? (open.line ? one(open) : [wrong("one")]) : [fresh()])));
  });
})();
