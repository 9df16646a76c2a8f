// Finding a model: the chosen ones with their filters, or the whole Hub page by page; one of them opens in its place.
(() => {
  const page = window.studioPage;
  const { element, t, models } = page;
  const ID = /^(?:(?:https?:[/][/])?(?:www[.])?(?:huggingface[.]co|hf[.]co)[/]\S+|[^/\s]+[/][^/\s]+)$/;

  const MOST_SHOWN = 12;

  const choice = (name, label, options) => {
    const made = element("select", { "data-key": name, "data-filter": name, "aria-label": label, onchange: () => changed({ [name]: made.value, page: 0 }) },
      element("option", { value: "" }, label), ...options.map(([value, word]) => element("option", { value }, word)));
    made.value = models.wanted()[name];
    return made;
  };
  const changed = (values) => {
    models.most = MOST_SHOWN;
    models.want(values);
    models.find();
  };
  const filters = (hub) => [
    choice("speaks", t("models.any.language"), [["ro", t("models.lang.ro")], ["it", t("models.lang.it")], ["en", t("models.lang.en")]]),
    choice("size", t("models.any.size"), [["tiny", t("models.size.tiny")], ["small", t("models.size.small")], ["middle", t("models.size.middle")], ["large", t("models.size.large")]]),
    choice("kind", t("models.any.kind"), [["text", t("models.kind.text")], ["vision", t("models.kind.vision")]]),
    ...(hub ? [] : [
      choice("family", t("models.any.family"), (models.families ?? []).map((one) => [one, one])),
      choice("licence", t("models.any.licence"), (models.licences ?? []).map((one) => [one.id, one.title]))]),
  ];

  // Made once for each source: what is typed outlives every redraw.
  const field = (hub) => {
    const input = element("input", { type: "search", id: "models-search", "data-key": "search", autocomplete: "off", spellcheck: "false", maxlength: "400", "aria-label": t("models.search"), "aria-describedby": "models-said",
      placeholder: hub ? t("models.search.hub") : t("models.search.curated"), oninput: () => typed(input.value, hub) });
    input.value = models.wanted()[hub ? "typed" : "text"];
    return input;
  };
  const typed = (value, hub) => {
    models.want(hub ? { typed: value } : { text: value });
    if (!hub) models.findSoon();
  };
  const asks = (event, input) => {
    event.preventDefault();
    const text = input.value.trim();
    models.said.look = "";
    if (ID.test(text)) return models.look(text);
    models.searched = true;
    changed({ text, typed: input.value, page: 0 });
  };
  const form = (hub) => {
    const input = field(hub);
    return element("form", { class: "search", role: "search", novalidate: true, onsubmit: (event) => (hub ? asks(event, input) : (event.preventDefault(), models.find())) },
      input, hub ? element("button", { class: "act first", "data-key": "go" }, t("models.search.go")) : null);
  };
  const source = (name, word) =>
    element("button", { type: "button", class: "chip", "data-key": name, "data-source": name, "aria-pressed": String(models.wanted().source === name), onclick: () => turns(name) }, word);
  const turns = (name) => {
    if (name === models.wanted().source) return;
    const text = name === "hub" ? models.wanted().typed : "";
    models.said.find = models.said.look = "";
    models.searched = false;
    models.rows = name === "hub" ? [] : null;
    changed({ source: name, text, page: 0 });
  };

  const marks = (one) => one.fits.length ? element("span", { class: "fits" }, ...one.fits.map((fit) =>
    element("span", { class: `fit ${fit.answer}` }, fit.way, element("span", { class: "unseen" }, `: ${fit.word}`)))) : null;
  const badge = (said, kind = "") => (said ? element("span", { class: `badge ${kind}` }, said) : null);
  const row = (one) =>
    element("li", { "data-hub": one.id },
      element("button", { type: "button", class: "hub-model", "data-key": `open ${one.id}`, onclick: () => models.look(one.id), "aria-busy": String(models.looking === one.id) },
        element("span", { class: "model-head" }, element("b", {}, one.id), badge(one.here, "good"), badge(one.coming), badge(one.vision), badge(one.gated), badge(one.rounded)),
        element("span", { class: "detail" }, one.detail),
        one.note ? element("span", { class: "hint" }, one.note) : null,
        marks(one)));
  const pages = ({ page: at }) => element("nav", { class: "pages", "aria-label": t("models.pages") },
    element("button", { type: "button", class: "act", "data-key": "before", disabled: at === 0, onclick: () => changed({ page: at - 1 }) }, t("models.before")),
    element("span", { class: "detail" }, t("models.page", { page: at + 1 })),
    element("button", { type: "button", class: "act", "data-key": "after", disabled: !models.more, onclick: () => changed({ page: at + 1 }) }, t("models.after")));

  const count = (hub) => {
    if (models.looking) return t("models.looking", { name: models.looking });
    if (models.asking) return t("models.asking");
    if (!models.rows || models.said.find || (hub && !models.searched)) return "";
    if (!models.rows.length) return t("models.none");
    return hub ? "" : t("models.shown", { count: models.rows.length, total: models.total });
  };
  const more = (rest, place) => element("button", { type: "button", class: "link", "data-key": "more", onclick: () => {
    const first = models.rows[models.most].id;
    models.most = models.rows.length;
    draw(place);
    [...place.root.querySelectorAll(".hub-model")].find((one) => one.dataset.key === `open ${first}`)?.focus();
  } }, t("more", { count: rest.toLocaleString(page.language) }));
  const found = (wanted, place) => {
    const hub = wanted.source === "hub";
    const every = hub && !models.searched ? [] : models.rows ?? [];
    models.most ??= MOST_SHOWN;
    const rows = hub ? every : every.slice(0, models.most);
    return [
      element("p", { class: "detail count-line", role: "status" }, count(hub)),
      rows.some((one) => one.fits.length) ? element("p", { class: "legend detail" }, element("span", {}, t("models.legend")), " ",
        ...[["yes", t("models.legend.yes")], ["later", t("models.legend.later")], ["no", t("models.legend.no")]].map(([name, word]) => element("span", { class: `fit ${name}` }, word))) : null,
      rows.length ? element("ul", { class: "found", "aria-label": t("models.find") }, ...rows.map(row)) : null,
      rows.length < every.length ? more(every.length - rows.length, place) : null,
      hub && models.searched && (wanted.page > 0 || models.more) ? pages(wanted) : null].filter(Boolean);
  };

  const draw = (place) => {
    const wanted = models.wanted(), hub = wanted.source === "hub";
    const { kept, root } = place;
    root.className = "models-find";
    const head = JSON.stringify([hub, models.families]);
    if (kept.head !== head) {
      kept.head = head;
      kept.said = element("p", { class: "wrong", role: "alert", id: "models-said" });
      kept.list = element("div", { class: "results" });
      kept.details = element("div", { class: "details" });
      kept.top = element("div", { class: "finding" },
        element("div", { class: "chips", role: "group", "aria-label": t("models.find") }, source("curated", t("models.source.curated")), source("hub", t("models.source.hub"))),
        hub ? element("p", { class: "hint" }, t("models.hub.says")) : null, form(hub), kept.said, element("div", { class: "filter" }, ...filters(hub)));
      models.anew(root, "h2", () => root.replaceChildren(element("h2", { tabindex: "-1" }, t("models.find")), kept.top, kept.details, kept.list));
    }
    const said = models.said.look || models.said.find || "";
    if (kept.said.textContent !== said) kept.said.textContent = said;
    root.querySelector("#models-search").setAttribute("aria-invalid", String(Boolean(said)));
    kept.top.hidden = kept.list.hidden = Boolean(models.offer);
    page.modelDetails(kept.details);
    const seen = JSON.stringify([wanted, models.rows, models.most, models.total, models.more, models.looking, models.asking, models.searched, said]);
    if (kept.seen === seen) return;
    kept.seen = seen;
    models.anew(kept.list, null, () => kept.list.replaceChildren(...found(wanted, place)));
  };
  page.draws("models-find", ["models-find"], draw);
})();
