// Buttons, keys and forms. What begins or ends something wants to be pressed twice, so that a slip does nothing.
import { element } from "./pictures.js";

const ARMED_MS = 3000;
const NOT_BEFORE_MS = 350; // a bouncing key or a double click is one press
const by = (id) => document.getElementById(id);

export class Controls {
  constructor(ask) {
    this.ask = ask;
    this.labels = [];
    this.running = false;
    this.start = new Twice(by("start"), () => this.askStart());
    this.stop = new Twice(by("stop"), () => this.ask({ do: "stop" }));
    this.next = new Twice(by("next"), () => this.ask({ do: "next", step: Number(by("next").dataset.step) }));
    by("start-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.start.press();
    });
    by("stop").addEventListener("click", () => this.stop.press());
    by("next").addEventListener("click", () => this.next.press());
    by("mark-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const label = by("label").value.trim();
      if (!label) return;
      this.ask({ do: "mark", label });
      by("label").value = "";
      by("label").blur();
    });
    document.addEventListener("keydown", (event) => this.key(event));
    this.label([]);
  }

  label(labels) {
    this.labels = Array.from({ length: 9 }, (_, i) => labels[i] ?? `mark ${i + 1}`);
    by("keys").replaceChildren(
      ...this.labels.map((label, i) => {
        const button = element("button");
        button.type = "button";
        button.disabled = !this.running;
        button.title = `mark "${label}"`;
        button.setAttribute("aria-label", `mark ${label}, key ${i + 1}`);
        button.append(element("kbd", "", String(i + 1)));
        if (labels[i]) button.append(element("span", "", label));
        button.addEventListener("click", () => this.mark(i));
        return button;
      }),
    );
    by("keys").classList.toggle("named", labels.length > 0);
  }

  // What the take's state allows; null while nothing is known.
  allow(status) {
    const running = Boolean(status?.running);
    const canStart = Boolean(status?.can_start);
    this.running = running;
    this.start.allow(canStart);
    this.stop.allow(running);
    this.next.allow(running && Boolean(status.step));
    if (this.step !== status?.step?.number) this.next.disarm();
    this.step = status?.step?.number;
    if (status) {
      by("start").hidden = running || status.state === "closing";
      by("stop").hidden = !by("start").hidden;
      by("start-form").hidden = !canStart;
      document.body.classList.toggle("can-start", canStart);
    }
    by("label").disabled = !running;
    for (const button of by("keys").children) button.disabled = !running;
  }

  key(event) {
    if (event.repeat) {
      if (event.target instanceof HTMLButtonElement) event.preventDefault();
      return;
    }
    if (event.key === "Escape") {
      for (const button of [this.start, this.stop, this.next]) button.disarm();
      event.target.blur?.();
      return;
    }
    const typing = event.target.matches?.("input, textarea, select, [contenteditable]");
    if (typing || event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
    const done = () => event.preventDefault();
    const key = event.key.toLowerCase();
    if (/^[1-9]$/.test(key)) done(this.mark(Number(key) - 1));
    else if (key === "m") done(by("label").focus());
    else if (key === "s") done(this.start.press());
    else if (key === "x") done(this.stop.press());
    else if (key === "n") done(this.next.press());
  }

  mark(i) {
    if (this.running) this.ask({ do: "mark", label: this.labels[i] });
  }

  askStart() {
    const value = (name) => by(`in-${name}`).value.trim();
    const seconds = value("seconds");
    this.ask({
      do: "start",
      subject: value("subject"),
      consent: value("consent"),
      notes: value("notes"),
      seconds: seconds ? Number(seconds) : null,
    });
    by("in-notes").value = "";
    document.activeElement?.blur?.();
  }
}

// A button that acts when it is pressed twice within three seconds.
class Twice {
  constructor(button, act) {
    this.button = button;
    this.act = act;
    this.words = button.querySelector(".what");
    this.plain = this.words.textContent;
    this.armedMs = null;
  }

  allow(allowed) {
    if (!allowed) this.disarm();
    this.button.disabled = !allowed;
  }

  press() {
    if (this.button.disabled || this.button.hidden) return;
    const form = this.button.form;
    if (form && !form.reportValidity()) return;
    const nowMs = performance.now();
    if (this.armedMs === null) {
      this.armedMs = nowMs;
      this.button.classList.add("armed");
      this.words.textContent = "Press again";
      this.timer = setTimeout(() => this.disarm(), ARMED_MS);
    } else if (nowMs - this.armedMs >= NOT_BEFORE_MS) {
      this.disarm();
      this.act();
    }
  }

  disarm() {
    if (this.armedMs === null) return;
    clearTimeout(this.timer);
    this.armedMs = null;
    this.button.classList.remove("armed");
    this.words.textContent = this.plain;
  }
}
