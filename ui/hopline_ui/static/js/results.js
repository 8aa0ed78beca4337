// A list of traces: j and k walk it, Enter opens, x ticks; two ticked ones can be compared.

import { t } from "./words.js";
import { ignored } from "./waterfall_keys.js";

const MOST = 2;

/** The position a key leads to among `n`, from `at` (-1: none yet). */
export function walked(key, at, n) {
  if (key === "j") return Math.min(at + 1, n - 1);
  if (key === "k") return Math.max(at - 1, 0);
  return at;
}

export function wireResults() {
  const list = document.querySelector("[data-keys]");
  const form = document.getElementById("ticked");
  if (!list || !form) return;
  const links = () => [...list.querySelectorAll(".trace-link")];
  const ticks = () => [...list.querySelectorAll(".tick")];

  document.addEventListener("keydown", (event) => {
    if (ignored(event) || !["j", "k", "x"].includes(event.key)) return;
    const at = links().indexOf(document.activeElement);
    event.preventDefault();
    if (event.key === "x") return at >= 0 && ticks()[at].click();
    links()[walked(event.key, at, links().length)]?.focus();
  });

  function tell() {
    const chosen = ticks().filter((tick) => tick.checked);
    for (const tick of ticks()) tick.disabled = chosen.length >= MOST && !tick.checked;
    form.classList.toggle("some", chosen.length > 0);
    form.classList.toggle("ready", chosen.length === MOST);
    form.querySelector("button").disabled = chosen.length !== MOST;
    document.getElementById("ticked-told").textContent = t("ticked", { n: chosen.length });
  }

  list.addEventListener("change", (event) => event.target.matches(".tick") && tell());
  window.addEventListener("pageshow", tell);
  tell();
}
