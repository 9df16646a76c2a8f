// The data sets' state and what it asks of the server. Sending is in data-send.js, the drawing in the other data-*.js.
(() => {
  const page = window.studioPage;
  const { t } = page;

  const { get, post, address } = page.asker("data", t("data.away"));
  const data = (page.data = { get, post, address, lines: null, open: null, rows: null, look: null, said: {}, sure: null, gone: "", sending: null, looking: false });
  const tell = () => page.told("data-beside");

  // What was brought, chosen and typed, as it was left. The files themselves are with the studio, as `upload`.
  const draft = page.draftOf("data", "studio-data-draft");
  const BROUGHT = { upload: "", choices: {}, mapping: null, columns: [], chosen: false, name: "", skip: false, job: "" };
  const EMPTY = { ...BROUGHT, pasted: "", kind: "", text: "", model: "", hub: "", hubJob: "", prepare: {} };
  data.wanted = () => ({ ...EMPTY, ...JSON.parse(draft.read() || "{}") });
  data.want = (values) => draft.write(JSON.stringify({ ...data.wanted(), ...values }));

  // Answers may overtake one another: only the last question of its kind is heard.
  const questions = {};
  const last = (kind) => {
    const mine = (questions[kind] = (questions[kind] ?? 0) + 1);
    return () => questions[kind] === mine;
  };
  // What is wrong stands at the field that asked.
  const told = (where, found) => {
    data.said[where] = found.ok ? "" : found.said;
    return found;
  };

  // Those that are here. That there are others is told by the stream of the page, as something that is another one each time.
  data.refresh = async () => {
    const mine = last("sets");
    const found = await get("sets");
    if (!mine() || !found.ok) return;
    data.lines = found.lines;
    page.told("data-here");
  };
  let version;
  page.hears(["sets"], ({ sets }) => {
    const news = version !== undefined && version !== sets;
    version = sets;
    if (!news) return;
    fresh("");
    if (data.started) Promise.all([data.refresh(), data.open && again()]);
  });
  // Train's lists of data are filled anew; with an id, that one is chosen there.
  let list = null, waits = null;
  const fresh = (id) => {
    if (list?.root.isConnected) return list.choose(id);
    waits = id || waits || "";
  };
  page.draws("train-sets", [], (place) => {
    list = place;
    if (waits !== null) place.choose(waits);
    waits = null;
  });
  // From Train: to where every file is taken.
  data.add = () => {
    if (data.open) data.close(false);
    page.open("data");
  };
  data.train = (id) => {
    page.keep("data", id);
    page.open("train");
    fresh(id);
  };

  // From another tab: this one.
  data.with = (id) => {
    page.opensData(id, true);
    page.open("data");
    if (data.started) data.show(id, false);
  };

  // One of them
  data.show = async (id, anew = true) => {
    const mine = last("one");
    const [found, rows] = await Promise.all([get("one", { id }), get("rows", { id, first: 0 })]);
    if (!mine()) return found;
    data.said.one = found.ok ? "" : found.said;
    Object.assign(data, { open: found.ok ? found : null, rows: rows.ok ? rows : null, sure: null, compared: {}, renaming: false });
    if (data.review.open && data.review.open.id !== data.open?.id) data.review.ends(anew);
    page.opensData(data.open?.id ?? "", anew);
    page.told("data-here");
    tell();
    if (found.ok) data.examine(id);
    if (found.ok && page.reviewing() && !data.review.open) await data.review.starts(false);
    return found;
  };
  const again = async () => {
    const id = data.open.id;
    const found = await get("one", { id });
    if (data.open?.id !== id) return;
    if (!found.ok) return data.close(false);
    data.open = found;
    tell();
  };
  data.close = (anew = true) => {
    last("one");
    data.review.ends(anew);
    Object.assign(data, { open: null, rows: null, sure: null });
    page.opensData("", anew);
    page.told("data-here");
    tell();
  };
  page.comesTo("data", (id) => {
    if (!data.started || id === (data.open?.id ?? "")) return;
    if (id) data.show(id, false);
    else data.close(false);
  });
  data.turn = async (first) => {
    const mine = last("rows"), id = data.open.id;
    const found = await get("rows", { id, first });
    if (!mine() || data.open?.id !== id || !found.ok) return;
    data.rows = found;
    tell();
  };
  data.compare = async (id) => {
    const found = await get("compared", { id });
    data.compared = { ...data.compared, [id]: found.said };
    tell();
  };
  data.weigh = async (id, only) => {
    data.sure = { id, only, ...(await get("weigh", { id, only })) };
    tell();
  };
  data.remove = async () => {
    const { id, only } = data.sure;
    const found = told("one", await post("delete", { id, only }));
    data.sure = null;
    if (!found.ok) return tell();
    data.gone = found.said;
    await data.refresh();
    data.close(false);
  };
  data.rename = async (name) => {
    const found = told("rename", await post("rename", { id: data.open.id, name }));
    if (found.ok) data.renaming = false;
    if (found.ok) await Promise.all([data.refresh(), again()]);
    tell();
    return found;
  };

  // What was brought, as it is understood; `change` is one more choice about its columns.
  data.lookAt = async (change = null) => {
    const mine = last("look"), { upload, choices, mapping, chosen, columns } = data.wanted();
    data.looking = true;
    tell();
    const found = told("look", await post("look", { upload, choices, mapping: change || chosen ? mapping : null, columns, change }));
    if (!mine()) return;
    data.looking = false;
    if (found.ok) {
      data.look = found;
      data.want({ mapping: found.mapping, columns: found.columns.map((one) => one.name), chosen: found.chosen });
    } else if (!data.look) {
      data.want(BROUGHT);
    }
    tell();
  };
  data.choose = (name, value) => {
    if (name === "shape") return data.lookAt({ shape: value });
    data.want({ choices: { ...data.wanted().choices, [name]: value } });
    return data.lookAt();
  };
  data.leave = async () => {
    const { upload } = data.wanted();
    last("look");
    Object.assign(data, { look: null, looking: false });
    data.said = {};
    data.want(BROUGHT);
    tell();
    if (upload) await post("discard", { upload });
  };
  data.forgetBrought = () => {
    Object.assign(data, { look: null, looking: false, said: {} });
    data.want({ ...BROUGHT, pasted: "" });
  };

  // Imports: the stream says how far they are; one that is no longer told is done.
  data.begins = async () => {
    const { upload, choices, mapping, chosen, name, skip } = data.wanted();
    const found = told("start", await post("start", { upload, choices, mapping, chosen, name, skip }));
    if (found.ok) data.want({ job: found.job });
    if (found.lines) page.told("imports", found.lines);
    if (found.ok) follow(found.job);
    tell();
    return found;
  };
  // A short import is over before the stream has ever told of it.
  const follow = async (job) => {
    while ((page.news.imports ?? []).some((one) => one.id === job && (one.active || one.waiting))) {
      await new Promise((resolve) => setTimeout(resolve, 1000));
      const found = await get("coming");
      if (found.ok) page.told("imports", found.lines);
    }
  };
  const done = async (job) => {
    const found = await post("done", { job });
    if (!found.ok || !found.id) return;
    const mine = data.wanted().job === job;
    if (mine) data.forgetBrought();
    await data.refresh();
    if (!mine) return;
    await data.show(found.id);
    // Who waited for it goes on there.
    const active = document.activeElement, head = document.querySelector("#data-name");
    if ((active === document.body || !active?.checkVisibility()) && head?.checkVisibility()) head.focus();
  };
  let imports = new Set();
  page.hears(["imports"], ({ imports: lines }) => {
    const now = new Set(lines.map((one) => one.id));
    const gone = [...imports].filter((id) => !now.has(id) && !data.forgotten?.has(id));
    imports = now;
    if (data.started) for (const job of gone) done(job);
    page.told("data-coming");
    tell();
  });
  const acts = async (name, job) => {
    const found = told(job, await post(name, { job }));
    if (found.lines) page.told("imports", found.lines);
    page.told("data-coming");
    return found;
  };
  data.stop = (job) => acts("stop", job);
  data.forget = (job) => {
    data.forgotten = new Set([...(data.forgotten ?? []), job]);
    return acts("forget", job);
  };
  data.importing = () => (page.news.imports ?? []).find((one) => one.upload === data.wanted().upload && one.upload);

  // When somebody opens the tab: until then nothing is asked.
  data.start = async () => {
    if (data.started) return;
    data.started = true;
    const { upload, job } = data.wanted();
    tell();
    await data.refresh();
    if (job && !imports.has(job)) await done(job);
    if (data.wanted().upload === upload && upload && !data.look) await data.lookAt();
    data.hubAgain();
    if (page.dataset() && !data.open) await data.show(page.dataset(), false);
  };
})();
