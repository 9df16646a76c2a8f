// Data sets that are here, with a search, and imports on their way. Names and sentences are only ever put in as text.
(() => {
  const page = window.studioPage;
  const { element, t, data } = page;
  const button = (key, word, act, more = {}) => element("button", { type: "button", class: "act", "data-key": key, onclick: act, ...more }, word);

  const moves = (one) => {
    if (one.stopping) return [];
    if (one.active || one.waiting) return [button(`stop ${one.id}`, t("data.stop"), () => data.stop(one.id), { "data-action": "stop" })];
    return [button(`forget ${one.id}`, t("data.forget"), () => data.forget(one.id), { "data-action": "forget" })];
  };
  const coming = (one) => element("li", { class: "download", "data-state": one.state },
    element("div", { class: "model-head" }, element("b", {}, one.name), element("span", { class: `state ${one.state}` }, one.word)),
    one.detail ? element("span", { class: "detail" }, one.detail) : null, one.share === null ? null : element("span", { class: "progress", role: "progressbar", "aria-label": one.name, "aria-valuenow": Math.round(one.share * 100), "aria-valuemin": 0, "aria-valuemax": 100 }, element("i", { style: `width:${(one.share * 100).toFixed(1)}%` })),
    one.reason ? element("p", { class: "wrong" }, one.reason) : null,
    element("div", { class: "acts" }, ...moves(one)));
  page.draws("data-coming", ["imports", "data-coming"], (place, { imports }) => {
    const seen = JSON.stringify([imports]);
    if (place.kept.seen === seen) return;
    place.kept.seen = seen;
    place.root.className = "models-coming";
    page.anew(place.root, null, () => place.root.replaceChildren(...(imports?.length
      ? [element("h2", {}, t("data.coming")), element("ul", { "aria-label": t("data.coming") }, ...imports.map(coming))] : [])));
  });

  // As one types it: without the marks over and under letters.
  const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().trim();
  const line = (one) => element("li", { "data-set": one.id },
    element("button", { type: "button", class: "run", "data-key": `open ${one.id}`, "aria-current": data.open?.id === one.id && "true", onclick: () => opens(one.id) },
      element("b", {}, one.name), one.shipped ? element("span", { class: "badge" }, one.shipped) : null, element("span", { class: "detail" }, one.detail)));
  const opens = async (id) => {
    const found = await data.show(id);
    if (found.ok) document.querySelector("#data-name")?.focus();
  };

  const search = () => {
    const input = element("input", { type: "search", id: "data-search", autocomplete: "off", spellcheck: "false", maxlength: "200", "aria-label": t("data.search"), placeholder: t("data.search"),
      oninput: () => (data.want({ text: input.value }), page.told("data-here")) });
    input.value = data.wanted().text;
    return input;
  };
  page.draws("data-here", ["data-here"], (place) => {
    if (!data.lines) return;
    const { kept, root } = place, wanted = plain(data.wanted().text);
    const lines = data.lines.filter((one) => plain(`${one.name} ${one.detail}`).includes(wanted));
    const seen = JSON.stringify([lines, data.open?.id, data.gone, data.said.one]);
    if (kept.seen === seen) return;
    kept.seen = seen;
    root.className = "data-here";
    if (!kept.list) {
      kept.list = element("div", {});
      kept.said = element("p", { class: "saved", role: "status" });
      root.replaceChildren(element("h2", { tabindex: "-1" }, t("data.here")), kept.said, search(), kept.list);
    }
    if (kept.said.textContent !== data.gone) kept.said.textContent = data.gone;
    page.anew(kept.list, null, () => kept.list.replaceChildren(
      ...(data.said.one ? [element("p", { class: "wrong", role: "alert" }, data.said.one)] : []),
      lines.length ? element("ul", { "aria-label": t("data.here") }, ...lines.map(line)) : element("p", { class: "nothing", role: "status" }, t("data.none"))));
  });
})();
