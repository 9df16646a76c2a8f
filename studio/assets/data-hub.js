// A data set of the Hub: named, looked at with its licence and size, fetched; then it is a file that was brought.
(() => {
  const page = window.studioPage;
  const { element, t, data } = page;
  const { get, post } = page.asker("hub-data", t("data.away"));
  const button = (key, word, act, more = {}) => element("button", { type: "button", class: "act", "data-key": key, onclick: act, ...more }, word);
  const outside = (href, word) => element("a", { href, target: "_blank", rel: "noopener noreferrer" }, word);
  const hub = { offer: null, line: null, said: "", rows: "", typed: {}, looking: false };
  let draw = () => {};

  let asked = 0;
  const look = async (values) => {
    const mine = ++asked;
    Object.assign(hub, { looking: true, said: "" });
    draw();
    const found = await get("look", { id: data.wanted().hub, config: "", split: "", ...values });
    if (mine !== asked) return;
    Object.assign(hub, { looking: false, rows: "", typed: found.id === hub.offer?.id ? hub.typed : {}, offer: found.ok ? found : null, said: found.ok ? "" : found.said });
    draw();
  };
  // A fetch is asked after every second; what has arrived is looked at as if it had been dropped.
  const takes = async (found) => {
    hub.said = found.ok ? "" : found.said;
    if (found.ok) hub.line = found.line;
    if (found.ok && found.upload) return arrives(found.upload);
    draw();
    if (found.ok && (found.line.active || found.line.waiting)) follow();
  };
  const arrives = async (upload) => {
    Object.assign(hub, { offer: null, line: null });
    data.forgetBrought();
    data.want({ upload, hubJob: "", hub: "" });
    draw();
    await data.lookAt();
  };
  let following = false;
  const follow = async () => {
    if (following) return;
    following = true;
    await new Promise((resolve) => setTimeout(resolve, 1000));
    following = false;
    const job = data.wanted().hubJob;
    if (job) await takes(await get("at", { job }));
  };
  const fetches = async () => {
    const { id, config, split, digest } = hub.offer;
    const found = await post("fetch", { id, config, split, digest, first: "", last: "", ...hub.typed });
    hub.rows = found.field === "rows" ? found.said : "";
    if (hub.rows) return draw();
    if (found.ok) data.want({ hubJob: found.job });
    await takes(found);
  };
  const acts = async (name) => takes(await post(name, { job: data.wanted().hubJob }));
  const forgets = async () => {
    const found = await post("forget", { job: data.wanted().hubJob });
    if (!found.ok) return takes(found);
    hub.line = null;
    data.want({ hubJob: "" });
    draw();
  };
  data.hubAgain = () => data.wanted().hubJob && get("at", { job: data.wanted().hubJob }).then((found) => (found.ok ? takes(found) : data.want({ hubJob: "" })));

  const choice = (key, label, value, options) => {
    const select = element("select", { "data-key": key, onchange: () => look({ id: hub.offer.id, config: hub.offer.config, [key]: select.value }) }, ...options.map((one) => element("option", { value: one }, one)));
    select.value = value;
    return element("label", { class: "understood" }, element("span", {}, label), select);
  };
  const row = (key, label) => {
    const input = element("input", { type: "text", class: "short", inputmode: "numeric", id: `data-hub-${key}`, "data-key": key, maxlength: "20", autocomplete: "off", "aria-describedby": "data-hub-rows", oninput: () => (hub.typed[key] = input.value) });
    input.value = hub.typed[key] ?? "";
    return element("label", { class: "understood" }, element("span", {}, label), input);
  };
  const offered = (one) => {
    const go = button("hub-fetch", t("data.hub.fetch"), fetches, { class: "act first", disabled: true });
    const box = element("input", { type: "checkbox", id: "data-hub-accept", onchange: () => (go.disabled = !box.checked) });
    return element("div", { class: "hub-offer" }, element("p", {}, outside(one.link, one.id), one.size ? element("span", { class: "detail" }, ` · ${one.size}`) : null),
      one.problem ? element("p", { class: "wrong", role: "alert" }, one.problem) : null,
      one.gated ? element("p", { class: "detail" }, one.gated, " ", button("hub-token", t("data.hub.token"), () => page.open("models"))) : null,
      one.configs.length ? element("div", { class: "understoods" }, choice("config", t("data.hub.config"), one.config, one.configs), choice("split", t("data.hub.split"), one.split, one.splits)) : null,
      one.can ? element("div", { class: "understoods" }, row("first", t("data.hub.first")), row("last", t("data.hub.last"))) : null,
      one.can ? element("p", { class: "wrong field-said", role: "alert", id: "data-hub-rows" }) : null,
      one.can ? element("p", { class: "detail" }, [one.room, t("data.hub.rows")].filter(Boolean).join(" ")) : null,
      element("p", {}, `${t("data.hub.licence")}: ${one.licence} `, one.licence_link ? outside(one.licence_link, t("data.hub.read")) : null),
      one.can ? element("div", { class: "acts" }, element("label", { for: "data-hub-accept" }, box, " ", t("data.hub.accept")), go) : null);
  };
  const coming = (one) => element("div", { class: "hub-offer" }, element("p", {}, element("b", {}, one.name), " ", element("span", { class: `state ${one.state}` }, one.word)),
    element("p", { class: "detail", role: "status" }, one.detail),
    one.share === null ? null : element("span", { class: "progress", role: "progressbar", "aria-label": one.name, "aria-valuenow": Math.round(one.share * 100), "aria-valuemin": 0, "aria-valuemax": 100 }, element("i", { style: `width:${(one.share * 100).toFixed(1)}%` })),
    one.reason ? element("p", { class: "wrong", role: "alert" }, one.reason) : null,
    element("div", { class: "acts" }, ...(one.active || one.waiting ? [button("hub-stop", t("data.stop"), () => acts("stop"))]
      : [button("hub-resume", t("data.hub.resume"), () => acts("resume")), button("hub-forget", t("data.forget"), forgets)])));

  data.hubFold = () => {
    const input = element("input", { type: "text", id: "data-hub-id", autocomplete: "off", spellcheck: "false", maxlength: "400", placeholder: t("data.hub.hint"), "aria-describedby": "data-hub-said", oninput: () => data.want({ hub: input.value }) });
    input.value = data.wanted().hub;
    const said = element("p", { class: "wrong", role: "alert", id: "data-hub-said" });
    const state = element("p", { class: "detail", role: "status" }), shown = element("div", {});
    const looks = (event) => {
      event.preventDefault();
      look({ id: input.value });
    };
    const fold = element("details", { class: "run-more", id: "data-hub" }, element("summary", {}, t("data.hub")), element("p", { class: "hint" }, t("data.hub.says")),
      element("form", { class: "field", novalidate: true, onsubmit: looks }, element("label", { for: "data-hub-id" }, t("data.hub.label")), input, element("button", { class: "act first", "data-key": "hub-look" }, t("data.hub.look"))), said, state, shown);
    const showsRows = () => {
      const place = shown.querySelector("#data-hub-rows");
      if (place && place.textContent !== hub.rows) place.textContent = hub.rows;
      for (const one of shown.querySelectorAll("#data-hub-first, #data-hub-last")) one.setAttribute("aria-invalid", String(Boolean(hub.rows)));
    };
    draw = () => {
      if (said.textContent !== hub.said) said.textContent = hub.said;
      input.setAttribute("aria-invalid", String(Boolean(hub.said)));
      state.textContent = hub.looking ? t("data.hub.looking") : "";
      if (hub.line) fold.open = true;
      const seen = JSON.stringify([hub.offer, hub.line]);
      if (shown.dataset.seen === seen) return showsRows();
      shown.dataset.seen = seen;
      page.anew(shown, "select, button", () => shown.replaceChildren(...(hub.line ? [coming(hub.line)] : hub.offer ? [offered(hub.offer)] : [])));
      showsRows();
    };
    draw();
    return fold;
  };
})();
