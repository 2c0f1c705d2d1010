// The pictures of one row, all streams side by side, with landmarks, masks, scales and the value pointed at.
import { ROWS_PER_CHUNK } from "./store.js";
import { drawLandmarks, drawPointer, makeTile, showScale } from "./tile.js";
import { HAS_PIXELS, VALID, make, reasonWords } from "./words.js";

const NO_READING = [38, 40, 44];

export class Pictures {
  constructor(place, chunks) {
    this.place = place;
    this.chunks = chunks;
    this.tiles = new Map();
    this.range = "face";
    this.landmarks = true;
    this.pointer = null;
    this.small = document.createElement("canvas");
    this.resized = new ResizeObserver(() => this.setRange(this.range)); // another width has room for other marks
  }

  // Lay out one tile per stream of a session.
  build(session, facts, scales) {
    this.session = session;
    this.facts = facts;
    this.scales = scales;
    this.size = facts.size_px;
    this.small.width = this.small.height = this.size;
    this.resized.disconnect();
    this.tiles.clear();
    this.pointer = null;
    const tiles = session.streams.map((stream) => this.tile(stream));
    this.place.style.setProperty("--n", Math.max(2, tiles.length));
    this.place.replaceChildren(...tiles);
    this.setRange(this.range);
    for (const tile of this.tiles.values()) this.resized.observe(tile.canvas);
  }

  tile(stream) {
    const unit = make("span", { className: "soft" });
    const tile = makeTile(stream, unit);
    const { canvas } = tile;
    canvas.addEventListener("pointermove", (event) => this.point(event, canvas));
    canvas.addEventListener("pointerleave", () => this.point(null));
    this.tiles.set(stream, { ...tile, unit });
    return tile.figure;
  }

  setRange(range) {
    this.range = range;
    this.tables = new Map();
    for (const [stream, tile] of this.tiles) {
      const scale = this.scales?.[stream];
      if (!scale) continue;
      const { low, high, marks } = scale.ranges[range];
      this.tables.set(stream, { low, high, colors: scale.colors.map(rgb) });
      tile.unit.textContent = ` ${scale.unit}`;
      showScale(tile, scale.colors.filter((_, i) => i % 15 === 0), marks);
    }
    this.draw();
  }

  setScales(scales) {
    this.scales = scales;
    this.setRange(this.range);
  }

  show(row) {
    this.row = row;
    this.draw();
  }

  // Draw the present row; a stream whose chunk is on its way keeps what it shows.
  draw() {
    if (!this.session || this.row === undefined) return;
    const chunk = Math.floor(this.row / ROWS_PER_CHUNK);
    const at = this.row % ROWS_PER_CHUNK;
    const points = this.landmarks ? this.chunks.here(this.session, "landmarks", chunk) : null;
    for (const [stream, tile] of this.tiles) {
      const reason = this.reason(stream);
      const error = this.chunks.failed(this.session, stream, chunk);
      const valid = !error && VALID.includes(reason);
      tile.figure.classList.toggle("off", !valid);
      tile.state.textContent = error ? "✕ cannot be read" : `${valid ? "✓" : "✕"} ${reasonWords(reason)}`;
      const has = !error && HAS_PIXELS.includes(reason);
      tile.blank.textContent = has ? "" : error ? "damaged chunk" : reasonWords(reason);
      tile.blank.title = error || "";
      tile.canvas.setAttribute("aria-label", `${stream}, row ${this.row}: ${error || reasonWords(reason)}`);
      const pixels = this.chunks.here(this.session, stream, chunk);
      if (has && !pixels) continue;
      this.paint(tile.canvas, stream, has ? pixels : null, at, points);
    }
    this.tell();
  }

  reason(stream) {
    const number = this.facts.columns[`reason_${stream}`]?.[this.row];
    if (number !== undefined) return this.reasonNames[number] || "damaged";
    return this.facts.columns[`valid_${stream}`]?.[this.row] ? "ok" : "not_recorded";
  }

  paint(canvas, stream, pixels, at, points) {
    const side = Math.max(1, Math.round(canvas.clientWidth * devicePixelRatio));
    if (canvas.width !== side) canvas.width = canvas.height = side;
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, side, side);
    if (!pixels) return;
    const size = this.size;
    if (stream === "color") {
      context.imageSmoothingEnabled = true;
      context.imageSmoothingQuality = "high";
      // by way of a canvas of its own: smoothing would mix in the edge of the row that lies above
      this.small.getContext("2d").drawImage(pixels, 0, at * size, size, size, 0, 0, size, size);
      context.drawImage(this.small, 0, 0, side, side);
    } else {
      this.small.getContext("2d").putImageData(this.colored(stream, pixels, at), 0, 0);
      context.imageSmoothingEnabled = false; // between 700 mm and 1800 mm there is nothing
      context.drawImage(this.small, 0, 0, side, side);
    }
    if (points) drawLandmarks(context, points.subarray(at * 136, (at + 1) * 136), side / size, Math.max(1, (0.32 * side) / size));
    if (this.pointer) drawPointer(context, this.pointer, side / size);
  }

  colored(stream, pixels, at) {
    const size = this.size;
    const image = new ImageData(size, size);
    const table = this.tables.get(stream);
    const first = at * size * size;
    const factor = table ? 255 / (table.high - table.low) : 1 / 257;
    for (let i = 0; i < size * size; i++) {
      const value = pixels[first + i];
      const place = Math.round((value - (table?.low ?? 0)) * factor);
      const gray = Math.min(255, Math.max(0, place));
      const color = value === 0 ? NO_READING : table ? table.colors[gray] : [gray, gray, gray];
      image.data.set(color, 4 * i);
      image.data[4 * i + 3] = 255;
    }
    return image;
  }

  point(event, canvas) {
    if (event) {
      const box = canvas.getBoundingClientRect();
      const scale = this.size / box.width;
      const inside = (value) => Math.min(this.size - 1, Math.max(0, Math.floor(value * scale)));
      this.pointer = { x: inside(event.clientX - box.left), y: inside(event.clientY - box.top) };
    } else {
      this.pointer = null;
    }
    this.draw();
  }

  // Say what lies under the pointer, in every stream.
  tell() {
    const chunk = Math.floor(this.row / ROWS_PER_CHUNK);
    const at = this.row % ROWS_PER_CHUNK;
    for (const [stream, tile] of this.tiles) {
      const pixels = this.chunks.here(this.session, stream, chunk);
      const scale = this.scales?.[stream];
      if (!this.pointer || !pixels || !HAS_PIXELS.includes(this.reason(stream))) {
        tile.under.textContent = "";
        continue;
      }
      const { x, y } = this.pointer;
      if (stream === "color") {
        tile.under.textContent = `x ${x}, y ${y} px`;
        continue;
      }
      const value = pixels[(at * this.size + y) * this.size + x];
      const digits = scale?.unit === "°C" ? 2 : 0;
      const unit = scale?.unit === "counts" ? "" : ` ${scale?.unit}`;
      const words = scale ? `${(value * scale.factor + scale.offset).toFixed(digits)}${unit}` : value;
      tile.under.textContent = value === 0 ? "no reading" : words;
    }
  }
}

function rgb(hex) {
  return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
}
