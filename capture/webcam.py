"""A webcam, or a camera of the network, through OpenCV: a color camera.

A thread of its own takes every frame from the driver. What ran: network cameras (MJPEG over HTTP), OpenCV's
FFmpeg road. What has not run on hardware: V4L2, Media Foundation, DirectShow and AVFoundation.
"""

import itertools
import statistics
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from ..errors import CameraError, CameraGone
from .camera import Capture, ClockReading
from .clock import Clock
from .now import monotonic_ns
from .streams import Frame, Stream, StreamSpec
from .webcam_device import WebcamDevice, name_of
from .webcam_pictures import Picture, pixels_of, size_of
from .webcam_settings import WebcamSettings

QUEUE_FRAMES = 30
"""Frames that may wait to be grabbed; the oldest makes room, and its id is absent."""
FIRST_FRAME_S = 8.0
MEASURED_FRAMES = 9
RETRY_S = 0.5
SILENT_S = 2.0
CLOSE_TIMEOUT_S = 5.0
RATE_FRAMES = 45
RATE_SPAN_S = 1.0
SLOW = 0.75
"""Below so much of its rate a camera is said to be slow; in the dark webcams expose twice as long."""
EMPTY = np.empty(0, np.uint8)


@dataclass(frozen=True, slots=True)
class _Grabbed:
    """A frame as the thread leaves it."""

    frame_id: int
    device_time_ns: int
    host_time_ns: int
    picture: Picture


