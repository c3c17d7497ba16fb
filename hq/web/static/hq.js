/* Keeps an open page current: list pages read themselves again when something changed, a visit's page appends
   its entries as they arrive. Every fragment was escaped by the server; the page works without this file. */
"use strict";

(function () {
  const pulse = document.getElementById("pulse");
  const REFRESH_MS = 15000;
  const GATHER_MS = 250;

  function show(on) {
    pulse.hidden = false;
    pulse.classList.toggle("broken", !on);
    pulse.textContent = on ? pulse.dataset.on : pulse.dataset.off;
  }

  function follow(source) {
    source.addEventListener("open", () => show(true));
    source.addEventListener("error", () => show(false));
    window.addEventListener("pagehide", () => source.close());
    return source;
  }

  function replace(fresh, id) {
    const next = fresh.getElementById(id);
    const old = document.getElementById(id);
    if (!next || !old) return;
    if (old.isEqualNode(next)) return;
    old.replaceWith(document.adoptNode(next));
  }

  let reading = false;
  let again = false;
  async function refresh() {
    if (reading) { again = true; return; }
    reading = true;
    try {
      const url = new URL(location.href);
      url.searchParams.delete("lang");
      const answer = await fetch(url, { credentials: "same-origin" });
      if (answer.ok) {
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        const keep = document.activeElement && document.activeElement.value;
        for (const id of ["live", "open-calls", "alarm-count", "flag-count"]) replace(fresh, id);
        if (keep && document.activeElement === document.body) {
          const same = document.querySelector(`#live button[value="${CSS.escape(keep)}"]`);
          if (same) same.focus();
        }
      }
    } catch (_) {
      show(false);
    } finally {
      reading = false;
      if (again) { again = false; setTimeout(refresh, GATHER_MS); }
    }
  }

  const main = document.getElementById("main");
  if (main.dataset.live) {
    let timer = 0;
    // The first change sets the clock, not the last: under steady changes the page must still be read again.
    const gather = () => { timer = timer || setTimeout(() => { timer = 0; refresh(); }, GATHER_MS); };
    let first = true;
    follow(new EventSource(main.dataset.live)).addEventListener("changed", gather);
    document.addEventListener("visibilitychange", () => { if (!document.hidden) gather(); });
    window.addEventListener("pageshow", (event) => { if (event.persisted || !first) gather(); first = false; });
    setInterval(() => { if (!document.hidden) refresh(); }, REFRESH_MS);
  }

  const timeline = document.getElementById("timeline");
  if (timeline) {
    const source = follow(new EventSource(timeline.dataset.stream));
    source.addEventListener("entry", (event) => {
      if (timeline.querySelector(`[data-id="${CSS.escape(event.lastEventId)}"]`)) return;
      timeline.insertAdjacentHTML("beforeend", event.data);
    });
    source.addEventListener("summary", (event) => {
      document.getElementById("summary").innerHTML = event.data;
    });
  }
})();
