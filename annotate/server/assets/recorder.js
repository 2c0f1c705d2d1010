// The log of one run: events as they happen, cut into numbered chunks every half second. Times are
// milliseconds on performance.now(), on which event.timeStamp and the frame callback stand too.

const EVERY_MS = 500;
const MAX_EVENTS = 1500;
const MAX_LETTERS = 48_000;

export class Recorder {
  // `full(error)` is called when the browser can keep no more.
  constructor(outbox, take, run, full) {
    Object.assign(this, { outbox, take, run, full });
    this.number = 0;
    this.events = [];
    this.n_letters = 0;
    this.stopped = false;
    this.timer = setInterval(() => this.cut(), EVERY_MS);
  }

  add(event) {
    if (this.stopped) return;
    event.t_ms = Math.max(0, Math.round(event.t_ms * 1000) / 1000);
    this.events.push(event);
    this.n_letters += 80 + (event.text?.length ?? 0) * 6;
    if (this.events.length >= MAX_EVENTS || this.n_letters >= MAX_LETTERS) this.cut();
  }

  value(source, values, t_ms = performance.now()) {
    this.add({ kind: "value", t_ms, source, ...values });
  }

  frame(now, { mediaTime, presentedFrames }) {
    this.add({ kind: "frame", t_ms: now, media_s: mediaTime, presented: presentedFrames });
  }

  playback(what, media_s, t_ms = performance.now()) {
    this.add({ kind: "playback", t_ms, what, media_s });
  }

  comment(media_s, text) {
    const whole = text.toWellFormed?.() ?? text; // half a sign, cut off at the text's end, is no JSON
    this.add({ kind: "comment", t_ms: performance.now(), media_s, text: whole });
  }

  // Hand what is there to the outbox, as one chunk.
  cut() {
    if (this.events.length === 0) return;
    const body = JSON.stringify({ wall_ms: Date.now(), events: this.events });
    this.events = [];
    this.n_letters = 0;
    try {
      this.outbox.add(this.take, this.run, this.number++, body);
    } catch (error) {
      this.full(error);
    }
  }

  // Take no more: another window goes on with this take, or it is over.
  stop() {
    this.cut();
    this.stopped = true;
    clearInterval(this.timer);
  }
}
