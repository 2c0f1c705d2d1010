// What every page here does: asks whether its server is there, copies its link, opens its help, draws a time axis.
import { clock } from "./words.js";

const ASK_MS = 1500;
const STEPS_S = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];
export const at = (id) => document.getElementById(id);

export function say(text) {
  at("spoken").textContent = text;
}

// Say once that the server is gone, or that it was started anew; "" where it is there.
export function gone(why, again) {
  const text = !why
    ? ""
    : why.includes("link")
      ? "The viewer was started anew and does not know this browser: open the link that it printed in its terminal."
      : `The viewer has ended (${why}). Start it again with: mavfer view ${again}`;
  if (at("gone").textContent === text) return;
  at("gone").textContent = text;
  at("gone").hidden = !text;
}

// Ask again and again whether the server is there; a page without one must not look alive.
export function watchServer(again) {
  let missed = 0; // one late answer is a busy machine
  setInterval(async () => {
    try {
      const found = await fetch("/alive", { cache: "no-store", signal: AbortSignal.timeout(4000) });
      missed = 0;
      gone(found.status === 401 ? "this browser needs a new link" : "", again());
    } catch {
      missed += 1;
      if (missed > 1) gone("it does not answer", again());
    }
  }, ASK_MS);
}

export function wireTools() {
  at("keys").addEventListener("click", () => at("help").showModal());
  at("copy").addEventListener("click", async () => {
    const said = at("copy").textContent;
    try {
      await navigator.clipboard.writeText(location.href);
      at("copy").textContent = "Copied";
    } catch {
      at("copy").textContent = "Copy it from the address bar";
    }
    setTimeout(() => { at("copy").textContent = said; }, 2000);
  });
}

// Return the action for a key, null where the key is somebody else's.
export function actionFor(event, actions) {
  if (event.ctrlKey || event.metaKey || event.altKey || at("help").open) return null;
  const { tagName: tag, type } = event.target;
  const typed = tag === "SELECT" || (tag === "INPUT" && type !== "checkbox");
  if (typed && event.key !== "?") return null;
  if (event.key === " " && ["BUTTON", "INPUT"].includes(tag) && event.target.id !== "play") return null;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  return actions[event.shiftKey && key !== "?" ? `Shift+${key}` : key] ?? null;
}

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
