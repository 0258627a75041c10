// Replaces the parts of a page that have changed, as the server renders them. Without it the page is loaded again.
"use strict";
(() => {
  const live = document.querySelector("#live[data-live]");
  if (!live || !window.EventSource) return;
  let source = null;

  const isBusy = part => part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea");

  function show(html) {
    const fresh = document.createElement("div");
    fresh.innerHTML = html;
    const opened = new Set([...live.querySelectorAll("details[open][id]")].map(one => one.id));
    fresh.querySelectorAll("details[id]").forEach(one => { if (opened.has(one.id)) one.open = true; });
    const before = new Map([...live.children].map(part => [part.id, part]));
    if ([...before.values()].some(isBusy)) return;
    const parts = [...fresh.children].map(part => {
      const known = part.id && before.get(part.id);
      return known && known.outerHTML === part.outerHTML ? known : part;
    });
    const focused = document.activeElement && live.contains(document.activeElement) ? document.activeElement.id : "";
    for (const [at, part] of parts.entries())
      if (live.children[at] !== part) live.insertBefore(part, live.children[at] || null);
    while (live.children.length > parts.length) live.lastElementChild.remove();
    if (focused && document.getElementById(focused)) document.getElementById(focused).focus();
  }

  function open() {
    if (source) return;
    source = new EventSource(location.href.split("#")[0]);
    source.addEventListener("page", event => show(JSON.parse(event.data)));
    source.onerror = () => document.documentElement.classList.add("lost");
    source.onopen = () => document.documentElement.classList.remove("lost");
  }

  function close() {
    if (source) source.close();
    source = null;
  }

  document.addEventListener("visibilitychange", () => document.hidden ? close() : open());
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", open);
  open();
})();
