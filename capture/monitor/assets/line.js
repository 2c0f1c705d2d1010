// The line to the master: one WebSocket, watched for silence, opened again by itself.
// Nothing is kept for later: a request that cannot be sent now is refused now.

const SILENT_MS = 1200;      // statuses come five times a second
const MASTER_SILENT_S = 1.5; // the server lives, but the master's loop shows nothing new
const WATCH_MS = 200;
const AGAIN_MS = 700;
const OPENING_MS = 4000;

export class Line {
  constructor(on) {
    this.on = on;
    this.socket = null;
    this.heardMs = performance.now();
    this.told = false;
    this.state = "";
    this.why = "";
    this.id = 0;
    setInterval(() => this.watch(), WATCH_MS);
    document.addEventListener("visibilitychange", () => this.watch());
    window.addEventListener("offline", () => this.watch());
  }

  open() {
    clearTimeout(this.again);
    const socket = new WebSocket(`ws://${location.host}/live`);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    this.openedMs = performance.now();
    socket.onmessage = (event) => socket === this.socket && this.receive(event.data);
    socket.onclose = (event) => socket === this.socket && this.closed(event);
  }

  async closed(event) {
    this.socket = null;
    this.why = event.reason;
    this.heardMs = Math.min(this.heardMs, performance.now() - SILENT_MS - 1);
    this.watch();
    this.again = setTimeout(() => this.open(), AGAIN_MS);
    try {
      const answer = await fetch("/assets/icon.svg", { cache: "no-store" });
      if (answer.status === 401) this.why = "stranger";
    } catch {
      this.why = this.why || "gone";
    }
    if (!this.socket || this.socket.readyState !== WebSocket.OPEN) this.watch();
  }

  receive(data) {
    if (typeof data === "string") {
      const message = JSON.parse(data);
      if (message.kind === "status") {
        this.heardMs = performance.now();
        this.state = message.state;
        this.send({ do: "seen", n: message.n });
        if (message.silent_s > MASTER_SILENT_S && message.state !== "ended") {
          this.told = true;
          this.on.lost(message.silent_s, "master");
          return;
        }
        this.told = false;
        this.why = "";
      }
      this.on[message.kind]?.(message);
      return;
    }
    const size = new DataView(data).getUint32(0);
    const head = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, size)));
    const drawn = () => this.send({ do: "drawn", stream: head.stream });
    this.on.picture(head, new Uint8Array(data, 4 + size)).then(drawn, drawn);
  }

  watch() {
    const ageMs = performance.now() - this.heardMs;
    this.on.pulse(ageMs / 1000);
    if (ageMs > SILENT_MS) {
      this.told = true;
      this.on.lost(ageMs / 1000, this.state === "ended" ? "ended" : this.why || "gone");
      const socket = this.socket;
      const stuck = socket && performance.now() - this.openedMs > OPENING_MS && ageMs > OPENING_MS;
      if (stuck) {
        socket.onclose = null;
        socket.close();
        this.open();
      }
    }
  }

  ask(request) {
    if (this.told || !this.socket || this.socket.readyState !== WebSocket.OPEN) return false;
    this.id += 1;
    return this.send({ ...request, id: this.id });
  }

  send(message) {
    if (!this.socket || this.socket.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }
}
