// The keyboard: arrows and pages move the value, letters and space act on the film.

const LARGE = 3;

// `does` names what space, B and C do; keys in a text field, and with Ctrl, Alt or Meta, are left alone.
export function followKeys(rating, does) {
  const together = rating.dimensions.length > 1;
  const upward = together ? "arousal" : rating.dimensions[0];
  const sideward = together ? "valence" : rating.dimensions[0];
  const moves = {
    ArrowUp: { [upward]: 1 },
    ArrowDown: { [upward]: -1 },
    ArrowRight: { [sideward]: 1 },
    ArrowLeft: { [sideward]: -1 },
    PageUp: { [upward]: LARGE },
    PageDown: { [upward]: -LARGE },
  };
  const neutral = Object.fromEntries(rating.dimensions.map((one) => [one, 0]));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    if (event.target.closest?.("textarea, input")) return;
    if (moves[event.key]) rating.add(moves[event.key], "key", event.timeStamp);
    else if (event.key === "Home" || event.key === "0") rating.set(neutral, "key", event.timeStamp);
    else {
      const name = event.key === " " ? "space" : event.key.toLowerCase();
      const on_button = event.target.closest?.("button, a, summary");
      if (!does[name] || (on_button && ["space", "enter"].includes(name))) return;
      if (!event.repeat) does[name]();
    }
    event.preventDefault();
  });
}
