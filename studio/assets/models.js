// The models' state and what it asks of the server. The drawing is in models-here.js, models-find.js, models-details.js.
(() => {
  const page = window.studioPage;
  const { t } = page;
  const FILTERS = { curated: ["speaks", "kind", "size", "family", "licence"], hub: ["speaks", "kind", "size"] };
  const SOON = 300;

  const { get, post } = page.asker("models", t("models.away"));
  const models = (page.models = { get, post, lines: null, rows: null, total: 0, more: false, offer: null, said: {}, asking: "" });

  // What was typed and chosen, as it was left; the token is never in it.
  const draft = page.draftOf("models", "studio-models-draft");
  const EMPTY = { source: "curated", text: "", typed: "", speaks: "", kind: "", size: "", family: "", licence: "", page: 0, folder: "" };
  models.wanted = () => ({ ...EMPTY, ...JSON.parse(draft.read() || "{}") });
  models.want = (values) => draft.write(JSON.stringify({ ...models.wanted(), ...values }));

  // Answers may overtake one another: only the last question of its kind is heard.
  const questions = {};
  const last = (kind) => {
    const mine = (questions[kind] = (questions[kind] ?? 0) + 1);
    return () => questions[kind] === mine;
  };
  // What is wrong stands at the field that asked.
  const told = (where, found) => {
    models.said[where] = found.ok ? "" : found.said;
    return found;
  };

  // On this computer
  models.refresh = async () => {
    const mine = last("here");
    const found = await get("here");
    if (!mine() || !found.ok) return;
    models.lines = found.lines;
    page.told("models-here");
  };
  // Which models there are is told by the stream of the page, as something that is another one each time.
  let version;
  page.hears(["models"], ({ models: now }) => {
    const news = version !== undefined && version !== now;
    version = now;
    if (!news) return;
    fresh("");
    if (models.started) Promise.all([models.refresh(), models.find(), again()]);
  });
  let known = "";
  page.hears(["downloads"], ({ downloads }) => {
    const now = JSON.stringify(downloads.map((one) => one.id));
    if (now === known) return;
    known = now;
    if (models.started) Promise.all([models.find(), again()]);
  });
  // Train's list of models is filled anew; with an id, that one is chosen there.
  let list = null, waits = null;
  const fresh = (id) => {
    if (list?.root.isConnected) return list.choose(id);
    waits = id || waits || "";
  };
  page.draws("train-models", [], (place) => {
    list = place;
    if (waits !== null) place.choose(waits);
    waits = null;
  });
  models.train = (id) => {
    page.keep("model", id);
    page.open("train");
    fresh(id);
  };
  const acts = async (name, values, where) => {
    const found = told(where, await post(name, values));
    if (found.lines) page.told("downloads", found.lines);
    page.told("models-here");
    return found;
  };
  models.stop = (job) => acts("stop", { job }, job);
  models.resume = (job) => acts("resume", { job }, job);
  models.discard = (job) => acts("forget", { job }, job);
  models.weigh = (model) => get("weigh", { model });
  models.remove = async (model) => {
    const found = told(model, await post("delete", { model }));
    if (found.ok) models.gone = found.said;
    await models.refresh();
    return found;
  };
  models.add = async (name, values, where) => {
    const found = told(where, await post(name, values));
    models.gone = found.ok ? found.said : "";
    if (found.ok) await Promise.all([models.refresh(), models.refreshCache()]);
    page.told("models-bring");
    return found;
  };
  // What is wrong with an upload is said under its fields; the fields themselves say that it is.
  models.uploaded = (added) => {
    for (const id of ["model-name-field", "model-files"]) {
      const fault = document.querySelector(`#model-uploaded [data-at="${id}"]`);
      for (const input of document.querySelectorAll(`#${id} :is(input, textarea)`)) {
        input.setAttribute("aria-invalid", String(Boolean(fault)));
        input.setAttribute("aria-describedby", "model-uploaded");
      }
    }
    if (added) models.refresh();
  };
  models.refreshCache = async () => {
    const found = told("cache", await get("cached"));
    models.cached = found.ok ? found.lines : null;
    page.told("models-bring");
  };

  // To be found
  models.find = async () => {
    const mine = last("find"), wanted = models.wanted();
    const asked = Object.fromEntries(["text", ...FILTERS[wanted.source]].map((name) => [name, wanted[name]]));
    if (wanted.source === "hub") {
      if (!models.searched) return page.told("models-find");
      models.asking = "hub";
      page.told("models-find");
    }
    const found = told("find", await get(wanted.source === "hub" ? "search" : "curated", { ...asked, page: wanted.page }));
    if (!mine()) return;
    models.asking = "";
    models.rows = found.ok ? found.rows : [];
    Object.assign(models, { total: found.total ?? null, more: Boolean(found.more) });
    if (found.families) Object.assign(models, { families: found.families, licences: found.licences });
    page.told("models-find");
  };
  let due;
  models.findSoon = () => {
    clearTimeout(due);
    due = setTimeout(models.find, SOON);
  };

  // One of them
  models.look = async (id) => {
    const mine = last("look");
    models.looking = id;
    page.told("models-find");
    const found = await get("look", { id });
    if (!mine()) return found;
    models.looking = "";
    models.said.look = found.ok ? "" : found.said;
    models.offer = found.ok ? found : null;
    models.failed = found.ok ? "" : id;
    page.opensModel(models.offer?.id ?? "", true);
    page.told("models-find");
    return found;
  };
  // The one that is open, as it was looked at, with what is here and on its way now.
  const again = async () => {
    const id = models.offer?.id;
    const found = id ? await get("look", { id, again: "yes" }) : {};
    if (!found.ok || models.offer?.id !== id) return;
    models.offer = found;
    page.told("models-find");
  };
  models.close = (anew = true) => {
    last("look");
    Object.assign(models, { looking: "", offer: null, failed: "" });
    models.said.look = models.said.download = "";
    page.opensModel("", anew);
    page.told("models-find");
  };
  page.comesTo("model", (id) => {
    if (!models.started || id === (models.offer?.id ?? "")) return;
    if (id) models.look(id);
    else models.close(false);
  });
  models.download = async () => {
    const { id, digest } = models.offer;
    const found = told("download", await post("download", { id, digest }));
    if (found.lines) page.told("downloads", found.lines);
    page.told("models-find");
    return found;
  };

  // The token: that there is one, never what it is
  models.askToken = async () => {
    models.token = await get("token");
    page.told("models-token");
  };
  models.keepToken = async (token) => {
    const found = told("token", await post("keep_token", { token }));
    if (found.ok) models.token = found;
    page.told("models-token");
    if (found.ok && models.offer) models.look(models.offer.id);
    return found;
  };
  models.forgetToken = async () => {
    const found = told("token", await post("forget_token", {}));
    if (found.ok) models.token = found;
    page.told("models-token");
  };

  // When somebody opens the tab: until then nothing is asked.
  models.start = async () => {
    if (models.started) return;
    models.started = true;
    await Promise.all([models.refresh(), models.find(), models.askToken()]);
    if (page.model()) models.look(page.model());
  };

  models.anew = page.anew;
})();
