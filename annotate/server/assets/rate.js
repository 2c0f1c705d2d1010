// The rater's page: one take from its opening to its end. Joins film, inputs, log and outbox; what is shown
// over the film is in `card.js`, the end of a take in `rate-end.js`, what goes wrong in `rate-problems.js`.

import { Card, Hints } from "./card.js";
import { clock, Curve } from "./curve.js";
import { followGamepads } from "./input-gamepad.js";
import { followKeys } from "./input-keys.js";
import { followWheel } from "./input-pointer.js";
import { Outbox } from "./outbox.js";
import { makePad } from "./pad.js";
import { Player } from "./player.js";
import { askUntilAnswered, pause_ms, post } from "./rate-api.js";
import { askAgain, comment } from "./rate-asides.js";
import { finish, offerGaps } from "./rate-end.js";
import { broken, full, over, refused } from "./rate-problems.js";
import { clockWords, DEVICES, HINTS, HOW, noAnswer, PROBLEM } from "./rate-words.js";
import { Rating } from "./rating.js";
import { Recorder } from "./recorder.js";
import { makeSlider } from "./slider.js";

const EARLIER_S = 3;
const AWAY_MS = 3000;
const LEFTOVERS_MS = 20_000;
const by = (id) => document.getElementById(id);

class Rate {
  constructor(told) {
    this.told = told;
    this.dimensions = told.dimension === "both" ? ["valence", "arousal"] : [told.dimension];
    this.together = this.dimensions.length > 1;
    this.duration_s = Number(told.duration);
    this.rewind_s = Number(told.rewind);
    this.card = new Card(by("card"));
    this.rating = new Rating(this.dimensions);
    this.scale = this.together ? makePad(this.rating) : makeSlider(this.rating);
    by("scale").append(this.scale.node);
    this.curve = new Curve(by("curve"), this.dimensions, this.duration_s);
    this.player = new Player(by("film"), `/media/${told.video}`);
    this.outbox = new Outbox();
    this.recorder = null;
    this.until_s = null;
    this.warning = "";
    this.become("loading");
    this.listen();
  }

  become(state) {
    this.state = state;
    document.body.dataset.state = state;
    const going = state === "playing" || state === "countdown";
    by("play").firstElementChild.textContent = going ? "Pause" : "Go on";
    by("play").disabled = !["playing", "countdown", "paused"].includes(state);
    by("back").disabled = by("comment").disabled = !["playing", "paused"].includes(state);
    by("again").disabled = !["ready", "playing", "paused", "gaps"].includes(state);
  }

  listen() {
    this.rating.addEventListener("moved", ({ detail: { source, t_ms } }) => {
      if (source !== "start" && this.state !== "finishing") this.recorder?.value(source, this.rating.values, t_ms);
    });
    const on = (name, act) => this.player.addEventListener(name, (event) => act(event.detail));
    on("frame", (told) => this.seen(told));
    on("play", () => this.recorder?.playback("play", this.player.media_s));
    on("pause", () => this.stopped());
    on("wait", () => this.waits(true));
    on("on", () => this.waits(false));
    on("rate", () => this.recorder?.playback("rate", this.player.media_s));
    on("ended", () => this.ended());
    on("broken", (told) => broken(this, told));
    on("key", () => this.pauseOrGo());
    this.outbox.addEventListener("newest", ({ detail }) => {
      if (detail.take === this.take && detail.run > this.run) over(this, "window");
    });
    this.outbox.addEventListener("refused", ({ detail }) => refused(this, detail));
    const does = { space: () => this.pauseOrGo(), b: () => this.back(), c: () => comment(this) };
    followKeys(this.rating, { ...does, enter: () => this.card.press(), escape: () => this.escape() });
    followWheel(document, (steps, event) => {
      const way = this.together && event.shiftKey ? "valence" : this.together ? "arousal" : this.dimensions[0];
      this.rating.add({ [way]: steps }, "wheel", event.timeStamp);
    });
    followGamepads(this.rating, { play: does.space, back: does.b, found: () => {} });
    by("play").addEventListener("click", does.space);
    by("back").addEventListener("click", does.b);
    by("comment").addEventListener("click", does.c);
    by("again").addEventListener("click", () => askAgain(this));
    by("stage").addEventListener("click", (event) => event.target === by("film") && this.pauseOrGo());
    document.addEventListener("visibilitychange", () => document.hidden && this.away());
    addEventListener("blur", () => (this.blurred = setTimeout(() => this.away(), AWAY_MS)));
    addEventListener("focus", () => clearTimeout(this.blurred));
    addEventListener("pagehide", () => this.goes());
    addEventListener("pageshow", (event) => event.persisted && location.reload());
    setInterval(() => this.tell(), 500);
  }

  // Open the take: send what an earlier page left behind, ask where to go on, load the film there.
  async open() {
    this.card.show("One moment …");
    if (this.outbox.n_waiting > 0) {
      this.card.show("Sending what this browser kept …");
      await this.outbox.emptied(LEFTOVERS_MS);
    }
    const path = `/api/assignments/${this.told.assignment}/open`;
    const opened = await askUntilAnswered(
      () => post(path, { wall_ms: Date.now() }),
      (s, status) => this.card.show("Waiting for the server", { lines: [noAnswer(s, status)] }),
    );
    Object.assign(this, { take: opened.take, run: opened.run, duration_s: opened.duration_s });
    this.warning = clockWords(opened.clock_ahead_ms);
    this.recorder = new Recorder(this.outbox, opened.take, opened.run, () => full(this));
    this.curve.learn(opened);
    const begun = opened.resume_s > 0;
    if (begun && opened.missing.length === 0) return finish(this);
    const at_end = begun && opened.resume_s > this.duration_s - 0.5;
    const at_s = begun && !at_end ? Math.max(0, opened.resume_s - EARLIER_S) : 0;
    this.place(this.curve.at(at_s) ?? opened.value);
    await Promise.race([this.player.load(at_s), pause_ms(15_000)]);
    if (this.state !== "loading") return;
    if (at_end) return offerGaps(this, opened.missing);
    if (begun) this.recorder.playback("seek", at_s);
    this.curve.jumped(at_s);
    this.offer(begun, at_s);
  }

