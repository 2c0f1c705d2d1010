// The page of a run: which session and row are shown, by list, key, click or link; the parts draw it.
import { Film } from "./film.js";
import { actionFor, at, fail, gone, listFacts, say, watchServer, wireTools } from "./page.js";
import { Pictures } from "./pictures.js";
import { Player } from "./player.js";
import { Attention } from "./run_attention.js";
import { Plot } from "./run_plot.js";
import { Chunks, ROWS_PER_CHUNK, table } from "./store.js";
import { clock, count, make, reasonWords, signed } from "./words.js";

const MEASURES = { rmse: "RMSE", cc: "CC", ccc: "CCC", accuracy: "accuracy", macro_f1: "macro F1" };
const chunks = new Chunks();
const pictures = new Pictures(at("pictures"), chunks);
const player = new Player(ready, show);
const film = new Film(at("film"), chunks, pictures, (row) => player.goTo(row));
const plot = new Plot(at("plot"), at("legend"), (row) => player.goTo(row));
let run = null;
let session = null;
let facts = null;
let attention = null;

async function begin() {
  wireTools();
  watchServer(again);
  try {
    run = await table("/run");
  } catch (problem) {
    gone(problem.message.includes("link") ? problem.message : "", again());
    fail(problem);
    return;
  }
  pictures.reasonNames = Object.fromEntries(Object.entries(run.reasons).map(([name, number]) => [number, name]));
  pictures.landmarks = false;
  attention = new Attention(at("attention"), run.heat);
  head();
  listSessions();
  const linked = placeOfAddress();
  open(linked?.number ?? run.first, linked?.seconds ?? 0);
}

// How the page is started again.
const again = () => `mavfer view ${run?.path ?? "RUN"}`;

// The place that the address names, or null.
function placeOfAddress() {
  const named = new URLSearchParams(location.hash.slice(1));
  const found = run.sessions.find((one) => one.id === named.get("session")) ?? (named.has("t") ? session ?? run.sessions[run.first] : null);
  const seconds = Number.parseFloat(named.get("t") ?? "0");
  return found ? { number: found.number, seconds: Number.isFinite(seconds) ? seconds : 0 } : null;
}

function head() {
  document.title = `${run.name} – mavfer view`;
  at("name").textContent = run.name;
  const fold = run.fold === null ? "" : `fold ${run.fold}`;
  at("about").textContent = [run.model, run.simulated ? "simulated" : "", `${run.split} subjects of split ${run.split_name}`, fold, run.unseen_subjects ? "never seen in training" : "seen in training: split in time", count(run.n_frames, "row"), run.path].filter(Boolean).join(" · ");
  const rows = [];
  const measures = Object.keys(Object.values(run.scores)[0] ?? {});
  for (const [name, own] of Object.entries(run.scores)) {
    rows.push([name, own, run.intervals[name]]);
    if (run.processed[name]) rows.push(["processed", run.processed[name], run.processed_intervals[name]]);
    if (run.constant[name]) rows.push(["constant", run.constant[name]]);
  }
  const heading = make("tr", {}, make("th", { scope: "col", textContent: "" }), ...measures.map((key) => make("th", { scope: "col", textContent: MEASURES[key] ?? key })));
  at("pooled").replaceChildren(
    make("thead", {}, heading),
    make("tbody", {}, ...rows.map(([name, own, intervals]) => scoreRow(name, own, intervals, measures))),
  );
  const notes = [Object.keys(run.intervals).length ? "In brackets: 95 % intervals, over subjects." : "No intervals: they want five subjects."];
  if (run.scores.valence || run.scores.arousal) notes.push("Constant: the mean label of the training subjects.");
  at("pooled-note").textContent = notes.join(" ");
  const told = [...run.remarks, run.no_attention].filter(Boolean);
  at("problems").hidden = !told.length;
  at("problems").firstElementChild.textContent = told.length === 1 ? told[0] : `${told.length} things to know: ${told[0]}`;
  at("problems").lastElementChild.replaceChildren(...told.map((text) => make("li", { textContent: text })));
}

function scoreRow(name, own, intervals, measures) {
  const cells = measures.map((key) => {
    const limits = intervals?.[key];
    const cell = make("td", { textContent: own[key] === null || own[key] === undefined ? "–" : own[key].toFixed(2) });
    if (limits) cell.append(make("small", { className: "soft", textContent: ` [${limits.map((one) => one.toFixed(2)).join(", ")}]` }));
    return cell;
  });
  const main = run.scores[name] !== undefined;
  return make("tr", { className: main ? "main" : "soft" }, make("th", { scope: "row", textContent: name }), ...cells);
}

function listSessions() {
  at("sessions").replaceChildren(
    ...run.sessions.map((one) => {
      const button = make("button", { type: "button" });
      button.dataset.session = one.number;
      const words = Object.entries(one.scores).map(([name, own]) => {
        const key = own.ccc === undefined ? "accuracy" : "ccc";
        return `${name} ${MEASURES[key]} ${own[key]?.toFixed(2) ?? "–"}`;
      });
      button.append(make("b", { textContent: one.id }), make("span", { className: "tag", textContent: one.subject }), make("span", { className: "more", textContent: words.join(" · ") || "no labels" }));
      button.addEventListener("click", () => open(one.number, 0));
      return make("li", {}, button);
    }),
  );
}

