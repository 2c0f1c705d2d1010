// What a value looks like: its number, its words, and the five manikins with the nearest one lit.

import { LIMIT } from "./rating.js";

export const ENDS = { valence: ["unpleasant", "pleasant"], arousal: ["calm", "excited"] };
const N_FIGURES = 5;

export function make(tag, name, ...children) {
  const node = document.createElement(tag);
  if (name) node.className = name;
  node.append(...children);
  return node;
}

export const signed = (value) => (value > 0 ? `+${value}` : `${value}`.replace("-", "−"));

export function inWords(dimension, value) {
  if (value === 0) return "0, neutral";
  const how = Math.abs(value) <= 3 ? "slightly " : Math.abs(value) >= 8 ? "very " : "";
  return `${value}, ${how}${ENDS[dimension][value > 0 ? 1 : 0]}`;
}

// Five manikins in a row or column, the one nearest to the value lit.
export class Figures {
  constructor(dimension) {
    this.node = make("div", `figures ${dimension}`);
    this.node.setAttribute("aria-hidden", "true");
    this.pictures = Array.from({ length: N_FIGURES }, (_, k) => {
      const picture = make("img", "figure");
      picture.src = `/assets/sam-${dimension}-${k + 1}.svg`;
      picture.alt = "";
      picture.draggable = false;
      this.node.append(picture);
      return picture;
    });
  }

  show(value) {
    const nearest = Math.round(((value + LIMIT) / (2 * LIMIT)) * (N_FIGURES - 1));
    this.pictures.forEach((picture, k) => picture.classList.toggle("lit", k === nearest));
  }
}
