"""The camera's own process, `python -m mavfer.capture.flir.host`: opens it and writes its frames to a pipe.

A process of its own because genicam keeps Python's lock while it waits for the camera (up to 5 s where the
camera has vanished), and because a faulty producer may end the process. It ends when its camera falls silent;
flir_a65.py then starts another, so that nothing of the broken connection is left.
"""

import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from ...errors import CameraError, CameraGone
from ..flir_settings import FlirSettings
from ..now import monotonic_ns
from .correction import Corrections
from .device import Delivered, Device, OddFrame
from .first_frames import pixels_of, see_first_frames
from .frame_ids import FrameIds
from .harvest import is_simulated, read_xml
from .latch import Latch, Transport
from .messages import ReaderGone, write_message
from .nodes import first_line
from .stamps import Stamps
from .warm_up import warm_up_notice

SILENT_S = 2.0
"""A camera that sends nothing for so long is gone; the A65 goes on sending while it corrects its detector."""
SLOW_S = 1.0
"""A camera that is gone answers each question after seconds: after one such answer no other is asked."""
LATCH_EVERY_S = 2.0
HEALTH_EVERY_S = 5.0
NOTICES_EVERY_S = 1.0
LOSSES_TOLD_S = 10.0
TEMPERATURES = {
    "SensorTemperature": "sensor_temperature_c",
    "HousingTemperature": "housing_temperature_c",
    "DeviceTemperature": "device_temperature_c",
}
KELVIN_FROM = 200.0
"""A temperature above is in kelvin; firmware versions differ in the unit."""


class Host:
    """One camera, from its opening to its end."""

    def __init__(self, cti: Path, settings: FlirSettings, *, pipe: BinaryIO, asked: BinaryIO) -> None:
        self._settings = settings
        self._device = Device(cti, settings)
        self._pipe = pipe
        self._asked = asked
        self._commands: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._corrections = Corrections()
        self._transport = Transport()
        self._stamps = Stamps("host")
        self._ids = FrameIds(fps=30.0)
        self._latch: Latch
        self._last_pixels: memoryview | None = None
        self._device_ns: int | None = None
        self._n_counted = 0
        self._n_incomplete = 0
        self._lost_s = -LOSSES_TOLD_S
        self._odd = ""
        self._told: list[str] = []
        self._opened_s = time.monotonic()
        self._due_s: dict[str, float] = {}

    def run(self) -> None:
        """Open the camera and send its frames until told to close; raises CameraError."""
        self._open()
        self._stream()

    def close(self) -> None:
        """Let the camera go; takes seconds where it is gone."""
        self._device.close()

    def _open(self) -> None:
        self._device.open()
        xml, nodes = read_xml(self._device.acquirer), self._device.nodes.scalars()
        unit = self._device.nodes.unit()
        first = see_first_frames(self._device, self._settings)
        self._stamps, self._device_ns = first.stamps, first.device_ns
        self._ids = FrameIds(fps=first.fps)
        self._latch = Latch(self._device.nodes)
        self._look_around()
        camera = self._device.camera
        self._send(
            "opened",
            serial=camera.serial,
            model=camera.model,
            width=self._device.width,
            height=self._device.height,
            unit=unit,
            fps=self._ids.fps,
            stamps=self._stamps.source,
            simulated=is_simulated(self._device.acquirer),
            nodes=nodes,
            documents={"genicam.xml": xml} if xml else {},
        )
        threading.Thread(target=self._listen, name="commands", daemon=True).start()

    def _stream(self) -> None:
        heard_s, n_broken = time.monotonic(), self._device.n_incomplete
        while True:
            try:
                command = self._commands.get_nowait()
            except queue.Empty:
                pass
            else:
                if command == "close":
                    return
                self._obey(command)
            try:
                delivered = self._device.fetch(0.2)
            except OddFrame as error:
                heard_s = time.monotonic()
                self._tell_odd(str(error))
                continue
            if delivered is not None:
                heard_s, n_broken = time.monotonic(), self._device.n_incomplete
                self._odd = ""
                self._send_frame(delivered)
                self._look_around()  # right after a frame: a camera that is gone answers after seconds
            elif time.monotonic() - heard_s > SILENT_S:
                what = "nothing but broken frames" if self._device.n_incomplete > n_broken else "nothing"
                raise CameraGone(f"the camera has sent {what} for {SILENT_S:g} s: {self._device.camera}")

    def _send_frame(self, delivered: Delivered) -> None:
        times = delivered.times
        device_ns = self._device_ns = self._stamps.device_ns(times)
        if delivered.raw_id is None:
            self._n_counted += 1
            number = self._n_counted
        else:
            number = self._ids.number(delivered.raw_id, device_ns)
        repeated = self._last_pixels is not None and delivered.pixels.obj == self._last_pixels.obj
        self._last_pixels = delivered.pixels
        write_message(
            self._pipe,
            {
                "kind": "frame",
                "id": number,
                "device_ns": device_ns,
                "host_ns": times.host_ns,
                "exposed_ns": self._transport.exposed_ns(device_ns, times.host_ns),
                "transport_ns": self._transport.add_frame(device_ns, times.host_ns),
                "flags": self._corrections.flags(times.host_ns, repeated=repeated),
            },
            pixels_of(delivered, self._device, self._settings).data.cast("B")
            if self._settings.swap_bytes
            else delivered.pixels,
        )

    def _obey(self, command: str) -> None:
        if command == "take":  # what was lost before is no fault of the take
            self._n_incomplete, self._lost_s = self._device.n_incomplete, -LOSSES_TOLD_S
            self._due_s.pop("notices", None)
        if self._settings.nuc == "before_take":
            if command == "take":
                if self._device.prepare_take():
                    self._corrections.command(monotonic_ns())
            else:
                self._device.rest()
            self._send("nodes", nodes={"NUCMode": self._device.nodes.read("NUCMode") or ""})

    def _look_around(self) -> None:
        """Do what is due between two frames."""
        now_s = time.monotonic()
        if self._is_due("latch", now_s, LATCH_EVERY_S):
            if (reading := self._latch.read()) is not None:
                self._transport.add_reading(reading)
                self._send("clock", reading=[reading.device_ns, reading.before_ns, reading.after_ns])
            if time.monotonic() - now_s > SLOW_S:
                return
        if self._is_due("health", now_s, HEALTH_EVERY_S):
            self._send("health", health=self._health(now_s))
        if self._is_due("notices", now_s, NOTICES_EVERY_S) and (lines := self._notices(now_s)) != self._told:
            self._told = lines
            self._send("notices", notices=lines)

    def _is_due(self, what: str, now_s: float, every_s: float) -> bool:
        if now_s < self._due_s.get(what, 0.0):
            return False
        self._due_s[what] = now_s + every_s
        return True

    def _health(self, now_s: float) -> dict[str, float]:
        health = {"incomplete_frames": float(self._device.n_incomplete)}
        if (n_resent := self._device.n_resent()) is not None:
            health["resent_packets"] = float(n_resent)
        for name, key in TEMPERATURES.items():
            if time.monotonic() - now_s > SLOW_S:
                break
            if (value := self._device.nodes.number(name)) is not None:
                health[key] = round(value - 273.15 if value > KELVIN_FROM else value, 2)
        return health

    def _notices(self, now_s: float) -> list[str]:
        lines = self._device.notices()
        if self._device.n_incomplete > self._n_incomplete:
            self._n_incomplete, self._lost_s = self._device.n_incomplete, now_s
        if now_s - self._lost_s < LOSSES_TOLD_S:
            off = "" if self._settings.resend else ", or set resend = true in the rig file"
            lines.append(f"frames lack packets and are lost: look at cable, switch and network card{off}")
        warm_up = warm_up_notice(
            wanted_min=self._settings.warm_up_min,
            device_ns=self._device_ns if self._stamps.source != "host" else None,
            open_s=now_s - self._opened_s,
        )
        return [*lines, *([warm_up] if warm_up else [])]

    def _tell_odd(self, text: str) -> None:
        if text != self._odd:
            self._odd = text
            self._send("odd", text=text)

    def _listen(self) -> None:
        """Take commands until the recorder lets go of the pipe, which it also does when it dies."""
        for line in self._asked:
            self._commands.put(line.decode().strip())
        self._commands.put("close")

    def _send(self, kind: str, **body: object) -> None:
        write_message(self._pipe, {"kind": kind, **body})


