// The whole session on one line: raters' traces, the protocol's steps, moments, and what each stream has at each tick.
import { draggable, drawAxis, drawCurve, drawnOver, lastBefore, line, paint, redrawn, swatch } from "./plot.js";
import { clock, signed } from "./words.js";

const LEFT = 78;
const RIGHT = 16;
const PLOT = 96;
const LANE = 16;
const GAP = 5;
const AXIS = 24;
const RATING = 10;
const STATES = ["--valid", "#e69f00", "#d55e00"]; // on time, early or late, missing
const STATE_WORDS = ["on time", "early or late", "no frame"];
export const KIND_COLORS = { marker: "--blue", event: "#d55e00", missing: "#d55e00" };
const STEP_COLORS = ["#56b4e9", "#cc79a7"];

export class Timeline {
  constructor(canvas, legend, session, goToTime) {
    Object.assign(this, { canvas, session, tick: 0 });
    this.times = session.time_s;
    this.period = session.time_s.length > 1 ? (this.times.at(-1) - this.times[0]) / (this.times.length - 1) : 0.1;
    this.states = session.streams.map((stream) => this.runs(stream));
    this.hasTraces = session.traces.length > 0;
    draggable(canvas, (event) => this.seconds(event), goToTime);
    canvas.addEventListener("pointermove", (event) => this.hover(event));
    canvas.setAttribute("aria-valuemax", this.times.length - 1);
    this.fillLegend(legend);
    redrawn(canvas, () => this.draw());
  }

  // Runs of ticks with the same state: [state, first, stop]; a state is a place in STATES.
  runs({ frame, offset_ms: offset }) {
    const lateMs = this.session.fps ? (1000 * this.session.late_share) / this.session.fps : Infinity;
    const found = [];
    frame.forEach((number, tick) => {
      const state = number < 0 ? 2 : Math.abs(offset[tick] ?? 0) > lateMs ? 1 : 0;
      if (found.at(-1)?.[0] === state) found.at(-1)[2] = tick + 1;
      else found.push([state, tick, tick + 1]);
    });
    return found;
  }

  fillLegend(place) {
    const entries = [];
    const raters = new Set(this.session.traces.map(({ rater }) => rater));
    for (const [dimension, color] of [["valence", "--blue"], ["arousal", "--vermilion"]]) {
      if (this.session.traces.some((trace) => trace.dimension === dimension)) entries.push(swatch(color, `${dimension} by ${raters.size} rater${raters.size > 1 ? "s" : ""}, −10 to 10`, "thin"));
    }
    const used = new Set(this.states.flat().map(([state]) => state));
    for (const state of [...used].sort()) entries.push(swatch(STATES[state], STATE_WORDS[state]));
    const kinds = new Set(this.session.moments.map(({ kind }) => kind));
    if (kinds.has("marker")) entries.push(swatch("--blue", "marker", "dot"));
    if (kinds.has("event")) entries.push(swatch(KIND_COLORS.event, "event: something went wrong", "triangle"));
    place.replaceChildren(...entries);
  }

  show(tick) {
    this.tick = tick;
    this.canvas.setAttribute("aria-valuenow", tick);
    this.canvas.setAttribute("aria-valuetext", `tick ${tick}, ${clock(this.times[tick])}`);
    this.draw(false);
  }

  get span() {
    return Math.max(this.times.at(-1) - this.times[0] + this.period, 1e-3);
  }

  x(seconds) {
    return LEFT + ((seconds - this.times[0]) / this.span) * (this.canvas.clientWidth - LEFT - RIGHT);
  }

  seconds(event) {
    const box = this.canvas.getBoundingClientRect();
    return this.times[0] + ((event.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT)) * this.span;
  }

  // The lanes from top to bottom, as [name, top, height].
  lanes() {
    const found = [];
    let top = 6;
    const add = (name, height) => {
      found.push([name, top, height]);
      top += height + GAP;
    };
    if (this.hasTraces) add("ratings", PLOT);
    if (this.session.steps.length) add("steps", LANE + 4);
    if (this.session.moments.some(({ kind }) => kind !== "missing")) add("moments", LANE);
    for (const { name } of this.session.streams) add(name, LANE);
    return { lanes: found, bottom: top };
  }

  draw(anew = true) {
    const { lanes, bottom } = this.lanes();
    const context = drawnOver(this.canvas, bottom + AXIS, anew, (behind) => this.drawBehind(behind, lanes, bottom));
    if (!context) return;
    const x = this.x(this.times[this.tick]);
    context.strokeStyle = paint("--ink");
    context.lineWidth = 2;
    line(context, [[x, 2], [x, bottom]]);
  }

