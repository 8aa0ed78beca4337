// Search: the scatter, and forms that leave empty fields out of the address.

import { scatter } from "./scatter.js";
import { below, changed } from "./url.js";

const canvas = document.getElementById("scatter");
if (canvas) {
  scatter(canvas, JSON.parse(document.getElementById("points").textContent), {
    zone: document.documentElement.dataset.zone,
    onBrush: (params) => location.assign(changed(location.href, { ...params, cursor: "" })),
    onOpen: (id) => location.assign(below(`/trace/${id}`)),
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