def main(arguments: Sequence[str]) -> int:
    """Serve the camera that the one argument, a JSON object, asks for; return the exit status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the recorder, which then closes this
    pipe = _own_stdout()
    asked = json.loads(arguments[0])
    settings = FlirSettings.model_validate(asked["settings"])
    host = Host(Path(asked["cti"]), settings, pipe=pipe, asked=sys.stdin.buffer)
    kind, status = "", 0
    try:
        host.run()
    except ReaderGone:
        status = 1
    except Exception as error:
        kind = "gone" if isinstance(error, CameraGone) else "error"
        text = str(error)
        if not isinstance(error, CameraError):
            text = _told(error, asked["cti"])
        with suppress(ReaderGone):
            write_message(pipe, {"kind": kind, "text": text})
        status = 1
    if kind != "gone":  # whatever is asked of one that is gone takes seconds
        with suppress(Exception):
            host.close()
    os._exit(status)  # what a producer does at the end of a process that lost its camera may take for ever


def _told(error: Exception, cti: str) -> str:
    """Return what to say of an error that is none of ours: the vendor's, of any kind, or a defect."""
    what = f"{type(error).__name__}: {first_line(error)}"
    if type(error).__module__.partition(".")[0] in ("genicam", "_genapi", "_gentl", "harvesters"):
        return f"the producer fails ({what}): {cti}"
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(place.filename).name}, line {place.lineno}"
    return (
        f"this is a defect of mavfer or a surprise of the producer ({what}; {where}); please report it: {cti}"
    )


def _own_stdout() -> BinaryIO:
    """Return the pipe to the recorder, and let whatever else is written to stdout and stderr go nowhere."""
    pipe = os.fdopen(os.dup(1), "wb", buffering=0)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    return pipe


if __name__ == "__main__":
    main(sys.argv[1:])
