// Asking the server: JSON in, JSON out, and errors that say whether the network, the login or the request is at fault.

export class Refused extends Error {
  // The server answered, and not with yes; `status` is its code, 0 when nothing of the study's answered at all.
  constructor(status, words) {
    super(words);
    this.status = status;
  }

  get offline() {
    return this.status === 0 || this.status >= 500 || this.status === 408 || this.status === 429;
  }

  get loggedOut() {
    return this.status === 401;
  }

  // Somebody else is logged in here, who has no such thing to rate.
  get another() {
    return this.status === 403 || this.status === 404;
  }
}

export async function ask(path, { method = "GET", body, keepalive = false, timeout_ms = 10_000 } = {}) {
  const headers = { accept: "application/json" };
  if (method !== "GET") headers["content-type"] = "application/json";
  let answer;
  try {
    const signal = keepalive ? undefined : AbortSignal.timeout(timeout_ms);
    answer = await fetch(path, { method, headers, body, keepalive, signal, cache: "no-store" });
  } catch {
    throw new Refused(0, "there is no connection");
  }
  let content = {};
  try {
    content = await answer.json();
  } catch {
    if (answer.ok) throw new Refused(0, "the answer broke off");
  }
  if (answer.ok) return content;
  if (typeof content?.error === "string") throw new Refused(answer.status, content.error);
  // What stands on the way (a proxy, a hotel's login page) answers in other words: no verdict on what was sent.
  throw new Refused(answer.status >= 500 ? answer.status : 0, `the server answered ${answer.status}`);
}

export const post = (path, content, options = {}) =>
  ask(path, { method: "POST", body: content === undefined ? undefined : JSON.stringify(content), ...options });

export const pause_ms = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Ask until something answers; `waiting` is called with the time without an answer (seconds) and the status.
export async function askUntilAnswered(question, waiting) {
  const begun_ms = performance.now();
  for (let wait_ms = 500; ; wait_ms = Math.min(2 * wait_ms, 8000)) {
    try {
      return await question();
    } catch (error) {
      if (!(error instanceof Refused) || !error.offline) throw error;
      waiting((performance.now() - begun_ms) / 1000, error.status);
      await Promise.race([pause_ms(wait_ms), new Promise((r) => addEventListener("online", r, { once: true }))]);
    }
  }
}
