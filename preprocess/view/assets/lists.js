// The lists at the left: sessions, and frames to check; both under the same filters.
import { at } from "./page.js";
import { table } from "./store.js";
import { count, make, options, percent, reasonWords } from "./words.js";

export class Lists {
  constructor(catalog, open) {
    this.catalog = catalog;
    this.open = open;
    this.frames = [];
    this.asked = 0;
    const { sessions, schemes } = catalog;
    options(at("scheme"), schemes.map(({ name, by }) => [name, by === "subject" ? name : `${name} (by ${by})`]));
    at("scheme-label").hidden = schemes.length < 2;
    const subjects = [...new Set(sessions.map((session) => session.subject))].sort();
    options(at("subject"), [["", subjects.length > 1 ? "all" : subjects[0]], ...(subjects.length > 1 ? subjects.map((one) => [one, one]) : [])]);
    const streams = ["color", "depth", "infrared", "thermal"].filter((stream) => sessions.some((session) => session.streams.includes(stream)));
    options(at("stream"), [["", "any"], ...streams.map((one) => [one, one])]);
    this.listSplits();
    this.listReasons();
    at("filters").addEventListener("change", (event) => {
      if (event.target.id === "scheme") this.listSplits();
      if (event.target.id === "stream") this.listReasons();
      this.refresh();
    });
    at("filters").addEventListener("submit", (event) => event.preventDefault());
    const tabs = [at("tab-sessions"), at("tab-frames")];
    for (const tab of tabs) {
      tab.addEventListener("click", () => this.choose(tab));
      tab.addEventListener("keydown", (event) => {
        if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
        event.stopPropagation();
        const other = tabs.find((one) => one !== tab);
        this.choose(other);
        other.focus();
      });
    }
    this.tabs = tabs;
    this.refresh();
  }

  choose(tab) {
    for (const one of this.tabs) {
      const chosen = one === tab;
      one.setAttribute("aria-selected", chosen);
      one.tabIndex = chosen ? 0 : -1;
      at(one.getAttribute("aria-controls")).hidden = !chosen;
    }
    at("order-label").hidden = tab.id !== "tab-frames";
    this.refresh();
  }

  get onFrames() {
    return this.tabs?.[1].getAttribute("aria-selected") === "true";
  }

  listSplits() {
    const scheme = at("scheme").value;
    const splits = [...new Set(this.catalog.sessions.map((session) => session.splits[scheme]))];
    const order = ["train", "validation", "test"];
    splits.sort((a, b) => order.indexOf(a) - order.indexOf(b) || a.localeCompare(b));
    options(at("split"), [["", "all"], ...splits.map((one) => [one, one])]);
  }

  // Only reasons that occur, with the number of rows.
  listReasons() {
    const total = new Map();
    const stream = at("stream").value;
    for (const session of this.catalog.sessions) {
      for (const [name, counts] of Object.entries(session.reasons)) {
        if (stream && name !== stream) continue;
        for (const [reason, n] of Object.entries(counts)) total.set(reason, (total.get(reason) || 0) + n);
      }
    }
    const pairs = [...total].filter(([, n]) => n).sort(([a], [b]) => this.catalog.reasons[a] - this.catalog.reasons[b]);
    options(at("reason"), [["", "any"], ...pairs.map(([name, n]) => [name, `${reasonWords(name)} (${n.toLocaleString("en")})`])]);
  }

  get wanted() {
    return this.catalog.sessions.filter((session) => this.fits(session));
  }

  fits(session) {
    const [scheme, split, subject, stream, reason] = ["scheme", "split", "subject", "stream", "reason"].map((id) => at(id).value);
    if (split && session.splits[scheme] !== split) return false;
    if (subject && session.subject !== subject) return false;
    if (stream && !session.streams.includes(stream)) return false;
    if (!reason) return true;
    return Object.entries(session.reasons).some(([name, counts]) => (!stream || name === stream) && counts[reason]);
  }

  refresh() {
    this.listSessions();
    if (this.onFrames) this.listFrames();
  }

  listSessions() {
    const wanted = this.wanted;
    const all = this.catalog.sessions.length;
    const rows = wanted.reduce((sum, session) => sum + session.n_frames, 0);
    at("sessions-count").textContent = `${wanted.length === all ? "" : `${wanted.length} of `}${count(all, "session")}, ${count(rows, "row")}`;
    at("sessions").replaceChildren(...wanted.map((session) => this.sessionRow(session)));
    this.mark();
  }

