// The pictures of one tick, side by side: colored by range, with scales, landmarks, what is laid over color,
// and the value under the pointer.
import { readOut } from "./session_store.js";
import { drawLandmarks, drawPointer, makeTile, showScale } from "./tile.js";
import { make, signed } from "./words.js";

const N_POINTS = 68;

export class Tiles {
  constructor(place, session, store) {
    Object.assign(this, { place, session, store, tick: 0, landmarks: true, over: "", opacity: 0.6, pointer: null });
    this.tiles = new Map();
    this.drawn = new Map(); // by stream: its native picture, and of which tick
    this.resized = new ResizeObserver(() => {
      for (const [name, look] of store.looks) this.setLook(name, look); // another width has room for other marks
      this.draw();
    });
    this.place.replaceChildren(...session.streams.map((stream) => this.tile(stream)));
    for (const { canvas } of this.tiles.values()) this.resized.observe(canvas);
  }

  tile(stream) {
    const { name, width, height } = stream;
    const unit = make("span", { className: "soft", textContent: stream.unit ? ` ${stream.unit}` : "" });
    const grow = make("button", { type: "button", className: "grow", textContent: "⤢", title: `${name}: large, or small again`, "aria-label": `Enlarge ${name}`, "aria-pressed": "false" });
    const tile = makeTile(name, unit, " ", grow);
    const { figure, canvas } = tile;
    tile.state.classList.add("digits");
    tile.state.title = "How long after its tick the frame was exposed";
    figure.style.setProperty("--aspect", width / height);
    grow.addEventListener("click", () => {
      const large = !figure.classList.contains("large");
      for (const other of this.place.querySelectorAll(".tile")) {
        other.classList.toggle("large", large && other === figure);
        other.querySelector(".grow").setAttribute("aria-pressed", large && other === figure);
      }
    });
    canvas.addEventListener("pointermove", (event) => this.point(event, stream));
    canvas.addEventListener("pointerleave", () => this.point(null));
    this.tiles.set(name, { ...tile, stream });
    return figure;
  }

  // Show what a stream's colors mean, once that is known.
  setLook(name, look) {
    const tile = this.tiles.get(name);
    const { unit } = tile.stream; // it stands above
    const marks = look.marks.map(([place, text]) => [place, unit ? text.replace(` ${unit}`, "") : text]);
    showScale(tile, look.colors, marks.length ? marks : [[0, "dark"], [1, "bright"]]);
    this.drawn.delete(name);
    this.draw();
  }

  path(name, tick = this.tick) {
    return name === "color" ? `/color/${tick}` : `/counts/${name}/${tick}`;
  }

  // What a tick needs, as [path, kind]; ticks without a frame need nothing.
  needs(tick, playing) {
    const has = this.session.streams.filter(({ frame }) => frame[tick] >= 0).map(({ name }) => name);
    const found = has.map((name) => [this.path(name, tick), name === "color" ? "picture" : "counts"]);
    if (this.over && ["color", "depth", this.over].every((name) => has.includes(name))) found.push([`/laid/${this.over}/${tick}`, "counts"]);
    if (this.landmarks && this.session.landmarks && has.includes("color") && !playing) found.push([`/landmarks/${tick}`, "points"]);
    return found;
  }

  show(tick) {
    this.tick = tick;
    this.draw();
  }

  // Draw the present tick; a picture that is on its way leaves the last one standing.
  draw() {
    for (const [name, tile] of this.tiles) {
      const has = tile.stream.frame[this.tick] >= 0;
      const path = this.path(name);
      const error = has ? this.store.error(path) : null;
      const late = Math.abs(tile.stream.offset_ms[this.tick] ?? 0) > this.lateMs;
      tile.figure.classList.toggle("off", !has || Boolean(error));
      tile.figure.classList.toggle("late", has && late);
      tile.blank.textContent = !has ? "no frame" : error ? "cannot be read" : "";
      tile.blank.title = error || "";
      tile.state.textContent = !has || error ? "" : offsetWords(tile.stream.offset_ms[this.tick], late);
      tile.canvas.setAttribute("aria-label", `${name}, tick ${this.tick}: ${!has ? "no frame" : error || "shown"}`);
      const pixels = this.store.at(path);
      if (has && !error && !pixels) continue;
      this.paint(name, tile, has && !error ? pixels : null);
    }
    this.tell();
  }

