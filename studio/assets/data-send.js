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
  // `files`: [{name, file}], the names with the folders they lay in.
  data.bring = async (files) => {
    if (!files.length) return;
    files.sort((one, other) => one.name.localeCompare(other.name, page.language, { numeric: true }));
    data.said.add = "";
    const heavy = files.find(({ file }) => file.size > MOST_BYTES);
    if (heavy) return refuse(t("data.too_large", { name: heavy.name }));
    const total = files.reduce((sum, { file }) => sum + file.size, 0);
    const mine = (data.sending = { total, done: 0, name: files[0].name, count: files.length });
    tell();
    const begun = await data.post("begin", {});
    if (!begun.ok) return refuse(begun.said);
    let before = 0;
    for (const one of files) {
      const found = await send(begun.upload, one, (loaded) => {
        Object.assign(mine, { done: Math.min(before + loaded, total), name: one.name });
        tell();
      });
      if (data.sending !== mine) return data.post("discard", { upload: begun.upload });
      if (!found.ok) {
        data.post("discard", { upload: begun.upload });
        return refuse(found.said);
      }
      before += one.file.size;
    }
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

  data.chosen = (list) => data.bring([...list].map((file) => ({ name: file.webkitRelativePath || file.name, file })));
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
  data.dropped = async (transfer) => {
    const entries = [...transfer.items].map((one) => one.webkitGetAsEntry?.()).filter(Boolean);
    const files = [...transfer.files];
    if (!entries.length) return data.chosen(files);
    data.bring((await Promise.all(entries.map(walked))).flat());
  };
})();
