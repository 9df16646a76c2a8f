// The fields beside the conversation, which are Gradio's: what they hold, and what is wrong with it.
for (const chat of window.studioPage.chats) {
  const page = window.studioPage;
  const FIELDS = ["base", "adapters", "system", "temperature", "top_p", "max_tokens", "repetition_penalty", "seed"];
  const KEPT = `studio-${chat.name}-fields`;
  // No number is longer, and nobody reads a sentence about one that is.
  const LONGEST_NUMBER = 100;

  // Gradio tells every change.
  chat.set = (name, value) => {
    chat.fields[name] = value;
    chat.store(KEPT, JSON.stringify(chat.fields));
    if (!["base", "adapters", "blind"].includes(name)) checkSoon();
    if (name === "adapters") learned();
    if (name === "adapters" && (chat.view || !chat.id)) chat.tell("view", chat.view);
  };
  chat.seed = (values) => {
    FIELDS.forEach((name, index) => (chat.fields[name] = values[index]));
    chat.seeded = true;
    check();
    learned();
    chat.start();
  };
  // Questions are offered in the language that the first adapter learned: in others it may have forgotten to answer.
  const learned = async () => {
    const model = chat.fields.adapters?.[0] ?? "";
    if (model === chat.learnedBy) return;
    chat.learnedBy = model;
    const found = model ? await chat.get("learned", { model }) : {};
    if (chat.learnedBy !== model) return;
    chat.learned = found.language ?? "";
    // A conversation that is being fetched is drawn when it comes; drawn without it, what was typed there would be closed.
    if (chat.view || !chat.id) chat.tell("view", chat.view);
  };
  chat.situation = () => {
    const told = { chat: chat.id, kept: JSON.parse(localStorage.getItem(KEPT) ?? "null"), with: chat.wanted };
    chat.wanted = null;
    return JSON.stringify(told);
  };
  chat.preset = (id) => {
    chat.chosen = chat.ideas.find((one) => one.id === id) ?? null;
    chat.tell("view", chat.view);
  };

  // A fault or a note stands at its field. What was typed stays.
  chat.fault = (name, said, kind = "fault") => {
    const field = document.getElementById(`${chat.name}-${name}`);
    if (!field) return;
    const id = `${chat.name}-${name}-${kind}`;
    const old = document.getElementById(id);
    if ((old?.textContent ?? "") === (said ?? "")) return;
    old?.remove();
    const input = field.querySelector("input, textarea");
    if (kind === "fault") input?.toggleAttribute("aria-invalid", Boolean(said));
    if (said) field.append(page.element("p", { id, class: `field-${kind}`, role: kind === "fault" ? "alert" : null }, said));
    const ids = ["fault", "note"].map((one) => `${chat.name}-${name}-${one}`).filter((one) => document.getElementById(one));
    if (ids.length) input?.setAttribute("aria-describedby", ids.join(" "));
    else input?.removeAttribute("aria-describedby");
  };

  // What is asked with is what is seen: a text field that is on the page is read there.
  chat.values = () => {
    const seen = { ...chat.fields, sight: chat.sight === "yes" };
    for (const name of FIELDS.slice(2)) seen[name] = document.querySelector(`#${chat.name}-${name} :is(input, textarea)`)?.value ?? seen[name] ?? "";
    for (const name of FIELDS.slice(3)) seen[name] = String(seen[name]).trim().slice(0, LONGEST_NUMBER);
    return seen;
  };

  // Gradio makes the fields when they are unfolded: a moment later they are there.
  chat.unfolded = () => setTimeout(check, 150);
  const checked = () => {
    const { base, adapters, blind, ...settings } = chat.values();
    return settings;
  };
  // Answers may overtake one another: one to what the fields no longer hold is asked again.
  const check = async () => {
    const settings = checked();
    const found = await chat.post("check", settings);
    if (JSON.stringify(settings) !== JSON.stringify(checked())) return checkSoon();
    if (found.tooLarge) return chat.fault("system", found.said);
    if (!found.faults) return;
    for (const name of Object.keys(settings)) {
      chat.fault(name, found.notes[name], "note");
      chat.fault(name, found.faults[name]);
    }
  };
  let waiting;
  const checkSoon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(check, 300);
  };
  // Gradio tells a change only once it has taken up a field that was unfolded just now.
  document.addEventListener("input", (event) => {
    const [of, name] = event.target.closest?.(`[id^=${chat.name}-]`)?.id.split("-") ?? [];
    if (of === chat.name && FIELDS.slice(2).includes(name)) checkSoon();
  });
}
