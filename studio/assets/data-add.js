// Adding data: files or a folder dropped or chosen, or text that is pasted. What was brought is shown by data-look.js.
(() => {
  const page = window.studioPage;
  const { element, t, data } = page;

  const hidden = (id, more) => element("input", { type: "file", id, class: "unseen", tabindex: "-1", "aria-hidden": "true", multiple: true, ...more, onchange: (event) => {
    data.chosen(event.target.files).finally(() => (event.target.value = ""));
  } });
  const zone = () => {
    const files = hidden("data-files"), folder = hidden("data-folder", { webkitdirectory: true });
    const made = element("div", { class: "drop", id: "data-drop" }, element("p", {}, t("data.drop")),
      element("div", { class: "acts" },
        element("button", { type: "button", class: "act first", "data-key": "files", onclick: () => files.click() }, t("data.choose")),
        element("button", { type: "button", class: "act", "data-key": "folder", onclick: () => folder.click() }, t("data.folder"))),
      element("p", { class: "hint" }, t("data.drop.says")), files, folder);
    return made;
  };
  // Files may be let go anywhere on the right side.
  data.takesDrops = (root) => {
    const over = (is) => root.querySelector("#data-drop")?.toggleAttribute("data-over", is);
    root.addEventListener("dragover", (event) => {
      if (!event.dataTransfer.types.includes("Files")) return;
      event.preventDefault();
      over(true);
    });
    root.addEventListener("dragleave", (event) => !root.contains(event.relatedTarget) && over(false));
    root.addEventListener("drop", (event) => {
      if (!event.dataTransfer.types.includes("Files")) return;
      event.preventDefault();
      over(false);
      if (!data.sending && !data.importing()) data.dropped(event.dataTransfer);
    });
  };

  const paste = () => {
    const area = element("textarea", { id: "data-pasted", rows: "6", spellcheck: "false", oninput: () => data.want({ pasted: area.value }) });
    area.value = data.wanted().pasted;
    const kind = element("select", { id: "data-paste-kind", onchange: () => data.want({ kind: kind.value }) },
      ...[["", t("data.paste.any")], [".csv", t("data.paste.table")], [".txt", t("data.paste.text")]].map(([value, word]) => element("option", { value }, word)));
    kind.value = data.wanted().kind;
    const said = element("p", { class: "wrong", role: "alert", id: "data-pasted-said" });
    const looks = (event) => {
      event.preventDefault();
      said.textContent = area.value.trim() ? "" : t("data.paste.empty");
      area.setAttribute("aria-invalid", String(!area.value.trim()));
      area.setAttribute("aria-describedby", "data-pasted-said");
      if (area.value.trim()) data.paste(area.value, kind.value);
      else area.focus();
    };
    return element("details", { class: "run-more", id: "data-paste" }, element("summary", {}, t("data.paste")),
      element("form", { class: "paste", novalidate: true, onsubmit: looks }, element("label", { for: "data-pasted" }, t("data.paste.label")), area, said,
        element("div", { class: "acts" }, element("label", { for: "data-paste-kind" }, t("data.paste.kind")), kind, element("button", { class: "act first", "data-key": "paste" }, t("data.paste.go")))));
  };

  const size = (bytes) => {
    const units = ["B", "kB", "MB", "GB"], power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), 3);
    return `${(bytes / 1000 ** power).toLocaleString(page.language, { maximumFractionDigits: power ? 1 : 0 })} ${units[power]}`;
  };
  const sending = ({ total, done, name, count }) => {
    const share = total ? done / total : 1;
    return [element("p", {}, t("data.sending", { name: count > 1 ? `${name} (${count})` : name, done: size(done), total: size(total) })),
      element("span", { class: "progress", role: "progressbar", "aria-label": t("data.sending.short"), "aria-valuenow": Math.round(share * 100), "aria-valuemin": 0, "aria-valuemax": 100 }, element("i", { style: `width:${(share * 100).toFixed(1)}%` })),
      element("div", { class: "acts" }, element("button", { type: "button", class: "act", "data-key": "cancel", onclick: data.cancel }, t("data.cancel")))];
  };
  data.drawAdd = (root) => {
    if (!root.firstChild) {
      root.replaceChildren(element("h2", { tabindex: "-1" }, t("data.add")), element("p", { class: "wrong", role: "alert", id: "data-add-said" }),
        element("div", { class: "on-its-way", role: "status" }), element("div", { class: "ways-in" }, zone(), paste(), data.hubFold()));
    }
    const said = root.querySelector("#data-add-said"), wrong = data.said.add || data.said.look || "";
    if (said.textContent !== wrong) said.textContent = wrong;
    const way = root.querySelector(".on-its-way"), seen = JSON.stringify(data.sending);
    root.querySelector(".ways-in").hidden = Boolean(data.sending);
    if (way.dataset.seen === seen) return;
    way.dataset.seen = seen;
    page.anew(way, null, () => way.replaceChildren(...(data.sending ? sending(data.sending) : [])));
  };
})();
