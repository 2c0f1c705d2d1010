// What every page does: asks whether its server is there, copies its link, opens its help, knows its keys.
import { make } from "./words.js";

const ASK_MS = 1500;
export const at = (id) => document.getElementById(id);

export function say(text) {
  at("spoken").textContent = text;
}

// Say once that the server is gone, or that it was started anew; "" where it is there.
export function gone(why, again) {
  const text = !why
    ? ""
    : why.includes("link")
      ? "The viewer was started anew and does not know this browser: open the link that it printed in its terminal."
      : `The viewer has ended (${why}). Start it again with: ${again}`;
  if (at("gone").textContent === text) return;
  at("gone").textContent = text;
  at("gone").hidden = !text;
}

// Ask again and again whether the server is there; a page without one must not look alive.
export function watchServer(again) {
  let missed = 0; // one late answer is a busy machine
  setInterval(async () => {
    try {
      const found = await fetch("/alive", { cache: "no-store", signal: AbortSignal.timeout(4000) });
      missed = 0;
      gone(found.status === 401 ? "this browser needs a new link" : "", again());
    } catch {
      missed += 1;
      if (missed > 1) gone("it does not answer", again());
    }
  }, ASK_MS);
}

export function wireTools() {
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
}

// Return the action for a key, null where the key is somebody else's.
export function actionFor(event, actions) {
  if (event.ctrlKey || event.metaKey || event.altKey || at("help").open) return null;
  const { tagName: tag, type } = event.target;
  const typed = tag === "SELECT" || (tag === "INPUT" && type !== "checkbox");
  if (typed && event.key !== "?") return null;
  if (event.key === " " && ["BUTTON", "INPUT"].includes(tag) && event.target.id !== "play") return null;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  return actions[event.shiftKey && key !== "?" ? `Shift+${key}` : key] ?? null;
}

// Say in place of what cannot be shown why it cannot.
export function fail(problem) {
  at("viewer").hidden = true;
  at("error").hidden = false;
  at("error").textContent = problem.message;
}

// Show what is known, as [name, words].
export function listFacts(rows) {
  at("facts").replaceChildren(...rows.map(([name, words]) => make("div", {}, make("dt", { textContent: name }), make("dd", { textContent: words }))));
}
