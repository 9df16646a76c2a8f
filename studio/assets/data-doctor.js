// What is the matter with a data set: looked for as a job, listed with examples; what can be mended becomes a new version.
(() => {
  const page = window.studioPage;
  const { element, t, data } = page;
  const { get, post } = page.asker("doctor", t("data.away"));
  const tell = () => page.told("data-beside");
  const button = (key, word, act, more = {}) => element("button", { type: "button", class: "act", "data-key": key, onclick: act, ...more }, word);

  // Asked again every second while a job works on the data set that is open.
  let asked = 0;
  const hears = (id, found) => {
    if (data.open?.id !== id) return;
    data.said.health = found.ok ? "" : found.said;
    if (found.ok) data.health = { id, ...found };
    tell();
    if (data.health?.work?.busy) follow(id, data.health.work);
  };
  const follow = async (id, { job, action }) => {
    const mine = ++asked;
    await new Promise((resolve) => setTimeout(resolve, 1000));
    if (mine !== asked || data.open?.id !== id) return;
    const found = await get("look", { id, job });
    if (mine !== asked || data.open?.id !== id) return;
    if (action !== "check" && found.made) {
      await data.refresh();
      await data.show(found.made);
      document.querySelector("#data-name")?.focus();
      return;
    }
    hears(id, found.ok ? found : { ok: true, ...data.health });
  };
  data.follows = follow;
  data.examine = async (id) => {
    asked += 1;
    data.health = null;
    hears(id, await get("look", { id }));
  };
  const acts = async (name, values) => {
    const id = data.open.id;
    hears(id, await post(name, { id, ...values }));
  };
  data.prepares = async (values) => {
    const id = data.open.id, found = await post("prepare", { id, ...values });
    data.said.prepare = found.ok ? "" : found.said;
    if (found.ok) hears(id, found);
    else tell();
  };

  const example = (one) => element("li", {}, element("span", { class: "place" }, one.place), " ", one.before, one.mark ? element("mark", {}, one.mark) : null, one.after, one.like ? element("span", { class: "detail" }, ` ${one.like}`) : null);
  const finding = (one, index, busy) => element("li", { class: one.severity },
    element("span", {}, element("b", {}, `${one.word}: `), one.said),
    one.examples.length ? element("details", {}, element("summary", { "data-key": `examples ${index}` }, t("data.doctor.examples")), element("ul", { class: "examples" }, ...one.examples.map(example))) : null,
    one.safe ? element("span", { class: "detail" }, one.safe) : null,
    one.fix ? element("div", { class: "acts" }, button(`fix ${one.fix}`, one.mends, () => acts("fix", { fixes: [one.fix] }), { disabled: busy, "data-fix": one.fix })) : null);
  const lengths = (found) => element("section", { class: "lengths" }, element("h4", {}, t("data.doctor.lengths")), element("p", { class: "detail" }, found.said),
    element("ul", {}, ...found.bars.map((bar) => element("li", { class: bar.over && "over" }, element("span", {}, t("data.doctor.upto", { tokens: bar.upto })),
      element("span", { class: "bar" }, element("i", { style: `width:${(bar.share * 100).toFixed(1)}%` })), element("span", {}, bar.rows)))));
  const report = (found, busy) => [
    element("p", { class: "detail", role: "status" }, found.said),
    found.findings.length ? element("ul", { class: "findings", "aria-label": t("data.doctor") }, ...found.findings.map((one, index) => finding(one, index, busy)))
      : element("p", { class: "saved" }, t("data.doctor.well")),
    found.fixes.length > 1 ? element("div", { class: "acts" }, button("fix all", t("data.doctor.fix_all"), () => acts("fix", { fixes: found.fixes }), { disabled: busy })) : null,
    found.lengths ? lengths(found.lengths) : null].filter(Boolean);

  const asks = (models, known, busy) => {
    const select = element("select", { id: "data-doctor-model", "data-key": "doctor-model", onchange: () => data.want({ model: select.value }) },
      element("option", { value: "" }, t("data.doctor.any_model")), ...models.map((one) => element("option", { value: one.value }, one.title)));
    select.value = models.some((one) => one.value === data.wanted().model) ? data.wanted().model : "";
    return element("div", { class: "acts" }, element("label", { for: "data-doctor-model" }, t("data.doctor.for")), select,
      button("check", known ? t("data.doctor.again") : t("data.doctor.check"), () => acts("check", { model: select.value }), { disabled: busy, "data-action": "check" }));
  };
  const drawn = ({ work, report: known, models }) => {
    const busy = Boolean(work?.busy);
    return element("section", { class: "health" }, element("h3", {}, t("data.doctor")), known ? null : element("p", { class: "hint" }, t("data.doctor.says")),
      asks(models, known, busy),
      busy ? element("p", { class: "detail", role: "status" }, [work.said, work.detail].filter(Boolean).join(" · "), " ", button("doctor-stop", t("data.stop"), () => acts("stop", {}))) : null,
      work?.reason || data.said.health ? element("p", { class: "wrong", role: "alert" }, data.said.health || work.reason) : null,
      ...(known ? report(known, busy) : []));
  };
  // Beside the rows, so that nothing else is drawn anew while a job says how far it is.
  let seen = null;
  data.drawHealth = (root) => {
    const now = JSON.stringify([data.health, data.said.health]);
    if (seen === now) return;
    seen = now;
    page.anew(root, "[data-action=check]", () => root.replaceChildren(...(data.health ? [drawn(data.health)] : [])));
  };
})();
