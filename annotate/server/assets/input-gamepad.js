// Gamepads and joysticks: where the stick stands is the value; read once per animation frame, with the time
// that the device gives. A stick that rests moves nothing, so that mouse and keys stay usable beside it.

const DEAD = 0.1;
const STALE_MS = 1000;

// What an axis at -1..1 says, -10..10: nothing within the dead zone, all at its end.
export function valueOfAxis(position) {
  const beyond = (Math.abs(position) - DEAD) / (0.97 - DEAD);
  return beyond <= 0 ? 0 : Math.sign(position) * Math.round(10 * Math.min(1, beyond));
}

// The stick that is pushed farther; only pads of the standard layout are known to have a second one.
function stickOf(pad) {
  const sticks = [[pad.axes[0] ?? 0, pad.axes[1] ?? 0]];
  if (pad.mapping === "standard" && pad.axes.length >= 4) sticks.push([pad.axes[2], pad.axes[3]]);
  return sticks.reduce((a, b) => (Math.hypot(...b) > Math.hypot(...a) ? b : a));
}

// The device's time if it is on the page's clock and recent; else now.
function timeOf(pad, now_ms) {
  const t_ms = pad.timestamp;
  return t_ms > now_ms - STALE_MS && t_ms <= now_ms ? t_ms : now_ms;
}

export function followGamepads(rating, { play, back, found }) {
  if (!navigator.getGamepads) return;
  const together = rating.dimensions.length > 1;
  const before = new Map();
  const read = () => {
    requestAnimationFrame(read);
    const now_ms = performance.now();
    let pads = [];
    try {
      pads = navigator.getGamepads();
    } catch {
      return; // a policy of this browser or page keeps them away
    }
    for (const pad of pads) {
      if (!pad?.connected || pad.axes.length < 2) continue;
      const [right, down] = stickOf(pad).map(valueOfAxis);
      const wanted = together ? { valence: right, arousal: -down } : { [rating.dimensions[0]]: -down };
      const state = { told: JSON.stringify(wanted), pressed: pad.buttons.map((one) => one.pressed) };
      const last = before.get(pad.index);
      before.set(pad.index, state);
      if (!last) {
        found(pad.id);
        if (Object.values(wanted).every((value) => value === 0)) continue;
      }
      if (state.told !== last?.told) rating.set(wanted, "pad", timeOf(pad, now_ms));
      if (state.pressed[0] && last && !last.pressed[0]) play();
      if (state.pressed[1] && last && !last.pressed[1]) back();
    }
  };
  requestAnimationFrame(read);
  addEventListener("gamepaddisconnected", (event) => before.delete(event.gamepad.index));
}
