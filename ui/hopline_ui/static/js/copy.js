// Copying, also where the page is not served over https and the browser keeps its clipboard from it.

/** Put `text` on the clipboard. @param {string} text */
export async function copy(text) {
  if (navigator.clipboard) {
    try {
      return await navigator.clipboard.writeText(text);
    } catch {
      // The browser may refuse without a permission: the older way needs none.
    }
  }
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "visually-hidden";
  const before = document.activeElement;
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
  before?.focus?.({ preventScroll: true });
}

/** Say something to screen readers, and for a moment at the page's foot. @param {string} text */
export function say(text) {
  const line = document.getElementById("say");
  if (!line) return;
  line.textContent = text;
  line.classList.add("shown");
  clearTimeout(Number(line.dataset.timer));
  line.dataset.timer = String(setTimeout(() => line.classList.remove("shown"), 1800));
}
