// One picture on the page: its screen, words and color scale, and what is drawn over it.
import { make } from "./words.js";

const PARTS = [[0, 17], [17, 22], [22, 27], [27, 31], [31, 36], [36, 42, true], [42, 48, true], [48, 60, true], [60, 68, true]];
const LETTER_PX = 8; // of a mark, at the most
const GAP_PX = 6;

// Make the figure of a stream; `beside` stands after its name.
export function makeTile(stream, ...beside) {
  const canvas = make("canvas", { role: "img" });
  const blank = make("span", { className: "blank" });
  const state = make("span", { className: "state" });
  const under = make("span", { className: "under digits" });
  const ramp = make("div", { className: "ramp" });
  const marks = make("div", { className: "marks" });
  const scale = make("div", { className: "scale", hidden: stream === "color" }, ramp, marks);
  const figure = make(
    "figure",
    { className: "tile" },
    make("div", { className: "screen" }, canvas, blank),
    make("figcaption", {}, make("span", {}, make("b", { textContent: stream }), ...beside), under, state),
    scale,
  );
  figure.dataset.stream = stream;
  return { figure, canvas, blank, state, under, ramp, marks, scale };
}

// Show what colors mean: `marks` are [place from 0 to 1, words]; of those that would touch, the first stands.
export function showScale(tile, colors, marks) {
  tile.scale.hidden = !colors.length;
  tile.ramp.style.background = `linear-gradient(90deg, ${colors.join(", ")})`;
  const width = tile.canvas.clientWidth;
  let free = -1;
  tile.marks.replaceChildren();
  for (const [place, text] of marks) {
    const [side, share] = place < 0.12 ? ["first", 0] : place > 0.88 ? ["last", 1] : ["", 0.5]; // words stay within the scale
    const long = LETTER_PX * text.length;
    if (place * width - share * long < free) continue;
    free = place * width + (1 - share) * long + GAP_PX;
    const mark = make("span", { textContent: text, className: side });
    mark.style.left = `${100 * place}%`;
    tile.marks.append(mark);
  }
}

// Draw the 68 landmarks of color: lines from part to part, light upon a dark edge, seen on any picture.
export function drawLandmarks(context, points, scale, width) {
  if (Number.isNaN(points[0])) return;
  const path = new Path2D();
  for (const [first, stop, closed] of PARTS) {
    for (let i = first; i < stop; i++) {
      const x = (points[2 * i] + 0.5) * scale;
      const y = (points[2 * i + 1] + 0.5) * scale;
      if (i === first) path.moveTo(x, y);
      else path.lineTo(x, y);
    }
    if (closed) path.closePath();
  }
  for (const [color, factor] of [["rgb(0 0 0 / 55%)", 2.4], ["#ffffff", 1]]) {
    context.strokeStyle = color;
    context.lineWidth = width * factor;
    context.lineJoin = "round";
    context.stroke(path);
  }
}

// Draw a cross around the pixel that is pointed at, which stays free.
export function drawPointer(context, pointer, scale) {
  const [x, y] = [(pointer.x + 0.5) * scale, (pointer.y + 0.5) * scale];
  const gap = Math.max(scale, 4 * devicePixelRatio);
  const arm = gap + 10 * devicePixelRatio;
  for (const [color, width] of [["#000000", 3], ["#ffffff", 1]]) {
    context.strokeStyle = color;
    context.lineWidth = width * devicePixelRatio;
    context.beginPath();
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      context.moveTo(x + dx * gap, y + dy * gap);
      context.lineTo(x + dx * arm, y + dy * arm);
    }
    context.stroke();
  }
}
