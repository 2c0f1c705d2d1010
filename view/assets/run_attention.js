// The attention over the clip that is shown: asked for once per clip, drawn row by row.
import { Problem } from "./store.js";

const KEPT = 48; // clips

export class Attention {
  constructor(figure, heat) {
    this.figure = figure;
    this.canvas = figure.querySelector("canvas");
    this.blank = figure.querySelector(".blank");
    this.state = figure.querySelector(".state");
    this.kept = new Map();
    figure.querySelector(".ramp").style.background = `linear-gradient(90deg, ${heat.join(", ")})`;
    const marks = [[0, "0", "first"], [1 / 3, "1× even", ""], [1, "3× and more", "last"]];
    figure.querySelector(".marks").replaceChildren(
      ...marks.map(([place, text, name]) => {
        const mark = document.createElement("span");
        mark.textContent = text;
        mark.className = name;
        mark.style.left = `${100 * place}%`;
        return mark;
      }),
    );
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  build(session, facts) {
    Object.assign(this, { session, facts, row: 0 });
  }

  // The clip that shows a row nearest to its middle, or null.
  clip(row) {
    const { clips, frames_per_clip: length } = this.facts;
    const covering = clips.filter((start) => start <= row && row < start + length);
    const off = (start) => Math.abs(row - start - (length - 1) / 2);
    return covering.length ? covering.reduce((best, start) => (off(start) < off(best) ? start : best)) : null;
  }

  show(row) {
    this.row = row;
    const start = this.clip(row);
    if (start !== null) this.want(start);
    this.draw();
  }

  async want(start) {
    const key = `/session/${this.session.number}/attention/${start}?v=${this.session.version}`;
    if (this.kept.has(key)) return;
    const entry = { bitmap: null, error: "" };
    this.kept.set(key, entry);
    for (const old of this.kept.keys()) {
      if (this.kept.size <= KEPT) break;
      this.kept.get(old).bitmap?.close();
      this.kept.delete(old);
    }
    try {
      const found = await fetch(key);
      if (!found.ok) throw new Problem((await found.json()).error);
      entry.bitmap = await createImageBitmap(await found.blob(), { colorSpaceConversion: "none" });
    } catch (problem) {
      entry.error = problem.message;
      if (!(problem instanceof Problem)) this.kept.delete(key); // asked for again later
    }
    this.draw();
  }

  draw() {
    if (!this.facts || this.figure.hidden) return;
    const start = this.clip(this.row);
    const entry = start === null ? null : this.kept.get(`/session/${this.session.number}/attention/${start}?v=${this.session.version}`);
    const side = Math.max(1, Math.round(this.canvas.clientWidth * devicePixelRatio));
    if (this.canvas.width !== side) this.canvas.width = this.canvas.height = side;
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, side, side);
    this.blank.textContent = start === null ? "in no clip" : entry?.error ? "cannot be computed" : entry?.bitmap ? "" : "looking…";
    this.blank.title = entry?.error ?? "";
    this.state.textContent = start === null ? "" : `clip from row ${start}`;
    if (!entry?.bitmap) return;
    const size = this.facts.size_px;
    context.imageSmoothingQuality = "high";
    context.drawImage(entry.bitmap, 0, (this.row - start) * size, size, size, 0, 0, side, side);
  }
}
