"""The Kinect v2 through libfreenect2 and its Python binding pylibfreenect2 0.1.4 (Linux first of all).

Never run with a sensor here: the tests compile the real binding over a library of their own. What is said of
libfreenect2 is read from its source (0.2 and later), and its issues where one is named.

- Opening, starting and closing hold Python's lock for a second or two: other threads of the process wait. A
  sensor that is unplugged while it starts may be asked for its status without end.
- A wait for frames cannot be bounded: libfreenect2 as built by default (without ENABLE_CXX11) ignores the
  timeout. So none waits here; the listeners are asked every other millisecond.
- The binding cannot switch off libfreenect2's bilateral and edge-aware filters of depth, nor move its range.
"""

import os
import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import CameraError
from ..now import monotonic_ns
from .driver import Facts, Moment
from .freenect2_binding import binding_version, is_null, load_binding
from .freenect2_factory import MIRRORED, factory_from_parameters
from .freenect2_usb import absence, in_use
from .pairing import Pairing, Taken
from .settings import KinectSettings

TICK_NS = 125_000
"""libfreenect2's timestamps count eighths of a millisecond (its issue 849)."""
COUNTER = 2**32
POLL_S = 0.002
PIPELINES = {
    "cuda": "CudaPacketPipeline",
    "opencl": "OpenCLPacketPipeline",
    "opengl": "OpenGLPacketPipeline",
    "cpu": "CpuPacketPipeline",
}
"""Who computes depth, fastest first; the binding has those that libfreenect2 was built with."""
SEPARATE = (
    "libfreenect2 does not pair color and depth: they are paired by the sensor's clock, up to 20 ms apart"
)


def make_driver(settings: KinectSettings) -> "Libfreenect2":
    """Return the driver; raises DriverAbsent or CameraError where the binding does not load."""
    load_binding()
    return Libfreenect2(serial=settings.serial, pipeline=settings.pipeline)


@dataclass(frozen=True, slots=True)
class _Color:
    pixels: NDArray[np.uint8]
    exposure_ms: float
    gain: float


class Ticks:
    """The sensor's 32-bit counter as nanoseconds that do not wrap (it does every 6.2 days)."""

    def __init__(self) -> None:
        self._last: int | None = None

    def ns(self, ticks: int) -> int:
        """Return the time of a count; of two readings the nearer way around decides which is later."""
        if self._last is None:
            self._last = ticks
        else:
            half = COUNTER // 2
            self._last += (ticks - self._last + half) % COUNTER - half
        return self._last * TICK_NS


