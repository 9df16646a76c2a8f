// One data set: what it is, its rows, its versions and what each step did, what its import found; a new name, an end.
(() => {
  const page = window.studioPage;
  const { element, t, data } = page;
  const button = (key, word, act, more = {}) => element("button", { type: "button", class: "act", "data-key": key, onclick: act, ...more }, word);

  const leaves = () => {
    const { id } = data.open;
    data.close();
    [...document.querySelectorAll("#data-here button.run")].find((one) => one.dataset.key === `open ${id}`)?.focus();
  };
  const removes = async () => {
    await data.remove();
    document.querySelector("#data-here h2")?.focus();
  };
  const sure = () => element("div", { class: "sure", role: "group", "aria-label": t("data.delete") }, element("span", {}, data.sure.said ?? ""),
    button("now", t("data.delete.now"), removes, { class: "act danger", "data-action": "delete-now" }),
    button("keep", t("data.keep"), keeps, { "data-action": "keep" }));
  const asks = async (id, only) => {
    await data.weigh(id, only);
    document.querySelector("#data-one .sure [data-action]")?.focus();
  };
  const keeps = () => {
    const key = data.sure.only ? `delete ${data.sure.id}` : "delete";
    data.sure = null;
    page.told("data-beside");
    [...document.querySelectorAll("#data-one [data-key]")].find((one) => one.dataset.key === key)?.focus();
  };

  const renaming = (one) => {
    const input = element("input", { type: "text", id: "data-rename", "data-key": "rename-field", maxlength: "200", autocomplete: "off", "aria-describedby": "data-rename-said", "aria-invalid": String(Boolean(data.said.rename)), oninput: () => (data.typed = input.value) });
    input.value = data.typed ?? one.name;
    const renames = async (event) => {
      event.preventDefault();
      const found = await data.rename(input.value);
      document.querySelector(found.ok ? "[data-key=rename]" : "#data-rename")?.focus();
    };
    const back = () => {
      Object.assign(data, { renaming: false, typed: null });
      data.said.rename = "";
      page.told("data-beside");
      document.querySelector("[data-key=rename]")?.focus();
    };
    return element("form", { class: "field", novalidate: true, onsubmit: renames }, element("label", { for: "data-rename" }, t("data.rename.label")), input,
      element("button", { class: "act first", "data-key": "rename-go" }, t("data.rename.go")), button("rename-back", t("data.rename.back"), back),
      element("p", { class: "wrong field-said", role: "alert", id: "data-rename-said" }, data.said.rename ?? ""));
  };
  const renameStarts = () => {
    Object.assign(data, { renaming: true, typed: null });
    page.told("data-beside");
    document.querySelector("#data-rename")?.select();
  };
  const acts = (one) => {
    if (data.renaming) return renaming(one);
    if (data.sure && !data.sure.only) return sure();
    return element("div", { class: "acts" }, button("train", t("data.train"), () => data.train(one.id), { class: "act first", "data-action": "train" }),
      button("review", t("data.review"), () => data.review.starts()),
      element("a", { class: "act", "data-key": "download", href: data.address("file", { id: one.id }), download: "" }, t("data.download")),
      one.own ? button("rename", t("data.rename"), renameStarts) : null,
      one.own ? button("delete", t("data.delete"), () => asks(one.id, ""), { "data-action": "delete" }) : null);
  };

  const version = (one, own) => element("li", { "aria-current": one.current && "true" },
    element("div", { class: "model-head" }, one.current ? element("b", {}, one.name) : button(`version ${one.id}`, one.name, () => data.show(one.id), { class: "link" }),
      element("span", { class: "detail" }, [one.rows, one.when].filter(Boolean).join(" · "))),
    element("span", { class: "detail" }, one.did),
    data.compared?.[one.id] ? element("p", { class: "detail compared", role: "status" }, data.compared[one.id]) : null,
    data.sure?.only && data.sure.id === one.id ? sure() : element("div", { class: "acts" },
      one.comparable && !data.compared?.[one.id] ? button(`compare ${one.id}`, t("data.compare"), () => data.compare(one.id)) : null,
      own ? button(`delete ${one.id}`, t("data.delete.version"), () => asks(one.id, "yes")) : null));
  const versions = (one) => one.versions.length ? element("section", {}, element("h3", {}, t("data.versions")), element("ol", { class: "versions", reversed: true }, ...one.versions.map((each) => version(each, one.own)))) : null;

  const pages = (one) => {
    const { first, rows } = data.rows;
    const said = t("data.rows_of", { from: (first + 1).toLocaleString(page.language), to: (first + rows.length).toLocaleString(page.language), total: one.rows.toLocaleString(page.language) });
    return element("nav", { class: "pages", "aria-label": t("data.rows") },
      button("before", t("data.before"), () => data.turn(Math.max(first - 20, 0)), { disabled: first === 0 }), element("span", { class: "detail", role: "status" }, said),
      button("after", t("data.after"), () => data.turn(first + 20), { disabled: first + rows.length >= one.rows }));
  };
  const rows = (one) => data.rows?.rows.length ? element("section", { class: "rows-of" }, element("h3", {}, t("data.rows")), pages(one),
    element("ul", { class: "data-rows" }, ...data.rows.rows.map((row) => data.row(row, data.stored(one.id))))) : null;
  const findings = (one) => one.findings.length ? element("section", {}, element("h3", {}, t("data.findings")), element("ul", { class: "findings" }, ...one.findings.map(data.finding))) : null;

  const details = (one, { health, tokens, ready }) => [
    button("back", t("data.back"), leaves, { class: "link", "data-action": "back" }),
    element("h2", { id: "data-name", tabindex: "-1", "data-key": "name" }, one.name, one.shipped ? element("span", { class: "badge" }, one.shipped) : null),
    element("p", { class: "detail" }, one.detail), one.about ? element("p", { class: "hint" }, one.about) : null,
    data.said.one ? element("p", { class: "wrong", role: "alert" }, data.said.one) : null, acts(one),
    one.facts.length ? element("dl", { class: "facts" }, ...one.facts.map(({ what, value }) => element("div", {}, element("dt", {}, what), element("dd", {}, value)))) : null,
    findings(one), health, tokens, one.own ? ready : null, versions(one), rows(one)].filter(Boolean);
  data.drawOne = (root, kept) => {
    const seen = JSON.stringify([data.open, data.rows, data.sure, data.renaming, data.compared, data.said.one, data.said.rename]);
    kept.health ??= element("div", {});
    kept.ready ??= element("div", {});
    kept.tokens ??= element("div", {});
    data.drawTokens(kept.tokens);
    data.drawHealth(kept.health);
    data.drawReady(kept.ready);
    if (kept.one === seen) return;
    kept.one = seen;
    page.anew(root, "#data-name", () => root.replaceChildren(...(data.open ? details(data.open, kept) : [])));
  };

  // Beside the list: one data set, or what was brought, or the ways to bring something.
  page.draws("data-beside", ["data-beside"], (place) => {
    const { kept, root } = place;
    if (!kept.add) {
      root.className = "data-beside";
      [kept.add, kept.look, kept.detail, kept.judging] = ["data-add", "data-look", "data-one", "data-review"].map((id) => element("div", { id }));
      root.replaceChildren(kept.add, kept.look, kept.detail, kept.judging);
      data.takesDrops(root);
    }
    const brought = Boolean(data.wanted().upload) && !data.sending;
    kept.detail.hidden = !data.open || Boolean(data.review.open);
    kept.look.hidden = Boolean(data.open) || !brought;
    kept.add.hidden = Boolean(data.open) || brought;
    data.drawAdd(kept.add);
    data.drawLook(kept.look, kept);
    data.drawOne(kept.detail, kept);
    data.drawReview(kept.judging, kept);
  });
})();
