// What a rater does beside rating: write a comment, or begin the whole video again.

import { clock } from "./curve.js";
import { make } from "./figures.js";
import { askUntilAnswered, post } from "./rate-api.js";
import { over } from "./rate-problems.js";
import { noAnswer } from "./rate-words.js";

export function comment(rate) {
  if (rate.state !== "playing" && rate.state !== "paused") return;
  const was_playing = rate.state === "playing";
  const at_s = rate.player.media_s;
  rate.halt("Comment");
  const text = make("textarea", "scrolls");
  Object.assign(text, { maxLength: 500, rows: 3, ariaLabel: `comment at ${clock(at_s)}` });
  const done = (keep) => {
    if (rate.state !== "commenting") return;
    const words = text.value.trim();
    if (keep && words) {
      rate.recorder?.comment(at_s, words);
      rate.curve.commented(at_s);
    }
    rate.escape = () => {};
    if (was_playing) rate.go();
    else rate.paused("Paused");
  };
  rate.become("commenting");
  const buttons = [["Keep", () => done(true)], ["Cancel", () => done(false)]];
  rate.card.show(`Comment at ${clock(at_s)}`, { extra: [text], buttons, low: true });
  rate.escape = () => done(false);
  text.addEventListener("keydown", (event) => {
    if (event.key === "Escape") done(false);
    else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) done(true);
    else return;
    event.preventDefault();
  });
  text.focus();
}

export function askAgain(rate) {
  const state = rate.state;
  if (state === "playing") rate.halt("Paused");
  rate.become("asking");
  rate.card.show("Begin this video again?", {
    lines: ["What you rated of it so far will not count."],
    buttons: [
      ["Keep what I rated", () => (state === "gaps" || state === "ready" ? location.reload() : rate.paused("Paused"))],
      ["Begin again", () => beginAgain(rate)],
    ],
  });
}

async function beginAgain(rate) {
  rate.recorder?.stop();
  rate.become("stopped");
  await rate.outbox.emptied(3000);
  try {
    await askUntilAnswered(
      () => post(`/api/takes/${rate.take}/discard`),
      (s, status) => rate.card.show("Waiting for the server", { lines: [noAnswer(s, status)] }),
    );
  } catch (error) {
    if (error.status !== 404) {
      rate.become("asking");
      return over(rate, error.loggedOut ? "loggedOut" : error.status === 409 ? "over" : "owner");
    } // it counts no more: begun again elsewhere, where this page goes on now
  }
  rate.outbox.drop(rate.take);
  location.reload();
}
