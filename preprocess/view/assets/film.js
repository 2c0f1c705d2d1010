// The rows of the present clip in color, one beside the other; a click goes to a row.
import { ROWS_PER_CHUNK } from "./store.js";
import { HAS_PIXELS } from "./words.js";

export class Film {
  constructor(canvas, chunks, pictures, goTo) {
    this.canvas = canvas;
    this.chunks = chunks;
    this.pictures = pictures;
    canvas.addEventListener("click", (event) => {
      if (!this.clip) return;
      const box = canvas.getBoundingClientRect();
      const place = Math.floor(((event.clientX - box.left) / box.width) * this.clip.length);
      goTo(Math.min(this.clip.start + place, this.session.n_frames - 1));
    });
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  show(session, facts, clip, row) {
    Object.assign(this, { session, facts, clip, row });
    this.draw();
  }

  draw() {
    if (!this.clip) return;
    const { start, length } = this.clip;
    const side = Math.max(1, Math.floor((this.canvas.clientWidth * devicePixelRatio) / length));
    if (this.canvas.width !== side * length || this.canvas.height !== side) {
      this.canvas.width = side * length;
      this.canvas.height = side;
      this.canvas.style.aspectRatio = `${length}`;
    }
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, side * length, side);
    const size = this.facts.size_px;
    for (let i = 0; i < length && start + i < this.session.n_frames; i++) {
      const row = start + i;
      const number = this.facts.columns.reason_color?.[row];
      const name = number === undefined ? "ok" : this.pictures.reasonNames[number];
      const bitmap = this.chunks.here(this.session, "color", Math.floor(row / ROWS_PER_CHUNK));
      context.fillStyle = "#08090a";
      context.fillRect(i * side, 0, side - 1, side);
      if (bitmap && HAS_PIXELS.includes(name)) {
        const top = (row % ROWS_PER_CHUNK) * size;
        context.drawImage(bitmap, 0, top, size, size, i * side, 0, side - 1, side);
      }
      if (row === this.row) {
        const width = Math.max(3, side * 0.05);
        context.strokeStyle = "#5cb6ec";
        context.lineWidth = width;
        context.strokeRect(i * side + width / 2, width / 2, side - 1 - width, side - width);
      }
    }
  }
}
