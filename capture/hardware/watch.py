"""A streaming camera, watched: every frame's stamps, what went wrong when, what the device tells."""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...errors import CameraEnded, CameraError, CameraGone, MavferError
from ..camera import Camera, Capture, ClockReading
from ..clock import Clock
from ..streams import Frame
from .stamps import Stamps

GRAB_TIMEOUT_S = 2.0
HUNG_S = 4.0
"""A grab that takes longer than its timeout by so much does not come back by itself."""
RETRY_S = 0.1
LOOK_S = 0.05
ASK_EVERY_S = 0.5
MOST_EVENTS = 500


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened while a camera was watched.

    Attributes
    ----------
    at_s : since the watch began
    kind : "gone" the camera said that it is; "error" no frame, for another reason; "back" frames come again;
        "notice" and "notice over" as the camera tells them; "ended" it will deliver no more
    text : in the camera's words
    """

    at_s: float
    kind: Literal["gone", "error", "back", "notice", "notice over", "ended"]
    text: str


class Watch:
    """Drains a camera on a thread of its own, as a recorder does; pixels are fetched only when asked for.

    Parameters
    ----------
    camera : open; started here
    clock : the one that it stamps arrivals with
    lead_s : how far ahead the first tick is; above 0 the camera takes it for the beginning of a take
    """

    def __init__(self, camera: Camera, clock: Clock, *, lead_s: float = 0.0) -> None:
        self.events: list[Event] = []
        self.health: list[tuple[float, dict[str, float]]] = []
        """Seconds since the watch began, and what the device told."""
        self.readings: list[ClockReading] = []
        self._camera, self._clock = camera, clock
        self._rows: list[tuple[int, int, int, int, tuple[str, ...]]] = []
        self._notices: tuple[str, ...] = ()
        self._wanted = 0
        self._pictured: queue.Queue[Capture] = queue.Queue()
        self._stopping, self._ended = threading.Event(), threading.Event()
        self._begun_s = self._grabbing_s = time.monotonic()
        self._asked_s = -math.inf
        camera.start(clock.now_ns() + round(lead_s * 1e9))
        self._thread = threading.Thread(target=self._drain, name="watch", daemon=True)
        self._thread.start()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the watch began."""
        return time.monotonic() - self._begun_s

    @property
    def n_frames(self) -> int:
        """Frames so far."""
        return len(self._rows)

    @property
    def ended(self) -> bool:
        """Whether the camera said that no more frames will come."""
        return self._ended.is_set()

    @property
    def hangs(self) -> bool:
        """Whether a grab does not come back."""
        return self._thread.is_alive() and time.monotonic() - self._grabbing_s > GRAB_TIMEOUT_S + HUNG_S

    def stamps(self, start: int = 0, stop: int | None = None) -> Stamps:
        """Return the stamps of the frames from number `start` of the watch on."""
        rows = self._rows[start:stop]
        columns = np.array([row[:4] for row in rows], np.int64).reshape(-1, 4).T
        return Stamps(columns[0], columns[1], columns[2], columns[3], tuple(row[4] for row in rows))

    def until(
        self, seen: Callable[[], bool], *, timeout_s: float, show: Callable[[float], None] | None = None
    ) -> bool:
        """Wait until `seen()`; False after `timeout_s`, or once the camera has ended or hangs.

        Meanwhile the device is asked how it is; `show` is told the seconds that have passed.
        """
        begun_s = time.monotonic()
        while not seen():
            passed_s = time.monotonic() - begun_s
            if passed_s >= timeout_s or self.ended or self.hangs:
                return seen()
            self.ask_device()
            if show is not None:
                show(passed_s)
            self._stopping.wait(min(LOOK_S, timeout_s - passed_s))
        return True

    def pictures(self, n: int, *, timeout_s: float) -> list[tuple[Frame, ...]]:
        """Return the pixels of the next `n` moments, in order.

        Raises
        ------
        CameraError
            They did not come in time.
        """
        found: list[tuple[Frame, ...]] = []
        self.fetch(n, found.append, timeout_s=timeout_s)
        if len(found) < n:
            raise CameraError(f"wanted {n} pictures within {timeout_s:g} s, found {len(found)}")
        return found

    def fetch(self, n: int, take: Callable[[tuple[Frame, ...]], None], *, timeout_s: float) -> None:
        """Hand the pixels of the next `n` moments to `take`, in order, on this thread; fewer if late."""
        pictured: queue.Queue[Capture] = queue.Queue()
        n_taken = 0

        def fetched() -> bool:
            nonlocal n_taken
            while n_taken < n and not pictured.empty():
                take(pictured.get_nowait().retrieve())
                n_taken += 1
            return n_taken == n

        self._pictured, self._wanted = pictured, n
        try:
            self.until(fetched, timeout_s=timeout_s)
        finally:
            self._wanted = 0

    def ask_device(self) -> None:
        """Ask the device how it is, if it is time; what it raises is an event."""
        if time.monotonic() - self._asked_s < ASK_EVERY_S:
            return
        self._asked_s = time.monotonic()
        try:
            health = self._camera.health()
            notices = self._camera.notices()
            self.readings.extend(self._camera.clock_readings())
        except Exception as error:  # asking must not end the watch, whatever the driver does
            self._tell("error", f"asked how it is: {_told(error)}")
            return
        if health:
            self.health.append((self.elapsed_s, health))
        for line in notices:
            if line not in self._notices:
                self._tell("notice", line)
        for line in self._notices:
            if line not in notices:
                self._tell("notice over", line)
        self._notices = notices

    def stop(self) -> bool:
        """Stop grabbing; False if the grab does not come back. The camera is not closed here."""
        self._stopping.set()
        self._thread.join(GRAB_TIMEOUT_S + HUNG_S)
        return not self._thread.is_alive()

    def _drain(self) -> None:
        trouble = ""
        while not self._stopping.is_set():
            self._grabbing_s = time.monotonic()
            try:
                capture = self._camera.grab(GRAB_TIMEOUT_S)
            except CameraEnded as error:
                self._tell("ended", str(error))
                self._ended.set()
                return
            except Exception as error:  # as in a recorder: a frame that did not come
                if not self._stopping.is_set() and (told := _told(error)) != trouble:
                    trouble = told
                    self._tell("gone" if isinstance(error, CameraGone) else "error", told)
                self._stopping.wait(RETRY_S)
                continue
            if trouble:
                away_s = (capture.host_time_ns - self._rows[-1][2]) / 1e9 if self._rows else self.elapsed_s
                self._tell("back", f"frames come again, {away_s:.1f} s after the last one")
                trouble = ""
            self._rows.append(
                (
                    capture.frame_id,
                    capture.device_time_ns,
                    capture.host_time_ns,
                    capture.transport_ns,
                    capture.flags,
                )
            )
            if self._wanted > 0:
                self._wanted -= 1
                self._pictured.put(capture)

    def _tell(
        self, kind: Literal["gone", "error", "back", "notice", "notice over", "ended"], text: str
    ) -> None:
        if len(self.events) < MOST_EVENTS:
            self.events.append(Event(self.elapsed_s, kind, text))


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, MavferError) else f"{type(error).__name__}: {error}"
