// The film: it plays at its own speed, forward only, and tells of every frame that it presents. What is seen
// while it stands still is not a rated frame; the frame on the screen when it starts is.

export class Player extends EventTarget {
  // Events: "frame" {now, frame}, "play", "pause", "wait", "on" (data came), "rate" (something
  // set another speed, which is undone), "ended", "broken" {network, words}.
  constructor(video, source) {
    super();
    Object.assign(this, { video, source });
    this.target_s = 0;
    this.seeking = false;
    this.wanted = false;
    this.announced = false;
    this.last = null;
    video.playbackRate = video.defaultPlaybackRate = 1;
    video.disablePictureInPicture = true;
    video.disableRemotePlayback = true;
    const on = (name, act) => video.addEventListener(name, act);
    on("ratechange", () => {
      if (video.playbackRate === 1) return;
      video.playbackRate = 1;
      this.tell("rate");
    });
    on("seeking", () => {
      if (!this.seeking && Math.abs(video.currentTime - this.media_s) > 0.5) this.jump(this.media_s);
    });
    on("seeked", () => (this.seeking = false));
    on("playing", () => this.wanted && this.tell("on"));
    on("pause", () => {
      // It comes late on a busy machine, when the film may have been started again.
      if (this.wanted && video.paused && !video.ended && !video.error) this.stopped();
    });
    on("waiting", () => this.wanted && this.tell("wait"));
    on("ended", () => {
      this.wanted = false;
      requestAnimationFrame(() => setTimeout(() => this.tell("ended"), 60)); // the last frame comes after
    });
    on("error", () => this.broke());
    on("contextmenu", (event) => event.preventDefault());
    this.watch();
    this.silenceMediaKeys();
  }

  static get works() {
    return "requestVideoFrameCallback" in HTMLVideoElement.prototype;
  }

  get media_s() {
    return this.last?.mediaTime ?? this.target_s;
  }

  get playing() {
    return this.wanted;
  }

  tell(name, detail = {}) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  watch() {
    this.video.requestVideoFrameCallback((now, frame) => {
      this.last = frame;
      if (this.announced) this.tell("frame", { now, frame });
      this.watch();
    });
  }

  // Load the film and stand at `media_s`; returns when its first picture is there, rejects never.
  load(media_s) {
    this.target_s = media_s;
    this.last = null;
    return new Promise((resolve) => {
      const ready = () => {
        this.video.removeEventListener("loadeddata", ready);
        if (media_s > 0) this.jump(media_s);
        resolve();
      };
      this.video.addEventListener("loadeddata", ready);
      this.video.src = this.source;
      this.video.load();
    });
  }

  jump(media_s) {
    this.seeking = true;
    this.target_s = Math.max(0, media_s);
    this.last = null;
    this.video.currentTime = this.target_s;
  }

  // Start; whether the browser lets it play. A film that is over has its last frame shown, and ends.
  async play() {
    this.wanted = this.announced = true;
    this.tell("play");
    if (this.last) this.tell("frame", { now: performance.now(), frame: this.last });
    if (this.video.ended) {
      this.wanted = false;
      this.tell("ended");
      return true;
    }
    try {
      await this.video.play();
      return true;
    } catch (error) {
      if (error.name === "AbortError" || !this.wanted) return true;
      this.stopped();
      return false;
    }
  }

  pause() {
    if (!this.wanted) return;
    this.stopped();
    this.video.pause();
  }

  stopped() {
    this.wanted = false;
    this.announced = false;
    this.tell("pause");
  }

  // Say why there is no film: the network, the server, or a coding that this browser does not know.
  async broke() {
    const was_playing = this.wanted;
    this.wanted = this.announced = false;
    let words = "This browser cannot play the film. Try Chrome or Edge, or tell the study's owner.";
    let network = false;
    try {
      const answer = await fetch(this.source, { headers: { range: "bytes=0-99" }, cache: "no-store" });
      if (answer.status === 401) words = "You are logged out. Open your link again.";
      else if (!answer.ok) {
        const told = await answer.json().catch(() => ({}));
        words = `The film is not there: ${told.error ?? `the server answered ${answer.status}`}`;
      } else if (this.video.error?.code === MediaError.MEDIA_ERR_NETWORK) network = true;
    } catch {
      network = true;
    }
    this.tell("broken", { network, words, was_playing });
  }

  // The keys of a keyboard or headset that play, stop and seek act on the rating, not past it.
  silenceMediaKeys() {
    const session = navigator.mediaSession;
    if (!session) return;
    const nothing = ["seekbackward", "seekforward", "seekto", "previoustrack", "nexttrack", "stop"];
    for (const [names, act] of [
      [nothing, () => {}],
      [["play", "pause"], () => this.tell("key")],
    ]) {
      for (const name of names) {
        try {
          session.setActionHandler(name, act);
        } catch {
          continue; // this browser has no such key
        }
      }
    }
  }
}
