// Models on this computer and on their way to it. Names, licences and sentences are only ever put in as text.
(() => {
  const page = window.studioPage;
  const { element, t, models } = page;
  const button = (key, word, act, more = {}) => element("button", { type: "button", class: "act", "data-key": key, onclick: act, ...more }, word);
  const wrong = (where) => (models.said[where] ? element("p", { class: "wrong", role: "alert" }, models.said[where]) : null);

  const bar = (one) =>
    one.share === null ? null : element("span", { class: "progress", role: "progressbar", "aria-label": one.name, "aria-valuenow": Math.round(one.share * 100), "aria-valuemin": 0, "aria-valuemax": 100 },
      element("i", { style: `width:${(one.share * 100).toFixed(1)}%` }));
  const moves = (one) => {
    const key = (name) => `${name} ${one.id}`;
    if (one.stopping) return [];
    if (one.active || one.waiting) return [button(key("stop"), t("models.stop"), () => models.stop(one.id), { "data-action": "stop" })];
    return [button(key("resume"), t("models.resume"), () => models.resume(one.id), { "data-action": "resume" }),
      button(key("discard"), t("models.discard"), () => models.discard(one.id), { "data-action": "discard" })];
  };
  const download = (one) =>
    element("li", { class: "download", "data-state": one.state },
      element("div", { class: "model-head" }, element("b", {}, one.name), element("span", { class: `state ${one.state}` }, one.word)),
      element("span", { class: "detail" }, one.detail), bar(one),
      one.reason ? element("p", { class: "wrong" }, one.reason) : null, wrong(one.id), element("div", { class: "acts" }, ...moves(one)));

  page.draws("models-coming", ["downloads", "models-here"], (place, { downloads }) => {
    const seen = JSON.stringify([downloads, models.said]);
    if (place.kept.seen === seen) return;
    place.kept.seen = seen;
    place.root.className = "models-coming";
    models.anew(place.root, null, () => place.root.replaceChildren(...(downloads?.length
      ? [element("h2", {}, t("models.coming")), element("ul", { "aria-label": t("models.coming") }, ...downloads.map(download))] : [])));
  });

  const badges = (one) => [one.shipped, one.rounded, one.vision].filter(Boolean).map((said) => element("span", { class: "badge" }, said));
  // Asked before it is done: what it frees, and who needs it.
  const asks = async (one, place) => {
    models.sure = { id: one.id, ...(await models.weigh(one.id)) };
    draw(place);
    place.root.querySelector(".sure [data-action]")?.focus();
  };
  const keeps = (one, place) => {
    models.sure = null;
    draw(place);
    [...place.root.querySelectorAll("[data-action=delete]")].find((key) => key.dataset.key === `delete ${one.id}`)?.focus();
  };
  const removes = async (one, place) => {
    models.sure = null;
    const found = await models.remove(one.id);
    if (found.ok) place.root.querySelector("h2").focus();
  };
  const sure = (one, place) => {
    const { said, busy } = models.sure;
    return element("div", { class: "sure", role: "group", "aria-label": t("models.delete") }, element("span", {}, [said, busy].filter(Boolean).join(" ")),
      busy ? null : button(`now ${one.id}`, t("models.delete.now"), () => removes(one, place), { class: "act danger", "data-action": "delete-now" }),
      button(`keep ${one.id}`, t("models.keep"), () => keeps(one, place), { "data-action": "keep" }));
  };
  const model = (one, place) =>
    element("li", { class: "model", "data-model": one.id },
      element("div", { class: "model-head" }, element("b", {}, one.name), ...badges(one)),
      one.source ? element("span", { class: "detail source" }, one.source) : null,
      element("span", { class: "detail" }, one.detail),
      one.note ? element("p", { class: "hint" }, one.note) : null,
      wrong(one.id),
      models.sure?.id === one.id ? sure(one, place) : element("div", { class: "acts" },
        one.train ? button(`train ${one.id}`, t("models.train"), () => models.train(one.id), { "data-action": "train" }) : null,
        one.see ? button(`see ${one.id}`, t("models.see"), () => page.ask.withBase(one.id), { "data-action": "see" }) : null,
        one.chat ? button(`chat ${one.id}`, t("models.chat"), () => page.chat.withBase(one.id), { "data-action": "chat" }) : null,
        one.own ? button(`delete ${one.id}`, t("models.delete"), () => asks(one, place), { "data-action": "delete" }) : null));

  const draw = (place) => {
    if (!models.lines) return;
    const seen = JSON.stringify([models.lines, models.said, models.sure, models.gone]);
    if (place.kept.seen === seen) return;
    place.kept.seen = seen;
    place.root.className = "models-here";
    models.anew(place.root, "h2", () => place.root.replaceChildren(
      element("h2", { tabindex: "-1" }, t("models.here")),
      element("p", { class: "saved", role: "status" }, models.gone ?? ""),
      element("ul", { "aria-label": t("models.here") }, ...models.lines.map((one) => model(one, place)))));
  };
  page.draws("models-here", ["models-here"], draw);

  // From this computer: a folder, or what other programs have fetched. What is typed outlives every redraw.
  const folder = (place) => {
    const input = element("input", { type: "text", id: "models-folder", "data-key": "folder", autocomplete: "off", spellcheck: "false", placeholder: t("models.folder.hint"), oninput: () => models.want({ folder: input.value }) });
    input.value = models.wanted().folder;
    const said = element("p", { class: "wrong", role: "alert", id: "models-folder-said" });
    const uses = async (event) => {
      event.preventDefault();
      const found = await models.add("folder", { folder: input.value }, "folder");
      if (!found.ok) return;
      input.value = "";
      models.want({ folder: "" });
    };
    place.kept.tell = () => {
      said.textContent = models.said.folder ?? "";
      input.setAttribute("aria-invalid", String(Boolean(models.said.folder)));
      input.setAttribute("aria-describedby", "models-folder-said");
    };
    return element("form", { class: "field", onsubmit: uses, novalidate: true }, element("label", { for: "models-folder" }, t("models.folder")), input,
      element("button", { class: "act", "data-key": "use-folder" }, t("models.folder.go")), said);
  };
  const cache = () => {
    const lines = (models.cached ?? []).map((one) => element("li", {}, element("span", {}, element("b", {}, one.id), element("span", { class: "detail" }, one.size)),
      button(`use ${one.id}`, t("models.cache.use"), () => models.add("use", { id: one.id }, "cache"))));
    return [element("button", { type: "button", class: "act", "data-key": "cache", onclick: models.refreshCache }, t("models.cache")), wrong("cache"),
      models.cached && !lines.length ? element("p", { class: "hint", role: "status" }, t("models.cache.none")) : null,
      lines.length ? element("ul", { class: "cache", "aria-label": t("models.cache") }, ...lines) : null].filter(Boolean);
  };
  page.draws("models-bring", ["models-bring"], (place) => {
    place.root.className = "models-bring";
    place.kept.folder ??= folder(place);
    place.kept.cache ??= element("div", { class: "from-cache" });
    place.kept.tell();
    if (!place.kept.cache.parentElement) place.root.replaceChildren(place.kept.folder, element("p", { class: "hint" }, t("models.folder.says")), place.kept.cache);
    models.anew(place.kept.cache, "button", () => place.kept.cache.replaceChildren(...cache()));
  });
})();
