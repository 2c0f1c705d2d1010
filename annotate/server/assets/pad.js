// The pad of two dimensions at once: valence to the right, arousal up; manikins along both sides.

import { ENDS, Figures, inWords, make, signed } from "./figures.js";
import { followPointer } from "./input-pointer.js";
import { LIMIT } from "./rating.js";

export function makePad(rating) {
  const numbers = Object.fromEntries(
    rating.dimensions.map((one) => [one, make("output", `value number ${one}`)]),
  );
  const thumb = make("div", "thumb");
  const field = make("div", "field", make("div", "across"), make("div", "upright"), thumb);
  const area = make("div", "slider pad", field);
  area.tabIndex = 0;
  area.setAttribute("role", "slider");
  area.setAttribute("aria-label", "valence to the right, arousal up");
  area.setAttribute("aria-valuemin", -LIMIT);
  area.setAttribute("aria-valuemax", LIMIT);
  const figures = Object.fromEntries(rating.dimensions.map((one) => [one, new Figures(one)]));
  const name = (one) => make("div", "named", make("span", `tag ${one}`, one), numbers[one]);
  const ends = (one) => make("div", `ends ${one}`, make("span", "", ENDS[one][0]), make("span", "", ENDS[one][1]));
  const node = make(
    "div",
    "scale two",
    make("div", "both", name("valence"), name("arousal")),
    make("div", "grid", figures.arousal.node, ends("arousal"), area, ends("valence"), figures.valence.node),
  );
  const value = (part) => (2 * part - 1) * LIMIT;
  followPointer(area, field, (x, y, source, t_ms) =>
    rating.set({ valence: value(x), arousal: value(y) }, source, t_ms),
  );

  const show = () => {
    const { valence, arousal } = rating.values;
    thumb.style.left = `${50 + 5 * valence}%`;
    thumb.style.bottom = `${50 + 5 * arousal}%`;
    for (const one of rating.dimensions) {
      numbers[one].textContent = signed(rating.values[one]);
      figures[one].show(rating.values[one]);
    }
    area.setAttribute("aria-valuenow", valence);
    const words = rating.dimensions.map((one) => `${one} ${inWords(one, rating.values[one])}`);
    area.setAttribute("aria-valuetext", words.join("; "));
  };
  rating.addEventListener("moved", show);
  show();
  return { node, focus: () => area.focus({ preventScroll: true }), show };
}