  drawBehind(context, lanes, bottom) {
    const width = this.canvas.clientWidth - LEFT - RIGHT;
    drawAxis(context, { first: this.times[0], last: this.times[0] + this.span, x: (s) => this.x(s), top: 4, bottom, width });
    for (const [name, top, height] of lanes) {
      context.fillStyle = paint("--soft");
      context.textAlign = "right";
      if (name !== "ratings") context.fillText(name, LEFT - 8, top + height / 2);
      if (name === "ratings") this.drawTraces(context, top, height);
      else if (name === "steps") this.drawSteps(context, top, height);
      else if (name === "moments") this.drawMoments(context, top, height);
      else this.drawStream(context, this.session.streams.findIndex((one) => one.name === name), top, height);
    }
  }

  drawTraces(context, top, height) {
    const y = (value) => top + height / 2 - (value / RATING) * (height / 2 - 5);
    for (const value of [-RATING, 0, RATING]) {
      context.strokeStyle = paint("--line");
      line(context, [[LEFT, y(value)], [this.canvas.clientWidth - RIGHT, y(value)]]);
      context.fillText(value ? signed(value, 0) : "ratings 0", LEFT - 8, y(value));
    }
    context.save();
    context.beginPath();
    context.rect(LEFT, top, this.canvas.clientWidth - LEFT - RIGHT, height);
    context.clip(); // a trace may go on after the last tick
    context.globalAlpha = 0.75;
    context.lineWidth = 1.3;
    for (const { dimension, time_s: times, value } of this.session.traces) {
      context.strokeStyle = paint(dimension === "valence" ? "--blue" : "--vermilion");
      drawCurve(context, times, value, (s) => this.x(s), y);
    }
    context.restore();
  }

  drawSteps(context, top, height) {
    context.textAlign = "left";
    this.session.steps.forEach(({ start_s: start, stop_s: stop, name }, i) => {
      const [left, right] = [this.x(Math.max(start, this.times[0])), this.x(Math.min(stop, this.times[0] + this.span))];
      context.fillStyle = STEP_COLORS[i % 2];
      context.globalAlpha = 0.35;
      context.fillRect(left, top, Math.max(1, right - left - 1), height);
      context.globalAlpha = 1;
      context.fillStyle = paint("--ink");
      context.save();
      context.beginPath();
      context.rect(left, top, Math.max(0, right - left - 3), height);
      context.clip();
      context.fillText(name, left + 4, top + height / 2 + 0.5);
      context.restore();
    });
  }

  drawMoments(context, top, height) {
    for (const { time_s: time, kind } of this.session.moments) {
      if (kind === "missing") continue;
      const x = this.x(time);
      context.fillStyle = paint(KIND_COLORS[kind]);
      context.beginPath();
      if (kind === "event") {
        context.moveTo(x, top + 1);
        context.lineTo(x + 6, top + height - 2);
        context.lineTo(x - 6, top + height - 2);
      } else {
        context.arc(x, top + height / 2, 5, 0, 7);
      }
      context.fill();
    }
  }

  // Draw what a stream has; a single bad tick stays at least 2 pixels wide, so that it is not lost.
  drawStream(context, number, top, height) {
    const runs = [...this.states[number]].sort(([a], [b]) => a - b);
    for (const [state, first, stop] of runs) {
      const left = this.x(this.times[first]);
      const right = this.x(stop < this.times.length ? this.times[stop] : this.times[0] + this.span);
      context.fillStyle = paint(STATES[state]);
      const thin = state === 2 ? height : height - 4; // a missing frame is told by its height, too
      context.fillRect(left, top + (height - thin) / 2, Math.max(state ? 2 : 0.5, right - left), thin);
    }
  }

  hover(event) {
    const seconds = this.seconds(event);
    const tick = lastBefore(this.times, seconds);
    const words = [`tick ${tick}`, clock(this.times[tick])];
    const step = this.session.steps.find((one) => one.start_s <= seconds && seconds < one.stop_s);
    if (step) words.push(`step ${step.name}`);
    const near = this.session.moments.filter(({ time_s: time }) => Math.abs(this.x(time) - this.x(seconds)) < 6);
    words.push(...near.slice(0, 3).map(({ text }) => text));
    this.canvas.title = words.join(", ");
  }
}
