// One model before it is fetched: what it is, whether it fits, its licence, which is accepted first; and the token.
(() => {
  const page = window.studioPage;
  const { element, t, models } = page;
  const outside = (href, word) => element("a", { href, target: "_blank", rel: "noopener noreferrer" }, word);

  const facts = ({ facts: known }) => element("dl", { class: "facts" }, ...known.map(({ what, value }) => element("div", {}, element("dt", {}, what), element("dd", {}, value))));
  const fits = (offer) => offer.fits.length ? element("section", {}, element("h4", {}, t("models.fits")),
    element("ul", { class: "ways" }, ...offer.fits.map((one) => element("li", {}, element("span", { class: `fit ${one.answer}` }, one.way), " ", element("b", {}, one.word), `: ${one.figures}`))),
    element("p", { class: "hint" }, offer.assumed)) : null;
  const gated = (offer) => offer.gated ? element("section", { class: "gated" }, element("p", {}, offer.gated),
    element("div", { class: "acts" }, outside(offer.link, t("models.agree")), element("button", { type: "button", class: "act", "data-key": "token", onclick: toToken }, t("models.token.enter")))) : null;
  const toToken = () => {
    const fold = document.getElementById("models-token-fold");
    fold.open = true;
    fold.querySelector("input")?.focus();
    fold.scrollIntoView({ block: "center" });
  };

  const licence = ({ licence: found }) => element("section", { class: "licence" }, element("h4", {}, t("models.licence")),
    element("p", {}, element("b", {}, found.title), " ", found.link ? outside(found.link, t("models.licence.read")) : null),
    found.text ? element("pre", { tabindex: "0", "aria-label": t("models.licence") }, found.text) : null);
  const accept = (offer) => {
    const box = element("input", { type: "checkbox", id: "models-accept", "data-key": "accept", onchange: () => (go.disabled = !box.checked) });
    const go = element("button", { type: "button", class: "act first", "data-key": "download", "data-action": "download", disabled: true, onclick: () => begins(go) }, t("models.download"));
    return element("div", { class: "accept" }, element("label", { for: "models-accept" }, box, " ", t("models.accept")), go);
  };
  const begins = async (go) => {
    go.disabled = true;
    const found = await models.download();
    if (!found.ok && go.isConnected) go.disabled = false;
  };
  const stands = (offer) => offer.here || offer.coming;

  const details = (offer) => [
    element("button", { type: "button", class: "link", "data-key": "back", "data-action": "back", onclick: leaves }, t("models.back")),
    element("article", { class: "card model-card", "aria-labelledby": "model-name" },
      element("h3", { id: "model-name", tabindex: "-1" }, offer.id), element("p", {}, outside(offer.link, t("models.its_page"))),
      offer.problem ? element("p", { class: "wrong", role: "alert" }, offer.problem) : null,
      offer.warning ? element("p", { class: "reason" }, offer.warning) : null,
      gated(offer), facts(offer), fits(offer), licence(offer),
      stands(offer) ? element("p", { class: "saved", role: "status" }, stands(offer)) : offer.can ? accept(offer) : null,
      element("p", { class: "wrong", role: "alert", id: "models-download-said" }))];
  const leaves = () => {
    const id = models.offer.id;
    models.close();
    const rows = [...document.querySelectorAll(".hub-model")];
    (rows.find((one) => one.dataset.key === `open ${id}`) ?? document.getElementById("models-search"))?.focus();
  };

  // Drawn again only when there is something else to say, so that a tick in the box stays.
  let shown = null;
  page.modelDetails = (root) => {
    const seen = JSON.stringify(models.offer);
    if (shown !== seen || root.childElementCount !== (models.offer ? 2 : 0)) {
      const another = shown === null || JSON.parse(shown)?.id !== models.offer?.id;
      shown = seen;
      models.anew(root, "#model-name", () => root.replaceChildren(...(models.offer ? details(models.offer) : [])));
      if (models.offer && another && root.checkVisibility()) root.querySelector("#model-name").focus();
    }
    const said = root.querySelector("#models-download-said");
    if (said && said.textContent !== (models.said.download ?? "")) said.textContent = models.said.download ?? "";
  };

  // The token goes there and never comes back: only that there is one is told.
  const form = (place) => {
    const input = element("input", { type: "password", id: "models-token-field", "data-key": "token-field", autocomplete: "off", spellcheck: "false", maxlength: "300", "aria-describedby": "models-token-said" });
    const said = element("p", { class: "wrong", role: "alert", id: "models-token-said" });
    const state = element("p", { class: "hint", role: "status" });
    const forget = element("button", { type: "button", class: "act", "data-key": "forget", onclick: models.forgetToken }, t("models.token.forget"));
    const keeps = async (event) => {
      event.preventDefault();
      const found = await models.keepToken(input.value);
      if (found.ok) input.value = "";
    };
    place.kept.tell = () => {
      state.textContent = models.token?.said ?? "";
      forget.hidden = models.token?.origin !== "file";
      said.textContent = models.said.token ?? "";
      input.setAttribute("aria-invalid", String(Boolean(models.said.token)));
    };
    return element("details", { class: "run-more", id: "models-token-fold" }, element("summary", {}, t("models.token")), element("p", { class: "hint" }, t("models.token.says")), state,
      element("form", { class: "field", onsubmit: keeps, novalidate: true }, element("label", { for: "models-token-field" }, t("models.token.field")), input,
        element("button", { class: "act", "data-key": "keep-token" }, t("models.token.keep")), forget, said));
  };
  page.draws("models-token", ["models-token"], (place) => {
    if (!place.kept.form) place.root.replaceChildren((place.kept.form = form(place)));
    place.kept.tell();
  });
})();
