// Ctrl-K: any id, user, service, page or setting by its name, what was opened before, and saved searches.

import { below, changed, param } from "./url.js";
import { t } from "./words.js";

const RECENT = "hop-recent";
const SAVED = "hop-saved";
const MOST_RECENT = 12;
const MOST_SHOWN = 40;

const stored = (key) => JSON.parse(localStorage.getItem(key) ?? "[]");
const keep = (key, value) => localStorage.setItem(key, JSON.stringify(value));

/** Entries whose text holds all words of `wanted`, those that begin with it first. */
export function matching(entries, wanted) {
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  const hits = entries.filter(({ text }) => words.every((word) => text.toLowerCase().includes(word)));
  const begins = ({ text }) => (text.toLowerCase().startsWith(words[0] ?? "") ? 0 : 1);
  return hits.sort((a, b) => begins(a) - begins(b)).slice(0, MOST_SHOWN);
}

function remembered() {
  const here = { text: document.title.replace(/ - Hopline$/, ""), href: location.pathname + location.search };
  if (!/\/(trace|service|users)\//.test(location.pathname)) return;
  keep(RECENT, [here, ...stored(RECENT).filter(({ href }) => href.split("?")[0] !== location.pathname)].slice(0, MOST_RECENT));
}

const carried = (path) => {
  const kept = Object.fromEntries(["from", "to", "env", "against"].map((name) => [name, param(name)]));
  return changed(new URL(below(path), location.href).href, kept);
};

let services = null;

async function everything() {
  services ??= fetch(below("/api/v1/services")).then((answer) => (answer.ok ? answer.json() : { services: [] })).catch(() => ({ services: [] }));
  const names = (await services).services.map(({ service }) => ({ text: service, kind: t("command.service"), href: carried(`/service/${encodeURIComponent(service)}`) }));
  const pages = [...document.querySelectorAll(".nav a, .prefs > a[id]")].map((link) => ({ text: (link.getAttribute("aria-label") ?? link.textContent).trim(), kind: t("command.page"), href: link.href }));
  const add = (kind) => (entry) => ({ ...entry, kind: t(kind) });
  return [...stored(SAVED).map(add("command.saved")), ...stored(RECENT).map(add("command.recent")), ...pages, ...names];
}

/** Where a text leads that is no entry's name: the server knows what an id, a uid or key=value means. */
const asked = (text) => ({ text: t("command.go", { text }), kind: "", href: changed(carried("/go"), { as: "trace", text }) });

export function wireCommand() {
  const dialog = document.getElementById("command");
  if (!dialog) return;
  const box = dialog.querySelector("input");
  const list = dialog.querySelector("ul");
  let entries = [];
  let at = 0;

  function draw() {
    const wanted = box.value.trim();
    const found = [...matching(entries, wanted), ...(wanted ? [asked(wanted)] : [])];
    at = Math.min(at, Math.max(found.length - 1, 0));
    list.replaceChildren(...found.map(({ text, kind, href }, i) => {
      const link = document.createElement("a");
      link.href = href;
      link.id = `command-${i}`;
      link.setAttribute("role", "option");
      link.setAttribute("aria-selected", String(i === at));
      const name = document.createElement("bdi");
      name.textContent = text;
      const what = document.createElement("small");
      what.className = "muted";
      what.textContent = kind;
      link.append(name, what);
      const item = document.createElement("li");
      item.setAttribute("role", "presentation");
      item.append(link);
      return item;
    }));
    box.setAttribute("aria-activedescendant", found.length ? `command-${at}` : "");
    list.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }

  async function open() {
    dialog.showModal();
    box.select();
    entries = await everything();
    at = 0;
    draw();
  }

  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey) return;
    event.preventDefault();
    if (dialog.open) dialog.close();
    else open();
  });
  box.addEventListener("input", () => {
    at = 0;
    draw();
  });
  box.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by) {
      event.preventDefault();
      at = Math.max(at + by, 0);
      draw();
    } else if (event.key === "Enter") {
      event.preventDefault();
      list.querySelector('[aria-selected="true"]')?.click();
    }
  });
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.getElementById("command-open")?.addEventListener("click", open);
  document.getElementById("save-search")?.addEventListener("click", (event) => {
    const chips = [...document.querySelectorAll(".chips .chip")].map((chip) => chip.textContent.replace("×", "").trim().replace(/\s+/g, " "));
    const entry = { text: chips.join(", ") || document.title, href: location.pathname + location.search };
    keep(SAVED, [entry, ...stored(SAVED).filter(({ href }) => href !== entry.href)]);
    event.target.dataset.done = t("saved");
  });
  remembered();
}
