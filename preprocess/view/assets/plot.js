// Curves over time on a canvas: its size, its axis, what lies behind, and where a pointer goes.
import { clock, make } from "./words.js";

const STEPS_S = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];
const behinds = new WeakMap(); // by canvas: what was drawn last behind the cursor

// The color that a name of the page's style stands for now, light or dark.
export function paint(color) {
  return color.startsWith("--") ? getComputedStyle(document.documentElement).getPropertyValue(color).trim() : color;
}

export function line(context, points) {
  context.beginPath();
  points.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.stroke();
}

// Draw upright lines at round times and their names; `x` carries seconds to pixels.
export function drawAxis(context, { first, last, x, top, bottom, width }) {
  const step = STEPS_S.find((seconds) => seconds >= ((last - first) * 70) / Math.max(width, 1)) || STEPS_S.at(-1);
  context.textAlign = "center";
  context.lineWidth = 1;
  for (let k = Math.ceil(first / step - 1e-9); k * step <= last + 1e-9; k++) {
    const place = x(k * step);
    context.strokeStyle = paint("--line");
    line(context, [[place, top], [place, bottom]]);
    context.fillStyle = paint("--soft");
    const words = step < 1 ? `${(k * step).toFixed(1)} s` : clock(k * step).replace(/\.00$/, "");
    context.fillText(words, place, bottom + 11);
  }
}

// Draw one curve with gaps where it is not known (null).
export function drawCurve(context, times, values, x, y) {
  context.beginPath();
  let broken = true;
  for (let i = 0; i < values.length; i++) {
    if (values[i] === null) {
      broken = true;
      continue;
    }
    if (broken) context.moveTo(x(times[i]), y(values[i]));
    else context.lineTo(x(times[i]), y(values[i]));
    broken = false;
  }
  context.stroke();
}

// The last of rising `times` that is not later than `seconds`; the first where all are later.
export function lastBefore(times, seconds) {
  let [low, high] = [0, times.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (times[middle] <= seconds + 1e-9) low = middle;
    else high = middle - 1;
  }
  return low;
}

// Let a canvas be drawn on as wide as it is shown; returns its context, or null where it is not on the page.
export function fitted(canvas, height) {
  const width = canvas.clientWidth;
  if (width < 60) return null;
  const ratio = devicePixelRatio;
  canvas.style.height = `${height}px`;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = "12px system-ui, sans-serif";
  context.textBaseline = "middle";
  return context;
}

// Return a canvas's context on which `drawBehind` was drawn: now, or before where only the cursor has moved; null
// where the canvas is not on the page.
export function drawnOver(canvas, height, anew, drawBehind) {
  const context = fitted(canvas, height);
  if (!context) return null;
  const kept = behinds.get(canvas);
  if (!anew && kept?.width === canvas.width && kept.height === canvas.height) {
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.drawImage(kept, 0, 0);
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    return context;
  }
  drawBehind(context);
  const behind = make("canvas", { width: canvas.width, height: canvas.height });
  behind.getContext("2d").drawImage(canvas, 0, 0);
  behinds.set(canvas, behind);
  return context;
}

// Draw again when the canvas is shown at another size, or in light or dark.
export function redrawn(canvas, draw) {
  new ResizeObserver(draw).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}

// Go where a pointer is pressed or dragged on a canvas; `place` carries pixels to what `goTo` takes.
export function draggable(canvas, place, goTo) {
  let dragged = false;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    dragged = true;
    canvas.setPointerCapture(event.pointerId);
    goTo(place(event));
  });
  canvas.addEventListener("pointermove", (event) => dragged && goTo(place(event)));
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { dragged = false; });
}

// One entry of a legend; `kind` is the class of its mark.
export function swatch(color, text, kind = "") {
  const sample = make("i", { className: kind });
  sample.style.background = color.startsWith("--") ? `var(${color})` : color;
  return make("li", {}, sample, text);
}
