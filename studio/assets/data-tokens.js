// Rows as a model reads them in a training: every token, which of them are learned, what is cut off.
(() => {
  const page = window.studioPage;
  const { element, t, data } = page;
  const { get, post } = page.asker("tokens", t("data.away"));
  const state = { id: "", open: false, choices: null, rows: null, said: "", busy: false, first: 1 };
  const tell = () => page.told("data-beside");
  // What was asked for another data set meanwhile is not shown.
  const begins = async () => {
    const { id } = state;
    const found = await get("choices", { id });
    if (state.id !== id) return;
    Object.assign(state, { choices: found.ok ? found : null, said: found.ok ? "" : found.said });
    tell();
  };
  const chosen = () => {
    const { recipes, models } = state.choices, wanted = data.wanted().tokens ?? {};
    const recipe = recipes.find((one) => one.value === wanted.recipe) ?? recipes[0];
    const known = (id) => models.some((one) => one.value === id) && id;
    return { recipe, model: known(wanted.model) || known(recipe.model) || models[0]?.value };
  };
  const look = async (first) => {
    const { id } = state, { recipe, model } = chosen();
    Object.assign(state, { busy: true, said: "", first });
    tell();
    const found = await post("look", { id, recipe: recipe.value, model, first });
    if (state.id !== id) return;
    Object.assign(state, { busy: false, said: found.ok ? "" : found.said, rows: found.ok ? found : null });
    tell();
  };
  const wants = (values) => {
    data.want({ tokens: { ...data.wanted().tokens, ...values } });
    Object.assign(state, { rows: null, said: "" });
    tell();
  };

  const choice = (name, label, options, value) => {
    const select = element("select", { id: `data-tokens-${name}`, "data-key": `tokens-${name}`, onchange: () => wants({ [name]: select.value }) }, ...options.map((one) => element("option", { value: one.value }, one.title)));
    select.value = value;
    return element("label", { class: "understood" }, element("span", {}, label), select);
  };
  const piece = ([text, number, how]) => element("span", { class: `token ${how}`, title: t("data.tokens.number", { number }) }, text.replaceAll("\n", "↵\n"));
  const row = (one) => element("li", {}, element("p", { class: "detail" }, one.said), element("p", { class: "tokens" }, ...one.pieces.map(piece)));
  const legend = () => element("p", { class: "detail legend" }, ...[["learned", t("data.tokens.is_learned")], ["read", t("data.tokens.is_read")], ["cut", t("data.tokens.is_cut")]].map(([how, word]) => element("span", {}, element("span", { class: `token ${how}` }, word))));
  const button = (key, word, first, more = {}) => element("button", { type: "button", class: "act", "data-key": key, onclick: () => look(first), ...more }, word);
  const shown = (total) => [legend(), element("ul", {}, ...state.rows.rows.map(row)),
    element("nav", { class: "pages", "aria-label": t("data.tokens") },
      button("tokens-before", t("data.before"), Math.max(state.rows.first - state.rows.step, 1), { disabled: state.busy || state.rows.first === 1 }),
      button("tokens-after", t("data.after"), state.rows.next, { disabled: state.busy || state.rows.next > total }))];
  const body = (one) => {
    if (!state.choices) return [element("p", { class: "wrong", role: "alert" }, state.said)];
    const { recipe, model } = chosen();
    return [element("div", { class: "understoods" }, choice("recipe", t("data.tokens.recipe"), state.choices.recipes, recipe.value), choice("model", t("data.tokens.model"), state.choices.models, model)),
      element("p", { class: "detail" }, recipe.length),
      element("div", { class: "acts" }, button("tokens-look", t("data.tokens.look"), state.rows?.first ?? 1, { class: "act first", disabled: state.busy, "data-action": "tokens-look" })),
      element("p", { class: "detail", role: "status" }, state.busy ? t("data.tokens.busy") : ""),
      element("p", { class: "wrong", role: "alert" }, state.said),
      ...(state.rows ? shown(one.rows) : [])];
  };
  // At the press, not at the toggle that comes of it later: it may be drawn anew in between.
  const opens = (fold) => {
    state.open = !fold.open;
    if (state.open && !state.choices) begins();
    setTimeout(tell);
  };
  const drawn = (one) => {
    const fold = element("details", { class: "run-more", id: "data-tokens" }, element("summary", { "data-key": "tokens", onclick: () => opens(fold) }, t("data.tokens")), element("p", { class: "hint" }, t("data.tokens.says")), ...(state.open ? body(one) : []));
    fold.open = state.open;
    return fold;
  };
  let seen = null;
  data.drawTokens = (root) => {
    const one = data.open?.tokens ? data.open : null;
    if (one && one.id !== state.id) {
      Object.assign(state, { id: one.id, choices: null, rows: null, said: "", busy: false });
      if (state.open) begins();
    }
    const now = JSON.stringify([one?.id, one?.rows, state, data.wanted().tokens]);
    if (seen === now) return;
    seen = now;
    page.anew(root, "#data-tokens summary", () => root.replaceChildren(...(one ? [drawn(one)] : [])));
  };
})();
