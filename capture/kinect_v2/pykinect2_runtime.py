"""The fork's runtime with handlers of ours: what arrives goes into an inbox, with its time.

See pykinect2.py, which pairs what lies there.
"""

import ctypes
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import CameraError
from ..now import monotonic_ns
from ..streams import COLOR_1080P, KINECT_DEPTH
from .driver import GUIDE, windows_only
from .microsoft_sdk import TICK_NS
from .pairing import Taken

LIBRARY = "pykinect2024"
MOST_WAITING = 90
"""Pictures, of all three kinds: a second of them, 280 MB."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture as it arrived; exposure and gain of color only."""

    kind: str
    pixels: NDArray[Any]
    taken: Taken
    exposure_ms: float | None = None
    gain: float | None = None


class Inbox:
    """Where the fork's thread leaves its pictures."""

    def __init__(self) -> None:
        self.n_failed = 0
        """Pictures that were announced and could not be had, or waited too long."""
        self.failure = ""
        """Why the last of those failed, in one line; "" is put there by who got a whole moment since."""
        self.ended = ""
        """Why the fork's thread has ended, or ""."""
        self._pictures: deque[Picture] = deque()
        self._changed = threading.Condition()

    def receive(self, take: Callable[[], Picture]) -> None:
        """Take a picture; what a driver fails at is counted, and its thread goes on."""
        try:
            picture = take()
        except Exception as error:  # COMError, most often: the picture had gone before it was fetched
            self.n_failed += 1
            self.failure = " ".join(f"{type(error).__name__}: {error}".split())
            return
        with self._changed:
            self._pictures.append(picture)
            if len(self._pictures) > MOST_WAITING:
                self._pictures.popleft()
                self.n_failed += 1
            self._changed.notify_all()

    def end(self, why: str) -> None:
        """Say that no picture will come any more."""
        with self._changed:
            self.ended = why
            self._changed.notify_all()

    def wait(self, timeout_s: float) -> Picture | None:
        """Return the next that has arrived; None after `timeout_s`, or when the thread has ended."""
        with self._changed:
            self._changed.wait_for(lambda: self._pictures or self.ended, max(0.0, timeout_s))
            return self._pictures.popleft() if self._pictures else None


def load() -> tuple[Any, Any]:
    """Return the fork's two modules, imported in the thread that will use them (comtypes prepares it)."""
    try:
        return import_module(f"{LIBRARY}.PyKinect2024"), import_module(f"{LIBRARY}.PyKinectRuntime")
    except Exception as error:  # without Windows a SyntaxError, without the SDK an OSError
        why = windows_only() or (
            f"{type(error).__name__}: {error}; it wants comtypes and the Kinect for Windows SDK 2.0: {GUIDE}"
        )
        raise CameraError(f"{LIBRARY} does not load: {why}") from error


def start(library: Any, runtime: Any, inbox: Inbox) -> Any:
    """Return the fork's runtime, streaming into the inbox."""

    class Runtime(runtime.PyKinectRuntime):
        _sensor = None  # its destructor asks for it, even where its constructor failed

        def kinect_frame_thread(self) -> None:
            try:
                super().kinect_frame_thread()
            except Exception as error:  # its handles are closed under it when it is closed
                inbox.end(f"{type(error).__name__}: {error}")
            else:
                inbox.end("it was closed")

        def handle_color_arrived(self, handle_index: int) -> None:
            handle = self._handles[handle_index]
            inbox.receive(lambda: _color(library, self._color_frame_reader, handle))

        def handle_depth_arrived(self, handle_index: int) -> None:
            handle = self._handles[handle_index]
            inbox.receive(lambda: _plain("depth", self._depth_frame_reader, handle))

        def handle_infrared_arrived(self, handle_index: int) -> None:
            handle = self._handles[handle_index]
            inbox.receive(lambda: _plain("infrared", self._infrared_frame_reader, handle))

    return Runtime(
        library.FrameSourceTypes_Color | library.FrameSourceTypes_Depth | library.FrameSourceTypes_Infrared
    )


def _color(library: Any, reader: Any, handle: int) -> Picture:
    """Return the color picture that was announced, converted from the sensor's YUY2 by the SDK."""
    frame = reader.GetFrameArrivedEventData(handle).FrameReference.AcquireFrame()
    taken = Taken(frame.RelativeTime * TICK_NS, monotonic_ns())
    pixels = np.empty((*COLOR_1080P.shape[:2], 4), np.uint8)
    buffer = pixels.ctypes.data_as(ctypes.POINTER(ctypes.c_ubyte))
    frame.CopyConvertedFrameDataToArray(pixels.size, buffer, library.ColorImageFormat_Bgra)
    try:
        lens = frame.ColorCameraSettings
        exposure_ms, gain = lens.ExposureTime * TICK_NS / 1e6, lens.Gain
    except Exception:  # a COMError: not every frame has them
        exposure_ms = gain = None
    return Picture("color", pixels, taken, exposure_ms, gain)


def _plain(kind: str, reader: Any, handle: int) -> Picture:
    """Return the depth or infrared picture that was announced."""
    frame = reader.GetFrameArrivedEventData(handle).FrameReference.AcquireFrame()
    taken = Taken(frame.RelativeTime * TICK_NS, monotonic_ns())
    pixels = np.empty(KINECT_DEPTH.shape, np.uint16)
    frame.CopyFrameDataToArray(pixels.size, pixels.ctypes.data_as(ctypes.POINTER(ctypes.c_ushort)))
    return Picture(kind, pixels, taken)
