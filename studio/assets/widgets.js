// Gradio's own words that it has in English only, said in the language of the page: its messages in a corner, and what
// a screen reader is told about its buttons. All the others are replaced before they are drawn (studio/pages.py).
(() => {
  const { t } = window.studioPage;
  const LABELS = {
    "Close": t("widget.close"),
    "Click to upload or drop files": t("widget.upload"),
    "File upload": t("widget.upload"),
    "Upload file": t("widget.upload"),
    "More tabs": t("widget.more_tabs"),
    "Remove this file": t("widget.remove_file"),
    "Copied": t("widget.copied"),
  };
  const SENTENCES = [
    [/^Error$/, () => t("widget.error")],
    [/^Connection (Lost|to the server was lost|errored out)/, () => t("lost")],
    [/^Could not/, () => t("lost")],
    [/^File\(s\) exceed the maximum allowed size of ([^:]+): (.*)$/s, ([, limit, files]) => t("widget.too_large", { limit, files })],
  ];
  const named = Object.keys(LABELS).flatMap((label) => [`button[aria-label="${label}"]`, `input[aria-label="${label}"]`, `button[title="${label}"]`]).join(",");

  const say = () => {
    for (const one of document.querySelectorAll(named))
      for (const name of ["aria-label", "title"])
        if (LABELS[one.getAttribute(name)] && LABELS[one.getAttribute(name)] !== one.getAttribute(name)) one.setAttribute(name, LABELS[one.getAttribute(name)]);
    // A chosen one is taken away by a cross, which Gradio calls by its number.
    for (const cross of document.querySelectorAll(".token > .token-remove")) {
      const label = t("widget.remove", { name: cross.parentElement.textContent.trim() });
      for (const name of ["aria-label", "title"]) if (cross.getAttribute(name) !== label) cross.setAttribute(name, label);
    }
    for (const message of document.querySelectorAll(".toast-title, .toast-message-text"))
      for (const node of message.childNodes)
        if (node.nodeType === Node.TEXT_NODE)
          for (const [english, ours] of SENTENCES) {
            const found = english.exec(node.data.trim());
            if (found && node.data.trim() !== ours(found)) node.data = ours(found);
          }
  };

  let due = 0;
  const soon = () => (due ||= requestAnimationFrame(() => { due = 0; say(); }));
  document.addEventListener("DOMContentLoaded", () =>
    new MutationObserver(soon).observe(document.body, { childList: true, subtree: true, characterData: true, attributes: true, attributeFilter: ["aria-label", "title"] }));
})();
