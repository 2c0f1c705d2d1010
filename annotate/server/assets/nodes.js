// Building a page's nodes without markup in strings: h("p.soft", {title: "..."}, "text", node).

// Returns an element; `kind` is "tag.class.class", `traits` are attributes, listeners under "on...", null is left out.
export function h(kind, traits = {}, ...inside) {
  const [tag, ...classes] = kind.split(".");
  const node = document.createElement(tag);
  if (classes.length > 0) {
    node.className = classes.join(" ");
  }
  for (const [name, value] of Object.entries(traits)) {
    if (name.startsWith("on")) {
      node.addEventListener(name.slice(2), value);
    } else if (value === true) {
      node.setAttribute(name, "");
    } else if (value !== null && value !== undefined && value !== false) {
      node.setAttribute(name, value);
    }
  }
  node.append(...inside.flat().filter((one) => one !== null && one !== undefined && one !== false));
  return node;
}

const shown = new WeakMap();

// Builds a part of the page anew only where what it shows has changed, and puts the focus back where it was.
export function show(place, what, build) {
  const told = JSON.stringify(what);
  if (shown.get(place) === told) {
    return;
  }
  shown.set(place, told);
  const key = place.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  const scrolled = place.firstElementChild?.scrollLeft ?? 0;
  place.replaceChildren(...[build()].flat());
  if (scrolled > 0 && place.firstElementChild) {
    place.firstElementChild.scrollLeft = scrolled;
  }
  if (key) {
    [...place.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key)?.focus();
  }
}

// Asks the server; returns what it answers, or throws an Error whose message is one line for people.
export async function ask(path, { method = "GET", body = null } = {}) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: body === null ? {} : { "content-type": "application/json" },
      body: body === null ? null : JSON.stringify(body),
    });
  } catch {
    throw new Error("No connection to the study's server; is mavfer annotate still running?");
  }
  const told = await answer.json().catch(() => ({}));
  if (answer.ok) {
    return told;
  }
  if (answer.status === 401) {
    throw new Error("You are logged out; come by a new link.");
  }
  const reason = typeof told.error === "string" ? told.error : `the server answered ${answer.status}`;
  const error = new Error(reason.charAt(0).toUpperCase() + reason.slice(1));
  error.status = answer.status;
  throw error;
}

// "3 min", "1 h 20 min": a length of film in minutes.
export function minutes(value) {
  if (value < 1.5) {
    return `${Math.round(value * 60)} s`;
  }
  const whole = Math.round(value);
  return whole < 90 ? `${whole} min` : `${Math.floor(whole / 60)} h ${String(whole % 60).padStart(2, "0")} min`;
}

// "now", "5 min ago", "yesterday": when something was, by the server's clock.
export function ago(then, now) {
  const passed = Math.max(0, now - then) / 60000;
  if (passed < 1.5) {
    return "now";
  }
  if (passed < 90) {
    return `${Math.round(passed)} min ago`;
  }
  const hours = passed / 60;
  if (hours < 36) {
    return `${Math.round(hours)} h ago`;
  }
  return `${Math.round(hours / 24)} days ago`;
}
