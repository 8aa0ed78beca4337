// Marks of a chart: a line where something began, and its name as a link to what it changed.

/**
 * A plugin of uPlot. @param {{at: number, text: string, href: string, title: string}[]} marks `at` in seconds
 * @param {(plot: any, x: number) => void} line draws the line at a pixel of the canvas
 */
export function markLinks(marks, line) {
  const links = marks.map(({ text, href, title }) => {
    const link = document.createElement("a");
    link.className = "chart-mark small";
    link.textContent = text;
    link.href = href;
    link.title = title;
    // A click on the name is no beginning of a brush.
    for (const name of ["mousedown", "pointerdown"]) link.addEventListener(name, (event) => event.stopPropagation());
    return link;
  });

  function place(plot) {
    const width = plot.over.clientWidth;
    marks.forEach(({ at }, i) => {
      const x = plot.valToPos(at, "x");
      links[i].hidden = !(x >= 0 && x <= width);
      // Near the right edge the name stands on the other side of its line.
      links[i].classList.toggle("left", x > width - 70);
      links[i].style.left = `${x}px`;
      if (!links[i].hidden) line(plot, plot.valToPos(at, "x", true));
    });
  }

  return { hooks: { ready: (plot) => plot.over.append(...links), draw: place } };
}
