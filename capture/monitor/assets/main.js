// The page: what comes over the line is shown, and what the operator does goes back over it.
import { Controls } from "./controls.js";
import { Guide } from "./guide.js";
import { Line } from "./line.js";
import { Pictures } from "./pictures.js";
import { View } from "./view.js";

const view = new View();
const pictures = new Pictures(document.getElementById("strip"));
const guide = new Guide(pictures);
const line = new Line({
  hello(message) {
    pictures.build(message.streams, message.scales);
    controls.label(message.labels);
    view.warn(message.warning);
  },
  status(message) {
    view.show(message);
    controls.allow(message);
    guide.show(message.guide);
  },
  picture(head, jpeg) {
    return pictures.draw(head, jpeg);
  },
  answer(message) {
    view.tell(message.text, message.ok);
  },
  lost(silentS, why) {
    view.lose(silentS, why);
    controls.allow(null);
  },
  pulse(ageS) {
    view.pulse(ageS);
    pictures.age();
  },
});
const controls = new Controls((request) => {
  if (!line.ask(request)) view.tell("not connected: nothing was sent", false);
});
line.open();