  get lateMs() {
    return this.session.fps ? (1000 * this.session.late_share) / this.session.fps : Infinity;
  }

  paint(name, tile, pixels) {
    const { canvas, stream } = tile;
    const width = Math.max(1, Math.round(canvas.clientWidth * devicePixelRatio));
    const height = Math.max(1, Math.round((width * stream.height) / stream.width));
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, width, height);
    if (!pixels) return;
    if (name === "color") {
      context.drawImage(pixels, 0, 0, width, height);
      this.layOver(context, width, height);
      const points = this.landmarks ? this.store.at(`/landmarks/${this.tick}`) : null;
      if (points?.length === 2 * N_POINTS) drawLandmarks(context, points, width / stream.width, 1.4 * devicePixelRatio);
    } else {
      const picture = this.colored(name, pixels, stream.width, stream.height, 0);
      if (!picture) return;
      context.imageSmoothingEnabled = false; // between 700 mm and 1800 mm there is nothing
      context.drawImage(picture, 0, 0, width, height);
    }
    if (this.pointer?.name === name) drawPointer(context, this.pointer, width / stream.width);
  }

  // Draw what is laid over color, where a camera sees it.
  layOver(context, width, height) {
    const counts = this.over && this.store.at(`/laid/${this.over}/${this.tick}`);
    if (!counts) return;
    const picture = this.colored(this.over, counts, ...this.session.overlay_px, 1);
    if (!picture) return;
    context.globalAlpha = this.opacity;
    context.imageSmoothingEnabled = false;
    context.drawImage(picture, 0, 0, width, height);
    context.globalAlpha = 1;
  }

  // Counts as a canvas of their own size; with `clear` 1, count 0 is seen through.
  colored(name, counts, width, height, clear) {
    const look = this.store.looks.get(name);
    if (!look || counts.length !== width * height) return null;
    const key = `${name}${clear}`;
    const kept = this.drawn.get(key);
    if (kept?.counts === counts && kept.look === look) return kept.canvas;
    const canvas = kept?.canvas ?? document.createElement("canvas");
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    const image = new ImageData(width, height);
    const target = new Uint32Array(image.data.buffer);
    for (let i = 0; i < counts.length; i++) target[i] = look.palette[counts[i]];
    if (clear) for (let i = 0; i < counts.length; i++) if (counts[i] === 0) target[i] = 0;
    canvas.getContext("2d").putImageData(image, 0, 0);
    this.drawn.set(key, { canvas, counts, look });
    return canvas;
  }

  point(event, stream) {
    if (event) {
      const box = event.target.getBoundingClientRect();
      const inside = (value, size) => Math.min(size - 1, Math.max(0, Math.floor(value)));
      const scale = stream.width / box.width;
      this.pointer = { name: stream.name, x: inside((event.clientX - box.left) * scale, stream.width), y: inside((event.clientY - box.top) * scale, stream.height) };
    } else {
      this.pointer = null;
    }
    this.draw();
  }

  // Say what lies under the pointer: its pixel, and what was measured there.
  tell() {
    for (const [name, { under, state, stream }] of this.tiles) {
      under.textContent = "";
      state.hidden = this.pointer?.name === name; // there is room for one of the two
      if (this.pointer?.name !== name) continue;
      const { x, y } = this.pointer;
      const words = [`x ${x}, y ${y} px`];
      const counts = name === "color" ? null : this.store.at(this.path(name));
      const look = this.store.looks.get(name);
      if (counts && look) words.push(readOut(look, name, counts[y * stream.width + x]));
      const over = name === "color" && this.over ? this.store.at(`/laid/${this.over}/${this.tick}`) : null;
      const overLook = this.store.looks.get(this.over);
      if (over && overLook) {
        const [width, height] = this.session.overlay_px;
        const [column, row] = [Math.min(width - 1, x >> 1), Math.min(height - 1, y >> 1)];
        const count = over[row * width + column];
        words.push(count ? readOut(overLook, this.over, count) : `no ${this.over} there`);
      }
      under.textContent = words.join(" · ");
    }
  }
}

function offsetWords(offset, late) {
  if (offset === null) return "";
  return `${late ? (offset > 0 ? "late " : "early ") : ""}${signed(offset, 1)} ms`;
}
