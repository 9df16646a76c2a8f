// Files on their way to the studio: dropped, chosen, or pasted as text; one after another, with how much has gone.
(() => {
  const page = window.studioPage;
  const { t, data } = page;
  // As backend.data.intake.uploads has it.
  const MOST_BYTES = 20_000_000_000;
  const tell = () => page.told("data-beside");

  let request = null;
  const send = (upload, { name, file }, progress) => new Promise((resolve) => {
    request = new XMLHttpRequest();
    request.open("POST", data.address("upload", { upload, name }));
    request.upload.onprogress = ({ loaded }) => progress(loaded);
    request.onload = () => {
      const json = request.getResponseHeader("content-type")?.includes("json");
      resolve({ ok: request.status === 200, said: json ? JSON.parse(request.responseText).said : request.responseText });
    };
    request.onerror = () => resolve({ ok: false, said: t("data.away") });
    request.onabort = () => resolve({ ok: false, said: "" });
    request.send(file);
  });

  const refuse = (said) => {
    data.sending = null;
    data.said.add = said;
    tell();
  };
  // One after another: {ok, upload}, or what is wrong; `told` hears how many bytes have gone and which file goes. What
  // is no longer `wanted` is given up.
  const carried = async (files, told, wanted) => {
    const begun = await data.post("begin", {});
    let before = 0;
    for (const one of begun.ok ? files : []) {
      const found = await send(begun.upload, one, (loaded) => told(before + Math.min(loaded, one.file.size), one.name));
      if (!wanted() || !found.ok) {
        data.post("discard", { upload: begun.upload });
        return { ok: false, said: found.said };
      }
      before += one.file.size;
    }
    return begun;
  };
  const sorted = (files) => files.sort((one, other) => one.name.localeCompare(other.name, page.language, { numeric: true }));
  const tooHeavy = (files) => files.find(({ file }) => file.size > MOST_BYTES);
  // For another part of the page: `told` hears which share has gone, from 0 to 1.
  data.carries = async (files, told) => {
    const heavy = tooHeavy(files);
    if (heavy) return { ok: false, said: t("data.too_large", { name: heavy.name }) };
    const total = files.reduce((sum, { file }) => sum + file.size, 0);
    return carried(sorted([...files]), (done) => told(total ? Math.min(done / total, 1) : 1), () => true);
  };
  // `files`: [{name, file}], the names with the folders they lay in.
  data.bring = async (files) => {
    if (!files.length) return;
    sorted(files);
    data.said.add = "";
    const heavy = tooHeavy(files);
    if (heavy) return refuse(t("data.too_large", { name: heavy.name }));
    const total = files.reduce((sum, { file }) => sum + file.size, 0);
    const mine = (data.sending = { total, done: 0, name: files[0].name, count: files.length });
    tell();
    const told = (done, name) => {
      Object.assign(mine, { done, name });
      tell();
    };
    const found = await carried(files, told, () => data.sending === mine);
    if (data.sending !== mine) return;
    if (!found.ok) return refuse(found.said);
    const begun = found;
    data.sending = null;
    data.forgetBrought();
    data.want({ upload: begun.upload });
    await data.lookAt();
  };
  data.cancel = () => {
    data.sending = null;
    request?.abort();
    tell();
  };

  data.named = (list) => [...list].map((file) => ({ name: file.webkitRelativePath || file.name, file }));
  data.chosen = (list) => data.bring(data.named(list));
  data.paste = (text, kind) => data.bring([{ name: `${t("data.pasted")}${kind}`, file: new Blob([text]) }]);

  // What is dropped may be folders: all files in them, with the folders in their names.
  const inside = (folder) => new Promise((resolve) => {
    const reader = folder.createReader(), found = [];
    const more = () => reader.readEntries((some) => (some.length ? (found.push(...some), more()) : resolve(found)), () => resolve(found));
    more();
  });
  const walked = async (entry) => {
    if (entry.isFile) {
      const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
      return file ? [{ name: entry.fullPath.slice(1), file }] : [];
    }
    const parts = await Promise.all((await inside(entry)).map(walked));
    return parts.flat();
  };
  data.unpacked = async (transfer) => {
    const entries = [...transfer.items].map((one) => one.webkitGetAsEntry?.()).filter(Boolean);
    const files = [...transfer.files];
    return entries.length ? (await Promise.all(entries.map(walked))).flat() : data.named(files);
  };
  data.dropped = async (transfer) => data.bring(await data.unpacked(transfer));
})();
