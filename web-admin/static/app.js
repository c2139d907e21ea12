// Keeps open pages fresh. Every page works without this file.
//
// The server only says what changed ("extension 101", "call 12"). Elements with data-live="extension:101 call" that
// match are fetched again from the page's own address (or data-src) and swapped, unless somebody works in them.
"use strict";

(() => {
  const words = document.currentScript.dataset; // In the language of the page.
  const PAUSE_MS = 250; // Several changes at once become one fetch.
  let waiting = null;
  let dirty = new Set();
  let quiet = false; // The next swap is not pointed out.

  const matches = (element, kind, name) =>
    element.dataset.live.split(/\s+/).some((want) => want === kind || want === `${kind}:${name}`);

  const busy = (element) => {
    const active = document.activeElement;
    return (element.contains(active) && /^(INPUT|TEXTAREA|SELECT)$/.test(active.tagName)) || element.querySelector("input[type=checkbox]:checked");
  };

  // What is open and focused stays open and focused across a swap.
  const keepState = (old, fresh) => {
    old.querySelectorAll("details[open][id]").forEach((details) => {
      const twin = fresh.querySelector(`#${CSS.escape(details.id)}`);
      if (twin) twin.open = true;
    });
    const active = document.activeElement;
    return old.contains(active) && active.id ? active.id : null;
  };

  const swap = async () => {
    waiting = null;
    const [ids, calm] = [dirty, quiet];
    quiet = false;
    dirty = new Set();
    const bySource = new Map();
    ids.forEach((id) => {
      const element = document.getElementById(id);
      if (!element || busy(element)) return;
      const source = element.dataset.src || location.pathname + location.search;
      bySource.set(source, [...(bySource.get(source) || []), id]);
    });
    for (const [source, wanted] of bySource) {
      try {
        const answer = await fetch(source, { headers: { Accept: "text/html" }, redirect: "error" });
        if (!answer.ok) continue;
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        wanted.forEach((id) => {
          const [old, fresh] = [document.getElementById(id), page.getElementById(id)];
          if (!old || !fresh || busy(old) || old.innerHTML === fresh.innerHTML) return;
          const focused = keepState(old, fresh);
          if (!calm) fresh.classList.add("fresh");
          fresh.querySelectorAll("[data-copy]").forEach((button) => { button.hidden = false; });
          old.replaceWith(fresh);
          if (focused) document.getElementById(focused)?.focus();
        });
      } catch {
        // The next change, or a reload by hand, tries again.
      }
    }
  };

  const changed = (kind, name) => {
    document.querySelectorAll("[data-live][id]").forEach((element) => {
      if (kind === "reload" || matches(element, kind, name)) dirty.add(element.id);
    });
    if (dirty.size && waiting === null) waiting = setTimeout(swap, PAUSE_MS);
  };

  const listen = () => {
    const source = new EventSource("/events");
    let lost = false;
    ["extension", "call", "settings", "reload"].forEach((kind) =>
      source.addEventListener(kind, (event) => changed(kind, event.data)),
    );
    source.onerror = () => { lost = true; };
    // Whatever happened while the line was down, or between the making of the page and its first event, is looked at once.
    source.onopen = () => {
      quiet = !lost;
      lost = false;
      changed("reload", "");
    };
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const target = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(target.textContent.trim());
      button.textContent = words.copied;
    } catch {
      getSelection().selectAllChildren(target);
    }
  });

  // Light or dark by the system until somebody chooses; the choice stays in this browser.
  const root = document.documentElement;
  const themes = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : themes.matches);
  const button = document.getElementById("theme");
  const wear = (theme) => {
    if (theme === "dark" || theme === "light") root.dataset.theme = theme;
    if (!button) return;
    button.textContent = isDark() ? words.light : words.dark;
    button.setAttribute("aria-label", isDark() ? words.lightColours : words.darkColours);
  };
  let chosen = null;
  try { chosen = localStorage.getItem("theme"); } catch { /* A browser that keeps nothing follows the system. */ }
  wear(chosen);
  if (button) {
    button.hidden = false;
    themes.addEventListener("change", () => wear(null));
    button.addEventListener("click", () => {
      const theme = isDark() ? "light" : "dark";
      try { localStorage.setItem("theme", theme); } catch { /* It holds for this page. */ }
      wear(theme);
    });
  }

  document.querySelectorAll("[data-copy]").forEach((button) => { button.hidden = false; });
  if (document.querySelector("[data-live]")) listen();
})();
