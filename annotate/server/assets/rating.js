// The value that stands: whole steps from -10 to 10 in each rated dimension. Inputs set it, views and the log
// follow it; a value is told once, when it changes, with the time of the input that changed it.

export const LIMIT = 10;

export const clamp = (value) => Math.max(-LIMIT, Math.min(LIMIT, Math.round(value))) + 0;

export class Rating extends EventTarget {
  constructor(dimensions) {
    super();
    this.dimensions = dimensions;
    this.values = Object.fromEntries(dimensions.map((one) => [one, 0]));
  }

  // Set what `wanted` names of the values; `source` and `t_ms` say which input did it, and when.
  set(wanted, source, t_ms) {
    let moved = false;
    for (const one of this.dimensions) {
      if (wanted[one] === undefined || !Number.isFinite(wanted[one])) continue;
      const value = clamp(wanted[one]);
      moved ||= value !== this.values[one];
      this.values[one] = value;
    }
    if (moved) this.dispatchEvent(new CustomEvent("moved", { detail: { source, t_ms } }));
  }

  // Move by steps.
  add(steps, source, t_ms) {
    const wanted = {};
    for (const one of Object.keys(steps)) wanted[one] = this.values[one] + steps[one];
    this.set(wanted, source, t_ms);
  }
}
