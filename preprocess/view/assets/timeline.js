// The whole session on one line: labels, each rater, one more curve, why rows are as they are, the clips.
import { REASON_COLORS, clock, make, reasonWords, signed } from "./words.js";

const LEFT = 72;
const RIGHT = 58;
const PLOT = 118;
const STRIP = 12;
const GAP = 5;
const AXIS = 22;
const STEPS_S = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];
export const CURVES = [
  ["", "none"],
  ["sharpness", "sharpness"],
  ["yaw", "yaw, degrees"],
  ["pitch", "pitch, degrees"],
  ["distance_mm", "distance, mm"],
  ["brightness", "brightness"],
  ["eye_distance_px", "eye distance, px"],
  ["jump", "jump, eye distances"],
];

export class Timeline {
  constructor(canvas, legend, goTo) {
    this.canvas = canvas;
    this.legend = legend;
    this.goTo = goTo;
    this.also = "";
    let dragged = false;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      dragged = true;
      canvas.setPointerCapture(event.pointerId);
      goTo(this.rowAt(event));
    });
    canvas.addEventListener("pointermove", (event) => {
      if (dragged) goTo(this.rowAt(event));
      this.hover(event);
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { dragged = false; });
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  build(session, facts, reasonNames) {
    Object.assign(this, { session, facts, reasonNames, row: 0 });
    this.time = facts.columns.time_s;
    this.curve("valence");
    const present = new Set(session.streams.flatMap((stream) => (facts.columns[`reason_${stream}`] || [])));
    const entries = [];
    for (const dimension of ["valence", "arousal"]) {
      if (!facts.columns[dimension]) continue;
      const n = facts.raters[dimension]?.length || 0;
      entries.push(swatch(dimension === "valence" ? "var(--blue)" : "var(--vermilion)", `${dimension}${n ? `, thin: ${n} raters` : ""}`, true));
    }
    for (const number of [...present].sort((a, b) => a - b)) {
      const name = reasonNames[number] || "damaged";
      entries.push(swatch(paint(REASON_COLORS[name] || "#80858c", true), reasonWords(name)));
    }
    this.legend.replaceChildren(...entries);
    this.canvas.setAttribute("aria-valuemax", session.n_frames - 1);
    this.draw();
  }

  show(row) {
    this.row = row;
    this.canvas.setAttribute("aria-valuenow", row);
    this.canvas.setAttribute("aria-valuetext", `row ${row}, ${clock(this.time?.[row] ?? 0)}`);
    this.draw(false);
  }

  setAlso(name) {
    this.also = name;
    this.draw();
  }

  curve(name) {
    const { pose_deg: pose } = this.facts.columns;
    if (name === "yaw" || name === "pitch") return pose?.[name === "yaw" ? 0 : 1] ?? null;
    return this.facts.columns[name] ?? null;
  }

  get span() {
    const last = this.time[this.time.length - 1];
    return Math.max(last - this.time[0] + 1 / (this.session.fps || 4), 1e-3);
  }

  x(seconds) {
    return LEFT + ((seconds - this.time[0]) / this.span) * (this.canvas.clientWidth - LEFT - RIGHT);
  }

  rowAt(event) {
    const box = this.canvas.getBoundingClientRect();
    const share = (event.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT);
    const seconds = this.time[0] + share * this.span;
    let [low, high] = [0, this.time.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.time[middle] <= seconds) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  hover(event) {
    if (!this.time) return;
    const row = this.rowAt(event);
    const words = [`row ${row}`, clock(this.time[row])];
    for (const name of ["valence", "arousal"]) {
      const value = this.facts.columns[name]?.[row] ?? null;
      if (value !== null) words.push(`${name} ${signed(value)}`);
    }
    for (const stream of this.session.streams) {
      const number = this.facts.columns[`reason_${stream}`]?.[row];
      if (number) words.push(`${stream}: ${reasonWords(this.reasonNames[number] || "damaged")}`);
    }
    this.canvas.title = words.join(", ");
  }

  // Draw all; when only the row has moved, what lies behind the cursor is kept from before.
  draw(anew = true) {
    if (!this.time?.length) return;
    const width = this.canvas.clientWidth;
    if (width <= LEFT + RIGHT) return; // not on the page
    const height = PLOT + AXIS + (this.session.streams.length + 1) * (STRIP + GAP) + GAP;
    const ratio = devicePixelRatio;
    this.canvas.style.height = `${height}px`;
    const context = this.canvas.getContext("2d");
    if (anew || !this.behind || this.canvas.width !== Math.round(width * ratio)) {
      this.behind = document.createElement("canvas");
      this.canvas.width = this.behind.width = Math.round(width * ratio);
      this.canvas.height = this.behind.height = Math.round(height * ratio);
      const under = this.behind.getContext("2d");
      under.scale(ratio, ratio);
      this.drawBehind(under, width, height);
    }
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.drawImage(this.behind, 0, 0);
    context.scale(ratio, ratio);
    const x = this.x(this.time[this.row]);
    context.strokeStyle = paint("--ink");
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(x, 3);
    context.lineTo(x, height - AXIS + 3);
    context.stroke();
    for (const [name, color] of [["valence", "--blue"], ["arousal", "--vermilion"]]) {
      const value = this.facts.columns[name]?.[this.row] ?? null;
      if (value === null) continue;
      context.fillStyle = paint(color);
      context.beginPath();
      context.arc(x, labelY(value), 4.5, 0, 7);
      context.fill();
    }
  }

  drawBehind(context, width, height) {
    const soft = paint("--soft");
    context.font = "12px system-ui, sans-serif";
    context.textBaseline = "middle";
    context.fillStyle = soft;
    context.textAlign = "right";
    context.lineWidth = 1;
    for (const value of [-1, 0, 1]) {
      context.strokeStyle = paint("--line");
      line(context, [[LEFT, labelY(value)], [width - RIGHT, labelY(value)]]);
      context.fillText(value ? signed(value, 0) : "0", LEFT - 8, labelY(value));
    }
    this.drawAxis(context, width, height, soft);
    const labelled = ["valence", "arousal"].filter((name) => this.facts.columns[name]);
    if (!labelled.length) {
      context.textAlign = "center";
      context.fillText("no labels", (LEFT + width - RIGHT) / 2, labelY(0) - 12);
    }
    if (this.also) this.drawAlso(context, width, soft);
    for (const name of labelled) {
      context.strokeStyle = paint(name === "valence" ? "--blue" : "--vermilion");
      context.globalAlpha = 0.4;
      context.lineWidth = 1;
      for (const rater of this.facts.raters[name] || []) this.drawCurve(context, rater.values, labelY);
      context.globalAlpha = 1;
      context.lineWidth = 2.5;
      this.drawCurve(context, this.facts.columns[name], labelY);
    }
    let top = PLOT + GAP;
    for (const stream of this.session.streams) {
      context.fillStyle = soft;
      context.textAlign = "right";
      context.fillText(stream, LEFT - 8, top + STRIP / 2);
      this.drawReasons(context, stream, top);
      top += STRIP + GAP;
    }
    context.fillStyle = soft;
    context.textAlign = "right";
    context.fillText("clips", LEFT - 8, top + STRIP / 2);
    context.fillStyle = paint("--edge");
    const { clips, frames_per_clip: length } = this.facts;
    const period = 1 / (this.session.fps || 4);
    for (const start of clips) {
      const left = this.x(this.time[start]);
      const right = this.x(this.time[start + length - 1] + period);
      context.fillRect(left + 0.75, top + 2, Math.max(1, right - left - 1.5), STRIP - 4);
    }
    if (!clips.length) {
      context.textAlign = "left";
      context.fillText(`none: no ${length} rows in a row have a valid face`, LEFT, top + STRIP / 2);
    }
  }

  drawAxis(context, width, height, soft) {
    const wanted = (this.span * 80) / (width - LEFT - RIGHT);
    const step = STEPS_S.find((seconds) => seconds >= wanted) || STEPS_S.at(-1);
    context.textAlign = "center";
    for (let at = Math.ceil(this.time[0] / step) * step; at <= this.time[0] + this.span; at += step) {
      const x = this.x(at);
      context.strokeStyle = paint("--line");
      line(context, [[x, 4], [x, height - AXIS + 3]]);
      context.fillStyle = soft;
      const minutes = Math.floor(at / 60);
      const seconds = at - 60 * minutes;
      context.fillText(step < 1 ? `${at.toFixed(1)} s` : `${minutes}:${String(Math.round(seconds)).padStart(2, "0")}`, x, height - AXIS / 2 + 2);
    }
  }

  drawAlso(context, width, soft) {
    const values = this.curve(this.also);
    const known = values?.filter((value) => value !== null) || [];
    if (!known.length) return;
    let low = Infinity;
    let high = -Infinity;
    for (const value of known) [low, high] = [Math.min(low, value), Math.max(high, value)];
    if (high - low < 1e-6) [low, high] = [low - 0.5, high + 0.5];
    const y = (value) => PLOT - 10 - ((value - low) / (high - low)) * (PLOT - 22);
    context.strokeStyle = soft;
    context.lineWidth = 1.25;
    this.drawCurve(context, values, y);
    context.fillStyle = soft;
    context.textAlign = "left";
    const digits = high - low < 10 ? 2 : 0;
    context.fillText(high.toFixed(digits), width - RIGHT + 7, y(high));
    context.fillText(low.toFixed(digits), width - RIGHT + 7, y(low));
  }

  drawCurve(context, values, y) {
    context.beginPath();
    let broken = true;
    for (let row = 0; row < values.length; row++) {
      if (values[row] === null) {
        broken = true;
        continue;
      }
      const x = this.x(this.time[row]);
      if (broken) context.moveTo(x, y(values[row]));
      else context.lineTo(x, y(values[row]));
      broken = false;
    }
    context.stroke();
  }

  // Draw one stream's reasons; a single bad row stays at least 2 pixels wide, so that it is not lost.
  drawReasons(context, stream, top) {
    const reasons = this.facts.columns[`reason_${stream}`];
    if (!reasons) return;
    const period = 1 / (this.session.fps || 4);
    const runs = [];
    for (let row = 0; row < reasons.length; row++) {
      const last = runs.at(-1);
      if (last?.reason === reasons[row]) last.stop = row + 1;
      else runs.push({ reason: reasons[row], start: row, stop: row + 1 });
    }
    runs.sort((a, b) => (a.reason === 0 ? 0 : 1) - (b.reason === 0 ? 0 : 1));
    for (const { reason, start, stop } of runs) {
      const name = this.reasonNames[reason] || "damaged";
      const left = this.x(this.time[start]);
      const right = stop < this.time.length ? this.x(this.time[stop]) : this.x(this.time[stop - 1] + period);
      context.fillStyle = paint(REASON_COLORS[name] || "#80858c");
      context.fillRect(left, top, Math.max(2, right - left), STRIP);
    }
  }
}

const labelY = (value) => PLOT / 2 + 2 - value * (PLOT / 2 - 10);

function paint(color, asVariable = false) {
  if (!color.startsWith("--")) return color;
  return asVariable ? `var(${color})` : getComputedStyle(document.documentElement).getPropertyValue(color).trim();
}

function line(context, points) {
  context.beginPath();
  points.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.stroke();
}

function swatch(color, text, thin = false) {
  const sample = make("i", { className: thin ? "thin" : "" });
  sample.style.background = color;
  return make("li", {}, sample, text);
}
