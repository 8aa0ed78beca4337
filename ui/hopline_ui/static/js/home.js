// Home: live figures, and a filter over the table's rows.

import { live } from "./live.js";

const box = document.getElementById("filter");

function filter() {
  const wanted = box.value.trim().toLowerCase();
  for (const row of document.querySelectorAll("#services tbody tr[data-name]")) {
    row.hidden = !row.dataset.name.includes(wanted);
  }
}

box?.addEventListener("input", filter);
live(() => box && filter());
