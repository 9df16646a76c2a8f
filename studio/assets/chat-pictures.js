// Pictures of questions: dropped, pasted, chosen, taken by the camera, or samples. The studio keeps each as soon as it is
// there, so that a reload loses none; and what is the right answer, where somebody knows it.
for (const chat of window.studioPage.chats.filter((one) => one.sight)) {
  const page = window.studioPage;
  const { element, t } = page;
  const KEPT = `studio-${chat.name}-pictures`;
  // As backend.chats.pictures.kept has it.
  const MOST_BYTES = 20_000_000;
  const LANGUAGES = [["en", "English"], ["ro", "Română"], ["it", "Italiano"]];

  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "{}");
  Object.assign(chat, { attached: kept.attached ?? [], sample: kept.sample ?? "", reference: kept.reference ?? "", bringing: 0, gallery: null, camera: null });
  const keep = (values) => {
    Object.assign(chat, values);
    const { attached, sample, reference } = chat;
    chat.store(KEPT, JSON.stringify({ attached, sample, reference }), [sessionStorage]);
  };
  const changed = (values) => {
    keep(values);
    chat.tell("pictures");
  };
  const say = (said) => {
    chat.said = said;
    chat.tell("said", said);
  };

  // What goes with a question, and what is left when it was asked
  chat.shown = () => ({ pictures: chat.attached, reference: chat.reference });
  chat.sent = () => changed({ attached: [], sample: "", reference: "" });

  // A question that is asked while its pictures still come waits for them; when one of them does not, it stays typed.
  let coming = Promise.resolve();
  let failed = false;
  const inTurn = (count, work) => {
    say("");
    failed = false;
    changed({ bringing: chat.bringing + count });
    return (coming = coming.then(work));
  };
  chat.brought = async () => {
    if (!chat.bringing) return true;
    await coming;
    return !failed;
  };
  const add = (found, sample = "") => {
    chat.bringing -= 1;
    failed ||= !found.ok;
    if (!found.ok) return say(found.said);
    changed({ attached: [...new Set([...chat.attached, found.picture])], sample });
  };
  const sent = async (file) => {
    try {
      const answer = await fetch(chat.address("picture", { name: file.name ?? "" }), { method: "POST", body: file });
      const json = answer.headers.get("content-type")?.includes("json");
      return { ok: answer.ok, ...(json ? await answer.json() : { said: await answer.text() }) };
    } catch {
      return { ok: false, said: t("chat.offline") };
    }
  };
  // One after another: the order in which they were chosen is the one in which a model sees them.
  chat.bring = (files) =>
    inTurn(files.length, async () => {
      for (const file of files) add(file.size > MOST_BYTES ? { ok: false, said: t("ask.heavy", { name: file.name }) } : await sent(file));
      chat.tell("pictures");
    });
  const take = (file) =>
    inTurn(1, async () => {
      const found = await chat.post("sample", { file });
      if (found.ok) keep({ attached: [] });
      add(found, file);
      chat.box()?.focus();
      chat.tell("pictures");
    });

  // Dropped anywhere beside the list, or pasted while the tab is open
  const home = () => document.getElementById(`${chat.name}-panes`)?.closest(".chat-main");
  const holds = (event) => event.dataTransfer?.types.includes("Files") && home()?.contains(event.target);
  const over = (on) => home()?.classList.toggle("over", on);
  document.addEventListener("dragover", (event) => {
    if (!holds(event)) return over(false);
    event.preventDefault();
    over(true);
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget || over(false));
  document.addEventListener("drop", (event) => {
    over(false);
    if (!holds(event)) return;
    event.preventDefault();
    chat.bring([...event.dataTransfer.files]);
  });
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length || !home()?.offsetParent) return;
    event.preventDefault();
    chat.bring(files);
  });

  // The camera: what it sees until somebody takes a picture
  const shut = () => {
    for (const track of chat.camera?.getTracks() ?? []) track.stop();
    chat.camera = null;
    chat.tell("pictures");
  };
  const look = async () => {
    say("");
    try {
      chat.camera = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      chat.tell("pictures");
      document.querySelector(`${chat.question} .camera .strong`)?.focus();
    } catch {
      say(t("ask.camera.none"));
    }
  };
  const snap = (video) => {
    const canvas = element("canvas", { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext("2d").drawImage(video, 0, 0);
    canvas.toBlob((blob) => {
      shut();
      chat.bring([new File([blob], `${t("ask.camera")}.jpg`)]);
      chat.box()?.focus();
    }, "image/jpeg", 0.95);
  };
  const viewfinder = () => {
    const video = element("video", { muted: true, playsinline: true, "aria-label": t("ask.camera") });
    video.muted = true;
    video.srcObject = chat.camera;
    video.play();
    return element("div", { class: "camera", onkeydown: (event) => event.key === "Escape" && (event.preventDefault(), shut()) }, video,
      element("div", { class: "tools" }, element("button", { type: "button", class: "chip strong", onclick: () => video.videoWidth && snap(video) }, t("ask.camera.take")),
        element("button", { type: "button", class: "quiet", onclick: shut }, t("chat.leave"))));
  };
  document.addEventListener("visibilitychange", () => document.hidden && chat.camera && shut());

  // Above the question: what goes with it, and the ways to add more
  const small = (name) => chat.address("picture", { name, small: "yes" });
  chat.thumb = (name, number) =>
    element("a", { class: "shown", href: chat.address("picture", { name }), target: "_blank", rel: "noopener" }, element("img", { src: small(name), alt: t("ask.picture", { number }) }));
  const chosen = (name, index) => {
    const drop = () => (changed({ attached: chat.attached.filter((one) => one !== name), sample: "" }), chat.box()?.focus());
    return element("li", {}, element("img", { src: small(name), alt: t("ask.picture", { number: index + 1 }) }),
      element("button", { type: "button", class: "drop", "aria-label": t("ask.remove", { number: index + 1 }), onclick: drop }, "×"));
  };
  chat.buildTray = (place) => {
    const input = element("input", { type: "file", accept: "image/*,.heic,.heif", multiple: true, hidden: true, onchange: () => (chat.bring([...input.files]), (input.value = "")) });
    const ways = [element("button", { type: "button", class: "chip strong", onclick: () => input.click() }, t("ask.choose"))];
    if (navigator.mediaDevices?.getUserMedia) ways.push(element("button", { type: "button", class: "chip strong", onclick: look }, t("ask.camera")));
    Object.assign(place.kept, { pictures: element("ul", { class: "tray", "aria-label": t("ask.pictures") }), finder: element("div", {}), note: element("p", { class: "detail note" }) });
    place.kept.right = element("input", { type: "text", class: "right", placeholder: t("ask.reference.optional"), "aria-label": t("ask.reference.optional"), oninput: (event) => keep({ reference: event.target.value }) });
    place.kept.busy = element("span", { class: "detail", role: "status" });
    return { above: [place.kept.finder, element("div", { class: "with" }, place.kept.pictures, element("div", { class: "tools" }, ...ways, input), place.kept.right, place.kept.busy)], below: [place.kept.note] };
  };
  chat.drawTray = (place) => {
    const { pictures, finder, note, right, busy, input } = place.kept;
    const now = JSON.stringify(chat.attached);
    if (now !== place.kept.now) pictures.replaceChildren(...chat.attached.map(chosen));
    place.kept.now = now;
    pictures.hidden = !chat.attached.length;
    if (Boolean(chat.camera) !== Boolean(finder.firstChild)) finder.replaceChildren(...(chat.camera ? [viewfinder()] : []));
    if (right.value !== chat.reference) right.value = chat.reference;
    busy.textContent = chat.bringing ? t("ask.bringing") : "";
    const blind = !chat.attached.length && !chat.bringing && !chat.view?.turns.some((turn) => turn.pictures.length);
    note.textContent = blind && (input.value.trim() || chat.view?.turns.length) ? chat.gallery?.note ?? "" : "";
  };

  // Nothing asked yet: samples to begin with, then questions to ask about them
  const inLanguage = () => chat.ideasIn ?? (chat.learned || page.language);
  const sampled = () => chat.attached.length === 1 && chat.gallery.samples.find((one) => one.file === chat.sample);
  const questions = () => {
    const language = inLanguage(), sample = sampled();
    const asked = sample ? sample.questions[language] : (chat.gallery.questions[language] ?? []).map((question) => ({ question, answer: "" }));
    const ask = ({ question, answer }) => chat.ask(question, answer ? { reference: answer } : {});
    return [
      element("p", {}, t("ask.questions")),
      element("div", { class: "chips", role: "group", "aria-label": t("chat.ideas") }, ...LANGUAGES.map(([code, name]) =>
        element("button", { type: "button", class: "chip", lang: code, "data-key": `in-${code}`, "aria-pressed": String(code === language), onclick: () => ((chat.ideasIn = code), chat.tell("view", chat.view)) }, name))),
      element("ul", { lang: language }, ...asked.map((one) => element("li", {}, element("button", { type: "button", class: "idea", onclick: () => ask(one) }, one.question)))),
    ];
  };
  chat.begin = () => {
    if (!chat.gallery) return element("div", { class: "ideas" });
    if (chat.seeded && !chat.fields.base)
      return element("div", { class: "ideas" }, element("p", {}, t("ask.no_model")), element("button", { type: "button", class: "chip strong", onclick: () => page.open("models") }, t("ask.models")));
    const samples = chat.gallery.samples.map((one, index) => element("li", {}, element("button", { type: "button", "data-key": one.file, "aria-pressed": String(one.file === chat.sample), onclick: () => take(one.file) },
      element("img", { src: chat.address("sampled", { file: one.file }), alt: t("ask.sample", { number: index + 1 }) }))));
    return element("div", { class: "ideas" }, element("p", {}, t("ask.empty")), element("ul", { class: "gallery", "aria-label": t("ask.samples") }, ...samples), ...(chat.attached.length ? questions() : []));
  };
  page.hears([`${chat.name}-pictures`], () => !chat.view && chat.tell("view", chat.view));

  // Right answers, and questions that are saved as a test
  chat.refer = async (turn, reference) => {
    const found = await chat.post("reference", { chat: chat.id, turn, reference });
    if (found.ok) await chat.load();
    return found;
  };
  chat.saveTest = async (turn, wanted) => {
    const found = await chat.post("test", { chat: chat.id, turn, keep: wanted });
    if (found.ok) await Promise.all([chat.load(), chat.refresh()]);
    return found;
  };
}