class WebcamCamera:
    """A webcam.

    OpenCV passes no counter on: frames are numbered as they come, and what a driver loses is not seen. After
    an outage the ids go on where they would be had the frames come. The time of a frame is the driver's where
    that has a clock (V4L2, Media Foundation), else that of its arrival. A picture that comes as a JPEG is
    decoded only if it is kept; other drivers decode every one.

    Parameters
    ----------
    clock : not used; real cameras live by the machine's
    decode : give the pixels of pictures that come as JPEG, too; what is stored as it is does not need them
    """

    def __init__(self, settings: WebcamSettings, *, clock: Clock, decode: bool = True) -> None:  # noqa: ARG002
        self._settings = settings
        self._decode = decode
        self._name = name_of(settings)
        self._spec: StreamSpec | None = None
        self._fps = 0.0
        self._nodes: dict[str, str | int | float | bool] = {}
        self._changed = threading.Condition()
        self._grabbed: deque[_Grabbed] = deque(maxlen=QUEUE_FRAMES)
        self._arrivals_ns: deque[int] = deque(maxlen=RATE_FRAMES)
        self._gone = False
        self._heard_ns = 0
        self._last_id = -1
        self._n_unread = 0  # since the last picture that was handed over
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def specs(self) -> tuple[StreamSpec, ...]:
        """One color stream, of the size of the camera's first picture."""
        if self._spec is None:
            raise CameraError(f"wanted an open camera, call open() first: {self._name}")
        return (self._spec,)

    @property
    def fps(self) -> float:
        """Frames per second that were asked for, that the camera tells, or that were measured."""
        return self._fps

    def open(self) -> None:
        """Open the camera, see a first picture, and begin to take all.

        Raises
        ------
        CameraError
            It is absent, in use, not allowed, gives no picture, or does not take what it is told.
        """
        if self._thread is not None:
            return
        device = WebcamDevice(self._settings)
        try:
            picture, fps = _first_pictures(device, measure=not (self._settings.fps or device.told.fps))
            if picture is None:
                raise CameraError(f"the camera is there and gives no picture: {self._name}")
            shape = size_of(picture)
        except BaseException:
            device.close()
            raise
        self._fps = self._settings.fps or device.told.fps or fps
        self._spec = StreamSpec(Stream.COLOR, (*shape, 3), "uint8", "sRGB")
        self._nodes = {
            "driver": f"opencv {device.told.driver.lower()}",
            "device": self._name,
            "width": shape[1],
            "height": shape[0],
            "fps": self._fps,
            "fourcc": device.told.fourcc,
            "pictures": "jpeg of the camera" if isinstance(picture, bytes) else "decoded",
            "frame_time": "driver" if device.device_ns() else "arrival",
            **device.told.controls,
        }
        self._closing = threading.Event()  # a new one: a thread that hangs in its driver keeps the old
        self._gone, self._heard_ns = False, monotonic_ns()
        words = (device, self._closing)
        self._thread = threading.Thread(target=self._take_all, args=words, name="webcam", daemon=True)
        self._thread.start()

    def start(self, first_tick_ns: int) -> None:  # noqa: ARG002 - a webcam films whether or not it is asked
        """Let go of what came before; raises CameraError if the camera is not open."""
        if self._thread is None:
            raise CameraError(f"wanted an open camera, call open() first: {self._name}")
        with self._changed:
            self._grabbed.clear()

    def grab(self, timeout_s: float) -> Capture:
        """Wait for the next frame.

        Raises
        ------
        CameraGone
            The camera was unplugged, switched off, or is silent, and is looked for.
        CameraError
            None came in time, or the camera is closed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._grabbed or self._gone or self._thread is None, timeout_s)
            if self._thread is None:
                raise CameraError(f"wanted an open camera, call open() first: {self._name}")
            if not self._grabbed:
                if self._gone or monotonic_ns() - self._heard_ns > SILENT_S * 1e9:
                    raise CameraGone(
                        f"the camera is gone (unplugged, off or silent) and is looked for: {self._name}"
                    )
                raise CameraError(f"no frame came within {timeout_s:g} s: {self._name}")
            grabbed = self._grabbed.popleft()

        def retrieve() -> tuple[Frame, ...]:
            return (self._frame(grabbed),)

        return Capture(grabbed.frame_id, grabbed.device_time_ns, grabbed.host_time_ns, retrieve)

    def nodes(self) -> dict[str, str | int | float | bool]:
        """Return the camera's settings as read back when it was opened."""
        return self._nodes

    def health(self) -> dict[str, float]:
        """Return the rate at which frames come."""
        rate = self._rate()
        return {} if rate is None else {"frames_per_s": round(rate, 1)}

    def notices(self) -> tuple[str, ...]:
        """Return that frames come slowly, if they do."""
        rate = self._rate()
        if rate is None or rate > SLOW * self._fps:
            return ()
        return (
            f"color comes at fewer than {SLOW * self._fps:.3g} frames a second instead of {self._fps:g}: the "
            "light is low (give it more light, or a fixed exposure), or the line to the camera is full",
        )

    def documents(self) -> dict[str, str]:
        """A webcam has nothing to leave."""
        return {}

    def clock_readings(self) -> tuple[ClockReading, ...]:
        """OpenCV reads no camera's clock."""
        return ()

    def close(self) -> None:
        """Let the camera go; harmless when called twice."""
        thread = self._thread
        self._closing.set()
        if thread is not None:
            thread.join(CLOSE_TIMEOUT_S)
        with self._changed:
            self._thread = None
            self._grabbed.clear()
            self._changed.notify_all()

    def _rate(self) -> float | None:
        """Return frames per second of late; None where too few have come to tell."""
        with self._changed:
            arrivals_ns = list(self._arrivals_ns)
        if len(arrivals_ns) < 2 or arrivals_ns[-1] - arrivals_ns[0] < RATE_SPAN_S * 1e9:
            return None
        return (len(arrivals_ns) - 1) * 1e9 / (arrivals_ns[-1] - arrivals_ns[0])

    def _frame(self, grabbed: _Grabbed) -> Frame:
        """Return a frame as it is stored; raises CameraError if it has another size than the first."""
        (spec,), picture = self.specs, grabbed.picture
        shape = size_of(picture)
        if shape != spec.shape[:2]:
            raise CameraError(
                f"wanted pictures of {spec.shape[1]} x {spec.shape[0]} pixels, found one of {shape[1]} x "
                f"{shape[0]}; set the camera back, or begin a new take: {self._name}"
            )
        is_jpeg = isinstance(picture, bytes)
        return Frame(
            Stream.COLOR,
            pixels_of(picture) if self._decode or not is_jpeg else EMPTY,
            grabbed.device_time_ns,
            grabbed.host_time_ns,
            grabbed.frame_id,
            encoded=picture if is_jpeg else None,
        )

    def _take_all(self, device: WebcamDevice | None, closing: threading.Event) -> None:
        """Take every frame until the camera is closed; look for it when it is gone."""
        while not closing.is_set():
            if device is None:
                device = self._find(closing)
                continue
            try:
                if self._take_one(device):
                    continue
            except Exception:  # a driver's surprise: the camera is opened anew
                pass
            device.close()
            device = None
            with self._changed:
                self._gone = True
                self._arrivals_ns.clear()
                self._changed.notify_all()
        if device is not None:
            device.close()

    def _take_one(self, device: WebcamDevice) -> bool:
        """Wait for a frame and hand it over; return False if none came and the camera is gone."""
        if not device.grab():
            return False
        host_ns = monotonic_ns()
        device_ns = device.device_ns() if self._nodes["frame_time"] == "driver" else host_ns
        picture = device.picture()
        if picture is None:
            self._n_unread += 1  # it came, and is lost
        else:
            self._hand_over(picture, device_ns, host_ns)
        return True

    def _find(self, closing: threading.Event) -> WebcamDevice | None:
        """Wait a little; return the camera if it is back then."""
        with suppress(CameraError):
            return None if closing.wait(RETRY_S) else WebcamDevice(self._settings, explains=False)
        return None

    def _hand_over(self, picture: Picture, device_ns: int, host_ns: int) -> None:
        with self._changed:
            silent_s = (host_ns - self._heard_ns) / 1e9
            away = self._gone or silent_s > SILENT_S
            self._last_id += max(self._n_unread + 1, round(silent_s * self._fps) if away else 0)
            self._n_unread = 0
            self._gone, self._heard_ns = False, host_ns
            self._arrivals_ns.append(host_ns)
            self._grabbed.append(_Grabbed(self._last_id, device_ns, host_ns, picture))
            self._changed.notify_all()


def _first_pictures(device: WebcamDevice, *, measure: bool) -> tuple[Picture | None, float]:
    """Return a camera's first picture, None if none comes, and its rate if that is to be measured."""
    end_s = time.monotonic() + FIRST_FRAME_S
    picture: Picture | None = None
    arrivals_ns: list[int] = []
    while time.monotonic() < end_s and device.grab():
        arrivals_ns.append(monotonic_ns())
        picture = picture if picture is not None else device.picture()
        if picture is not None and (not measure or len(arrivals_ns) > MEASURED_FRAMES):
            break
    steps_ns = [after - before for before, after in itertools.pairwise(arrivals_ns)]
    usual_ns = statistics.median(steps_ns) if steps_ns else 0
    rate = 1e9 / usual_ns if usual_ns else 30.0
    return picture, float(max(1, round(rate))) if rate > 2 else rate
