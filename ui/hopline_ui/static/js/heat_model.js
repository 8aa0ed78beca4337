// Cells of the heatmap as pure functions: coarse enough to be seen, found under a pointer, and as a search.

/** Width of the scale and height of the times, in CSS pixels. */
export const LEFT = 64;
export const BOTTOM = 18;

/** The same calls in at most `most` rows: whole neighbouring rows together, so that a cell is what it opens. */
export function coarser(data, most) {
  const rows = data.edges_us.length - 1;
  const by = Math.ceil(rows / Math.max(most, 1));
  if (by <= 1) return data;
  const sums = new Map();
  for (const [column, row, calls, errors] of data.cells) {
    const at = Math.floor(row / by);
    const key = column * rows + at;
    const cell = sums.get(key) ?? [column, at, 0, 0];
    cell[2] += calls;
    cell[3] += errors;
    sums.set(key, cell);
  }
  const edges = data.edges_us.filter((_, i) => i % by === 0 && i < rows);
  const cells = [...sums.values()];
  return { ...data, edges_us: [...edges, data.edges_us[rows]], cells, max: cells.reduce((most_, cell) => Math.max(most_, cell[2]), 0) };
}

/** Columns and rows that a rectangle of the drawing touches. */
export function cellsUnder(rect, width, height, columns, rows) {
  const w = (width - LEFT) / columns;
  const h = (height - BOTTOM) / rows;
  const within = (value, limit) => Math.min(Math.max(Math.floor(value), 0), limit - 1);
  return {
    c0: within((rect.x0 - LEFT) / w, columns),
    c1: within((rect.x1 - LEFT) / w, columns),
    r0: within(rows - rect.y1 / h, rows),
    r1: within(rows - rect.y0 / h, rows),
  };
}

/** Search parameters of cells: entry calls, as the cells count them; the highest row has no upper bound. */
export function paramsOf(data, { c0, c1, r0, r1 }) {
  const top = r1 + 1 < data.edges_us.length - 1 ? `${data.edges_us[r1 + 1] - 1}us` : "";
  return {
    entry: "true",
    from: data.times[c0],
    to: Math.min(data.times[c1] + data.step_us, data.to_us),
    min_span_duration: `${data.edges_us[r0]}us`,
    max_span_duration: top,
  };
}

/** Calls and failed calls of cells. */
export function sumOf(data, { c0, c1, r0, r1 }) {
  const sum = { calls: 0, errors: 0 };
  for (const [column, row, calls, errors] of data.cells) {
    if (column < c0 || column > c1 || row < r0 || row > r1) continue;
    sum.calls += calls;
    sum.errors += errors;
  }
  return sum;
}

/** The cell an arrow key leads to, within the drawing. */
export function moved({ column, row }, key, columns, rows) {
  const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[key];
  if (!by) return null;
  return { column: Math.min(Math.max(column + by[0], 0), columns - 1), row: Math.min(Math.max(row + by[1], 0), rows - 1) };
}
