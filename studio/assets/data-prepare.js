// What can be done to a data set before a training: one step with its fields, which makes a new version.
(() => {
  const page = window.studioPage;
  const { element, t, data } = page;

  // What was chosen and typed, for all data sets: the next one is often prepared in the same way.
  const typed = () => data.wanted().prepare ?? {};
  const keeps = (values) => data.want({ prepare: { ...typed(), ...values } });
  const valueOf = (step, field) => typed()[`${step.name} ${field.name}`] ?? field.value;

  const input = (step, field) => {
    const key = `${step.name} ${field.name}`, id = `data-prepare-${field.name}`;
    const known = { id, "data-key": `prepare ${field.name}` };
    const changed = (read) => () => keeps({ [key]: read() });
    if (field.options.length) {
      const select = element("select", { ...known, onchange: changed(() => select.value) }, ...field.options.map((one) => element("option", { value: one.value }, one.title)));
      select.value = field.options.some((one) => one.value === valueOf(step, field)) ? valueOf(step, field) : field.value;
      return element("label", { class: "understood" }, element("span", {}, field.label), select);
    }
    if (field.kind === "yes") {
      const box = element("input", { type: "checkbox", ...known, onchange: changed(() => (box.checked ? "yes" : "no")) });
      box.checked = valueOf(step, field) === "yes";
      return element("label", { class: "ticked" }, box, " ", field.label);
    }
    const number = field.kind !== "text";
    const box = element("input", { type: "text", inputmode: number ? "decimal" : "text", class: number ? "short" : "", autocomplete: "off", maxlength: "200", ...known, oninput: changed(() => box.value) });
    box.value = valueOf(step, field);
    return element("label", { class: "understood" }, element("span", {}, field.label), box);
  };
  const values = (step) => Object.fromEntries(step.fields.map((field) => {
    const found = document.querySelector(`#data-prepare-${field.name}`);
    return [field.name, found.type === "checkbox" ? (found.checked ? "yes" : "no") : found.value];
  }));

  const drawn = (steps, busy, redraw) => {
    const step = steps.find((one) => one.name === typed().step) ?? steps[0];
    const select = element("select", { id: "data-prepare-step", "data-key": "prepare-step", onchange: () => {
      keeps({ step: select.value });
      data.said.prepare = "";
      redraw();
    } }, ...steps.map((one) => element("option", { value: one.name }, one.title)));
    select.value = step.name;
    const goes = (event) => {
      event.preventDefault();
      data.prepares({ step: step.name, values: values(step) });
    };
    const fold = element("details", { class: "run-more", id: "data-prepare" }, element("summary", { "data-key": "prepare", onclick: () => (data.preparing = !fold.open) }, t("data.prepare")), element("p", { class: "hint" }, t("data.prepare.says")),
      element("form", { novalidate: true, onsubmit: goes },
        element("label", { class: "understood", for: "data-prepare-step" }, element("span", {}, t("data.prepare.step"))), select,
        element("p", { class: "detail" }, step.says), element("div", { class: "understoods" }, ...step.fields.map((field) => input(step, field))),
        element("div", { class: "acts" }, element("button", { class: "act first", "data-key": "prepare-go", disabled: busy }, t("data.prepare.go"))),
        element("p", { class: "wrong", role: "alert" }, data.said.prepare ?? "")));
    fold.open = Boolean(data.preparing);
    return fold;
  };
  let seen = null;
  data.drawReady = (root, anyway = false) => {
    const steps = data.health?.steps ?? [], busy = Boolean(data.health?.work?.busy);
    const now = JSON.stringify([data.open?.id, steps, busy, data.said.prepare]);
    if (seen === now && !anyway) return;
    seen = now;
    page.anew(root, "#data-prepare summary", () => root.replaceChildren(...(steps.length ? [drawn(steps, busy, () => data.drawReady(root, true))] : [])));
  };
})();
