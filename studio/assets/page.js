// The page's own scripts share one object: `studioPage`, whose language and words the server has written into the head.
// A place of the page (`mount`) is filled by the drawing function of its name, again whenever its news arrive.
(() => {
  const page = window.studioPage;
  const drawers = {};
  const places = new Set();
  const hearers = [];
  const news = {};

  page.t = (key, values = {}) =>
    Object.entries(values).reduce((text, [name, value]) => text.replace(`{${name}}`, value), page.words[key] ?? key);

  // element("p", {class: "x"}, "text", child): text is always text, never markup.
  page.element = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children.filter((child) => child !== null && child !== undefined));
    return made;
  };

  page.draws = (name, events, draw) => (drawers[name] = { events, draw });

  page.mount = (name, element, choose, tell) => {
    const root = element.querySelector("div") ?? element;
    const place = { name, root, choose, tell, kept: {} };
    places.add(place);
    drawers[name].draw(place, news);
  };

  // Who has no place on the page and listens all the same.
  page.hears = (events, hear) => hearers.push({ events, hear });

  // What the server has said last, by event name; every place that listens to it is drawn again. A place that is being
  // pressed just now waits until that is over: a button that is made anew between down and up would not be pressed.
  page.told = (event, said) => {
    news[event] = said;
    for (const one of hearers) if (one.events.includes(event)) one.hear(news, event);
    for (const place of places) if (drawers[place.name].events.includes(event)) page.calmly(place.root, () => again(place, event));
  };
  const again = (place, event) => {
    if (place.root.isConnected) drawers[place.name].draw(place, news, event);
    else places.delete(place);
  };
  let pressed = null;
  let late = [];
  page.calmly = (root, draw) => (pressed && root.contains(pressed) ? late.push(draw) : draw());
  const released = () => {
    if (!pressed) return;
    pressed = null;
    setTimeout(() => {
      const waiting = late;
      late = [];
      for (const draw of waiting) draw();
    });
  };
  document.addEventListener("pointerdown", (event) => (pressed = event.button === 0 ? event.target.closest?.("button, a, summary, label") : null), true);
  for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, released, true);
  window.addEventListener("blur", released);
  page.news = news;

  // What has the focus keeps it when its place is drawn again; who had it and is gone hands it to `otherwise`.
  page.anew = (root, otherwise, draw) => {
    const active = document.activeElement;
    const key = root.contains(active) ? active.dataset.key ?? active.closest("[data-key]")?.dataset.key : null;
    draw();
    if (!key || root.contains(document.activeElement)) return;
    const same = [...root.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key && !one.disabled);
    (same ?? (otherwise && root.querySelector(otherwise)))?.focus();
  };

  // Asks the server under `/part/…`. Every answer is {ok, ...what the server said}; without a server it says `away`.
  page.asker = (part, away) => {
    const address = (name, values = {}) => `${page.prefix}/${part}/${name}?${new URLSearchParams({ language: page.language, ...values })}`;
    const asked = async (url, options) => {
      try {
        const answer = await fetch(url, options);
        const said = answer.headers.get("content-type")?.includes("json") ? await answer.json() : { said: await answer.text() };
        return Array.isArray(said) ? said : { ok: answer.ok, tooLarge: answer.status === 413, ...said };
      } catch {
        return { ok: false, said: away };
      }
    };
    return {
      address,
      get: (name, values) => asked(address(name, values)),
      post: (name, values) => asked(address(name), { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(values) }),
    };
  };

  // Light or dark: what was chosen here, else what the system says (Gradio follows the system by itself).
  const dark = () => (document.documentElement.dataset.theme ? document.documentElement.dataset.theme === "dark" : null);
  const obey = () => {
    const wanted = dark();
    if (wanted !== null && document.body.classList.contains("dark") !== wanted)
      document.body.classList.toggle("dark", wanted);
  };
  page.toggleTheme = () => {
    const next = document.body.classList.contains("dark") ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    localStorage.setItem("studio-theme", next);
    obey();
    page.told("theme", next);
  };
  // Gradio, which has no Italian, says that such a page is in English; a screen reader would read it so.
  const speak = () => {
    if (document.documentElement.lang !== page.language) document.documentElement.lang = page.language;
  };
  new MutationObserver(speak).observe(document.documentElement, { attributes: true, attributeFilter: ["lang"] });
  document.addEventListener("DOMContentLoaded", () => {
    obey();
    new MutationObserver(obey).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  });

  page.draws("top", ["machine", "connection"], (place, { machine, connection }) => {
    const { element, t } = page;
    const said = connection === "lost" ? t("lost") : machine ?? "";
    // Only this changes: what has the focus keeps it.
    if (place.kept.device) return (place.kept.device.textContent = said);
    place.kept.device = element("span", { class: "device", id: "device" }, said);
    const languages = [["en", "English"], ["ro", "Română"], ["it", "Italiano"]].map(([code, name]) =>
      element("a", { href: `${page.prefix}/${code}/`, onclick: (event) => (event.currentTarget.hash = location.hash), lang: code, title: name, "aria-current": code === page.language && "true" }, code.toUpperCase()));
    place.root.className = "top";
    place.root.replaceChildren(
      element("a", { class: "skip", href: "#tabs", onclick: (event) => page.skip(event) }, t("skip")),
      element("span", { class: "brand" }, "Romanza", element("i", {}, "Studio")),
      place.kept.device,
      element("nav", { class: "languages", "aria-label": t("language") }, ...languages),
      element("button", { class: "theme", type: "button", "aria-label": t("theme"), title: t("theme"), onclick: page.toggleTheme }, "◐"),
    );
  });
})();
