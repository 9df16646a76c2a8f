// Rows as a person reads them: chats as chats, pairs side by side, labels as tags. All of it is only ever put in as text.
(() => {
  const page = window.studioPage;
  const { element, t, data } = page;

  const text = (said, kind = "said") => element("div", { class: kind }, said);
  // `address`: of a picture by its name, or null while it is in no data set yet.
  const picture = (name, address) => {
    const source = address(name);
    return source ? element("img", { src: source, alt: t("data.picture"), loading: "lazy" }) : element("span", { class: "picture-name" }, name);
  };
  const pictures = (names, address) => (names?.length ? element("div", { class: "pictures" }, ...names.map((name) => picture(name, address))) : null);

  const turns = (all, address) => all.map((turn) =>
    element("div", { class: `bubble ${turn.role}` }, element("b", {}, turn.who), pictures(turn.pictures, address), turn.text ? text(turn.text) : null));
  const side = (word, said, kind) => element("div", { class: `side-of ${kind}` }, element("b", {}, word), text(said));

  const VIEWS = {
    chat: (row, address) => turns(row.turns, address),
    visual: (row, address) => turns(row.turns, address),
    text: (row) => [text(row.text)],
    preference: (row, address) => [...turns(row.turns, address),
      element("div", { class: "sides" }, side(t("data.better"), row.better, "better"), side(t("data.worse"), row.worse, "worse"))],
    label: (row) => [text(row.text), element("div", { class: "tags" }, ...row.labels.map((label) => element("span", { class: "tag" }, label)))],
    score: (row) => [element("div", { class: "sides" }, text(row.first), text(row.second)), element("div", { class: "tags" }, element("span", { class: "tag" }, row.score))],
    exam: (row) => [text(row.question), element("ol", { class: "options" }, ...row.options.map((one) =>
      element("li", { class: one.right && "right" }, one.text, one.right ? element("span", { class: "right-answer" }, ` ✓ ${t("data.right")}`) : null)))],
    caption: (row, address) => [pictures(row.pictures, address), text(row.text)],
  };
  data.row = (row, address = () => null) => element("li", { class: `data-row ${row.shape}` }, ...VIEWS[row.shape](row, address).filter(Boolean), row.origin ? element("p", { class: "detail origin" }, row.origin) : null);
  data.stored = (id) => (name) => data.address("picture", { id, name, small: "yes" });

  data.finding = (one) => element("li", { class: one.severity },
    element("span", {}, one.said), one.rows ? element("span", { class: "detail" }, [one.rows, one.places && t("data.places", { places: one.places })].filter(Boolean).join(" · ")) : null);
})();
