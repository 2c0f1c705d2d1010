"""A recorder's camera between takes: it is open, measured, and shows what it sees while nothing is stored."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from ..errors import CameraError, CameraGone, MavferError
from .camera import Camera
from .clock import Clock
from .payload import Color, encode
from .preview import Previewer

GRAB_TIMEOUT_S = 2.0
ROUSE_TIMEOUT_S = 2 * GRAB_TIMEOUT_S
SUSPECT_S = 1.0
PREVIEW_EVERY_S = 0.25


class Sensor:
    """An open camera. While it rests its frames are drained and shown; while it records they are the drain's.

    Parameters
    ----------
    camera : open
    clock : the one that the camera waits on
    color : how color would be stored, for the estimate of bytes
    send_preview : takes a head that JSON can hold and a JPEG; None shows nothing
    """

    def __init__(
        self,
        camera: Camera,
        *,
        clock: Clock,
        color: Color,
        send_preview: Callable[[dict[str, object], bytes], None] | None,
    ) -> None:
        self.camera = camera
        self.complaint = ""
        """What went wrong while it rested, or ""."""
        self.gone = ""
        """Why there is no camera at the moment, as far as it was seen at rest, or ""."""
        self.sizes: dict[str, list[int]] = {spec.stream: [] for spec in camera.specs}
        """Bytes of the frames that were measured, by stream."""
        self.previewer = None if send_preview is None else Previewer(send_preview, camera.specs)
        self._clock = clock
        self._color: Color = color
        self._roused = threading.Event()
        self._grabbed_at_s = time.monotonic()
        self._thread: threading.Thread | None = None

    @property
    def silent_s(self) -> float:
        """Seconds since the camera last delivered while it rests; 0 while it does not."""
        resting = self._thread is not None and self._thread.is_alive()
        return time.monotonic() - self._grabbed_at_s if resting else 0.0

    def hangs(self) -> bool:
        """Whether the camera is in a grab that does not come back; if it may be, it takes seconds to tell."""
        if self.silent_s > SUSPECT_S:
            try:
                self.rouse()
            except CameraError:
                return True
        return False

    def measure(self) -> None:
        """Take one moment and see what it comes to on disk; raises CameraError if none comes."""
        self.camera.start(self._clock.now_ns())
        frames = self.camera.grab(GRAB_TIMEOUT_S).retrieve()
        for frame, spec in zip(frames, self.camera.specs, strict=True):
            self.sizes[spec.stream].append(len(encode(frame, spec, color=self._color)))
        if self.previewer is not None:
            self.previewer.offer(frames)

    def rest(self) -> None:
        """Show what the camera sees until `rouse`; harmless when it rests already."""
        if self.previewer is None or (self._thread is not None and self._thread.is_alive()):
            return
        self._roused.clear()
        self._grabbed_at_s = time.monotonic()
        self._thread = threading.Thread(target=self._show, name="rest", daemon=True)
        self._thread.start()

    def rouse(self) -> None:
        """Stop showing: the camera is free for a take when this returns; harmless when it does not rest.

        Raises
        ------
        CameraError
            The camera hangs in a grab that should have come back by itself.
        """
        self._roused.set()
        if self._thread is not None:
            self._thread.join(max(0.1, ROUSE_TIMEOUT_S - self.silent_s))
            if self._thread.is_alive():
                raise CameraError("the camera hangs: it delivers nothing, and does not let go")
            self._thread = None

    def close(self) -> None:
        """Let the camera go; harmless when called twice."""
        with suppress(CameraError):
            self.rouse()
        if self.previewer is not None:
            self.previewer.close()
        self.camera.close()

    def _show(self) -> None:
        shown_ns = 0
        self._start()
        while not self._roused.is_set():
            try:
                capture = self.camera.grab(GRAB_TIMEOUT_S)
                self.complaint = self.gone = ""
                self._grabbed_at_s = time.monotonic()
                now_ns = self._clock.now_ns()
                if self.previewer is not None and now_ns - shown_ns >= PREVIEW_EVERY_S * 1e9:
                    shown_ns = now_ns
                    self.previewer.offer(capture.retrieve())
            except MavferError as error:
                self.complaint = str(error)
                self.gone = str(error) if isinstance(error, CameraGone) else ""
                self._roused.wait(0.5)  # a video that has ended begins anew; a camera may come back
                self._start()
            except Exception as error:  # a driver's surprise must be told, and must not end the recorder
                self.complaint = f"{type(error).__name__}: {error}"
                self._roused.wait(0.5)

    def _start(self) -> None:
        try:
            self.camera.start(self._clock.now_ns())
        except CameraError as error:
            self.complaint = str(error)
