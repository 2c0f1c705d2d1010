// What the server knows, fetched once: tables, and the pixels of a chunk of 16 rows at a time.

export const ROWS_PER_CHUNK = 16;
const KEPT_BYTES = 256e6;

export class Problem extends Error {}

async function answer(path) {
  let found;
  try {
    found = await fetch(path);
  } catch {
    throw new Problem("the viewer does not answer");
  }
  if (found.ok) return found;
  if (found.status === 401) throw new Problem("this browser needs a new link");
  let text = `the viewer answers ${found.status}`;
  try {
    text = (await found.json()).error || text;
  } catch {
    // no words came with it
  }
  throw new Problem(text);
}

export async function table(path) {
  return (await answer(path)).json();
}

// Chunks of one dataset. Each is asked for once; those used longest ago are let go.
export class Chunks {
  constructor() {
    this.kept = new Map();
    this.bytes = 0;
  }

  // Return the chunk if it is here, null if it is on its way or could not be read.
  here(session, stream, chunk) {
    return this.kept.get(this.key(session, stream, chunk))?.value ?? null;
  }

  failed(session, stream, chunk) {
    return this.kept.get(this.key(session, stream, chunk))?.error ?? null;
  }

  // Fetch a chunk unless it is here; the promise never fails, see `failed`.
  want(session, stream, chunk) {
    const key = this.key(session, stream, chunk);
    let entry = this.kept.get(key);
    if (entry) {
      this.kept.delete(key);
      this.kept.set(key, entry);
      return entry.done;
    }
    entry = { value: null, error: null, bytes: 0 };
    this.kept.set(key, entry);
    entry.done = this.load(key, stream).then(
      ([value, bytes]) => {
        entry.value = value;
        entry.bytes = bytes;
        this.bytes += bytes;
        this.letGo();
      },
      (error) => {
        entry.error = error.message;
        if (error.message === "the viewer does not answer") this.kept.delete(key); // asked for again later
      },
    );
    return entry.done;
  }

  async load(key, stream) {
    const found = await answer(key);
    if (stream === "color") {
      const bitmap = await createImageBitmap(await found.blob(), { colorSpaceConversion: "none" });
      return [bitmap, bitmap.width * bitmap.height * 4];
    }
    const bytes = await found.arrayBuffer();
    return [stream === "landmarks" ? new Float32Array(bytes) : new Uint16Array(bytes), bytes.byteLength];
  }

  letGo() {
    for (const [key, entry] of this.kept) {
      if (this.bytes <= KEPT_BYTES) return;
      if (!entry.value) continue;
      this.kept.delete(key);
      this.bytes -= entry.bytes;
      entry.value.close?.();
    }
  }

  key(session, stream, chunk) {
    return `/session/${session.number}/${stream}/${chunk}?v=${session.version}`;
  }
}
