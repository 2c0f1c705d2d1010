// Which row is shown, and playing: at the true rate, through the session or round and round in one clip.
import { at } from "./page.js";
import { ROWS_PER_CHUNK } from "./store.js";

const MOST_WAIT_S = 1; // a gap in the times is not sat through

export class Player {
  constructor(ready, show) {
    this.ready = ready;
    this.show = show;
    this.row = 0;
    this.speed = 1;
    this.repeat = false;
    this.playing = false;
  }

  open(facts, nRows, row) {
    this.facts = facts;
    this.nRows = nRows;
    this.goTo(row);
  }

  goTo(row) {
    this.row = Math.min(Math.max(0, Math.round(row)), this.nRows - 1);
    this.dueMs = performance.now() + this.shownMs();
    this.show(this.row, this.playing);
  }

  // The clip that holds a row: one of training's, or where none does the rows of its chunk.
  clip(row = this.row) {
    const { clips, frames_per_clip: length } = this.facts;
    const index = clips.findLastIndex((start) => start <= row);
    if (index >= 0 && row < clips[index] + length) return { start: clips[index], length, index };
    return { start: Math.floor(row / ROWS_PER_CHUNK) * ROWS_PER_CHUNK, length, index: -1 };
  }

  stepClip(by) {
    const { clips, frames_per_clip: length } = this.facts;
    if (!clips.length) {
      this.goTo(this.row + by * length);
      return;
    }
    const next = by > 0 ? clips.find((start) => start > this.row) : clips.findLast((start) => start < this.row);
    this.goTo(next ?? (by > 0 ? this.nRows - 1 : 0));
  }

  toggle() {
    if (this.playing) {
      this.pause();
      return;
    }
    if (this.row >= this.nRows - 1 && !this.repeat) this.row = 0;
    this.playing = true;
    this.dueMs = performance.now() + this.shownMs();
    this.show(this.row, true);
    requestAnimationFrame(() => this.turn());
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    this.show(this.row, false);
  }

  shownMs() {
    const { time_s: time } = this.facts.columns;
    const next = time[this.row + 1] ?? time[this.row] + 0.25;
    return (1000 * Math.min(MOST_WAIT_S, Math.max(0, next - time[this.row]))) / this.speed;
  }

  turn() {
    if (!this.playing) return;
    const nowMs = performance.now();
    if (nowMs >= this.dueMs) {
      const next = this.following();
      if (next === null) {
        this.pause();
        return;
      }
      if (this.ready(next)) {
        this.row = next;
        const lateMs = nowMs - this.dueMs;
        this.dueMs = (lateMs > 250 ? nowMs : this.dueMs) + this.shownMs();
        this.show(next, true);
      } else {
        this.dueMs = nowMs; // its pixels are on their way
      }
    }
    requestAnimationFrame(() => this.turn());
  }

  following() {
    const { start, length } = this.clip();
    const next = this.row + 1;
    if (this.repeat && (next >= start + length || next >= this.nRows)) return start;
    return next < this.nRows ? next : null;
  }
  // Listen to the buttons of the page's transport.
  wire() {
    const steps = { play: () => this.toggle(), "prev-row": () => this.goTo(this.row - 1), "next-row": () => this.goTo(this.row + 1), "prev-clip": () => this.stepClip(-1), "next-clip": () => this.stepClip(1) };
    for (const [id, step] of Object.entries(steps)) at(id).addEventListener("click", step);
    at("speed").addEventListener("change", (event) => { this.speed = Number(event.target.value); });
  }

  // What keys do that step through rows and clips.
  keys() {
    return {
      ArrowLeft: () => this.goTo(this.row - 1),
      ArrowRight: () => this.goTo(this.row + 1),
      "Shift+ArrowLeft": () => this.stepClip(-1),
      "Shift+ArrowRight": () => this.stepClip(1),
      PageUp: () => this.stepClip(-1),
      PageDown: () => this.stepClip(1),
      Home: () => this.goTo(0),
      End: () => this.goTo(this.nRows - 1),
      " ": () => this.toggle(),
    };
  }
}
