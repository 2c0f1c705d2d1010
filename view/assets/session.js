// The page of a session: which tick is shown, by list, key, click or link; the parts draw it.
import { actionFor, at, fail, gone, listFacts, say, watchServer, wireTools } from "./page.js";
import { Store } from "./session_store.js";
import { Tiles } from "./session_tiles.js";
import { Timeline } from "./session_timeline.js";
import { table } from "./store.js";
import { Ticker } from "./ticker.js";
import { clock, count, day, make, options, signed } from "./words.js";

const KINDS = [["", "all"], ["marker", "markers"], ["event", "events"], ["missing", "missing frames"]];
let session = null;
let store, tiles, timeline;
const ticker = new Ticker({ fetch, here, show });

async function begin() {
  wireTools();
  watchServer(again);
  try {
    session = await table("/session");
  } catch (problem) {
    gone(problem.message.includes("link") ? problem.message : "", again());
    fail(problem);
    return;
  }
  head();
  store = new Store(session);
  tiles = new Tiles(at("pictures"), session, store);
  timeline = new Timeline(at("timeline"), at("legend"), session, (seconds) => ticker.goToTime(seconds));
  choices();
  listMoments();
  ticker.open(session.time_s, 0);
  const linked = placeOfAddress();
  if (linked !== null) ticker.goToTime(linked);
  for (const stream of session.streams) {
    if (stream.name === "color") tiles.setLook("color", { colors: [], marks: [] });
    else store.look(stream).then((look) => tiles.setLook(stream.name, look), (problem) => say(problem.message));
  }
}

// How the page is started again.
const again = () => `mavfer view ${session?.path ?? "SESSION"}`;

// The seconds that the address names, or null.
function placeOfAddress() {
  const named = Number.parseFloat(new URLSearchParams(location.hash.slice(1)).get("t") ?? "");
  return Number.isFinite(named) ? named : null;
}

function head() {
  document.title = `${session.id} – mavfer view`;
  at("name").textContent = session.id;
  const seconds = session.time_s.at(-1) - session.time_s[0];
  const words = [`subject ${session.subject}`, session.simulated ? "simulated" : "", count(session.time_s.length, "tick"), session.fps ? `${session.fps} a second` : "a tick per frame", clock(seconds)];
  words.push(session.state === "complete" ? "" : `take ${session.state}`, session.protocol, day(session.started_utc), session.path);
  at("about").textContent = words.filter(Boolean).join(" · ");
  const { problems } = session;
  at("problems").hidden = !problems.length;
  at("problems").firstElementChild.textContent = problems.length === 1 ? problems[0] : `${problems.length} things to know: ${problems[0]}, …`;
  at("problems").lastElementChild.replaceChildren(...problems.map((text) => make("li", { textContent: text })));
}

// Show only those choices that this session has.
function choices() {
  at("landmarks-label").hidden = !session.landmarks;
  if (session.landmarks) at("landmarks-label").title = session.landmarks;
  at("over-label").hidden = !session.overlays.length;
  options(at("over"), [["", "nothing"], ...session.overlays.map((name) => [name, name])]);
  const kinds = new Set(session.moments.map(({ kind }) => kind));
  options(at("kind"), KINDS.filter(([kind]) => !kind || kinds.has(kind)));
  at("kind").hidden = kinds.size < 2;
}

function chosenMoments() {
  const kind = at("kind").value;
  return session.moments.filter((one) => !kind || one.kind === kind);
}

function listMoments() {
  const shown = chosenMoments();
  at("no-moments").hidden = session.moments.length > 0;
  at("moments").replaceChildren(
    ...shown.map((moment) => {
      const button = make("button", { type: "button", className: moment.kind });
      button.append(make("b", { className: "digits", textContent: clock(moment.time_s) }), make("span", { textContent: moment.text }), make("span", { className: "tag", textContent: moment.source }));
      button.addEventListener("click", () => ticker.goToTime(moment.time_s));
      return make("li", {}, button);
    }),
  );
  markMoment();
}

// Mark the last moment that is not later than what is shown.
function markMoment() {
  const now = session.time_s[ticker.tick] + 0.5 / (session.fps || 30);
  const here = chosenMoments().findLastIndex((moment) => moment.time_s <= now);
  [...at("moments").children].forEach((item, i) => item.firstChild.setAttribute("aria-current", i === here));
}

function stepMoment(by) {
  const now = session.time_s[ticker.tick];
  const half = 0.5 / (session.fps || 30);
  const found = by > 0 ? chosenMoments().find((one) => one.time_s > now + half) : chosenMoments().findLast((one) => one.time_s < now - half);
  if (found) ticker.goToTime(found.time_s);
  else say(by > 0 ? "no later moment" : "no earlier moment");
}

function fetch(tick) {
  const asked = tiles.needs(tick, ticker.playing).map(([path, kind]) => store.ask(path, kind));
  return Promise.all(asked);
}

