// A session's pictures as they came from the server; each is asked for once, those used longest ago are let go.
import { Problem, table } from "./store.js";

const KEPT_BYTES = 320e6;
const BITMAP_WIDTH = 1280; // larger pictures are kept this wide

async function bytes(path) {
  let found;
  try {
    found = await fetch(path);
  } catch {
    throw new Problem("the viewer does not answer");
  }
  if (found.ok) return found;
  let text = `the viewer answers ${found.status}`;
  try {
    text = (await found.json()).error || text;
  } catch {
    // no words came with it
  }
  throw new Problem(text);
}

export class Store {
  constructor(session) {
    this.session = session;
    this.kept = new Map();
    this.bytes = 0;
    this.looks = new Map(); // by stream: how its counts are colored and read
  }

  // Return what a path gave, null while it is on its way or where it could not be had.
  here(path) {
    return this.kept.get(path)?.value ?? null;
  }

  settled(path) {
    const entry = this.kept.get(path);
    return Boolean(entry && (entry.value || entry.error));
  }

  failed(path) {
    return this.kept.get(path)?.error ?? null;
  }

  // Fetch a path unless it is here; the promise never fails, see `failed`.
  want(path, kind) {
    let entry = this.kept.get(path);
    if (entry) {
      this.kept.delete(path);
      this.kept.set(path, entry);
      return entry.done;
    }
    entry = { value: null, error: null, bytes: 0 };
    this.kept.set(path, entry);
    entry.done = this.load(`${path}?v=${this.session.version}`, kind).then(
      ([value, size]) => {
        Object.assign(entry, { value, bytes: size });
        this.bytes += size;
        this.letGo();
      },
      (error) => {
        entry.error = error.message;
        if (error.message === "the viewer does not answer") this.kept.delete(path); // asked for again later
      },
    );
    return entry.done;
  }

  async load(path, kind) {
    const found = await bytes(path);
    if (kind === "picture") {
      const blob = await found.blob();
      const width = this.session.streams.find(({ name }) => name === "color").width;
      const resized = width > BITMAP_WIDTH ? { resizeWidth: BITMAP_WIDTH, resizeQuality: "medium" } : {};
      const bitmap = await createImageBitmap(blob, resized);
      return [bitmap, bitmap.width * bitmap.height * 4];
    }
    const buffer = await found.arrayBuffer();
    const types = { counts: Uint16Array, points: Float32Array };
    return [new types[kind](buffer), Math.max(64, buffer.byteLength)];
  }

  letGo() {
    for (const [path, entry] of this.kept) {
      if (this.bytes <= KEPT_BYTES) return;
      if (!entry.value) continue;
      this.kept.delete(path);
      this.bytes -= entry.bytes;
      entry.value.close?.();
    }
  }

  // Fetch how a stream is colored, its scale, and what its counts mean; once.
  async look(stream) {
    const { name, unit } = stream;
    const version = `?v=${this.session.version}`;
    const [scale, colors, celsius] = await Promise.all([
      table(`/scale/${name}`),
      bytes(`/colors/${name}${version}`).then((found) => found.arrayBuffer()),
      unit === "°C" ? bytes(`/celsius/${name}${version}`).then((found) => found.arrayBuffer()) : null,
    ]);
    const three = new Uint8Array(colors);
    const palette = new Uint32Array(65536);
    for (let i = 0; i < 65536; i++) {
      palette[i] = 0xff000000 | (three[3 * i + 2] << 16) | (three[3 * i + 1] << 8) | three[3 * i];
    }
    const look = { ...scale, palette, celsius: celsius && new Float32Array(celsius), unit };
    this.looks.set(name, look);
    return look;
  }
}

// What a count means, in words; "no reading" for depth's 0.
export function readOut(look, stream, count) {
  if (stream === "depth" && count === 0) return "no reading";
  if (look.celsius) {
    const value = look.celsius[count];
    return Number.isFinite(value) ? `${value.toFixed(2)} °C` : "no reading";
  }
  return look.unit ? `${count} ${look.unit}` : `${count} counts`;
}
