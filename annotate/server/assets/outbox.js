// Chunks on their way to the server: each is kept in this browser (localStorage, which is written at once and
// outlives the tab) until the server says that it has it. Sending a chunk twice is harmless.

import { ask, pause_ms, Refused } from "./rate-api.js";

const PREFIX = "mavfer-chunk ";
const NAMED = /^mavfer-chunk [0-9a-f]{16} \d+ \d+$/;
const LANES = 3;
const LONGEST_WAIT_MS = 8000;
const KEEP_FOREIGN_MS = 30 * 24 * 3600 * 1000;

const keyOf = (take, run, number) => `${PREFIX}${take} ${run} ${number}`;

function partsOf(key) {
  const [take, run, number] = key.slice(PREFIX.length).split(" ");
  return { key, take, run: Number(run), number: Number(number) };
}

function wallOf(body) {
  try {
    return JSON.parse(body).wall_ms ?? 0;
  } catch {
    return 0;
  }
}

function stored() {
  const keys = Array.from({ length: localStorage.length }, (_, k) => localStorage.key(k));
  return keys
    .filter((key) => NAMED.test(key))
    .map(partsOf)
    .sort((a, b) => a.take.localeCompare(b.take) || a.run - b.run || a.number - b.number);
}

// Events: "state" whenever something was sent or failed, "refused" with {error, chunk},
// "newest" with {take, run}: the newest run of a take that the server knows.
export class Outbox extends EventTarget {
  constructor() {
    super();
    this.queue = stored();
    this.sending = new Set();
    this.lanes = 0;
    this.failing_since_ms = null;
    this.failing_status = 0;
    this.wait_ms = 500;
    this.closed = false;
    addEventListener("online", () => this.pump());
  }

  get n_waiting() {
    return this.queue.length + this.sending.size;
  }

  get failing_s() {
    return this.failing_since_ms === null ? 0 : (performance.now() - this.failing_since_ms) / 1000;
  }

  // Keep a chunk and send it; throws when the browser's storage is full. The chunk is sent all the same.
  add(take, run, number, body) {
    const chunk = { key: keyOf(take, run, number), take, run, number };
    let full = null;
    try {
      localStorage.setItem(chunk.key, body);
    } catch (error) {
      full = error;
      chunk.body = body;
    }
    this.queue.push(chunk);
    this.pump();
    if (full) throw full;
  }

  // Start to send, unless that goes on already; a failure is followed by longer and longer waits.
  pump() {
    while (!this.closed && this.lanes < LANES && this.queue.length > 0 && this.queue.length > this.lanes - 1) {
      this.lanes += 1;
      this.lane();
      if (this.failing_since_ms !== null) break;
    }
  }

  async lane() {
    try {
      await this.sendAll();
    } finally {
      this.lanes -= 1;
      this.changed();
    }
  }

  async sendAll() {
    while (!this.closed && this.queue.length > 0) {
      const chunk = this.queue.shift();
      this.sending.add(chunk);
      try {
        await this.send(chunk);
        this.failing_since_ms = null;
        this.wait_ms = 500;
        this.pump();
      } catch (error) {
        this.queue.unshift(chunk);
        this.failing_since_ms ??= performance.now();
        this.failing_status = error.status ?? 0;
        this.sending.delete(chunk);
        this.changed();
        if (error.loggedOut) this.stop(error, chunk);
        if (this.lanes > 1 || this.closed) return; // one lane is enough to try again
        await this.rest();
      } finally {
        this.sending.delete(chunk);
        this.changed();
      }
    }
  }

  async rest() {
    let wake = null;
    const online = new Promise((resolve) => (wake = resolve));
    addEventListener("online", wake, { once: true });
    await Promise.race([pause_ms(this.wait_ms), online]);
    removeEventListener("online", wake);
    this.wait_ms = Math.min(2 * this.wait_ms, LONGEST_WAIT_MS);
  }

  async send(chunk) {
    const body = chunk.body ?? localStorage.getItem(chunk.key);
    if (body === null) return; // another window has sent it
    try {
      const answer = await acknowledged(chunk, body);
      this.dispatchEvent(new CustomEvent("newest", { detail: { take: chunk.take, run: answer.newest_run } }));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (error.offline || error.loggedOut) throw error;
      this.tell(error, chunk);
      if (error.another && Date.now() - wallOf(body) < KEEP_FOREIGN_MS) return; // it may be another rater's of this browser
    }
    localStorage.removeItem(chunk.key);
  }

  stop(error, chunk) {
    this.closed = true;
    this.tell(error, chunk);
  }

  tell(error, chunk) {
    this.dispatchEvent(new CustomEvent("refused", { detail: { error, chunk } }));
  }

  changed() {
    this.dispatchEvent(new Event("state"));
  }

  // Return when nothing waits any more, or after `patience_ms`; whether all is sent.
  async emptied(patience_ms = Infinity) {
    const until_ms = performance.now() + patience_ms;
    this.pump();
    while (this.n_waiting > 0 && !this.closed && performance.now() < until_ms) {
      await Promise.race([
        new Promise((resolve) => this.addEventListener("state", resolve, { once: true })),
        pause_ms(200),
      ]);
    }
    return this.n_waiting === 0;
  }

  // The page goes away: hand all that waits to the browser, within what it takes from a closing page (64 kB).
  handOver() {
    let room = 60_000;
    for (const chunk of [...this.sending, ...this.queue]) {
      const body = chunk.body ?? localStorage.getItem(chunk.key);
      if (body === null) continue;
      room -= body.length;
      if (room < 0) return;
      acknowledged(chunk, body, { keepalive: true }).then(
        () => localStorage.removeItem(chunk.key),
        () => {},
      );
    }
  }

  // Forget what waits of a take that is begun again.
  drop(take) {
    this.queue = this.queue.filter((chunk) => chunk.take !== take);
    for (const chunk of stored()) if (chunk.take === take) localStorage.removeItem(chunk.key);
  }
}

// Send a chunk; returns the server's word that it has it, and takes nothing else for that.
async function acknowledged({ take, run, number }, body, options = {}) {
  const answer = await ask(`/api/takes/${take}/runs/${run}/chunks/${number}`, { method: "POST", body, ...options });
  if (answer?.acknowledged !== number) throw new Refused(0, "something else answered");
  return answer;
}
