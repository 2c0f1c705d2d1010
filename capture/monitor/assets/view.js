// A status becomes words on the page. All text goes in as text; nothing that a recorder or an operator wrote
// is ever read as HTML.
import { element } from "./pictures.js";

const CELLS = ["state", "frames", "lost", "waiting", "disk", "heard"];
const SIGNS = { bad: ["✕", "has problems"], absent: ["…", "not heard yet"], well: ["✓", "is well"] };
const LOST = {
  gone: ["NO CONNECTION", "The master is not heard. This page tries again; recorders go on by themselves."],
  master: ["MASTER SILENT", "The master's program runs, but has shown nothing new. Look at its terminal."],
  stranger: ["LINK NEEDED", "The master was started anew and does not know this page. Open the link that its terminal prints."],
  ended: ["ENDED", "The program has ended. This page can be closed."],
};
const TOLD_MS = 4000;
const by = (id) => document.getElementById(id);

export class View {
  constructor() {
    this.rows = new Map();
    this.shown = { state: "", bad: "", lost: "", markers: "" };
  }

  show(status) {
    const body = document.body;
    body.dataset.state = status.state;
    body.classList.remove("lost");
    text("word", status.word);
    text("hint", status.hint || status.rig);
    text("elapsed", status.elapsed);
    text("left", status.left);
    text("left-caption", status.planned ? `remaining of ${status.planned}` : "remaining");
    text("subject", status.subject || "–");
    text("session", status.session || "–");
    by("session").title = status.session;
    text("ticks", status.ticks);
    text("skew", status.skew);
    by("done").style.width = `${100 * status.done}%`;
    this.verdict(status);
    this.recorders(status.recorders);
    this.notice(status);
    this.step(status.step, status.running);
    this.markers(status);
    const flag = status.n_problems ? "‼ " : "";
    document.title = `${flag}${status.word} ${status.running ? status.elapsed : ""} · mavfer`;
    if (this.shown.state !== status.word) say(status.word.toLowerCase());
    this.shown.state = status.word;
    this.shown.lost = "";
  }

  verdict(status) {
    const n = status.n_problems;
    document.body.classList.toggle("bad", n > 0);
    const waiting = status.missing.length ? `… waiting for ${status.missing.join(", ")}` : "✓ no problems";
    text("count", n ? `⚠ ${n} PROBLEM${n > 1 ? "S" : ""}` : waiting);
    const most = 4;
    const lines = n > most ? [...status.problems.slice(0, most - 1), `and ${n - most + 1} more below`] : status.problems;
    list(by("problems"), lines);
    // numbers in a problem change all the time; it is said aloud once
    const kinds = status.problems.map((line) => line.replace(/[\d.,]+/g, "#")).join("\n");
    if (kinds !== this.shown.bad) {
      alarm(n ? `${n} problem${n > 1 ? "s" : ""}: ${status.problems.join("; ")}` : "no problems any more");
    }
    this.shown.bad = kinds;
  }

  lose(silentS, why) {
    const [word, words] = LOST[why] ?? [LOST.gone[0], why];
    const ended = why === "ended";
    const ago = `${silentS.toFixed(0)} s`;
    document.body.classList.add("lost");
    document.body.classList.toggle("bad", !ended);
    document.body.dataset.state = ended ? "ended" : "lost";
    text("word", word);
    text("hint", ended ? "what is shown was true at its end" : `nothing here is live: it is ${ago} old`);
    text("count", ended ? word : `⚠ ${word} for ${ago}`);
    list(by("problems"), [words]);
    document.title = `${ended ? "" : "‼ "}${word} · mavfer`;
    if (this.shown.lost !== why) alarm(`${word.toLowerCase()}. ${words}`);
    this.shown.lost = why;
    this.shown.bad = this.shown.state = "";
  }

