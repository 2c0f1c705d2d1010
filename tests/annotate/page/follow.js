// Runs in the page before its own code: a gamepad that exists in software only, and the presented frame's time.
(() => {
  const pad = { axes: [0, 0, 0, 0], buttons: [], present: false, timestamp: 0 };
  window.scriptedPad = pad;
  Navigator.prototype.getGamepads = () =>
    pad.present
      ? [{ id: "scripted", index: 0, connected: true, mapping: "standard", buttons: pad.buttons, axes: [...pad.axes], timestamp: pad.timestamp }]
      : [];
  window.pushStick = (x, y) => {
    pad.present = true;
    pad.axes = [x, y, 0, 0];
    pad.timestamp = performance.now();
  };
})();
