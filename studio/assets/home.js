// Home: leads to the other tabs, and asks the server for its news when a run has changed its state or time has passed.
(() => {
  const page = window.studioPage;
  const SECONDS = 10;
  let place = null;
  let seen = null;

  // "train", "runs <id>" or "chat <id>".
  page.go = (where) => {
    const [tab, run] = where.split(" ");
    if (tab === "chat" && run) page.chat.with(run);
    else page.open(tab, run);
  };

  document.addEventListener("click", (event) => {
    const door = event.target.closest?.("[data-open]");
    if (door?.closest(".doors")) page.open(door.dataset.open);
  });

  const looked = () => place?.root.isConnected && !document.hidden && document.getElementById("first")?.offsetParent;
  const ask = () => place.choose("");

  page.draws("home", ["runs"], (found, { runs }) => {
    place = found;
    const now = JSON.stringify((runs ?? []).map((run) => [run.id, run.state, run.name]));
    if (runs && seen !== null && seen !== now && looked()) ask();
    if (runs) seen = now;
  });
  // Free memory and the estimate of the first training change by themselves.
  setInterval(() => looked() && ask(), SECONDS * 1000);
  document.addEventListener("click", (event) => event.target.closest?.("#tab-home-button") && setTimeout(() => looked() && ask(), 100));
})();