  recorders(rows) {
    const names = rows.map((row) => row.name);
    const place = by("recorders");
    if (names.join("\n") !== [...this.rows.keys()].join("\n")) {
      this.rows = new Map(names.map((name) => [name, newRow(name)]));
      place.replaceChildren(...[...this.rows.values()].flatMap((row) => [row.first, row.more]));
    }
    for (const one of rows) {
      const row = this.rows.get(one.name);
      const bad = one.problems.length > 0;
      row.first.classList.toggle("wrong", bad);
      row.more.classList.toggle("wrong", bad);
      row.first.classList.toggle("has-lost", Number(one.lost) > 0);
      const [sign, meaning] = bad ? SIGNS.bad : one.state === "absent" ? SIGNS.absent : SIGNS.well;
      put(row.sign, sign);
      row.sign.setAttribute("aria-label", meaning);
      row.first.classList.toggle("absent", one.state === "absent");
      put(row.cells.state, one.state);
      put(row.cells.frames, `${one.grabbed} / ${one.kept}`);
      for (const cell of ["lost", "waiting", "disk", "heard"]) put(row.cells[cell], one[cell]);
      put(row.where, one.where);
      const clock = [["clock", one.clock], ["round trip", one.trip], ["tick error", one.tick_error]];
      const facts = [...one.health, ...clock].filter(([, value]) => value !== "–");
      put(row.facts, facts.map((fact) => fact.join(" ").replaceAll(" ", "\u00a0")).join(" · "));
      put(row.problems, one.problems.map((line) => `✕ ${line}`).join("   "));
    }
  }

  notice(status) {
    const notice = by("notice");
    notice.hidden = !status.notice;
    notice.classList.toggle("wrong", status.notice_is_bad);
    put(notice, status.notice && status.notice_is_bad ? `⚠ ${status.notice}` : status.notice);
  }

  step(step, running) {
    by("step").hidden = !step || !running;
    if (!step) return;
    text("step-of", step.of);
    text("step-name", step.name);
    text("step-text", step.text);
    text("step-left", step.left || step.elapsed);
    text("step-caption", step.over ? "time is up" : step.left ? "left in step" : "in step, until you go on");
    by("step").classList.toggle("over", step.over);
    by("step-done").style.width = `${100 * step.done}%`;
    by("next").dataset.step = step.number;
  }

  markers(status) {
    const key = JSON.stringify([status.n_markers, status.markers]);
    if (key === this.shown.markers) return;
    this.shown.markers = key;
    const items = status.markers.toReversed().map((marker) => {
      const item = element("li");
      item.append(element("time", "digits", marker.at), element("span", "", marker.label));
      if (marker.source !== "operator") item.append(element("small", "", marker.source));
      return item;
    });
    const more = status.n_markers - status.markers.length;
    if (more > 0) items.push(element("li", "soft", `and ${more} before`));
    if (!items.length) items.push(element("li", "soft", "none yet"));
    by("markers").replaceChildren(...items);
  }

  tell(words, ok) {
    const told = by("told");
    told.classList.toggle("wrong", !ok);
    put(told, ok ? `✓ ${words}` : `✕ ${words}`);
    clearTimeout(this.telling);
    this.telling = setTimeout(() => put(told, ""), ok ? TOLD_MS : 2 * TOLD_MS);
  }

  pulse(ageS) {
    const lost = document.body.classList.contains("lost");
    text("pulse", ageS >= 1 ? `○ last heard ${ageS.toFixed(0)} s ago` : lost ? "○ not live" : "● live");
  }

  warn(words) {
    by("warning").hidden = !words;
    text("warning", words && `⚠ ${words}`);
  }
}

function newRow(name) {
  const first = element("tr", "first");
  const head = element("th", "name");
  head.scope = "row";
  const sign = element("span", "sign");
  sign.setAttribute("role", "img");
  head.append(sign, element("span", "", name));
  const cells = Object.fromEntries(CELLS.map((cell) => [cell, element("td", `at-${cell}`)]));
  first.append(head, ...Object.values(cells));
  const more = element("tr", "more");
  const wide = element("td");
  wide.colSpan = CELLS.length + 1;
  const [where, facts, problems] = [element("span", "where"), element("span", "of-it"), element("span", "what-is-wrong")];
  wide.append(problems, facts, where);
  more.append(wide);
  return { first, more, sign, cells, where, facts, problems };
}

function list(place, lines) {
  while (place.children.length > lines.length) place.lastChild.remove();
  while (place.children.length < lines.length) place.append(element("li"));
  lines.forEach((line, i) => put(place.children[i], line));
}

function put(place, words) {
  if (place.textContent !== words) place.textContent = words;
}

const text = (id, words) => put(by(id), words);
const say = (words) => text("spoken", words);
const alarm = (words) => text("alarm", words);
