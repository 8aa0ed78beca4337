// What every page does: preferences without a reload, times in the reader's zone, menus, copy buttons.

import { tellWhole } from "./clamp.js";
import { wireCommand } from "./command.js";
import { copy, say } from "./copy.js";
import { zoneName } from "./fmt.js";
import { wireRange } from "./range.js";
import { localTimes } from "./times.js";
import { t } from "./words.js";

const root = document.documentElement;
const YEAR = 365 * 24 * 3600;

function setCookie(name, value) {
  document.cookie = `${name}=${value}; max-age=${YEAR}; path=${root.dataset.base || "/"}; samesite=lax`;
}

function nameZone() {
  const zone = document.getElementById("zone");
  if (zone && root.dataset.zone === "local") zone.textContent = zoneName("local");
}

function wirePreferences() {
  const zone = document.getElementById("zone");
  zone?.addEventListener("click", (event) => {
    event.preventDefault();
    setCookie("hop_zone", root.dataset.zone === "local" ? "utc" : "local");
    location.reload();
  });
}

function wireMenus() {
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = event.target.closest?.("details.menu[open]");
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}

function wireCopies() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (!button) return;
    event.preventDefault();
    const text = button.dataset.copy ? [button.dataset.copy] : [];
    if ("copyPage" in button.dataset) text.push(location.href);
    await copy(text.join("\n"));
    button.dataset.done = t("copied");
    say(t("copied"));
    setTimeout(() => delete button.dataset.done, 1500);
  });
}

localTimes();
nameZone();
wirePreferences();
wireMenus();
wireCopies();
wireRange();
wireCommand();
tellWhole();
