// The previews: each picture is drawn when it comes, grows old in plain sight, and is dimmed when it is stale.

const STALE_S = 1.5;
const TITLES = { color: "Color", depth: "Depth", infrared: "Infrared", thermal: "Thermal" };
const NOTES = { depth: "black: no reading" };

export class Pictures {
  constructor(strip) {
    this.strip = strip;
    this.tiles = new Map();
  }

  build(streams, scales) {
    const same = streams.length === this.tiles.size && streams.every((name) => this.tiles.has(name));
    if (same) return;
    this.tiles.clear();
    this.strip.replaceChildren(...streams.map((name) => this.tile(name, scales[name] ?? [])));
  }

  tile(name, colors) {
    const figure = element("figure", "tile");
    figure.dataset.stream = name;
    const frame = element("div", "frame");
    const canvas = element("canvas");
    canvas.setAttribute("role", "img");
    canvas.width = 16;
    canvas.height = 9;
    const veil = element("p", "veil", "no picture yet");
    frame.append(canvas, veil);
    const caption = element("figcaption");
    const title = element("b", "", TITLES[name] ?? name);
    const low = element("span", "end");
    const high = element("span", "end");
    caption.append(title);
    if (colors.length && name !== "infrared") caption.append(low, ramp(colors), high);
    if (NOTES[name]) caption.append(element("small", "", NOTES[name]));
    figure.append(frame, caption);
    const tile = { figure, canvas, veil, low, high, title: title.textContent, drawnMs: null };
    this.tiles.set(name, tile);
    label(tile, "no picture yet");
    return figure;
  }

  async draw(head, jpeg) {
    const tile = this.tiles.get(head.stream);
    if (!tile) return;
    const arrivedMs = performance.now() - head.age_s * 1000;
    const bitmap = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
    const { canvas } = tile;
    if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
      canvas.width = bitmap.width;
      canvas.height = bitmap.height;
    }
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    bitmap.close();
    tile.drawnMs = arrivedMs;
    tile.low.textContent = head.low;
    tile.high.textContent = head.high;
    this.age();
  }

  age() {
    for (const tile of this.tiles.values()) {
      if (tile.drawnMs === null) continue;
      const ageS = (performance.now() - tile.drawnMs) / 1000;
      const stale = ageS > STALE_S;
      const words = stale ? `${ageS.toFixed(0)} s old` : "";
      if (tile.veil.textContent !== words) tile.veil.textContent = words;
      if (tile.figure.classList.contains("stale") !== stale || tile.live === undefined) {
        tile.live = !stale;
        tile.figure.classList.toggle("stale", stale);
        label(tile, stale ? "stale" : "live");
      }
    }
  }
}

function label(tile, words) {
  tile.canvas.setAttribute("aria-label", `${tile.title} preview, ${words}`);
}

function ramp(colors) {
  const canvas = element("canvas", "ramp");
  canvas.setAttribute("aria-hidden", "true");
  canvas.width = colors.length;
  canvas.height = 1;
  const pen = canvas.getContext("2d");
  colors.forEach((color, x) => {
    pen.fillStyle = color;
    pen.fillRect(x, 0, 1, 1);
  });
  return canvas;
}

export function element(name, className = "", text = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}
