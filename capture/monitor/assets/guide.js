// What the operator is guided to: one large sentence, cells over the previews, and counts with what is wanted.
import { element } from "./pictures.js";

const SVG = "http://www.w3.org/2000/svg";
const SIGHTS = { unseen: "not seen", moving: "moving", still: "still" };
const by = (id) => document.getElementById(id);

export class Guide {
  constructor(pictures) {
    this.pictures = pictures;
    this.overlays = new Map();
    this.shown = { cells: "", counts: "", missing: "" };
  }

  show(guide) {
    by("guide").hidden = by("guide-card").hidden = !guide;
    document.body.classList.toggle("guided", Boolean(guide));
    if (!guide) return;
    by("guide").classList.toggle("enough", guide.enough);
    by("guide").classList.toggle("wrong", Boolean(guide.trouble));
    put(by("guide-hint"), guide.trouble ? `⚠ ${guide.trouble}` : guide.enough ? `✓ ${guide.hint}` : guide.hint);
    put(by("guide-now"), guide.now);
    this.missing(guide);
    this.counts(guide.cameras);
    for (const camera of guide.cameras) this.overlay(camera);
  }

  missing(guide) {
    const key = JSON.stringify([guide.missing, guide.n_missing, guide.enough]);
    if (key === this.shown.missing) return;
    this.shown.missing = key;
    const items = guide.missing.map((line) => element("li", "", line));
    const more = guide.n_missing - guide.missing.length;
    if (more > 0) items.push(element("li", "soft", `and ${more} more`));
    if (!items.length) items.push(element("li", "soft", guide.enough ? "✓ nothing" : "not known yet"));
    by("guide-missing").replaceChildren(...items);
  }

  counts(cameras) {
    const key = JSON.stringify(cameras.map((camera) => [camera.name, camera.counts, camera.cells, camera.sight]));
    if (key === this.shown.counts) return;
    this.shown.counts = key;
    const labels = [...new Set(cameras.flatMap((camera) => camera.counts.map(([label]) => label)))];
    const head = element("tr");
    for (const label of ["", "now", "of picture", ...labels]) {
      const cell = element("th", "", label);
      cell.scope = "col";
      head.append(cell);
    }
    const rows = cameras.map((camera) =>
      row(camera.name, [
        [SIGHTS[camera.sight] ?? camera.sight, `sight-${camera.sight}`],
        [share(camera.cells), ""],
        ...labels.map((label) => counted(camera, label)),
      ]),
    );
    by("guide-counts").replaceChildren(head, ...rows);
  }

  overlay(camera) {
    const tile = this.pictures.tiles.get(camera.stream);
    if (!tile) return;
    let svg = tile.figure.querySelector("svg.cells");
    if (!svg) {
      svg = document.createElementNS(SVG, "svg");
      svg.setAttribute("class", "cells");
      svg.setAttribute("role", "img");
      tile.canvas.after(svg);
      if (camera.name !== camera.stream) {
        put(tile.figure.querySelector("figcaption b"), `${tile.title} (${camera.name} camera)`);
      }
      this.overlays.delete(camera.stream);
    }
    const { width, height } = tile.canvas;
    svg.dataset.sight = camera.sight;
    const key = JSON.stringify([camera.cells, camera.outline, width, height]);
    if (this.overlays.get(camera.stream) === key) return;
    this.overlays.set(camera.stream, key);
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("aria-label", `${camera.name}: ${share(camera.cells)} of the picture`);
    const shapes = [];
    camera.cells.forEach((cells, r) => {
      [...cells].forEach((hit, c) => {
        const [across, down] = [width / cells.length, height / camera.cells.length];
        const at = { x: c * across, y: r * down, width: across, height: down };
        shapes.push(shape("rect", { ...at, class: hit === "1" ? "hit" : "bare" }));
        if (hit === "1") {
          const middle = { cx: at.x + across / 2, cy: at.y + down / 2, r: Math.min(across, down) * 0.12 };
          shapes.push(shape("circle", middle));
        }
      });
    });
    if (camera.outline.length) {
      const points = camera.outline.map(([x, y]) => `${x * width},${y * height}`).join(" ");
      shapes.push(shape("polygon", { points }));
    }
    svg.replaceChildren(...shapes);
  }
}

function share(cells) {
  const all = cells.join("");
  return all ? `${Math.round((100 * [...all].filter((cell) => cell === "1").length) / all.length)} %` : "–";
}

function counted(camera, label) {
  const found = camera.counts.find(([one]) => one === label);
  if (!found) return ["–", ""];
  const [, n, wanted] = found;
  if (!wanted) return [String(n), ""];
  return n >= wanted ? [`✓ ${n}`, "enough"] : [`${n}/${wanted}`, "wanting"];
}

function row(label, cells) {
  const made = element("tr");
  const head = element("th", "", label);
  head.scope = "row";
  made.append(head, ...cells.map(([words, kind]) => element("td", kind, words)));
  return made;
}

function shape(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function put(place, words) {
  if (place.textContent !== words) place.textContent = words;
}