  offer(begun, at_s) {
    this.become("ready");
    const devices = this.together ? DEVICES.pad : DEVICES.slider;
    const practice = this.told.practice === "yes" ? "This is practice: try it out, nothing is counted." : "";
    const words = begun ? `Go on from ${clock(at_s)}` : "Start";
    const title = begun ? "Welcome back" : this.dimensions.join(" and ");
    this.card.show(title, {
      lines: [HOW[this.told.dimension], devices, practice],
      buttons: [[words, () => this.count()]],
    });
    this.where();
  }

  // Count down, then play; anything that pauses meanwhile ends the count.
  async count() {
    this.card.hide();
    this.become("countdown");
    this.scale.focus();
    by("countdown").hidden = false;
    for (const left of [3, 2, 1]) {
      by("countdown").textContent = left;
      await pause_ms(800);
      if (this.state !== "countdown") break;
    }
    by("countdown").hidden = true;
    if (this.state === "countdown") await this.go();
  }

  async go() {
    this.card.hide();
    this.scale.focus();
    this.become("playing");
    this.place(this.rating.values);
    this.hints?.next();
    if (!(await this.player.play()) && this.state === "paused") this.paused(...PROBLEM.stuck);
  }

  // Put the value somewhere without the rater's hand, and note that it stands there.
  place(values) {
    this.rating.set(values, "start");
    this.recorder?.value("start", this.rating.values);
  }

  seen({ now, frame }) {
    if (this.state !== "playing") return;
    this.recorder?.frame(now, frame);
    this.waits(false);
    this.curve.seen(frame.mediaTime, this.rating.values);
    this.where();
    if (this.until_s !== null && frame.mediaTime > this.until_s) this.ended();
  }

  where() {
    by("where").textContent = `${clock(this.player.media_s)} / ${clock(this.duration_s)}`;
  }

  waits(waiting) {
    if (waiting && by("waiting").hidden) this.recorder?.playback("wait", this.player.media_s);
    by("waiting").hidden = !waiting;
  }

  pauseOrGo() {
    if (this.state === "playing" || this.state === "countdown") this.halt("Paused");
    else if (this.state === "paused") this.go();
    else if (this.state === "ready") this.card.press();
  }

  halt(title, words = "") {
    const playing = this.state === "playing";
    if (!playing && this.state !== "countdown") return;
    this.paused(title, words);
    this.player.pause();
    if (playing) this.hints?.hide();
  }

  // The film stopped by itself or was told to.
  stopped() {
    this.recorder?.playback("pause", this.player.media_s);
    this.recorder?.cut();
    if (this.state === "playing") this.paused("Paused");
  }

  paused(title, words = "") {
    this.become("paused");
    this.waits(false);
    this.curve.draw(true);
    this.card.show(title, { lines: [words], buttons: [["Go on", () => this.go()]], low: true });
  }

  away() {
    if (this.state !== "playing" && this.state !== "countdown") return;
    this.recorder?.playback("hidden", this.player.media_s);
    this.halt("Paused", "The page was not in front.");
    this.recorder?.cut();
  }

  back() {
    if (this.state !== "playing" && this.state !== "paused") return;
    this.jump(Math.max(0, this.player.media_s - this.rewind_s), "rewind");
  }

  jump(media_s, what) {
    this.player.jump(media_s);
    this.recorder?.playback(what, media_s);
    this.place(this.curve.at(media_s) ?? this.rating.values);
    this.curve.jumped(media_s);
    this.where();
  }

  escape() {}

  ended() {
    if (this.state !== "playing" && this.state !== "paused") return; // paused while the last frame was shown
    this.become("finishing");
    this.until_s = null;
    this.player.pause();
    this.recorder?.playback("ended", this.player.media_s);
    finish(this);
  }

  goes() {
    if (this.state === "playing") this.player.pause();
    this.recorder?.cut();
    this.outbox.handOver();
  }

  tell() {
    const failing_s = this.outbox.failing_s;
    const words = failing_s > 2 ? noAnswer(failing_s, this.outbox.failing_status) : this.warning;
    by("line").classList.toggle("bad", failing_s > 2);
    if (by("line").textContent !== words) by("line").textContent = words;
  }
}

async function main() {
  const told = document.body.dataset;
  if (!Player.works) {
    const [title, words] = PROBLEM.old;
    new Card(by("card")).show(title, { lines: [words], alarm: true });
    return;
  }
  const rate = new Rate(told);
  rate.hints = new Hints([
    { words: rate.together ? HINTS.pad : HINTS.slider, beside: by("stage") },
    { words: HINTS.controls, beside: by("controls") },
    { words: HINTS.curve, beside: by("curve") },
  ]);
  try {
    await rate.open();
  } catch (error) {
    const buttons = [["Back to your videos", () => location.assign("/")]];
    if (error.loggedOut) over(rate, "loggedOut", ["Try again", () => location.reload()]);
    else rate.card.show("This cannot be rated now", { lines: [`${error.message}.`], buttons, alarm: true });
    if (error.status === undefined) throw error;
  }
}

main();
