// What the rater's page says: how to rate, and what went wrong, in one place.

export const HOW = {
  valence: "Rate how pleasant or unpleasant the person in the film seems to feel, from moment to moment.",
  arousal: "Rate how calm or excited the person in the film seems to be, from moment to moment.",
  both: "Rate how pleasant the person seems to feel (to the right) and how excited (up), from moment to moment.",
};

export const DEVICES = {
  slider: "Move the slider with the mouse, the arrow keys, the wheel, a finger or a gamepad. 0 is neutral.",
  pad: "Move the point with the mouse, the arrow keys, a finger or a gamepad. The middle is neutral.",
};

export const HINTS = {
  slider: "Move the slider all the time while you watch",
  pad: "Move the point all the time while you watch",
  controls: "Missed something? Go back and rate it again",
  curve: "Your rating; it is saved as you go",
};

export const PROBLEM = {
  old: [
    "This browser is too old",
    "It does not tell which frame it shows. Use Chrome, Edge or Safari, or Firefox from version 132.",
  ],
  window: ["Open in another window", "This video is being rated in another window or on another computer."],
  notYours: [
    "This rating cannot go on",
    "The video was begun again, in another window or by the study's owner, or another rater has logged in here.",
  ],
  owner: [
    "You are logged in as the study's owner",
    "What you rated is kept in this browser. Open your own link again, then go on where you were.",
  ],
  over: ["This rating is over", "Nothing can be added to it any more."],
  loggedOut: [
    "You are logged out",
    "What you rated is kept in this browser. Open your link again, then go on where you were.",
  ],
  full: ["This browser's storage is full", "Wait until what you rated is sent; then go on."],
  stuck: ["The film does not start", "Press the button once more; the browser wants a click."],
};

// No answer for `s` seconds; `status` is what the server said last, 0 where nothing came at all.
export function noAnswer(s, status = 0) {
  const long = `for ${Math.round(s)} s`;
  if (status === 0) return `No connection ${long}; your rating is kept in this browser.`;
  return `The server cannot take anything in ${long}; your rating is kept in this browser. If it stays so, tell the study's owner.`;
}

export function clockWords(ahead_ms) {
  const off_s = Math.abs(ahead_ms) / 1000;
  if (off_s < 60) return "";
  const long = off_s < 5400 ? `${Math.round(off_s / 60)} min` : `${Math.round(off_s / 3600)} h`;
  return `This computer's clock is ${long} ${ahead_ms > 0 ? "fast" : "slow"}. Your rating is timed by the film.`;
}

export const second = (s) => `${s.toFixed(1)} s`;

// What comes next, numbered within its pass as on the rater's home; null where all is done.
export function nextWords(todo) {
  const next = todo.find((one) => one.state !== "complete");
  if (!next) return null;
  const rated = todo.filter((one) => !one.practice && one.dimension === next.dimension);
  const pass = next.dimension === "both" ? "valence and arousal" : next.dimension;
  const which = next.practice ? `Practice ${pass}` : `Video ${rated.indexOf(next) + 1} of ${rated.length}, ${pass}`;
  return { path: `/rate/${next.id}`, words: next.state === "open" ? `Go on: ${which}` : which };
}
