// What can go wrong on the rater's page, and what it does then: nothing that was rated is lost by it.

import { pause_ms } from "./rate-api.js";
import { PROBLEM } from "./rate-words.js";

// Go on no more on this page; what was rated stays.
export function over(rate, why, ...buttons) {
  if (rate.state === "stopped" || rate.state === "done") return;
  rate.become("stopped");
  rate.recorder?.stop();
  rate.player.pause();
  rate.escape = () => {};
  const [title, words] = PROBLEM[why];
  const here = buttons.length > 0 ? buttons : [["Rate it here instead", () => location.reload()]];
  rate.card.show(title, { lines: [words], buttons: [...here, ["Leave", () => location.assign("/")]], alarm: true });
}

export function refused(rate, { error, chunk }) {
  if (error.loggedOut) over(rate, "loggedOut", ["Try again", () => location.reload()]);
  else if (chunk.take !== rate.take) return;
  else if (error.status === 404) over(rate, "notYours");
  else if (error.status === 403) over(rate, "owner", ["Try again", () => location.reload()]);
  else if (error.status === 409) over(rate, "over", ["Look", () => location.reload()]);
  else rate.warning = `The server did not take a part of your rating: ${error.message}`;
}

export function full(rate) {
  if (rate.state === "playing") rate.halt(...PROBLEM.full);
  rate.warning = PROBLEM.full.join(". ");
  rate.outbox.emptied().then(() => (rate.warning = ""));
}

export async function broken(rate, { network, words, was_playing }) {
  if (was_playing) rate.recorder?.playback("pause", rate.player.media_s);
  const at_s = rate.player.media_s;
  if (!network) {
    rate.become("stopped");
    rate.card.show("The film cannot be shown", {
      lines: [words],
      buttons: [["Try again", () => location.reload()], ["Leave", () => location.assign("/")]],
      alarm: true,
    });
    return;
  }
  if (["finishing", "done", "stopped"].includes(rate.state)) return;
  rate.waits(true);
  await pause_ms(1500);
  if (rate.state === "stopped") return;
  await rate.player.load(at_s);
  if (rate.state === "playing") rate.paused("Paused", "The connection to the film was lost; it is back.");
  rate.recorder?.playback("seek", at_s);
  rate.waits(false);
}
