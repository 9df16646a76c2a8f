// The panel of several stages: what was chosen and typed in it is a draft, by chain and field.
(() => {
  const page = window.studioPage;
  const kept = page.draftOf("chain", "studio-chain-draft");
  const draft = () => ({ chain: "", fields: {}, ...JSON.parse(kept.read() || "{}") });
  const FIELD = "#chain-name, [id^='chain-steps-']";
  let shown = "";

  const keep = (name, value) => {
    const { fields } = draft();
    kept.write(JSON.stringify({ chain: shown, fields: { ...fields, [shown]: { ...fields[shown], [name]: value } } }));
  };
  page.chain = {
    // The panel begins with the chain that was left in it.
    picked: (chain) => {
      const first = !shown;
      shown = first ? draft().chain || chain : chain;
      if (!first) kept.write(JSON.stringify({ ...draft(), chain }));
      return shown;
    },
    // Its fields are about to be filled.
    left: (chain) => ((shown = chain), [kept.read() ?? "", chain]),
    keep,
    // The next run needs another name.
    started: (run) => {
      if (!run) return;
      keep("chain-name", undefined);
      page.open("runs", run);
    },
  };
  // Gradio's own event of a text field misses what was pasted.
  document.addEventListener("input", ({ target }) => {
    const field = target.closest(FIELD);
    if (field && shown) keep(field.id, target.value);
  });
})();
