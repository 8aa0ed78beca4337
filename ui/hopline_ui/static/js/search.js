// Search: the scatter, and forms that leave empty fields out of the address.

import { suggest } from "./filter_words.js";
import { watchFirst } from "./first.js";
import { wireResults } from "./results.js";
import { scatter } from "./scatter.js";
import { below, changed, param } from "./url.js";

/** What every link carries on. */
const kept = () => Object.fromEntries(["from", "to", "env", "against"].map((name) => [name, param(name)]));

const canvas = document.getElementById("scatter");
if (canvas) {
  scatter(canvas, JSON.parse(document.getElementById("points").textContent), {
    zone: document.documentElement.dataset.zone,
    onBrush: (params) => location.assign(changed(location.href, { ...params, cursor: "" })),
    onOpen: (id) => location.assign(changed(new URL(below(`/trace/${id}`), location.href).href, kept())),
  });
}

// On a phone the form would fill the first screen: with results there it folds.
if (canvas && matchMedia("(max-width: 899px)").matches) document.getElementById("search-fields").open = false;

document.getElementById("search-form").addEventListener("submit", (event) => {
  for (const field of event.target.elements) {
    if (field.name && !field.value) field.disabled = true;
  }
});
window.addEventListener("pageshow", () => {
  for (const field of document.getElementById("search-form").elements) field.disabled = false;
});

wireResults();
watchFirst();
suggest(document.getElementById("filter"), document.getElementById("filter-words"));
