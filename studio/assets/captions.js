// Captions for many pictures: the jobs, what they have made, and pictures on their way. The drawing is in captions-draw.js.
(() => {
  const page = window.studioPage;
  const { t } = page;
  const { get, post, address } = page.asker("captions", t("data.away"));
  const captions = (page.captions = { address, lines: null, open: null, files: [], sending: null, offered: null, said: {}, made: "", sure: false });
  const tell = () => page.told("captions");
  const SOON = 1500;

  // What was chosen and typed, as it was left.
  const draft = page.draftOf("captions", "studio-captions-draft");
  const EMPTY = { model: "", prompt: null, beside: true, part: "ask" };
  captions.wanted = () => ({ ...EMPTY, ...JSON.parse(draft.read() || "{}") });
  captions.want = (values) => draft.write(JSON.stringify({ ...captions.wanted(), ...values }));
  // Who captions: what was chosen if it is still there, else the first model.
  captions.model = () => {
    const every = captions.offered ? [...captions.offered.adapters, ...captions.offered.models] : [];
    return every.find((one) => one.id === captions.wanted().model) ?? captions.offered?.models[0] ?? null;
  };
  // What was typed; else the words that this model understands, or the first of those that any does.
  captions.prompt = () => captions.wanted().prompt ?? captions.model()?.describes[page.language] ?? captions.offered?.questions[page.language]?.[0] ?? "";

  // The two parts of the tab.
  captions.shows = (part) => {
    captions.want({ part });
    for (const [name, id] of [["ask", "vision-ask"], ["captions", "vision-captions"]])
      document.getElementById(id)?.classList.toggle("put-away", name !== part);
    page.told("vision-part");
    if (part === "captions") captions.start();
  };

  captions.start = async () => {
    const [offered] = await Promise.all([get("offered"), captions.refresh()]);
    if (offered.ok) captions.offered = offered;
    tell();
  };
  const takes = (found) => {
    if (found.ok && found.lines) captions.lines = found.lines;
    captions.said.list = found.ok ? "" : found.said;
  };
  captions.refresh = async () => takes(await get("works"));

  // While a job is at work or waits, its news are asked for, as long as they are looked at.
  const looked = () => document.getElementById("captions-beside")?.checkVisibility() && !document.hidden;
  const alive = () => captions.lines?.some((one) => one.active || one.waiting);
  setInterval(async () => {
    if (!looked() || !alive()) return;
    await captions.refresh();
    if (captions.open) await look();
    tell();
  }, SOON);

  // One job.
  const look = async () => {
    const { id, first } = captions.open;
    const found = await get("one", { id, first });
    if (captions.open?.id !== id || captions.open.first !== first) return;
    captions.said.one = found.ok ? "" : found.said;
    if (found.ok) Object.assign(captions.open, found);
  };
  captions.shown = async (id, first = 0) => {
    captions.open = { ...(captions.open?.id === id ? captions.open : {}), id, first };
    Object.assign(captions, { made: "", sure: false });
    await look();
    tell();
  };
  captions.closes = () => {
    captions.open = null;
    tell();
    document.querySelector("#captions-new h2")?.focus();
  };
  const acts = async (name, id) => {
    takes(await post(name, { id }));
    if (name === "forget" && !captions.said.list) captions.open = null;
    if (captions.open) await look();
    tell();
  };
  captions.stops = (id) => acts("stop", id);
  captions.resumes = (id) => acts("resume", id);
  captions.forgets = (id) => acts("forget", id);
  captions.corrects = async (name, caption) => {
    const found = await post("correct", { id: captions.open.id, name, caption });
    const row = captions.open?.rows?.find((one) => one.name === name);
    if (found.ok && row) Object.assign(row, { caption: found.caption, corrected: found.corrected });
    captions.said.one = found.ok ? "" : found.said;
    tell();
    return found.ok;
  };
  captions.asData = async () => {
    const found = await post("data", { id: captions.open.id });
    captions.said.one = found.ok ? "" : found.said;
    Object.assign(captions, found.ok ? { made: found.said, data: found.data } : { made: "" });
    tell();
  };

  // Pictures that were dropped or chosen; they go to the studio when the job is started.
  captions.takesFiles = (files) => {
    captions.files = [...captions.files, ...files.filter(({ name }) => !captions.files.some((one) => one.name === name))];
    captions.said.files = "";
    tell();
  };
  captions.dropsFiles = () => {
    captions.files = [];
    tell();
  };
  const refuses = (where, said) => {
    captions.sending = null;
    captions.said = { ...captions.said, [where]: said };
    tell();
    document.querySelector(`#captions-${where}`)?.focus();
  };
  captions.begins = async () => {
    const { beside } = captions.wanted(), prompt = captions.prompt();
    captions.said = {};
    if (!captions.files.length) return refuses("files", t("captions.no_files"));
    captions.sending = { share: 0 };
    tell();
    const brought = await page.data.carries(captions.files, (share) => {
      captions.sending = { share };
      tell();
    });
    if (!brought.ok) return refuses("files", brought.said);
    const found = await post("start", { upload: brought.upload, model: captions.model()?.id ?? "", prompt, with_base: beside });
    if (!found.ok) {
      page.data.post("discard", { upload: brought.upload });
      return refuses(found.field || "files", found.said);
    }
    Object.assign(captions, { sending: null, files: [] });
    await captions.refresh();
    await captions.shown(found.job);
    document.querySelector("#captions-name")?.focus();
  };
})();