function here(tick) {
  return tiles.needs(tick, ticker.playing).every(([path]) => store.settled(path));
}

function show(tick, playing) {
  fetch(tick).then(() => ticker.tick === tick && tiles.draw());
  if (!playing) for (const near of [tick + 1, tick - 1]) if (session.time_s[near] !== undefined) fetch(near);
  tiles.show(tick);
  timeline.show(tick);
  at("play").textContent = playing ? "Pause" : "Play";
  at("where").textContent = [`tick ${tick} of ${session.time_s.length}`, clock(session.time_s[tick]), ticker.dropped].filter(Boolean).join(" · ");
  facts(tick);
  if (playing) return;
  markMoment();
  history.replaceState(null, "", `#t=${session.time_s[tick].toFixed(3)}`);
}

// What is known of one tick.
function facts(tick) {
  const rows = [];
  const seconds = session.time_s[tick];
  const step = session.steps.find((one) => one.start_s <= seconds && seconds < one.stop_s);
  if (step) rows.push(["step", step.text ? `${step.name}: ${step.text}` : step.name]);
  const there = session.streams.map((one) => one.offset_ms[tick]).filter((one) => one !== null);
  if (there.length > 1) rows.push(["streams apart", `${(Math.max(...there) - Math.min(...there)).toFixed(1)} ms`]);
  for (const stream of session.streams) {
    const number = stream.frame[tick];
    if (number < 0) rows.push([stream.name, "no frame"]);
    else rows.push([stream.name, [`frame ${number}`, afterTick(stream.offset_ms[tick]), stream.flags[tick] ?? ""].filter(Boolean).join(", ")]);
  }
  for (const dimension of ["valence", "arousal"]) {
    const said = session.traces.filter((trace) => trace.dimension === dimension).map((trace) => [trace.rater, valueAt(trace, seconds)]);
    const words = said.filter(([, value]) => value !== null).map(([rater, value]) => `${rater} ${signed(value, 1)}`);
    if (words.length) rows.push([`${dimension} by rater`, words.join(", ")]);
  }
  listFacts(rows);
}

// How long after its tick a frame was exposed, in words.
const afterTick = (ms) => (ms === null ? "" : `${Math.abs(ms).toFixed(1)} ms ${ms < 0 ? "before" : "after"} the tick`);

// What a rater said last before a moment; null before the first word and after the last.
function valueAt({ time_s: times, value }, seconds) {
  if (seconds < times[0] || seconds > times.at(-1) + 1) return null;
  let [low, high] = [0, times.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (times[middle] <= seconds) low = middle;
    else high = middle - 1;
  }
  return value[low];
}

function setOver(name) {
  at("over").value = name;
  tiles.over = name;
  at("opacity-label").hidden = !name;
  ticker.goTo(ticker.tick);
}

document.addEventListener("keydown", (event) => {
  if (!tiles) {
    return;
  }
  const second = Math.max(1, Math.round(session.fps || 1));
  const act = actionFor(event, {
    ArrowLeft: () => ticker.goTo(ticker.tick - 1),
    ArrowRight: () => ticker.goTo(ticker.tick + 1),
    "Shift+ArrowLeft": () => ticker.goTo(ticker.tick - second),
    "Shift+ArrowRight": () => ticker.goTo(ticker.tick + second),
    PageUp: () => ticker.goTo(ticker.tick - second),
    PageDown: () => ticker.goTo(ticker.tick + second),
    Home: () => ticker.goTo(0),
    End: () => ticker.goTo(ticker.last),
    " ": () => ticker.toggle(),
    n: () => stepMoment(1),
    p: () => stepMoment(-1),
    l: () => session.landmarks && at("landmarks").click(),
    o: () => {
      const names = ["", ...session.overlays];
      setOver(names[(names.indexOf(tiles.over) + 1) % names.length]);
    },
    "?": () => at("help").showModal(),
  });
  if (!act) return;
  event.preventDefault();
  act();
});
window.addEventListener("hashchange", () => {
  const seconds = placeOfAddress();
  if (tiles && seconds !== null) ticker.goToTime(seconds);
});
at("play").addEventListener("click", () => ticker.toggle());
at("prev-tick").addEventListener("click", () => ticker.goTo(ticker.tick - 1));
at("next-tick").addEventListener("click", () => ticker.goTo(ticker.tick + 1));
at("prev-moment").addEventListener("click", () => stepMoment(-1));
at("next-moment").addEventListener("click", () => stepMoment(1));
at("speed").addEventListener("change", (event) => ticker.setSpeed(Number(event.target.value)));
at("landmarks").addEventListener("change", (event) => {
  tiles.landmarks = event.target.checked;
  ticker.goTo(ticker.tick);
});
at("over").addEventListener("change", (event) => setOver(event.target.value));
at("opacity").addEventListener("input", (event) => {
  tiles.opacity = Number(event.target.value);
  tiles.draw();
});
at("kind").addEventListener("change", listMoments);
begin();
