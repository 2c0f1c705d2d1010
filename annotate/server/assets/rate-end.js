// The end of a take: all is sent, the server says whether it covers the film, and what is missing is rated again.

import { ask, askUntilAnswered, post } from "./rate-api.js";
import { refused } from "./rate-problems.js";
import { nextWords, noAnswer, second } from "./rate-words.js";

const LEAD_IN_S = 2;
const BEYOND_S = 0.3;
const MAX_OFFERED = 4;

// Send the rest and ask for the verdict; `rate` is the page's `Rate`.
export async function finish(rate) {
  rate.become("finishing");
  rate.recorder.cut();
  rate.hints?.hide();
  rate.card.show("Saving …", { low: true });
  const waiting = (s, status) => rate.card.show("Saving …", { lines: [noAnswer(s, status)], low: true });
  try {
    while (!(await rate.outbox.emptied(1500))) {
      if (rate.state === "stopped") return;
      if (rate.outbox.failing_s > 2) waiting(rate.outbox.failing_s, rate.outbox.failing_status);
    }
    if (rate.state === "stopped") return;
    const verdict = await askUntilAnswered(() => post(`/api/takes/${rate.take}/finish`), waiting);
    if (verdict.complete) {
      rate.recorder.stop();
      // It is saved, whatever hinders this question.
      thank(rate, await askUntilAnswered(() => ask("/api/assignments"), waiting).catch(() => null));
    } else {
      rate.curve.learn(verdict, rate.duration_s);
      offerGaps(rate, verdict.missing);
    }
  } catch (error) {
    if (error.loggedOut || error.another || error.status === 409) {
      return refused(rate, { error, chunk: { take: rate.take } });
    }
    rate.become("stopped");
    rate.card.show("This could not be finished", {
      lines: [`${error.message}.`, "What you rated is kept."],
      buttons: [["Try again", () => location.reload()]],
      alarm: true,
    });
  }
}

// Say that all is well; `todo` is what the rater has to rate, null where that is not known.
function thank(rate, todo) {
  rate.become("done");
  rate.curve.draw(true);
  const next = nextWords(todo ?? []);
  const practice = rate.told.practice === "yes";
  const home = ["Your videos", () => location.assign("/")];
  const last = todo === null ? "" : "That was the last one. ";
  const lines = [next ? "You may take a break; everything is saved." : `${last}Everything is saved.`];
  if (practice && next) lines.unshift("From now on it counts. Rate all the time, by what you see in the face.");
  rate.card.show(practice ? "Practice done" : "Thank you", {
    lines,
    buttons: next ? [[next.words, () => location.assign(next.path)], home] : [home],
  });
}

// Show what is missing, and rate it again from a little before.
export function offerGaps(rate, missing) {
  rate.become("gaps");
  const more = missing.length - MAX_OFFERED;
  const buttons = missing.slice(0, MAX_OFFERED).map(([from_s, to_s]) => [
    `Rate ${second(from_s)} to ${second(to_s)} again`,
    () => {
      rate.until_s = to_s >= rate.duration_s - BEYOND_S ? null : to_s + BEYOND_S;
      rate.jump(Math.max(0, from_s - LEAD_IN_S), "seek");
      rate.count();
    },
  ]);
  rate.card.show("Almost done", {
    lines: [
      missing.length === 1 ? "One stretch of the film has no rating yet." : `${missing.length} stretches have no rating yet.`,
      more > 0 ? `${more} more come after these.` : "",
    ],
    buttons,
  });
}
