// The verdict under the head of a run that has ended: what was learned, what was forgotten, why, and what to try.
(() => {
  const page = window.studioPage;
  const { element, t } = page;

  // Train reads its draft when the page is opened; so the draft is written and the page opened again at Train.
  page.trainWith = ({ recipe, model, data, fields = {} }) => {
    page.keep("recipe", recipe);
    page.keep("model", model);
    page.keep("data", data);
    for (const [name, value] of Object.entries(fields)) page.keepField(name, value);
    page.goTo("train");
    location.reload();
  };

  const share = (value) => `width:${(100 * value).toFixed(1)}%`;
  const bars = (one) =>
    element("div", { class: `score-row ${one.change}`, "aria-hidden": "true" },
      element("b", {}, one.name),
      element("span", { class: "pair" }, element("i", { class: "was", style: share(one.before) }), element("i", { class: "is", style: share(one.after) })),
      element("span", { class: "score-figures" }, one.figures));

  const lines = (sentences) => element("ul", {}, ...sentences.map((one) => element("li", {}, one)));
  const section = (name, title, ...children) => element("section", { class: name }, element("h4", {}, title), ...children);

  const advice = (one) =>
    element("li", {}, one.open
      ? element("button", { type: "button", class: "act", title: t("verdict.opens"), onclick: () => page.trainWith(one.open) }, one.said)
      : one.said);

  const proof = (found) =>
    element("details", { class: "proof" }, element("summary", {}, t("verdict.proof")),
      element("p", {}, t("verdict.proof.says")), lines(found.proof));

  page.draws("verdict", ["details", "chosen"], (place, { details }) => {
    const found = details?.run === page.run() ? details.verdict : null;
    const seen = JSON.stringify([page.run(), found ?? null]);
    if (place.kept.seen === seen) return;
    place.kept.seen = seen;
    place.root.className = "verdict-place";
    if (!found) return place.root.replaceChildren();
    place.root.replaceChildren(element("article", { class: `verdict-card ${found.kind}`, "aria-labelledby": "verdict-word" },
      element("h3", { id: "verdict-word" }, found.headline),
      element("p", { class: "lead" }, found.lead),
      found.languages.length ? element("div", { class: "scores" }, element("p", { class: "key", "aria-hidden": "true" },
        element("span", { class: "was" }, t("verdict.before")), element("span", { class: "is" }, t("verdict.after"))), ...found.languages.map(bars)) : null,
      element("div", { class: "sections" },
        section("learned", t("verdict.learned"), lines(found.learned)),
        section("forgotten", t("verdict.forgotten"), lines(found.forgotten)),
        section("why", t("verdict.why"), lines(found.why)),
        section("try", t("verdict.try"), element("ul", { class: "advice" }, ...found.advice.map(advice)))),
      element("div", { class: "ends" },
        found.chat ? element("button", { type: "button", class: "act", "data-action": "chat", onclick: () => page.chat.with(page.run()) }, t("verdict.chat")) : null,
        found.proof.length ? proof(found) : null)));
  });
})();