  sessionRow(session) {
    const button = make("button", { type: "button" });
    button.dataset.session = session.number;
    button.append(make("b", { textContent: session.id }), make("span", { className: "tag", textContent: session.splits[at("scheme").value] }));
    const words = [session.subject];
    if (session.built) {
      words.push(count(session.n_frames, "row"), `${percent(session.aligned_share)} aligned`);
      const labelled = Object.values(session.labelled);
      const least = labelled.length ? Math.min(...labelled) : 0;
      const share = least / session.n_frames;
      words.push(share === 1 ? "labelled" : share ? `${percent(share)} labelled` : "no labels");
    }
    button.append(make("span", { className: "more", textContent: words.join(" · ") }));
    if (session.error) {
      const kind = session.built ? "✕ cannot be read" : "✕ not built";
      button.append(make("span", { className: "more wrong", textContent: kind }));
    }
    button.addEventListener("click", () => this.open(session.number, 0));
    return make("li", {}, button);
  }

  async listFrames() {
    const asked = ++this.asked;
    const values = Object.fromEntries(["order", "scheme", "split", "subject", "stream"].map((id) => [id, at(id).value]));
    const asking = new URLSearchParams(Object.entries(values).filter(([, value]) => value));
    if (at("reason").value) asking.set("reason", this.catalog.reasons[at("reason").value]);
    else if (at("order").value === "time") {
      this.frames = [];
      at("frames").replaceChildren();
      at("frames-count").textContent = "Choose a reason, or an order: the worst by sharpness, pose or jump.";
      return;
    }
    at("frames-count").textContent = "looking…";
    try {
      const found = await table(`/frames?${asking}`);
      if (asked === this.asked) this.showFrames(found);
    } catch (problem) {
      if (asked === this.asked) at("frames-count").textContent = problem.message;
    }
  }

  showFrames({ frames, n_found: n, unreadable }) {
    this.frames = frames;
    const words = [n ? count(n, "run of rows", "runs of rows") : "no frames of this kind"];
    if (n && at("order").value !== "time") words[0] = `the ${frames.length} worst, at least a second apart`;
    else if (n > frames.length) words.push(`the first ${frames.length} are listed`);
    for (const { session } of unreadable) words.push(`${this.catalog.sessions[session].id} cannot be read`);
    at("frames-count").textContent = words.join("; ");
    at("frames").replaceChildren(...frames.map((frame) => this.frameRow(frame)));
    this.mark();
  }

  frameRow(frame) {
    const session = this.catalog.sessions[frame.session];
    const button = make("button", { type: "button" });
    const last = frame.stop - frame.row > 1 ? `–${frame.stop - 1}` : "";
    const picture = make("img", { alt: "", width: 52, height: 52 });
    picture.loading = "lazy";
    picture.src = `/session/${frame.session}/row/${frame.row}?v=${session.version}`;
    button.append(
      picture,
      make("b", { textContent: `row ${frame.row}${last}` }),
      make("span", { className: "more", textContent: `${session.id} · ${frame.text}` }),
    );
    button.addEventListener("click", () => this.open(frame.session, frame.row));
    return make("li", {}, button);
  }

  // Go to the next (or previous) frame of the list; false where there is none.
  step(by) {
    if (!this.onFrames || !this.frames.length) return false;
    const here = this.frames.findIndex((frame) => this.shows(frame));
    const next = here < 0 ? (by > 0 ? 0 : this.frames.length - 1) : here + by;
    const frame = this.frames[next];
    if (!frame) return false;
    this.open(frame.session, frame.row);
    at("frames").children[next].scrollIntoView({ block: "nearest" });
    return true;
  }

  shows(frame) {
    return frame.session === this.session && frame.row <= this.row && this.row < frame.stop;
  }

  // Mark what is shown.
  mark(session = this.session, row = this.row) {
    Object.assign(this, { session, row });
    for (const button of at("sessions").querySelectorAll("button")) {
      button.setAttribute("aria-current", Number(button.dataset.session) === session);
    }
    [...at("frames").children].forEach((item, i) => {
      item.firstChild.setAttribute("aria-current", Boolean(this.frames[i]) && this.shows(this.frames[i]));
    });
  }
}
