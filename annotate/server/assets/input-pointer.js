// Mouse, pen and touch: every position that the device reported, with the device's own time.

// Read pointers that go down on `area`; `place(x, y, source, t_ms)` gets how far along `ruler` each position
// lies, 0..1 from its left and from its bottom, beyond that when the pointer is outside.
export function followPointer(area, ruler, place) {
  let held = null;
  const read = (event) => {
    const box = ruler.getBoundingClientRect();
    const source = event.pointerType === "touch" ? "touch" : "mouse";
    const moves = event.type === "pointermove" ? event.getCoalescedEvents?.() ?? [] : [];
    for (const one of moves.length > 0 ? moves : [event]) {
      const x = (one.clientX - box.left) / box.width;
      place(x, (box.bottom - one.clientY) / box.height, source, one.timeStamp);
    }
  };
  area.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || held !== null) return;
    held = event.pointerId;
    area.setPointerCapture(event.pointerId);
    area.classList.add("held");
    read(event);
  });
  area.addEventListener("pointermove", (event) => event.pointerId === held && read(event));
  for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
    area.addEventListener(name, (event) => {
      if (event.pointerId !== held) return;
      held = null;
      area.classList.remove("held");
    });
  }
}

// Turn the wheel anywhere on the page: a notch is a step; a fine wheel or a touch pad gathers notches.
export function followWheel(area, step) {
  const NOTCH_PX = 60;
  let gathered_px = 0;
  let last_ms = 0;
  area.addEventListener(
    "wheel",
    (event) => {
      if (event.ctrlKey || event.target.closest("textarea, .scrolls")) return;
      event.preventDefault();
      const px = event.deltaMode === 0 ? event.deltaY : event.deltaY * NOTCH_PX;
      if (event.timeStamp - last_ms > 400 || px * gathered_px < 0) gathered_px = 0;
      last_ms = event.timeStamp;
      gathered_px += Math.max(-NOTCH_PX, Math.min(NOTCH_PX, px));
      const n_steps = Math.trunc(gathered_px / NOTCH_PX);
      gathered_px -= n_steps * NOTCH_PX;
      if (n_steps !== 0) step(-n_steps, event);
    },
    { passive: false },
  );
}
