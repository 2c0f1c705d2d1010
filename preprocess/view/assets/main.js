// The page: which session and row are shown, by list, key, click or link; the parts draw it.
import { Film } from "./film.js";
import { Lists } from "./lists.js";
import { actionFor, at, fail, gone, listFacts, say, watchServer, wireTools } from "./page.js";
import { Pictures } from "./pictures.js";
import { Player } from "./player.js";
import { Chunks, ROWS_PER_CHUNK, table } from "./store.js";
import { CURVES, Timeline } from "./timeline.js";
import { clock, count, make, options, percent, rowFacts } from "./words.js";

const chunks = new Chunks();
const pictures = new Pictures(at("pictures"), chunks);
const player = new Player(ready, show);
const film = new Film(at("film"), chunks, pictures, (row) => player.goTo(row));
const timeline = new Timeline(at("timeline"), at("legend"), (row) => player.goTo(row));
let catalog = null;
let lists = null;
let session = null; // that is shown, with its facts once they are here
let facts = null;

async function begin() {
  wireTools();
  watchServer(again);
  try {
    catalog = await table("/catalog");
  } catch (problem) {
    gone(problem.message.includes("link") ? problem.message : "", again());
    fail(problem);
    return;
  }
  pictures.reasonNames = timeline.reasonNames = Object.fromEntries(Object.entries(catalog.reasons).map(([name, number]) => [number, name]));
  at("name").textContent = catalog.name;
  const rate = catalog.fps ? `${catalog.fps} rows/s` : "every tick";
  at("about").textContent = [catalog.simulated ? "simulated" : "", count(catalog.sessions.length, "session"), rate, `${catalog.size_px} px`, catalog.software, catalog.path].filter(Boolean).join(" · ");
  lists = new Lists(catalog, open);
  const linked = place();
  const readable = catalog.sessions.find((one) => !one.error)?.number ?? 0;
  open(linked?.number ?? catalog.first ?? readable, linked?.row ?? 0);
}

// How the page is started again.
const again = () => `${catalog?.command ?? "mavfer view"} ${catalog?.path ?? "DATASET"}`;

// The place that the address names, or null.
function place() {
  const named = new URLSearchParams(location.hash.slice(1));
  const found = catalog.sessions.find((one) => one.id === named.get("session"));
  const row = Number.parseInt(named.get("row") ?? "0", 10);
  return found ? { number: found.number, row: Number.isFinite(row) ? row : 0 } : null;
}

async function open(number, row) {
  player.pause();
  if (session?.number === number && facts) {
    player.goTo(row);
    return;
  }
  session = catalog.sessions[number];
  facts = null;
  const opened = session;
  head();
  lists.mark(number, row);
  for (const stream of [...session.streams, "landmarks"]) {
    if (!session.error) chunks.want(session, stream, Math.floor(Math.max(0, row) / ROWS_PER_CHUNK));
  }
  try {
    if (session.error) throw new Error(session.error);
    const found = await table(`/session/${number}/facts`);
    if (session !== opened) return;
    facts = found;
    session.version = found.version;
  } catch (problem) {
    if (session !== opened) return;
    fail(problem);
    remember(0);
    return;
  }
  at("viewer").hidden = false;
  at("error").hidden = true;
  pictures.build(session, facts, null);
  timeline.build(session, facts, pictures.reasonNames);
  options(at("also"), CURVES.filter(([name]) => !name || timeline.curve(name)));
  timeline.setAlso(at("also").value);
  player.open(facts, session.n_frames, row);
  try {
    const scales = await table(`/session/${number}/scales`);
    if (session === opened) pictures.setScales(scales);
  } catch (problem) {
    if (session === opened) say(problem.message);
  }
}

function head() {
  document.title = `${session.id} – ${catalog.command}`;
  at("session").textContent = session.id;
  const words = [`subject ${session.subject}`, session.splits[at("scheme").value]];
  if (session.built) {
    words.push(count(session.n_frames, "row"), `${percent(session.aligned_share)} aligned`);
    words.push(session.raters.length ? `rated by ${session.raters.join(", ")}` : "not rated");
  }
  if (session.simulated) words.push("simulated");
  at("session-about").textContent = words.join(" · ");
  const notes = [];
  if (session.geometry !== "not checked") notes.push(`geometry ${session.geometry}: ${session.geometry_reason}`);
  if (session.subject_choice) notes.push(`the subject: ${session.subject_choice}`);
  const remarks = [...session.remarks, notes.join("; ")].filter(Boolean);
  at("remarks").replaceChildren(...remarks.map((text) => make("li", { textContent: text })));
  at("remarks").hidden = !remarks.length;
}

const needed = () => [...session.streams, "landmarks"];

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
  const chunk = Math.floor(row / ROWS_PER_CHUNK);
  const clip = player.clip(row);
  want(chunk);
  want(Math.floor(clip.start / ROWS_PER_CHUNK));
  want(Math.floor((clip.start + clip.length - 1) / ROWS_PER_CHUNK));
  want(chunk + 1);
  if (!playing) want(chunk - 1);
  pictures.show(row);
  film.show(session, facts, clip, row);
  timeline.show(row);
  at("play").textContent = playing ? "Pause" : "Play";
  const part = session.parts[at("scheme").value]?.find((one) => one.start <= row && row < one.stop);
  const within = `${clip.index < 0 ? "in no clip" : `clip ${clip.index + 1} of ${facts.clips.length}`}${part ? ` · ${part.split}` : ""}`;
  at("where").textContent = `row ${row} (last ${session.n_frames - 1}) · ${clock(facts.columns.time_s[row])} · ${within}`;
  listFacts(rowFacts(facts, row));
  if (playing) return;
  lists.mark(session.number, row);
  remember(row);
}

function remember(row) {
  history.replaceState(null, "", `#${new URLSearchParams({ session: session.id, row })}`);
}

function stepSession(by) {
  const wanted = lists.wanted;
  const here = wanted.findIndex((one) => one.number === session.number);
  const next = wanted[here < 0 ? 0 : here + by];
  if (next) open(next.number, 0);
}

document.addEventListener("keydown", (event) => {
  if (!catalog || !session) return;
  const rows = facts ? { ...player.keys(), r: () => at("repeat").click(), l: () => at("landmarks").click() } : {};
  const act = actionFor(event, {
    ...rows,
    ArrowUp: () => stepSession(-1),
    ArrowDown: () => stepSession(1),
    n: () => lists.step(1) || say("no next frame in the list"),
    p: () => lists.step(-1) || say("no previous frame in the list"),
    "?": () => at("help").showModal(),
  });
  if (!act) return;
  event.preventDefault();
  act();
});
window.addEventListener("hashchange", () => {
  const found = catalog && place();
  if (found && (found.number !== session.number || found.row !== player.row)) open(found.number, found.row);
});
player.wire();
at("repeat").addEventListener("change", (event) => { player.repeat = event.target.checked; });
at("landmarks").addEventListener("change", (event) => {
  pictures.landmarks = event.target.checked;
  pictures.draw();
});
at("range").addEventListener("change", (event) => pictures.setRange(event.target.value));
at("also").addEventListener("change", (event) => timeline.setAlso(event.target.value));
at("scheme").addEventListener("change", head);
begin();
