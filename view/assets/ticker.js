// Which moment is shown, and playing at the true rate: what comes too late is passed over, time is not.
import { lastBefore } from "./plot.js";

const AHEAD = 10; // moments that are fetched before they are due
const AT_ONCE = 3; // moments on their way at a time
const TOLD_MS = 1000;

export class Ticker {
  // `fetch(k)` returns a promise that ends when all of moment k is here or cannot be had; `here(k)` says so.
  constructor({ fetch, here, show }) {
    Object.assign(this, { fetch, here, show });
    this.speed = 1;
    this.playing = false;
    this.tick = 0;
    this.latencyMs = 30;
  }

  open(times, tick) {
    this.times = times;
    this.goTo(tick);
  }

  get last() {
    return this.times.length - 1;
  }

  goTo(tick) {
    this.tick = Math.min(Math.max(0, Math.round(tick)), this.last);
    this.begin();
    this.show(this.tick, this.playing);
  }

  goToTime(seconds) {
    const before = lastBefore(this.times, seconds);
    const after = Math.min(before + 1, this.last);
    this.goTo(Math.abs(this.times[after] - seconds) < Math.abs(seconds - this.times[before]) ? after : before);
  }

  toggle() {
    if (this.playing) {
      this.pause();
      return;
    }
    if (this.tick >= this.last) this.tick = 0;
    this.playing = true;
    this.begin();
    this.show(this.tick, true);
    requestAnimationFrame(() => this.turn());
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    this.show(this.tick, false);
  }

  setSpeed(speed) {
    this.speed = speed;
    this.begin();
  }

  // Let the clock begin at the moment that is shown.
  begin() {
    this.beganMs = performance.now();
    this.beganS = this.times[this.tick];
    this.asked = this.tick;
    this.onTheWay = 0;
    this.turns = (this.turns || 0) + 1;
    this.counted = { sinceMs: this.beganMs, shown: 0, due: 0, from: this.tick };
    this.dropped = "";
  }

  turn() {
    if (!this.playing) return;
    const nowMs = performance.now();
    const nowS = this.beganS + ((nowMs - this.beganMs) / 1000) * this.speed;
    const due = lastBefore(this.times, nowS);
    this.askAhead(due);
    for (let tick = due; tick > this.tick; tick--) {
      if (!this.here(tick)) continue;
      this.tick = tick;
      this.counted.shown += 1;
      this.show(tick, true);
      break;
    }
    if (nowMs - this.counted.sinceMs > TOLD_MS) this.count(due, nowMs);
    if (due >= this.last && (this.tick >= this.last || nowS > this.times[this.last] + 1.5)) {
      this.pause();
      return;
    }
    requestAnimationFrame(() => this.turn());
  }

  count(due, nowMs) {
    const wanted = due - this.counted.from;
    const few = wanted > 2 && this.counted.shown < 0.8 * Math.min(wanted, 55);
    this.dropped = few ? `${this.counted.shown} of ${wanted} shown` : "";
    this.counted = { sinceMs: nowMs, shown: 0, from: due };
  }

  // Fetch what comes next; where pictures come slower than they are due, ask for what will be due by then.
  askAhead(due) {
    const periodMs = (1000 * (this.times[this.last] - this.times[0])) / Math.max(1, this.last) / this.speed;
    const turn = this.turns;
    while (this.onTheWay < AT_ONCE) {
      const soonest = this.asked < due ? due + Math.ceil(this.latencyMs / Math.max(periodMs, 1)) : this.asked + 1;
      const next = Math.max(this.asked + 1, soonest);
      if (next > Math.min(due + Math.max(AHEAD, 2 * Math.ceil(this.latencyMs / Math.max(periodMs, 1))), this.last)) return;
      this.asked = next;
      if (this.here(next)) continue;
      this.onTheWay += 1;
      const beganMs = performance.now();
      this.fetch(next).then(() => {
        this.latencyMs = 0.7 * this.latencyMs + 0.3 * (performance.now() - beganMs);
        if (turn === this.turns) this.onTheWay -= 1;
      });
    }
  }
}
