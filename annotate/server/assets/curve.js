// The rating so far over the whole film: a curve for each dimension, what is missing, comments, where the
// film stands. Owns the values by time that the page knows; the server's replay is what counts.

import { LIMIT } from "./rating.js";

const STEP_S = 0.1;
const MAX_POINTS = 3000;
const DRAW_EVERY_MS = 200;

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

export const clock = (s) => {
  const whole = Math.floor(s + 1e-6);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
};

export class Curve {
  constructor(node, dimensions, duration_s) {
    Object.assign(this, { node, dimensions, duration_s });
    this.step_s = Math.max(STEP_S, duration_s / MAX_POINTS);
    const n_points = Math.ceil(duration_s / this.step_s) + 1;
    this.time_s = Array.from({ length: n_points }, (_, k) => Math.min(duration_s, k * this.step_s));
    this.values = dimensions.map(() => new Array(n_points).fill(null));
    this.missing = [];
    this.reached_s = 0;
    this.comments_s = [];
    this.now_s = 0;
    this.last = null;
    this.drawn_ms = 0;
    this.plot = new uPlot(this.options(), [this.time_s, ...this.values], node);
    new ResizeObserver(() => this.plot.setSize(this.size())).observe(node);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.plot.redraw(false));
  }

  size() {
    return { width: Math.max(80, this.node.clientWidth), height: Math.max(50, this.node.clientHeight) };
  }

  options() {
    const axis = { stroke: () => color("soft"), font: "12px system-ui, sans-serif", ticks: { show: false } };
    return {
      ...this.size(),
      padding: [6, 14, 0, 0],
      cursor: { show: false },
      legend: { show: false },
      scales: { x: { time: false, range: [0, this.duration_s] }, y: { range: [-LIMIT - 0.8, LIMIT + 0.8] } },
      axes: [
        {
          ...axis,
          size: 22,
          gap: 3,
          space: 70,
          incrs: [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 3600],
          grid: { show: false },
          values: (_, ticks) => ticks.map(clock),
        },
        {
          ...axis,
          size: 34,
          gap: 4,
          splits: () => [-LIMIT, 0, LIMIT],
          values: (plot) => ["−10", plot.height < 90 ? "" : "0", "+10"],
          grid: { stroke: () => color("line"), width: 1 },
        },
      ],
      series: [
        {},
        ...this.dimensions.map((one, k) => ({
          stroke: () => color(one),
          width: 2,
          dash: k === 1 ? [6, 3] : undefined,
          points: { show: false },
          paths: uPlot.paths.stepped({ align: 1 }),
        })),
      ],
      hooks: { drawClear: [(plot) => this.drawGaps(plot)], draw: [(plot) => this.drawMarks(plot)] },
    };
  }

  drawGaps(plot) {
    const { top, height } = plot.bbox;
    plot.ctx.save();
    plot.ctx.fillStyle = color("red");
    plot.ctx.globalAlpha = 0.22;
    for (const [from_s, to_s] of this.missing) {
      if (from_s >= this.reached_s) continue; // it is not missing, it has not come yet
      const left = plot.valToPos(from_s, "x", true);
      const right = plot.valToPos(Math.min(to_s, this.reached_s), "x", true);
      plot.ctx.fillRect(left, top, Math.max(4, right - left), height);
    }
    plot.ctx.restore();
  }

  drawMarks(plot) {
    const { top, height } = plot.bbox;
    const scale = devicePixelRatio;
    plot.ctx.save();
    plot.ctx.fillStyle = color("amber");
    for (const at_s of this.comments_s) {
      const x = plot.valToPos(at_s, "x", true);
      plot.ctx.beginPath();
      plot.ctx.moveTo(x, top + 9 * scale);
      plot.ctx.lineTo(x - 5 * scale, top);
      plot.ctx.lineTo(x + 5 * scale, top);
      plot.ctx.fill();
    }
    plot.ctx.fillStyle = color("ink");
    plot.ctx.fillRect(plot.valToPos(this.now_s, "x", true) - scale / 2, top, 1.5 * scale, height);
    plot.ctx.restore();
  }

  // Take what the server knows of the take: {dimension: [[media_s, value], ...]}, and what is missing of it
  // up to where the rater came.
  learn({ curve, missing, comments, resume_s }, reached_s = resume_s) {
    this.missing = missing ?? [];
    this.reached_s = Math.max(this.reached_s, reached_s);
    if (comments) this.comments_s = comments.map((one) => (Array.isArray(one) ? one[0] : one.media_s));
    if (curve) this.dimensions.forEach((one, k) => this.fill(this.values[k], curve[one] ?? []));
    this.draw(true);
  }

  fill(column, points) {
    const covered = (s) => !this.missing.some(([from_s, to_s]) => s >= from_s && s < to_s);
    let at = -1;
    for (let k = 0; k < column.length; k++) {
      while (at + 1 < points.length && points[at + 1][0] <= this.time_s[k] + 1e-6) at += 1;
      column[k] = at >= 0 && covered(this.time_s[k]) ? points[at][1] : null;
    }
  }

  // A frame was seen with these values.
  seen(media_s, values) {
    const to = Math.min(this.time_s.length - 1, Math.floor(media_s / this.step_s + 1e-6));
    const from = this.last !== null && this.last <= to && to - this.last < 0.6 / this.step_s ? this.last : to;
    this.dimensions.forEach((one, k) => this.values[k].fill(values[one], from, to + 1));
    const [from_s, to_s] = [from * this.step_s, (to + 1) * this.step_s];
    this.missing = this.missing.flatMap(([a, b]) => [[a, Math.min(b, from_s)], [Math.max(a, to_s), b]].filter(([l, r]) => r > l));
    this.reached_s = Math.max(this.reached_s, media_s);
    this.last = to;
    this.now_s = media_s;
    this.draw(false);
  }

  // The values that stand at a moment; null where there are none.
  at(media_s) {
    const k = Math.min(this.time_s.length - 1, Math.floor(media_s / this.step_s + 1e-6));
    if (this.values.some((column) => column[k] === null)) return null;
    return Object.fromEntries(this.dimensions.map((one, d) => [one, this.values[d][k]]));
  }

  jumped(media_s) {
    this.last = null;
    this.now_s = media_s;
    this.draw(true);
  }

  commented(media_s) {
    this.comments_s.push(media_s);
    this.draw(true);
  }

  draw(at_once) {
    const now_ms = performance.now();
    if (!at_once && now_ms - this.drawn_ms < DRAW_EVERY_MS) return;
    this.drawn_ms = now_ms;
    this.plot.setData([this.time_s, ...this.values], false);
    this.plot.redraw(true);
  }
}
