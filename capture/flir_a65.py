"""A FLIR A65 as a recorder's camera: a process of its own drains it (flir/host.py), this hands its frames on.

The thread here reads that process's pipe, and starts another where one has ended because the camera, or the
producer's library, has gone.
"""

import threading
import time
from collections import deque
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import CameraError, CameraGone, MavferError
from .camera import Capture, ClockReading
from .clock import Clock
from .flir.frame_ids import frames_absent
from .flir.messages import Head
from .flir.process import HostProcess
from .flir_settings import FlirSettings
from .producers import Producer, find_producers
from .streams import Frame, Stream, StreamSpec

OPEN_TIMEOUT_S = 45.0
CLOSE_TIMEOUT_S = 8.0
RETRY_S = 1.0
HUNG_S = 10.0
"""A process that has said nothing for so long while its camera streams hangs in the vendor's library, and is
replaced; a drain gives its camera up later (drain.py). One that opens its camera has OPEN_TIMEOUT_S."""
UNWATCHED_S = 5.0
"""Where nobody has grabbed for so long, this process may have stood still itself and heard nothing."""
QUEUE_FRAMES = 90
"""What is kept for a slow reader: 3 s at 30 frames a second, 59 MB; then the oldest goes."""
MAX_READINGS = 1000


class FlirA65:
    """A FLIR A65 through a GenTL producer."""

    def __init__(self, settings: FlirSettings, *, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._producer: Producer | None = None
        self._process: HostProcess | None = None
        self._thread: threading.Thread | None = None
        self._facts: dict[str, Any] | None = None
        self._failure = ""
        self._forget()

    @property
    def specs(self) -> tuple[StreamSpec, ...]:
        """One thermal stream, in the size and unit that the camera told."""
        facts = self._opened()
        shape = (int(facts["height"]), int(facts["width"]))
        return (StreamSpec(Stream.THERMAL, shape, "uint16", str(facts["unit"])),)

    @property
    def fps(self) -> float:
        """Frames per second, as measured when it was opened (A65: 30, or 9 for export)."""
        return float(self._opened()["fps"])

    def open(self) -> None:
        """Find the camera, set its nodes and see its first frames; 2 to 6 s.

        Raises
        ------
        CameraError
            There is no producer, none that works, no such camera, it is in use, it sends nothing or something
            else than 14 or 16 bits, or a node that the rig file names cannot be set.
        """
        self.close()
        self._closing.clear()
        failures = []
        for producer in find_producers(self._settings.cti):
            if self._open_through(producer):
                return
            failures.append(self._failure)
        raise CameraError("; ".join(failures))

    def start(self, first_tick_ns: int) -> None:
        """Hand out frames from now on; with the first tick ahead it is a take, and the detector is corrected.

        The frames of that correction are flagged "nuc"; it takes about half a second.
        """
        self._opened()
        mode = "take" if first_tick_ns > self._clock.now_ns() else "rest"
        with self._changed:
            self._frames.clear()
            if mode == "take" or self._mode == "take":
                self._ask(mode)
            self._mode = mode

    def grab(self, timeout_s: float) -> Capture:
        """Wait for the next frame; raises CameraError or CameraGone as `Camera` says."""
        self._opened()
        until_s = time.monotonic() + timeout_s
        with self._changed:
            while not self._frames:
                left_s = until_s - time.monotonic()
                self._end_if_hung()
                if self._trouble is not None and (self._trouble_is_new or left_s <= 0):
                    self._trouble_is_new = False
                    kind, text = self._trouble
                    raise kind(text)
                if left_s <= 0:
                    raise CameraError(f"no frame came within {timeout_s:g} s: {self._name}")
                self._changed.wait(left_s)
            head, pixels = self._frames.popleft()
        return _capture(head, pixels, self.specs[0])

    def nodes(self) -> dict[str, str | int | float | bool]:
        """Return the camera's nodes as read when it was opened, NUCMode as last set, and how it is driven."""
        facts = self._opened()
        assert self._producer is not None
        more: dict[str, str | int | float | bool] = {
            "driver": f"harvesters {_version('harvesters')}, genicam {_version('genicam')}",
            "producer": self._producer.path.name,
            "serial": facts["serial"],
            "model": facts["model"],
            "fps": facts["fps"],
            "nuc": self._settings.nuc,
            "time_stamps": facts["stamps"],
        }
        return {**facts["nodes"], **more, **({"simulated": True} if facts["simulated"] else {})}

    def health(self) -> dict[str, float]:
        """Return the camera's temperatures, at most five seconds old, and how many frames came broken."""
        return dict(self._health)

    def notices(self) -> tuple[str, ...]:
        """Return what is not as it was asked for, and that it still warms up."""
        return tuple(self._notices)

    def documents(self) -> dict[str, str]:
        """Return the camera's GenICam description."""
        return dict(self._opened()["documents"])

    def clock_readings(self) -> tuple[ClockReading, ...]:
        """Return the camera's clock as read since the last call, every two seconds."""
        with self._changed:
            readings = tuple(self._readings)
            self._readings.clear()
        return readings

    def close(self) -> None:
        """Let the camera go, within about 8 s; harmless when called twice."""
        with self._changed:
            self._closing.set()
            self._changed.notify_all()
            process, thread = self._process, self._thread
        if process is not None and thread is not None:
            process.ask_to_end()
            thread.join(CLOSE_TIMEOUT_S)
            if thread.is_alive():
                process.kill()
                thread.join()
        self._process = self._thread = self._facts = None
        self._forget()

    def _forget(self) -> None:
        self._frames: deque[tuple[Head, NDArray[np.uint8]]] = deque(maxlen=QUEUE_FRAMES)
        self._readings: deque[ClockReading] = deque(maxlen=MAX_READINGS)
        self._health: dict[str, float] = {}
        self._notices: list[str] = []
        self._mode = "rest"
        self._trouble: tuple[type[MavferError], str] | None = None
        self._trouble_is_new = False
        self._last: tuple[int, int] | None = None  # id and host time of the last frame
        self._offset: int | None = None  # from the process's frame ids to ours
        self._heard_s = self._watched_s = time.monotonic()

    def _open_through(self, producer: Producer) -> bool:
        """Open the camera through one producer; False, with `_failure` set, if that does not work."""
        self._producer, self._failure = producer, ""
        self._process = HostProcess(producer.path, self._settings)
        self._thread = threading.Thread(target=self._run, args=(self._process,), name="flir", daemon=True)
        self._thread.start()
        with self._changed:
            self._changed.wait_for(lambda: self._facts is not None or self._failure, OPEN_TIMEOUT_S)
            if self._facts is not None:
                return True
            failure = self._failure or (
                f"the producer did not open the camera within {OPEN_TIMEOUT_S:g} s: {producer.path}"
            )
        self._process.kill()
        self._thread.join()
        self._process = self._thread = None
        self._failure = failure
        return False

    def _run(self, process: HostProcess) -> None:
        """Read one process after another until the camera is closed, or could not be opened at all."""
        while True:
            said = self._read(process)
            ended = process.reap()
            if self._closing.is_set():
                return
            where = self._producer.path if self._producer is not None else Path()
            why = said or f"the producer's library ended the camera's process ({ended}): {where}"
            if self._facts is None:
                with self._changed:
                    self._failure = why
                    self._changed.notify_all()
                return
            self._set_trouble(CameraGone, f"{why}; it is looked for")
            self._closing.wait(RETRY_S)
            with self._changed:
                if self._closing.is_set():
                    return
                self._offset, self._heard_s = None, time.monotonic()
                settings = self._settings.model_copy(update={"serial": self._facts["serial"] or None})
                process = self._process = HostProcess(where, settings)

    def _read(self, process: HostProcess) -> str:
        """Take everything that a process sends; return its last words, "" if it had none."""
        said = ""
        try:
            for head, payload in process.messages():
                self._heard_s = time.monotonic()
                if head["kind"] in ("gone", "error"):
                    said = str(head["text"])
                    if self._facts is not None:  # told at once: it may take long to end
                        self._set_trouble(CameraGone, f"{said}; it is looked for")
                elif head["kind"] == "odd":
                    self._set_trouble(CameraError, str(head["text"]))
                else:
                    self._take(head, payload)
        except CameraError as error:  # what it sends is no message, or no longer this camera
            process.kill()
            said = str(error)
        return said

    def _take(self, head: Head, payload: NDArray[np.uint8]) -> None:
        with self._changed:
            match head["kind"]:
                case "frame":
                    self._number(head)
                    self._frames.append((head, payload))
                    self._trouble = None
                case "opened":
                    self._take_facts(head)
                case "nodes" if self._facts is not None:
                    self._facts = {**self._facts, "nodes": {**self._facts["nodes"], **head["nodes"]}}
                case "clock":
                    self._readings.append(ClockReading(*head["reading"]))
                case "health":
                    self._health = head["health"]
                case "notices":
                    self._notices = head["notices"]
            self._changed.notify_all()

    def _take_facts(self, head: Head) -> None:
        """Take what a process says of the camera that it has opened; raises CameraError if it is another."""
        before, self._facts = self._facts, self._facts or head
        if before is None:
            return
        for what in ("serial", "width", "height", "unit"):
            if head[what] != before[what]:
                raise CameraError(
                    f"the camera came back with {what} {head[what]}, it had {before[what]}; end the take and "
                    f"begin another: {self._name}"
                )
        self._facts = head
        if self._mode == "take":
            self._ask("take")

    def _number(self, head: Head) -> None:
        """Let ids go on after an outage, by as many as the camera would have sent meanwhile."""
        assert self._facts is not None
        if self._offset is None:
            self._offset = 0
            if self._last is not None:
                last_id, last_ns = self._last
                absent = frames_absent((head["host_ns"] - last_ns) / 1e9, float(self._facts["fps"]))
                self._offset = last_id + absent - head["id"]
        head["id"] += self._offset
        self._last = (head["id"], head["host_ns"])

    def _set_trouble(self, kind: type[MavferError], text: str) -> None:
        with self._changed:
            self._trouble_is_new = self._trouble is None or self._trouble[0] is not kind
            self._trouble = (kind, text)
            self._changed.notify_all()

    def _ask(self, command: str) -> None:
        if self._process is not None:
            self._process.ask(command)

    def _end_if_hung(self) -> None:
        """End a process that hangs, so that another is started; raises CameraGone then."""
        now_s, streams = time.monotonic(), self._trouble is None or self._trouble[0] is not CameraGone
        if now_s - self._watched_s > UNWATCHED_S:
            self._heard_s = now_s
        self._watched_s = now_s
        patience_s = HUNG_S if streams else OPEN_TIMEOUT_S
        if self._process is not None and now_s - self._heard_s > patience_s:
            self._process.kill()
            raise CameraGone(f"the producer's library hangs, it is started anew: {self._name}")

    @property
    def _name(self) -> str:
        facts = self._opened()
        return f"{facts['serial']} ({facts['model']})"

    def _opened(self) -> dict[str, Any]:
        facts = self._facts
        if facts is None:
            raise CameraError("wanted an opened camera, found a closed one; call open() first: FLIR A65")
        return facts


def _capture(head: Head, payload: NDArray[np.uint8], spec: StreamSpec) -> Capture:
    flags = tuple(head["flags"])

    def retrieve() -> tuple[Frame, ...]:
        pixels = payload.view("<u2").reshape(spec.shape)
        return (Frame(spec.stream, pixels, head["device_ns"], head["host_ns"], head["id"], flags=flags),)

    return Capture(
        head["id"],
        head["device_ns"],
        head["host_ns"],
        retrieve,
        flags=flags,
        exposed_ns=head["exposed_ns"],
        transport_ns=head["transport_ns"],
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "of unknown version"
