// The page: which session and row are shown, by list, key, click or link; the parts draw it.
import { Film } from "./film.js";
import { Lists } from "./lists.js";
import { Pictures } from "./pictures.js";
import { Player } from "./player.js";
import { Chunks, ROWS_PER_CHUNK, table } from "./store.js";
import { CURVES, Timeline } from "./timeline.js";
import { clock, count, make, options, percent, rowFacts } from "./words.js";

const ASK_MS = 1500;
const at = (id) => document.getElementById(id);
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
  try {
    catalog = await table("/catalog");
  } catch (problem) {
    gone(problem.message);
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
  setInterval(ask, ASK_MS);
}

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
    at("viewer").hidden = true;
    at("error").hidden = false;
    at("error").textContent = problem.message;
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
  document.title = `${session.id} – mavfer dataset view`;
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
const settled = (chunk) => needed().every((stream) => chunks.here(session, stream, chunk) || chunks.failed(session, stream, chunk));

function ready(row) {
  want(Math.floor(row / ROWS_PER_CHUNK));
  return settled(Math.floor(row / ROWS_PER_CHUNK));
}

// Fetch a chunk's pixels, and draw when they are here if it is still the one to be seen.
function want(chunk) {
  if (chunk < 0 || chunk * ROWS_PER_CHUNK >= session.n_frames) return;
  const asked = session;
  for (const stream of needed()) {
    if (chunks.here(session, stream, chunk) || chunks.failed(session, stream, chunk)) continue;
    chunks.want(session, stream, chunk).then(() => {
      if (session !== asked || !facts) return;
      if (Math.floor(player.row / ROWS_PER_CHUNK) === chunk) pictures.draw();
      film.draw();
    });
  }
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
  at("facts").replaceChildren(
    ...rowFacts(facts, row).map(([name, words]) => make("div", {}, make("dt", { textContent: name }), make("dd", { textContent: words }))),
  );
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

function say(text) {
  at("spoken").textContent = text;
}

// Ask whether the server is there; a page without one must not look alive.
async function ask() {
  try {
    const found = await fetch("/alive", { cache: "no-store", signal: AbortSignal.timeout(4000) });
    if (found.status === 401) gone("this browser needs a new link");
    else gone("");
  } catch {
    gone("the viewer does not answer");
  }
}

function gone(why) {
  const text = !why
    ? ""
    : why.includes("link")
      ? "The viewer was started anew and does not know this browser: open the link that it printed in its terminal."
      : `The viewer has ended (${why}). Start it again with: mavfer dataset view ${catalog?.path ?? "DATASET"}`;
  if (at("gone").textContent === text) return; // said once, not every second
  at("gone").textContent = text;
  at("gone").hidden = !text;
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || at("help").open) return;
  const tag = event.target.tagName;
  if (tag === "SELECT" || (tag === "INPUT" && event.key !== "?")) return;
  if (event.key === " " && tag === "BUTTON" && event.target.id !== "play") return;
  const rows = facts
    ? {
        ArrowLeft: () => (event.shiftKey ? player.stepClip(-1) : player.goTo(player.row - 1)),
        ArrowRight: () => (event.shiftKey ? player.stepClip(1) : player.goTo(player.row + 1)),
        PageUp: () => player.stepClip(-1),
        PageDown: () => player.stepClip(1),
        Home: () => player.goTo(0),
        End: () => player.goTo(session.n_frames - 1),
        " ": () => player.toggle(),
        r: () => at("repeat").click(),
        l: () => at("landmarks").click(),
      }
    : {};
  const others = {
    ArrowUp: () => stepSession(-1),
    ArrowDown: () => stepSession(1),
    n: () => lists.step(1) || say("no next frame in the list"),
    p: () => lists.step(-1) || say("no previous frame in the list"),
    "?": () => at("help").showModal(),
  };
  const act = { ...rows, ...others }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act || !catalog || !session) return;
  event.preventDefault();
  act();
}

document.addEventListener("keydown", onKey);
window.addEventListener("hashchange", () => {
  const found = catalog && place();
  if (found && (found.number !== session.number || found.row !== player.row)) open(found.number, found.row);
});
at("play").addEventListener("click", () => player.toggle());
at("prev-row").addEventListener("click", () => player.goTo(player.row - 1));
at("next-row").addEventListener("click", () => player.goTo(player.row + 1));
at("prev-clip").addEventListener("click", () => player.stepClip(-1));
at("next-clip").addEventListener("click", () => player.stepClip(1));
at("speed").addEventListener("change", (event) => { player.speed = Number(event.target.value); });
at("repeat").addEventListener("change", (event) => { player.repeat = event.target.checked; });
at("landmarks").addEventListener("change", (event) => {
  pictures.landmarks = event.target.checked;
  pictures.draw();
});
at("range").addEventListener("change", (event) => pictures.setRange(event.target.value));
at("also").addEventListener("change", (event) => timeline.setAlso(event.target.value));
at("scheme").addEventListener("change", head);
at("keys").addEventListener("click", () => at("help").showModal());
at("copy").addEventListener("click", async () => {
  const said = at("copy").textContent;
  try {
    await navigator.clipboard.writeText(location.href);
    at("copy").textContent = "Copied";
  } catch {
    at("copy").textContent = "Copy it from the address bar";
  }
  setTimeout(() => { at("copy").textContent = said; }, 2000);
});
begin();
