// The slider of one dimension: upright, -10 to 10 in whole steps, the manikins beside it, the value large.

import { ENDS, Figures, inWords, make, signed } from "./figures.js";
import { followPointer } from "./input-pointer.js";
import { LIMIT } from "./rating.js";

export function makeSlider(rating) {
  const [dimension] = rating.dimensions;
  const [low, high] = ENDS[dimension];
  const number = make("output", "value number");
  const thumb = make("div", "thumb");
  const fill = make("div", "fill");
  const ticks = [10, 5, 0, -5, -10].map((value) => {
    const tick = make("span", "tick number", signed(value));
    tick.style.bottom = `${50 + 5 * value}%`;
    return tick;
  });
  const track = make("div", "track", make("div", "rail"), fill, ...ticks, thumb);
  const area = make("div", "slider", track);
  area.tabIndex = 0;
  const told = {
    role: "slider",
    "aria-orientation": "vertical",
    "aria-valuemin": -LIMIT,
    "aria-valuemax": LIMIT,
    "aria-label": `${dimension}, from ${low} to ${high}`,
  };
  for (const [name, value] of Object.entries(told)) area.setAttribute(name, value);
  const figures = new Figures(dimension);
  number.setAttribute("aria-hidden", "true");
  const node = make(
    "div",
    `scale one ${dimension}`,
    number,
    make("span", "end", high),
    make("div", "beside", figures.node, area),
    make("span", "end", low),
  );
  followPointer(area, track, (_, y, source, t_ms) => rating.set({ [dimension]: (2 * y - 1) * LIMIT }, source, t_ms));

  const show = () => {
    const value = rating.values[dimension];
    number.textContent = signed(value);
    thumb.style.bottom = `${50 + 5 * value}%`;
    fill.style.bottom = `${50 + Math.min(0, 5 * value)}%`;
    fill.style.height = `${5 * Math.abs(value)}%`;
    area.setAttribute("aria-valuenow", value);
    area.setAttribute("aria-valuetext", inWords(dimension, value));
    figures.show(value);
  };
  rating.addEventListener("moved", show);
  show();
  return { node, focus: () => area.focus({ preventScroll: true }), show };
}
