// The whole trace in a strip: drag over it to zoom, double-click to see all again.

import { colours, drag, fit, keepDrawn } from "./canvas.js";

/**
 * @param {HTMLCanvasElement} canvas
 * @param {import("./waterfall_scene.js").Scene} scene
 * @param {(window: [number, number]) => void} onWindow
 */
export function minimap(canvas, scene, onWindow) {
  const { m, palette } = scene;
  let picture = null;
  canvas.getContext("2d", { willReadFrequently: true });
  let ink = {};

  function paint() {
    const { context, width, height } = fit(canvas);
    ink = colours([...Array.from({ length: 20 }, (_, n) => `svc-${n}`), "error", "accent", "bg", "muted"]);
    bars(context, width, height);
    picture = context.getImageData(0, 0, canvas.width, canvas.height);
    overlay();
  }

  function bars(context, width, height) {
    const { start, duration, service, flags } = m.columns;
    const step = (height - 6) / Math.max(m.n, 1);
    const thick = Math.max(1, Math.min(4, step * 0.8));
    const tones = m.services.map((name) => ink[`svc-${palette[name] ?? 0}`]);
    for (let i = 0; i < m.n; i++) {
      context.fillStyle = flags[i] & 1 ? ink.error : tones[service[i]];
      context.fillRect((start[i] / m.whole) * width, 3 + i * step, Math.max(1.5, (duration[i] / m.whole) * width), thick);
    }
  }

  function overlay(rect = null) {
    if (!picture) return;
    const context = canvas.getContext("2d");
    context.putImageData(picture, 0, 0);
    const { clientWidth: width, clientHeight: height } = canvas;
    const [from, to] = rect ? [(rect.x0 / width) * m.whole, (rect.x1 / width) * m.whole] : scene.window;
    const x0 = (from / m.whole) * width;
    const x1 = (to / m.whole) * width;
    if (x0 <= 0 && x1 >= width) return;
    context.globalAlpha = 0.6;
    context.fillStyle = ink.bg;
    context.fillRect(0, 0, x0, height);
    context.fillRect(x1, 0, width - x1, height);
    context.globalAlpha = 1;
    context.fillStyle = ink.accent;
    context.fillRect(x0, 0, 1.5, height);
    context.fillRect(x1 - 1.5, 0, 1.5, height);
  }

  drag(canvas, {
    move: overlay,
    done(rect) {
      const { clientWidth: width } = canvas;
      onWindow([(rect.x0 / width) * m.whole, Math.max((rect.x1 / width) * m.whole, (rect.x0 / width) * m.whole + 1)]);
    },
  });
  canvas.addEventListener("dblclick", () => onWindow([0, m.whole]));
  keepDrawn(canvas, paint);
  scene.on("window", () => overlay());
  paint();
}
