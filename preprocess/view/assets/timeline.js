// The whole session on one line: labels, each rater, one more curve, why rows are as they are, the clips.
import { draggable, drawAxis, drawCurve, drawnOver, lastBefore, line, paint, redrawn, swatch } from "./plot.js";
import { REASON_COLORS, clock, reasonWords, signed } from "./words.js";

const LEFT = 72;
const RIGHT = 58;
const PLOT = 118;
const STRIP = 12;
const GAP = 5;
const AXIS = 22;
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
    Object.assign(this, { canvas, legend, also: "" });
    draggable(canvas, (event) => this.rowAt(event), goTo);
    canvas.addEventListener("pointermove", (event) => this.hover(event));
    redrawn(canvas, () => this.draw());
  }

  build(session, facts, reasonNames) {
    Object.assign(this, { session, facts, reasonNames, row: 0 });
    this.time = facts.columns.time_s;
    const present = new Set(session.streams.flatMap((stream) => (facts.columns[`reason_${stream}`] || [])));
    const entries = [];
    for (const dimension of ["valence", "arousal"]) {
      if (!facts.columns[dimension]) continue;
      const n = facts.raters[dimension]?.length || 0;
      entries.push(swatch(dimension === "valence" ? "--blue" : "--vermilion", `${dimension}${n ? `, thin: ${n} raters` : ""}`, "thin"));
    }
    for (const number of [...present].sort((a, b) => a - b)) {
      const name = reasonNames[number] || "damaged";
      entries.push(swatch(REASON_COLORS[name] || "#80858c", reasonWords(name)));
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
    return lastBefore(this.time, this.time[0] + ((event.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT)) * this.span);
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
    const height = PLOT + AXIS + (this.session.streams.length + 1) * (STRIP + GAP) + GAP;
    const context = drawnOver(this.canvas, height, anew, (behind) => this.drawBehind(behind, this.canvas.clientWidth, height));
    if (!context) return;
    const x = this.x(this.time[this.row]);
    context.strokeStyle = paint("--ink");
    context.lineWidth = 2;
    line(context, [[x, 3], [x, height - AXIS + 3]]);
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
    context.fillStyle = soft;
    context.textAlign = "right";
    context.lineWidth = 1;
    for (const value of [-1, 0, 1]) {
      context.strokeStyle = paint("--line");
      line(context, [[LEFT, labelY(value)], [width - RIGHT, labelY(value)]]);
      context.fillText(value ? signed(value, 0) : "0", LEFT - 8, labelY(value));
    }
    drawAxis(context, { first: this.time[0], last: this.time[0] + this.span, x: (s) => this.x(s), top: 4, bottom: height - AXIS + 3, width: width - LEFT - RIGHT });
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
      for (const rater of this.facts.raters[name] || []) drawCurve(context, this.time, rater.values, (s) => this.x(s), labelY);
      context.globalAlpha = 1;
      context.lineWidth = 2.5;
      drawCurve(context, this.time, this.facts.columns[name], (s) => this.x(s), labelY);
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
    drawCurve(context, this.time, values, (s) => this.x(s), y);
    context.fillStyle = soft;
    context.textAlign = "left";
    const digits = high - low < 10 ? 2 : 0;
    context.fillText(high.toFixed(digits), width - RIGHT + 7, y(high));
    context.fillText(low.toFixed(digits), width - RIGHT + 7, y(low));
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
