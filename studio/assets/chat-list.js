// The list of conversations, the judged answers, what is in memory, and the field for the question.
for (const chat of window.studioPage.chats) {
  const page = window.studioPage;
  const { element, t } = page;
  const HIGHEST = 180;

  const line = (one) =>
    element("li", {}, element("button", { type: "button", class: "run", "aria-current": one.id === chat.id && "true", onclick: () => chat.open(one.id) },
      element("b", {}, one.title), element("span", { class: "detail" }, one.when)));

  // What was judged so far: kept to train on
  const judged = (place) => {
    const list = element("ul", { class: "judged" }), said = element("p", { class: "detail", role: "status" }), makers = element("ul", { class: "makers" });
    const make = async (lesson) => {
      const found = lesson === "tests" ? await chat.post("tests", {}) : await chat.post("dataset", { lesson });
      said.className = found.ok ? "detail" : "field-fault";
      said.replaceChildren(found.said, ...(found.ok ? [" ", element("button", { type: "button", class: "link", "data-key": "open-data", onclick: () => page.data.with(found.id) }, t("chat.judged.open"))] : []));
    };
    const maker = (lesson, word) => element("li", {},
      element("button", { type: "button", class: "chip strong", "data-key": `make-${lesson}`, onclick: () => make(lesson) }, word),
      element("a", { class: "quiet", href: chat.file(lesson), download: "" }, "JSONL"));
    const drop = async (one) => (await chat.drop(one.id), fill(), chat.refresh(), chat.load());
    const fill = async () => {
      const found = await chat.get("judged", { sight: chat.sight });
      if (!found.lines) return;
      const lessons = chat.sight
        ? [maker("pictures", t("chat.judged.make.examples", { count: found.pictures })), maker("tests", t("ask.make.tests", { count: found.tests }))]
        : [maker("examples", t("chat.judged.make.examples", { count: found.examples })), maker("pairs", t("chat.judged.make.pairs", { count: found.pairs }))];
      makers.replaceChildren(...lessons);
      list.replaceChildren(...found.lines.map((one) => element("li", {}, element("b", {}, one.question), element("span", { class: "detail" }, one.judged), element("p", { class: "words" }, one.words),
        element("button", { type: "button", class: "quiet", onclick: () => drop(one) }, t("chat.judged.remove")))));
    };
    const summary = element("summary", {});
    const box = element("details", { class: "judged-box", ontoggle: () => box.open && fill() }, summary,
      element("p", { class: "detail" }, chat.sight ? t("ask.judged.about") : t("chat.judged.about")), makers, said, list);
    place.kept.judged = { box, summary, fill };
    return box;
  };

  const build = (place) => {
    const search = element("input", { type: "search", placeholder: t("chat.search"), "aria-label": t("chat.search"), oninput: (event) => {
      chat.search = event.target.value;
      clearTimeout(place.kept.soon);
      place.kept.soon = setTimeout(chat.refresh, 200);
    } });
    place.kept.list = element("ul", { "aria-label": t("chat.list") });
    place.kept.memory = element("p", { class: "memory detail" });
    place.root.className = "chats";
    const history = element("details", { class: "history" }, element("summary", {}, t("chat.list")), search, place.kept.list, judged(place), place.kept.memory);
    history.open = window.innerWidth > 720;
    place.root.replaceChildren(element("button", { type: "button", class: "chip strong new", id: `${chat.name}-new`, onclick: () => (chat.open(""), chat.box()?.focus()) }, t("chat.new")), history);
  };

  page.draws(`${chat.name}-list`, [`${chat.name}-lines`, `${chat.name}-memory`], (place, news, event) => {
    if (!place.kept.list) build(place);
    const { list, memory, judged: box } = place.kept;
    if (event === `${chat.name}-memory`) {
      const offer = (said) => memory.replaceChildren(...(said ? [said, " ", element("button", { type: "button", class: "link", id: chat.name === "chat" ? "unload" : `${chat.name}-unload`, onclick: unload }, t("chat.unload"))] : []));
      const unload = async () => {
        const found = await chat.post("unload", {});
        if (found.ok) memory.replaceChildren(found.said);
        else offer(found.said);
      };
      return offer(news[event]);
    }
    const empty = element("li", { class: "detail" }, chat.search ? t("chat.list.nothing") : t("chat.list.empty"));
    list.replaceChildren(...(chat.lines.length ? chat.lines.map(line) : [empty]));
    box.summary.textContent = chat.sight ? t("ask.judged", { count: chat.judged }) : t("chat.judged", { count: chat.judged });
    box.box.hidden = !chat.judged;
    if (box.box.open) box.fill();
  });

  const buildAsk = (place) => {
    const kept = place.kept;
    const send = async () => {
      const question = kept.input.value;
      if (!(await chat.ask(question))) return;
      kept.input.value = "";
      chat.keep("");
      grow();
      chat.drawTray?.(place);
    };
    // A picture that is pasted or dropped where there are only words is not lost without a word.
    const wordless = (event, carried) => {
      if (chat.sight || ![...carried.files].some((file) => file.type.startsWith("image/"))) return;
      event.preventDefault();
      chat.said = t("chat.no_pictures");
      chat.tell("said", chat.said);
    };
    const grow = () => {
      kept.input.style.height = "auto";
      // A very long text is not measured: laying it out once more would take seconds.
      const wanted = kept.input.value.length > 5000 ? HIGHEST : kept.input.scrollHeight + 2;
      kept.input.style.height = `${Math.min(wanted, HIGHEST)}px`;
    };
    kept.input = element("textarea", { rows: "1", placeholder: t("chat.question"), "aria-label": t("chat.question"), "aria-describedby": `${chat.name}-said ${chat.name}-keys`,
      oninput: (event) => (chat.keep(event.target.value), grow(), chat.drawTray?.(place)),
      onpaste: (event) => wordless(event, event.clipboardData),
      ondrop: (event) => wordless(event, event.dataTransfer),
      onkeydown: (event) => {
        if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
        event.preventDefault();
        send();
      } });
    kept.input.value = chat.draft();
    kept.send = element("button", { type: "submit", class: "send" }, t("chat.send"));
    kept.stop = element("button", { type: "button", class: "stop", onclick: chat.stop }, t("chat.stop"));
    kept.said = element("p", { class: "field-fault", id: `${chat.name}-said`, role: "alert" });
    const { above, below } = chat.buildTray?.(place) ?? { above: [], below: [] };
    place.root.className = "chat-ask";
    place.root.replaceChildren(...above, element("form", { onsubmit: (event) => (event.preventDefault(), send()) }, kept.input, kept.send, kept.stop), kept.said, ...below, element("p", { class: "detail", id: `${chat.name}-keys` }, t("chat.keys")));
  };

  page.draws(`${chat.name}-composer`, [`${chat.name}-said`, `${chat.name}-view`, `${chat.name}-pictures`], (place) => {
    if (!place.kept.input) buildAsk(place);
    chat.drawTray?.(place);
    const answering = Boolean(chat.view?.answering);
    place.kept.input.toggleAttribute("aria-invalid", Boolean(chat.said));
    place.kept.send.hidden = answering;
    place.kept.stop.hidden = !answering;
    if (place.kept.said.textContent !== chat.said) place.kept.said.textContent = chat.said;
  });
}
