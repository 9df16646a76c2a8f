// What was brought, before it is imported: how it was understood, a table whose headers say what each column is, the rows
// as they will be learned. Every choice is looked at anew; names and texts are only ever put in as text.
(() => {
  const page = window.studioPage;
  const { element, t, data } = page;

  const select = (key, label, value, options, act) => {
    const made = element("select", { "data-key": key, "aria-label": label, onchange: () => act(made.value) },
      ...options.map((one) => element("option", { value: one.value }, one.title)));
    made.value = value;
    return made;
  };
  const field = (one) => element("label", { class: "understood" }, element("span", {}, one.label),
    select(`choice ${one.name}`, one.label, one.value, one.options, (value) => data.choose(one.name, value)));

  const column = (one) => element("th", { scope: "col", class: one.role ? "used" : "unused" }, element("span", { class: "column-name" }, one.name),
    select(`column ${one.name}`, t("data.role_of", { column: one.name }), one.role, one.options, (role) => data.lookAt({ column: one.name, role })));
  const record = (one, columns) => element("tr", { class: one.fault ? "faulty" : null }, element("td", { class: "place" }, one.place),
    ...one.values.map((value, index) => element("td", { class: columns[index].role ? null : "unused" }, element("div", {}, value))),
    one.fault ? element("td", { class: "fault" }, one.fault) : null);
  const table = (look) => element("div", { class: "table-of", role: "region", tabindex: "0", "aria-label": t("data.table") },
    element("table", {}, element("thead", {}, element("tr", {}, element("th", { scope: "col", class: "place" }, t("data.place")), ...look.columns.map(column),
      look.records.some((one) => one.fault) ? element("th", { scope: "col" }, t("data.fault")) : null)),
      element("tbody", {}, ...look.records.map((one) => record(one, look.columns)))));

  const told = (look) => [look.kind, look.languages, look.more ? t("data.first_rows", { count: look.records.length }) : ""].filter(Boolean).join(" · ");
  const parts = (look) => [
    look.fields.length ? element("div", { class: "understoods" }, ...look.fields.map(field)) : null,
    look.findings.length ? element("ul", { class: "findings", "aria-label": t("data.findings") }, ...look.findings.map(data.finding)) : null,
    look.columns.length ? element("h3", {}, t("data.table")) : null,
    look.columns.length ? element("p", { class: "hint" }, t("data.table.says")) : null,
    look.columns.length ? table(look) : null,
    look.rows.length ? element("h3", {}, t("data.as_learned")) : null,
    look.rows.length ? element("ul", { class: "data-rows", tabindex: "0", "aria-label": t("data.as_learned") }, ...look.rows.map((row) => data.row(row, (name) => look.pictures[name]))) : null].filter(Boolean);

  // Made once: what is typed outlives every redraw.
  const bar = (kept) => {
    const name = element("input", { type: "text", id: "data-new-name", autocomplete: "off", maxlength: "200", oninput: () => data.want({ name: name.value }), "aria-describedby": "data-start-said" });
    const skip = element("input", { type: "checkbox", id: "data-skip", onchange: () => data.want({ skip: skip.checked }) });
    const said = element("p", { class: "wrong", role: "alert", id: "data-start-said" });
    const way = element("p", { class: "detail", role: "status" });
    const go = element("button", { class: "act first", "data-key": "import", id: "data-import" }, t("data.import"));
    const begins = async (event) => {
      event.preventDefault();
      if (go.disabled) return;
      go.disabled = true;
      await data.begins();
      kept.tell();
    };
    kept.fill = () => {
      name.value = data.wanted().name;
      skip.checked = data.wanted().skip;
    };
    kept.tell = () => {
      const job = data.importing(), failed = job && !job.active && !job.waiting && job.reason;
      name.placeholder = data.look?.name ?? "";
      go.disabled = !data.look?.can || data.looking || Boolean(job && (job.active || job.waiting));
      const wrong = data.said.start || data.said.look || failed || "";
      if (said.textContent !== wrong) said.textContent = wrong;
      name.setAttribute("aria-invalid", String(Boolean(data.said.start)));
      const now = job && (job.active || job.waiting) ? [job.word, job.detail].filter(Boolean).join(" · ") : "";
      if (way.textContent !== now) way.textContent = now;
    };
    return element("form", { class: "import-bar", novalidate: true, onsubmit: begins },
      element("div", { class: "field" }, element("label", { for: "data-new-name" }, t("data.name")), name, go),
      element("label", { class: "skips", for: "data-skip" }, skip, " ", t("data.skip")), said, way);
  };

  const leaves = async () => {
    await data.leave();
    document.querySelector("[data-key=files]")?.focus();
  };
  data.drawLook = (root, kept) => {
    const { upload } = data.wanted();
    if (!root.firstChild) {
      kept.files = element("p", { class: "detail" });
      kept.state = element("p", { class: "detail", role: "status" });
      kept.parts = element("div", { class: "look-parts" });
      root.replaceChildren(element("div", { class: "look-head" }, element("h2", { tabindex: "-1" }, t("data.understood")),
        element("button", { type: "button", class: "act", "data-key": "leave", onclick: leaves }, t("data.leave"))), kept.files, kept.state, kept.parts, bar(kept));
    }
    if (kept.upload !== upload) {
      kept.upload = upload;
      kept.fill();
    }
    const look = data.look, state = data.looking ? t("data.looking") : look ? told(look) : "";
    if (kept.state.textContent !== state) kept.state.textContent = state;
    root.setAttribute("aria-busy", String(data.looking));
    kept.files.textContent = look ? look.files.slice(0, 3).join(", ") + (look.count > 3 ? ` ${t("data.more_files", { count: look.count - 3 })}` : "") : "";
    const seen = JSON.stringify(look);
    if (kept.seen !== seen) {
      const first = !kept.seen || kept.seen === "null";
      kept.seen = seen;
      page.anew(kept.parts, null, () => kept.parts.replaceChildren(...(look ? parts(look) : [])));
      if (first && look && root.checkVisibility() && document.activeElement?.closest("#data-look, #data-add, body") === document.activeElement) root.querySelector("h2").focus();
    }
    kept.tell();
  };
})();
