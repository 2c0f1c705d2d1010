// What a run said of a session over what was true, one panel per dimension or class, and the row that is shown.
import { draggable, drawAxis, drawCurve, drawnOver, lastBefore, line, paint, redrawn, swatch } from "./plot.js";
import { clock, signed } from "./words.js";

const LEFT = 84;
const RIGHT = 16;
const GAP = 20;
const AXIS = 24;

export class Plot {
  constructor(canvas, legend, goTo) {
    Object.assign(this, { canvas, legend, row: 0 });
    draggable(canvas, (event) => this.rowAt(event), goTo);
    canvas.addEventListener("pointermove", (event) => this.hover(event));
    redrawn(canvas, () => this.draw());
  }

  build(session, facts) {
    Object.assign(this, { session, facts, row: 0 });
    this.times = facts.columns.time_s;
    this.height = facts.curves.length > 2 ? 64 : 104;
    this.canvas.setAttribute("aria-valuemax", session.n_frames - 1);
    const entries = [swatch("--ink", "label", "thin"), swatch("--vermilion", "predicted", "thin")];
    if (facts.curves.some(({ processed }) => processed)) entries.push(swatch("--blue", "predicted, after post-processing", "thin dashed"));
    if (facts.covered.includes(0)) entries.push(swatch("--line", "no clip: interpolated"));
    this.legend.replaceChildren(...entries);
    this.draw();
  }

  show(row) {
    this.row = row;
    this.canvas.setAttribute("aria-valuenow", row);
    this.canvas.setAttribute("aria-valuetext", `row ${row}, ${clock(this.times[row])}`);
    this.draw(false);
  }

  get span() {
    return Math.max(this.times.at(-1) - this.times[0] + 1 / (this.session.fps || 4), 1e-3);
  }

  x(seconds) {
    return LEFT + ((seconds - this.times[0]) / this.span) * (this.canvas.clientWidth - LEFT - RIGHT);
  }

  y(number, value) {
    const { low, high } = this.facts.curves[number];
    const top = 8 + number * (this.height + GAP);
    return top + (1 - (value - low) / (high - low)) * this.height;
  }

  rowAt(event) {
    const box = this.canvas.getBoundingClientRect();
    return lastBefore(this.times, this.times[0] + ((event.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT)) * this.span);
  }

  hover(event) {
    if (!this.times) return;
    const row = this.rowAt(event);
    const words = this.facts.curves.map(({ name, predicted, truth }) => `${name} ${number(predicted[row])}, label ${number(truth[row])}`);
    this.canvas.title = [`row ${row}`, clock(this.times[row]), ...words].join("; ");
  }

  draw(anew = true) {
    if (!this.times?.length) return;
    const bottom = 8 + this.facts.curves.length * (this.height + GAP) - GAP + 6;
    const context = drawnOver(this.canvas, bottom + AXIS, anew, (behind) => this.drawBehind(behind, bottom));
    if (!context) return;
    const x = this.x(this.times[this.row]);
    context.strokeStyle = paint("--ink");
    context.lineWidth = 2;
    line(context, [[x, 2], [x, bottom]]);
    this.facts.curves.forEach((curve, k) => {
      for (const [values, color] of [[curve.truth, "--ink"], [curve.predicted, "--vermilion"]]) {
        const value = values[this.row];
        if (value === null) continue;
        context.fillStyle = paint(color);
        context.beginPath();
        context.arc(x, this.y(k, value), 4.5, 0, 7);
        context.fill();
      }
    });
  }

  drawBehind(context, bottom) {
    const width = this.canvas.clientWidth - LEFT - RIGHT;
    this.drawUncovered(context, bottom);
    drawAxis(context, { first: this.times[0], last: this.times[0] + this.span, x: (s) => this.x(s), top: 4, bottom, width });
    this.facts.curves.forEach((curve, k) => {
      const { low, high } = curve;
      context.textAlign = "right";
      for (const value of [low, (low + high) / 2, high]) {
        context.strokeStyle = paint("--line");
        context.lineWidth = 1;
        line(context, [[LEFT, this.y(k, value)], [LEFT + width, this.y(k, value)]]);
        context.fillStyle = paint("--soft");
        context.fillText(low < 0 ? (value ? signed(value, 0) : "0") : `${value}`, LEFT - 8, this.y(k, value));
      }
      context.fillStyle = paint("--ink");
      context.font = "600 12px system-ui, sans-serif";
      context.save();
      context.translate(14, this.y(k, (low + high) / 2));
      context.rotate(-Math.PI / 2);
      context.textAlign = "center";
      context.fillText(curve.name, 0, 0, this.height);
      context.restore();
      context.font = "12px system-ui, sans-serif";
      const styles = [[curve.truth, "--ink", 2.2, []], [curve.predicted, "--vermilion", 1.8, []], [curve.processed, "--blue", 1.2, [4, 3]]];
      for (const [values, color, thick, dashes] of styles) {
        if (!values) continue;
        context.strokeStyle = paint(color);
        context.lineWidth = thick;
        context.setLineDash(dashes);
        drawCurve(context, this.times, values, (s) => this.x(s), (value) => this.y(k, Math.min(high, Math.max(low, value))));
      }
      context.setLineDash([]);
    });
  }

  // Shade the rows that no clip shows.
  drawUncovered(context, bottom) {
    const { covered } = this.facts;
    context.fillStyle = paint("--line");
    context.globalAlpha = 0.6;
    for (let row = 0; row < covered.length; row++) {
      if (covered[row]) continue;
      let stop = row;
      while (stop < covered.length && !covered[stop]) stop += 1;
      const right = stop < covered.length ? this.x(this.times[stop]) : this.x(this.times[0] + this.span);
      context.fillRect(this.x(this.times[row]), 4, Math.max(2, right - this.x(this.times[row])), bottom - 4);
      row = stop;
    }
    context.globalAlpha = 1;
  }
}

const number = (value) => (value === null ? "unknown" : signed(value));
