// What the page says over the film: a card with a title, a few lines and buttons; and three hints for a first time.

import { make } from "./figures.js";

const HINT_S = 7;
const COACHED = "mavfer-coached";

export class Card {
  constructor(node) {
    this.node = node;
    this.main = null;
  }

  // Show a card; `buttons` are [words, act], the first one the main one; `extra` nodes stand before them.
  show(title, { lines = [], buttons = [], extra = [], low = false, alarm = false } = {}) {
    const heading = make("h2", "", title);
    heading.id = "card-title";
    const nodes = buttons.map(([words, act], k) => {
      const button = make("button", k === 0 ? "button main" : "button", words);
      button.type = "button";
      button.addEventListener("click", act);
      return button;
    });
    const texts = lines.filter(Boolean).map((line) => (line instanceof Node ? line : make("p", "", line)));
    const box = make("div", "box", heading, ...texts, ...extra, make("div", "buttons", ...nodes));
    box.setAttribute("role", alarm ? "alertdialog" : "group");
    box.setAttribute("aria-labelledby", heading.id);
    this.node.classList.toggle("low", low);
    this.node.replaceChildren(box);
    this.node.hidden = false;
    this.main = nodes[0] ?? null;
    this.main?.focus({ preventScroll: true });
  }

  hide() {
    this.node.hidden = true;
    this.node.replaceChildren();
    this.main = null;
  }

  press() {
    this.main?.click();
  }
}

// Three short hints, one after the other, beside what they speak of; shown once in each browser.
export class Hints {
  constructor(hints) {
    this.hints = hints;
    this.shown = null;
    this.on = localStorage.getItem(COACHED) === null;
  }

  // Show the next hint; it goes by itself, or when `next` is called before.
  next() {
    clearTimeout(this.timer);
    this.shown?.remove();
    this.shown = null;
    if (!this.on) return;
    const hint = this.hints.shift();
    if (!hint) {
      this.on = false;
      try {
        localStorage.setItem(COACHED, "yes");
      } catch {
        // The storage is full: the hints are shown once more, another time, and the film starts all the same.
      }
      return;
    }
    this.shown = make("p", "hint", hint.words);
    this.shown.setAttribute("role", "status");
    hint.beside.append(this.shown);
    this.timer = setTimeout(() => this.next(), 1000 * (hint.stays_s ?? HINT_S));
  }

  hide() {
    clearTimeout(this.timer);
    this.shown?.remove();
    this.shown = null;
  }
}