class Libfreenect2:
    """One sensor, by its serial number; several may run, each in a process of its own.

    Parameters
    ----------
    serial : the one that is wanted; None takes the first
    pipeline : who computes depth, see `PIPELINES`; None takes the fastest that libfreenect2 was built with
        (one that gave no depth until the sensor was closed is passed over from then on)
    """

    name = "libfreenect2"
    mirrored = MIRRORED

    def __init__(self, *, serial: str | None, pipeline: str | None) -> None:
        self._wanted_serial, self._wanted_pipeline = serial, pipeline
        self._pipeline = ""
        self._without_depth: list[str] = []
        self._context: Any = None
        self._device: Any = None
        self._serial = ""
        self._color: Any = None
        self._depth: Any = None
        self._ticks = Ticks()
        self._pairing: Pairing[_Color, tuple[NDArray, NDArray]] = Pairing()
        self._n_incomplete = 0
        self._gamma = 0.0
        self._n_seen = {"color": 0, "depth": 0}

    def open(self) -> None:
        """Claim the sensor and start its streams.

        Raises
        ------
        CameraError
            No sensor is there, not the one that is wanted, it is in use, or it does not open.
        """
        library = load_binding()
        library.setGlobalLogger(library.createConsoleLogger(library.LoggerLevel.Warning))
        self._context = library.Freenect2()
        self._serial = self._choose(self._context)
        if in_use(self._serial):  # to open it would reset it under the other program
            raise CameraError(
                f"the Kinect {self._serial!r} is in use by another program; close that, or name another "
                f"Kinect by its serial in the rig file"
            )
        self._pipeline = self._choose_pipeline(library)
        device = self._context.openDevice(
            self._serial.encode(), getattr(library, PIPELINES[self._pipeline])()
        )
        if is_null(device):
            raise CameraError(
                f"libfreenect2 does not open the Kinect {self._serial!r} (its reason is on the console); "
                f"close other programs that use it, or take its power away for some seconds"
            )
        self._device = device
        kinds = library.FrameType
        self._color = library.SyncMultiFrameListener(int(kinds.Color))
        self._depth = library.SyncMultiFrameListener(int(kinds.Ir) | int(kinds.Depth))
        device.setColorFrameListener(self._color)
        device.setIrAndDepthFrameListener(self._depth)
        self._n_incomplete += self._pairing.n_unpaired
        self._ticks, self._pairing = Ticks(), Pairing()
        self._n_seen = {"color": 0, "depth": 0}
        device.start()

    def read(self, timeout_s: float) -> Moment | None:
        """Return the next color picture with the depth and infrared nearest to it; None where none came."""
        end_s = time.monotonic() + timeout_s
        while True:
            self._take_color()
            self._take_depth()
            if (pair := self._pairing.take()) is not None:
                (color_taken, color), (taken, (depth, infrared)) = pair
                return Moment(
                    color=color.pixels,
                    color_order="BGRA",
                    depth=depth,
                    infrared=infrared,
                    device_time_ns=taken.device_ns,
                    color_time_ns=color_taken.device_ns,
                    exposure_ms=color.exposure_ms,
                    gain=color.gain,
                )
            left_s = end_s - time.monotonic()
            if left_s <= 0:
                return None
            time.sleep(min(POLL_S, left_s))

    def facts(self) -> Facts:
        """Return serial number, firmware, factory calibration, and who computes depth."""
        driver_version = binding_version()
        nodes: dict[str, str | int | float | bool] = {
            "driver_version": driver_version,
            "firmware": self._device.getFirmwareVersion().decode(errors="replace"),
            "pipeline": self._pipeline,
            "depth_filters": "libfreenect2's bilateral and edge-aware filters, 500 to 4500 mm",
            "infrared_unit": "libfreenect2's 0 to 65535, rounded",
        }
        notices = (SEPARATE,)
        if self._without_depth:
            failed = ", ".join(self._without_depth)
            notices += (f"libfreenect2 gave no depth with {failed}; {self._pipeline} computes it now",)
        factory = factory_from_parameters(
            self._device.getIrCameraParams(),
            self._device.getColorCameraParams(),
            driver=self.name,
            driver_version=driver_version,
            serial=self._serial,
        )
        return Facts(self._serial, nodes, factory, notices)

    def silence(self) -> str:
        """Return which of the streams fell silent, or that the sensor has left the bus."""
        if self._context.enumerateDevices() == 0:
            return f"found {absence()[0]}"
        if self._n_seen["color"] and not self._n_seen["depth"]:
            return f"color comes, no depth: the {self._pipeline} pipeline does not work"
        return "the sensor is on the bus and sends no pictures"

    def health(self) -> dict[str, float]:
        """Return pictures that had no partner, how far depth is from color, and the color camera's gamma."""
        return {
            "frames_incomplete": float(self._pairing.n_unpaired + self._n_incomplete),
            "depth_after_color_ms": round(self._pairing.apart_ns / 1e6, 3),
            "gamma": self._gamma,
        }

    def close(self) -> None:
        """Let the sensor go; harmless when it is not open."""
        device, self._device = self._device, None
        if device is not None:
            device.close()  # it stops first
            if self._n_seen["color"] and not self._n_seen["depth"] and self._wanted_pipeline is None:
                self._without_depth.append(self._pipeline)
        self._context = None  # deletes the device; the listeners must live until then
        self._color = self._depth = None

    def _choose(self, context: Any) -> str:
        """Return the serial number of the sensor to open."""
        found = [context.getDeviceSerialNumber(i).decode() for i in range(context.enumerateDevices())]
        if not found:
            what, remedy = absence()
            raise CameraError(f"wanted a Kinect v2, found {what}; {remedy}")
        if self._wanted_serial is None:
            return self._serial if self._serial in found else found[0]
        if self._wanted_serial not in found:
            raise CameraError(
                f"wanted the Kinect with serial {self._wanted_serial!r}, found {', '.join(found)}; plug it "
                f"in, or mend serial in the rig file"
            )
        return self._wanted_serial

    def _choose_pipeline(self, library: Any) -> str:
        built = [name for name, kind in PIPELINES.items() if hasattr(library, kind)]
        if self._wanted_pipeline is not None:
            if self._wanted_pipeline not in built:
                raise CameraError(
                    f"wanted libfreenect2's pipeline {self._wanted_pipeline!r}, found it built with "
                    f"{', '.join(built)} only; take pipeline out of the rig file"
                )
            return self._wanted_pipeline
        if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            built = [name for name in built if name != "opengl"]  # it ends the process where it has no screen
        left = [name for name in built if name not in self._without_depth]
        if not left:  # all failed: it was not the pipeline
            self._without_depth.clear()
            left = built
        return left[0]

    def _take_color(self) -> None:
        """Copy the color picture that waits, if one does (1 to 2 ms)."""
        if not self._color.hasNewFrame():
            return
        arrival_ns = monotonic_ns()
        frames = self._color.waitForNewFrame()
        try:
            frame = frames["color"]
            taken = Taken(self._ticks.ns(frame.timestamp), arrival_ns)
            color = _Color(frame.asarray().copy(), frame.exposure, frame.gain)
            self._gamma = frame.gamma
        finally:
            self._color.release(frames)
        self._n_seen["color"] += 1
        self._pairing.lead(taken, color)

    def _take_depth(self) -> None:
        """Copy depth and infrared that wait, if they do and are of one exposure."""
        if not self._depth.hasNewFrame():
            return
        arrival_ns = monotonic_ns()
        frames = self._depth.waitForNewFrame()
        try:
            depth, infrared = frames["depth"], frames["ir"]
            if depth.sequence != infrared.sequence:  # taken while the listener replaced only the one
                self._n_incomplete += 1
                return
            taken = Taken(self._ticks.ns(depth.timestamp), arrival_ns)
            pictures = depth.asarray().copy(), infrared.asarray().copy()
        finally:
            self._depth.release(frames)
        self._n_seen["depth"] += 1
        self._pairing.follow(taken, pictures)