async function open(number, seconds) {
  player.pause();
  if (session?.number === number && facts) {
    player.goTo(rowAt(seconds));
    return;
  }
  session = run.sessions[number];
  facts = null;
  const opened = session;
  for (const button of at("sessions").querySelectorAll("button")) button.setAttribute("aria-current", Number(button.dataset.session) === number);
  at("session").textContent = session.id;
  at("session-about").textContent = [`subject ${session.subject}`, count(session.n_frames, "row"), `${Number(session.fps.toFixed(2))} rows a second`].join(" · ");
  try {
    const found = await table(`/session/${number}/facts`);
    if (session !== opened) return;
    facts = found;
  } catch (problem) {
    if (session !== opened) return;
    fail(problem);
    return;
  }
  at("viewer").hidden = false;
  at("error").hidden = true;
  const faces = session.streams.length > 0;
  document.querySelector(".faces").hidden = !faces;
  document.querySelector(".film-row").hidden = !faces;
  at("landmarks-label").hidden = !faces;
  at("attention").hidden = !run.attention || !faces;
  at("attention").parentElement.style.setProperty("--all", session.streams.length + (run.attention ? 1 : 0));
  attention.build(session, facts);
  if (faces) pictures.build(session, facts, null);
  plot.build(session, facts);
  player.open(facts, session.n_frames, rowAt(seconds));
  if (!faces) return;
  try {
    const scales = await table(`/session/${number}/scales`);
    if (session === opened) pictures.setScales(scales);
  } catch (problem) {
    if (session === opened) say(problem.message);
  }
}

function rowAt(seconds) {
  const row = facts.columns.time_s.findLastIndex((time) => time <= seconds + 1e-3);
  return Math.max(0, row);
}

const needed = () => (session.streams.length ? [...session.streams, "landmarks"] : []);

function ready(row) {
  want(Math.floor(row / ROWS_PER_CHUNK));
  return chunks.settled(session, needed(), Math.floor(row / ROWS_PER_CHUNK));
}

// Fetch a chunk's pixels, and draw when they are here if it is still the one to be seen.
function want(chunk) {
  const asked = session;
  chunks.wantAll(session, needed(), chunk, () => {
    if (session !== asked || !facts) return;
    if (Math.floor(player.row / ROWS_PER_CHUNK) === chunk) pictures.draw();
    film.draw();
  });
}

function show(row, playing) {
  const clip = player.clip(row);
  if (session.streams.length) {
    const chunk = Math.floor(row / ROWS_PER_CHUNK);
    for (const near of [chunk, Math.floor(clip.start / ROWS_PER_CHUNK), Math.floor((clip.start + clip.length - 1) / ROWS_PER_CHUNK), chunk + 1]) want(near);
    pictures.show(row);
    film.show(session, facts, clip, row);
    if (run.attention) attention.show(row);
  }
  plot.show(row);
  at("play").textContent = playing ? "Pause" : "Play";
  at("where").textContent = `row ${row} (last ${session.n_frames - 1}) · ${clock(facts.columns.time_s[row])}`;
  tell(row);
  if (playing) return;
  history.replaceState(null, "", `#${new URLSearchParams({ session: session.id, t: facts.columns.time_s[row].toFixed(3) })}`);
}

// What is known of one row.
function tell(row) {
  const rows = [];
  for (const { name, truth, predicted, processed, low } of facts.curves) {
    const words = (value) => (value === null ? "unknown" : low < 0 ? signed(value) : value.toFixed(2));
    rows.push([`${name} predicted`, words(predicted[row])], [`${name} label`, words(truth[row])]);
    if (truth[row] !== null && predicted[row] !== null) rows.push([`${name} off by`, words(predicted[row] - truth[row])]);
    if (processed) rows.push([`${name} processed`, words(processed[row])]);
  }
  if (!facts.covered[row]) rows.push(["clip", "none shows this row: interpolated"]);
  const reason = facts.columns.reason_color?.[row];
  if (reason) rows.push(["color", reasonWords(pictures.reasonNames[reason] ?? "damaged")]);
  listFacts(rows);
}

// Go to where predictions are farthest from labels; pressed again, to the next such place a second apart.
function goToWorst() {
  const off = facts.columns.time_s.map((_, row) => Math.max(...facts.curves.map(({ truth, predicted }) => (truth[row] === null || predicted[row] === null ? -1 : Math.abs(truth[row] - predicted[row])))));
  const apart = Math.max(1, Math.round(session.fps));
  const places = [];
  for (const row of [...off.keys()].sort((a, b) => off[b] - off[a])) {
    if (places.length === 8 || off[row] < 0) break;
    if (places.every((other) => Math.abs(other - row) >= apart)) places.push(row);
  }
  if (!places.length) {
    say("no label to be far from");
    return;
  }
  player.goTo(places[(places.indexOf(player.row) + 1) % places.length]);
}

document.addEventListener("keydown", (event) => {
  if (!run || !session) return;
  const steps = facts ? { ...player.keys(), w: goToWorst, l: () => at("landmarks").click() } : {};
  const act = actionFor(event, {
    ...steps,
    ArrowUp: () => session.number > 0 && open(session.number - 1, 0),
    ArrowDown: () => session.number + 1 < run.sessions.length && open(session.number + 1, 0),
    "?": () => at("help").showModal(),
  });
  if (!act) return;
  event.preventDefault();
  act();
});
window.addEventListener("hashchange", () => {
  const found = run && placeOfAddress();
  if (found) open(found.number, found.seconds);
});
player.wire();
at("landmarks").addEventListener("change", (event) => {
  pictures.landmarks = event.target.checked;
  pictures.draw();
});
begin();
