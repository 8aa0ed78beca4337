// The range picker's fields: a calendar and a clock in the zone that is shown, beside the text they fill.

/** `2026-11-27T16:05:09` of a time in a zone, as a datetime-local field takes it. @param {number} us @param {string} zone */
export function fieldValue(us, zone) {
  const date = new Date(us / 1000);
  const shifted = zone === "local" ? new Date(date.getTime() - date.getTimezoneOffset() * 60_000) : date;
  return shifted.toISOString().slice(0, 19);
}

/** RFC 3339 in UTC of what a datetime-local field holds; "" for none. @param {string} value @param {string} zone */
export function instantOf(value, zone) {
  const date = new Date(zone === "local" ? value : `${value}Z`);
  return Number.isNaN(date.getTime()) ? "" : `${date.toISOString().slice(0, 19)}Z`;
}

/** Put a calendar field before each text field of the picker, and open the picker where its range was bad. */
export function wireRange() {
  const form = document.getElementById("range-form");
  if (!form) return;
  const zone = document.documentElement.dataset.zone;
  for (const text of form.querySelectorAll('input[name="from"], input[name="to"]')) {
    const picker = document.createElement("input");
    picker.type = "datetime-local";
    picker.step = "1";
    picker.setAttribute("aria-label", text.closest("label").firstElementChild.textContent);
    if (text.dataset.us) picker.value = fieldValue(Number(text.dataset.us), zone);
    picker.addEventListener("change", () => {
      const instant = instantOf(picker.value, zone);
      if (instant) text.value = instant;
    });
    text.after(picker);
  }
  const menu = document.getElementById("range");
  if (menu && "bad" in menu.dataset) menu.open = true;
}
