// A session's pictures as they came from the server, and how its counts are colored and read.
import { Kept, answer, table } from "./store.js";

const BITMAP_WIDTH = 1280; // larger pictures are kept this wide

export class Store extends Kept {
  constructor(session) {
    super(320e6);
    this.session = session;
    this.looks = new Map(); // by stream: how its counts are colored and read
  }

  // Whether a path is here or cannot be had.
  settled(path) {
    return Boolean(this.at(path) || this.error(path));
  }

  async load(path, kind) {
    const found = await answer(`${path}?v=${this.session.version}`);
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

  // Fetch how a stream is colored, its scale, and what its counts mean; once.
  async look(stream) {
    const { name, unit } = stream;
    const version = `?v=${this.session.version}`;
    const [scale, colors, celsius] = await Promise.all([
      table(`/scale/${name}`),
      answer(`/colors/${name}${version}`).then((found) => found.arrayBuffer()),
      unit === "°C" ? answer(`/celsius/${name}${version}`).then((found) => found.arrayBuffer()) : null,
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
