// Words and numbers as a person reads them; the same words everywhere on the page.

export const HAS_PIXELS = ["ok", "plane", "occluded", "filled"];
export const VALID = ["ok", "plane"];

const REASONS = {
  ok: "valid",
  not_recorded: "not recorded",
  no_face: "no face",
  no_depth: "no depth",
  out_of_view: "out of view",
  plane: "valid, distance guessed",
  occluded: "occluded",
  unsynchronised: "unsynchronised",
  damaged: "damaged",
  filled: "filled between frames",
  not_sampled: "between rows",
};
const FOUND = {
  none: "not found",
  region: "near its last place",
  full: "in the whole picture",
  infrared: "in infrared",
  filled: "between frames",
};

// One color per reason, told apart by people with any color vision where it matters most.
export const REASON_COLORS = {
  ok: "--valid",
  plane: "#56b4e9",
  occluded: "#e69f00",
  filled: "#cc79a7",
  no_face: "#d55e00",
  no_depth: "#8e6bbf",
  out_of_view: "#a0782c",
  unsynchronised: "#c2b500",
  not_recorded: "#80858c",
  damaged: "#c40d2e",
  not_sampled: "#80858c",
};

export const reasonWords = (name) => REASONS[name] || name.replaceAll("_", " ");
export const foundWords = (name) => FOUND[name] || name;
export const percent = (share) => (share === 1 ? "100 %" : `${Math.min(99.9, Math.round(share * 1000) / 10).toFixed(1)} %`);
export const count = (n, one, many = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

export function clock(seconds) {
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${(seconds - 60 * minutes).toFixed(2).padStart(5, "0")}`;
}

// A moment of a record, "2026-01-31T12:46:55Z", as people write it.
export const day = (utc) => utc.replace(/^([\d-]+)T(\d+:\d+).*$/, "$1 $2 UTC");

export function signed(value, digits = 2) {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`;
}

// Make an element; text is text, never markup.
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

export function options(select, pairs, chosen = select.value) {
  select.replaceChildren(...pairs.map(([value, text]) => make("option", { value, textContent: text })));
  select.value = pairs.some(([value]) => value === chosen) ? chosen : pairs[0]?.[0];
}

// What is known of one row, as [name, words]; what is not known is left out.
export function rowFacts(facts, row) {
  const column = (name) => facts.columns[name]?.[row] ?? null;
  const rows = [];
  const add = (name, value, words) => value !== null && rows.push([name, words(value)]);
  add("valence", column("valence"), signed);
  add("arousal", column("arousal"), signed);
  add("tick", column("tick"), (tick) => (tick < 0 ? "none near" : String(tick)));
  add("face found", column("found"), foundWords);
  add("faces in view", column("n_faces"), String);
  add("detector's score", column("score"), (value) => value.toFixed(2));
  const pose = facts.columns.pose_deg;
  if (pose && pose[0][row] !== null) {
    rows.push(["yaw, pitch, roll", pose.map((angle) => `${signed(angle[row] ?? 0, 0)}°`).join("  ")]);
  }
  add("distance", column("distance_mm"), (value) => `${value} mm`);
  add("eye distance", column("eye_distance_px"), (value) => `${value.toFixed(1)} px in color`);
  add("sharpness", column("sharpness"), (value) => value.toFixed(2));
  add("brightness", column("brightness"), (value) => `${value} of 255`);
  add("jump since last row", column("jump"), (value) => `${value.toFixed(2)} eye distances`);
  for (const stream of ["depth", "infrared", "thermal"]) {
    add(`${stream} after color`, column(`offset_ms_${stream}`), (value) => `${signed(value, 1)} ms`);
  }
  for (const [dimension, raters] of Object.entries(facts.raters)) {
    const said = raters.filter((rater) => rater.values[row] !== null);
    const words = said.map((rater) => `${rater.name} ${signed(rater.values[row])}`).join(", ");
    if (words) rows.push([`${dimension} by rater`, words]);
  }
  return rows;
}
