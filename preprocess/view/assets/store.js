// What the server knows, fetched once: tables, and the pixels of a chunk of 16 rows at a time.

export const ROWS_PER_CHUNK = 16;

const SILENT = "the viewer does not answer";

export class Problem extends Error {}

// Ask the server; a Problem says in words why there is no answer to use.
export async function answer(path) {
  let found;
  try {
    found = await fetch(path);
  } catch {
    throw new Problem(SILENT);
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

// What paths gave: each is asked for once, those used longest ago are let go. `load(path, kind)` returns a promise
// of the value and of the bytes that it takes.
export class Kept {
  constructor(mostBytes) {
    this.mostBytes = mostBytes;
    this.bytes = 0;
    this.entries = new Map();
  }

  // Return what a path gave, null while it is on its way or where it could not be had.
  at(path) {
    return this.entries.get(path)?.value ?? null;
  }

  error(path) {
    return this.entries.get(path)?.error ?? null;
  }

  // Fetch a path unless it is here; the promise never fails, see `error`.
  ask(path, kind) {
    let entry = this.entries.get(path);
    if (entry) {
      this.entries.delete(path);
      this.entries.set(path, entry);
      return entry.done;
    }
    entry = { value: null, error: null, bytes: 0 };
    this.entries.set(path, entry);
    entry.done = this.load(path, kind).then(
      ([value, bytes]) => {
        Object.assign(entry, { value, bytes });
        this.bytes += bytes;
        this.letGo();
      },
      (error) => {
        entry.error = error.message;
        if (error.message === SILENT) this.entries.delete(path); // asked for again later
      },
    );
    return entry.done;
  }

  letGo() {
    for (const [path, entry] of this.entries) {
      if (this.bytes <= this.mostBytes) return;
      if (!entry.value) continue;
      this.entries.delete(path);
      this.bytes -= entry.bytes;
      entry.value.close?.();
    }
  }
}

// Chunks of one dataset: the pixels of a stream, or "landmarks".
export class Chunks extends Kept {
  constructor() {
    super(256e6);
  }

  here(session, stream, chunk) {
    return this.at(path(session, stream, chunk));
  }

  failed(session, stream, chunk) {
    return this.error(path(session, stream, chunk));
  }

  want(session, stream, chunk) {
    return this.ask(path(session, stream, chunk), stream);
  }

  // Whether a chunk of each stream is here or cannot be had.
  settled(session, streams, chunk) {
    return streams.every((stream) => this.here(session, stream, chunk) || this.failed(session, stream, chunk));
  }

  // Fetch a chunk of each stream that is not settled, calling `then` whenever one has come.
  wantAll(session, streams, chunk, then) {
    if (chunk < 0 || chunk * ROWS_PER_CHUNK >= session.n_frames) return;
    for (const stream of streams) {
      if (!this.settled(session, [stream], chunk)) this.want(session, stream, chunk).then(then);
    }
  }

  async load(path, stream) {
    const found = await answer(path);
    if (stream === "color") {
      const bitmap = await createImageBitmap(await found.blob(), { colorSpaceConversion: "none" });
      return [bitmap, bitmap.width * bitmap.height * 4];
    }
    const bytes = await found.arrayBuffer();
    return [stream === "landmarks" ? new Float32Array(bytes) : new Uint16Array(bytes), bytes.byteLength];
  }
}

const path = (session, stream, chunk) => `/session/${session.number}/${stream}/${chunk}?v=${session.version}`;
