// What the model answered to the test questions, step by step: a book to leaf through. Answers are only ever text.
(() => {
  const page = window.studioPage;
  const { element, t } = page;
  const SECONDS = 0.9;

  const number = (value) => value.toLocaleString(page.language);

  const made = (place) => {
    const book = { step: null, timer: null, tallest: 0 };
    const go = (by) => open(book, Math.min(book.pages.length - 1, Math.max(0, at(book) + by)));
    const turn = (word, sign, by) => element("button", { type: "button", class: "flip", "aria-label": word, title: word, onclick: () => { halt(book); go(by); } }, sign);
    book.back = turn(t("answers.back"), "‹", -1);
    book.on = turn(t("answers.on"), "›", 1);
    book.play = element("button", { type: "button", class: "flip play", onclick: () => (book.timer ? halt(book) : play(book)) });
    book.slider = element("input", { type: "range", min: 0, step: 1, "aria-label": t("answers.step"), oninput: () => { const to = Number(book.slider.value); halt(book); open(book, to); } });
    book.where = element("span", { class: "where" });
    book.newest = element("button", { type: "button", class: "link", onclick: () => { halt(book); open(book, book.pages.length - 1); } }, t("answers.newest"));
    book.score = element("span", { class: "score" });
    book.rows = element("div", { class: "rows" });
    book.node = element("section", { class: "book", "aria-label": t("answers") },
      element("header", {}, element("h3", {}, t("answers")), book.score),
      element("div", { class: "flipper" }, book.back, book.play, book.on, book.slider, book.where, book.newest), book.rows);
    book.node.addEventListener("keydown", (event) => {
      const by = event.target === book.slider ? 0 : { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!by) return;
      halt(book);
      go(by);
      event.preventDefault();
    });
    place.root.replaceChildren(book.node);
    return book;
  };

  // The page that is open: the newest, unless the person has turned to another one.
  const at = (book) => {
    const found = book.pages.findIndex((one) => one.step === book.step);
    return found < 0 ? book.pages.length - 1 : found;
  };

  const open = (book, index) => {
    book.step = index === book.pages.length - 1 ? null : book.pages[index].step;
    draw(book);
  };

  const halt = (book) => {
    clearInterval(book.timer);
    book.timer = null;
    draw(book);
  };

  // From the beginning when it stands at the end; to the end.
  const play = (book) => {
    if (at(book) === book.pages.length - 1) open(book, 0);
    book.timer = setInterval(() => {
      if (!book.node.isConnected || at(book) === book.pages.length - 1) return halt(book);
      open(book, at(book) + 1);
    }, SECONDS * 1000);
    draw(book);
  };

  const mark = (right) => (right === null || right === undefined ? null : element("span", { class: right ? "mark right" : "mark other" }, right ? t("answers.right") : t("answers.other")));

  const fill = (node, text, title = null) => {
    if (node.textContent !== text) node.textContent = text;
    if (title) node.title = title;
  };

  // What a question is about: a file of the run.
  const picture = (name) => {
    const source = `${page.prefix}/probe?${new URLSearchParams({ run: page.run(), name })}`;
    const seen = element("img", { src: source, alt: t("answers.picture") });
    seen.addEventListener("error", () => seen.remove());
    return seen;
  };

  // One question: made once, afterwards only its texts change, so that nothing else moves.
  const row = (asked) => {
    const [now, first, result] = [element("p", { class: "now" }), element("dd", { class: "first" }), element("span", { class: "result" })];
    const more = element("dl", {}, element("dt", {}, t("answers.first")), first);
    if (asked.expected) more.append(element("dt", {}, t("answers.expected")), element("dd", { class: "expected" }, asked.expected));
    const about = asked.pictures?.length ? element("div", { class: "about" }, ...asked.pictures.map(picture)) : null;
    return { node: element("article", { class: about ? "asked seen" : "asked" }, element("div", { class: "question" }, about, element("h4", {}, asked.question)), element("div", { class: "reply" }, now, result), more), now, first, result, right: undefined };
  };

  const draw = (book) => {
    const { pages, questions } = book;
    const index = at(book);
    const shown = pages[index];
    const asked = JSON.stringify(questions);
    if (asked !== book.asked) {
      book.asked = asked;
      book.lines = questions.map(row);
      book.rows.replaceChildren(...book.lines.map((one) => one.node));
    }
    book.lines.forEach((one, place) => {
      const answer = shown.answers[place];
      fill(one.now, answer ? answer.text || t("answers.silent") : "…");
      fill(one.first, pages[0].answers[place]?.text ?? "…");
      const right = answer?.right ?? null;
      if (right !== one.right) one.result.replaceChildren(...[mark(right)].filter(Boolean));
      one.right = right;
      one.node.classList.toggle("exact", right === true);
    });
    const marked = shown.answers.filter((one) => typeof one?.right === "boolean");
    fill(book.score, marked.length ? t("answers.score", { right: number(marked.filter((one) => one.right).length), all: number(marked.length) }) : "");
    book.slider.max = pages.length - 1;
    book.slider.value = index;
    book.slider.disabled = pages.length < 2;
    fill(book.where, t("answers.at", { step: number(shown.step), last: number(pages.at(-1).step) }));
    book.slider.setAttribute("aria-valuetext", book.where.textContent);
    book.back.disabled = index === 0;
    book.on.disabled = index === pages.length - 1;
    book.newest.classList.toggle("gone", index === pages.length - 1);
    book.newest.tabIndex = index === pages.length - 1 ? -1 : 0;
    book.play.disabled = pages.length < 2;
    fill(book.play, book.timer ? "❚❚" : "▶");
    book.play.title = book.timer ? t("answers.halt") : t("answers.play");
    book.play.setAttribute("aria-label", book.play.title);
    // Short answers do not pull up what stands below.
    book.tallest = Math.max(book.tallest, book.rows.offsetHeight);
    book.rows.style.minHeight = `${book.tallest}px`;
  };

  page.draws("answers", ["answers", "chosen"], (place, { answers }, event) => {
    place.root.className = "answers-place";
    if (event === "chosen" && place.kept.book) {
      clearInterval(place.kept.book.timer);
      place.kept.book = null;
    }
    place.root.hidden = !page.run() || !answers?.pages.length;
    if (place.root.hidden) return;
    const book = (place.kept.book ??= made(place));
    book.pages = answers.pages;
    book.questions = answers.questions;
    draw(book);
  });

  // On another width the lines break elsewhere: the height is measured anew.
  window.addEventListener("resize", () => document.querySelectorAll(".book .rows").forEach((one) => (one.style.minHeight = "")));
})();
