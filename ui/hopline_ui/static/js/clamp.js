// The whole of a text that was cut to its lines, as its title.

/** Told when the pointer or the focus comes: only then is it measured. */
export function tellWhole() {
  const tell = ({ target }) => {
    const cut = target.closest?.(".clamp");
    if (!cut || cut.title || cut.scrollHeight <= cut.clientHeight) return;
    cut.title = cut.textContent.replace(/\s+/g, " ").trim();
  };
  document.addEventListener("pointerover", tell);
  document.addEventListener("focusin", tell);
}
