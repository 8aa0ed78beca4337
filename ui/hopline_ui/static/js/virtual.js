// A list of which only the rows in sight exist, and the one that the keyboard is at. All rows have one height.

const BEYOND = 3;

/** First and last+1 row to draw for a scroll position. */
export function range(top, height, rowHeight, count) {
  const first = Math.max(0, Math.floor(top / rowHeight) - BEYOND);
  const last = Math.min(count, Math.ceil((top + height) / rowHeight) + BEYOND);
  return [first, Math.max(first, last)];
}

/**
 * @param {{scroller: HTMLElement, body: HTMLElement, head: HTMLElement, active: () => number,
 *   make: (position: number) => HTMLElement}} parts
 * `head` is the sticky head inside the scroller; the row at `active()` stays when it is scrolled away, with its focus.
 */
export function virtualList({ scroller, body, head, active, make }) {
  const drawn = new Map();
  const rowHeight = parseFloat(getComputedStyle(scroller).getPropertyValue("--span-row")) || 24;
  let count = 0;
  let pending = false;

  function draw() {
    pending = false;
    const [first, last] = range(scroller.scrollTop, scroller.clientHeight, rowHeight, count);
    const kept = active();
    for (const [position, element] of drawn) {
      if ((position >= first && position < last) || position === kept) continue;
      element.remove();
      drawn.delete(position);
    }
    for (let position = first; position < last; position++) place(position);
    if (kept < count) place(kept);
  }

  function place(position) {
    if (drawn.has(position)) return;
    const element = make(position);
    element.style.transform = `translateY(${position * rowHeight}px)`;
    drawn.set(position, element);
    body.append(element);
  }

  /** Whether all of a position's row can be seen in the scroller. */
  function inSight(position) {
    const top = position * rowHeight - scroller.scrollTop;
    return top >= 0 && top + rowHeight <= scroller.clientHeight - head.offsetHeight;
  }

  function later() {
    if (!pending) requestAnimationFrame(draw);
    pending = true;
  }

  scroller.addEventListener("scroll", later, { passive: true });
  new ResizeObserver(later).observe(scroller);

  return {
    /** Draw everything anew, `rows` rows long. */
    reset(rows) {
      count = rows;
      body.style.height = `${rows * rowHeight}px`;
      body.replaceChildren();
      drawn.clear();
      draw();
    },
    /** The element at a position, scrolled into sight first. */
    show(position) {
      const top = position * rowHeight;
      const view = scroller.clientHeight - head.offsetHeight;
      if (top < scroller.scrollTop) scroller.scrollTop = top;
      else if (top + rowHeight > scroller.scrollTop + view) scroller.scrollTop = top + rowHeight - view;
      draw();
      return drawn.get(position);
    },
    inSight,
    /** A position out of sight comes to a third of the height: the foot of the scroller may lie below the window. */
    bring(position) {
      if (!inSight(position)) scroller.scrollTop = position * rowHeight - (scroller.clientHeight - head.offsetHeight) / 3;
      draw();
    },
    rowsInView: () => Math.max(1, Math.floor((scroller.clientHeight - head.offsetHeight) / rowHeight) - 1),
  };
}
