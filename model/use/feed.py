"""The rig's cameras drained side by side, and what each saw last: nothing is stored.

A thread per camera grabs every frame; pixels are decoded, or rendered, only for moments that are asked for.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from numpy.typing import NDArray

from ...capture.camera import Camera, Capture
from ...capture.cameras import make_camera, make_clock
from ...capture.clock import Clock
from ...capture.rig import Rig
from ...capture.streams import Stream, StreamSpec
from ...errors import CameraEnded, CameraError, CameraGone, ConfigError, MavferError

GRAB_TIMEOUT_S = 0.5
SILENT_S = 10.0
"""A camera that delivers nothing for so long ends the work; one that is looked for has that long too."""
LEAD_NS = 200_000_000
KEPT = 4
"""Moments of each camera that can still be asked for: at 30 a second, those of the last 130 ms."""
MAX_SKEW_NS = 50_000_000
"""Most time between color and another stream of a row; as a dataset's `max_skew_ms` by default."""


@dataclass(frozen=True, slots=True)
class LiveMoment:
    """What the cameras saw at once.

    Attributes
    ----------
    exposed_ns : when color was exposed, on this machine's clock; when it arrived where no camera can tell
    pictures : the pixels of each stream that has a frame within MAX_SKEW_NS of color's
    """

    exposed_ns: int
    pictures: dict[Stream, NDArray]


class Feed:
    """The rig's cameras, open as long as the `with` block lasts; they stream from `start` on.

    Parameters
    ----------
    rig : as read from its file; only recorders that run on this machine can be filmed with
    streams : those that are wanted; cameras with none of them stay closed
    seconds : how long it will last, at least, which only a simulated scene wants to know
    cameras : by recorder, in place of those that the rig names

    Raises
    ------
    ConfigError
        The rig has no camera for a stream, a camera of another machine, or no real clock.
    CameraError
        A camera cannot be opened.
    """

    def __init__(
        self,
        rig: Rig,
        *,
        streams: Collection[Stream],
        seconds: float,
        cameras: dict[str, Camera] | None = None,
    ) -> None:
        if rig.is_virtual:
            raise ConfigError(
                f'wanted a rig with a real clock, {rig.name!r} has a virtual one; say clock = "real", or '
                f'pace = "real" of a replay'
            )
        self._rig, self._seconds = rig.model_copy(update={"color": "lossless"}), seconds
        wanted = {
            name: one
            for name, one in rig.recorders.items()
            if set(one.streams) & {Stream(s) for s in streams}
        }
        self._require({stream for one in wanted.values() for stream in one.streams}, streams, rig.name)
        elsewhere = [name for name, one in wanted.items() if not one.spawned]
        if elsewhere:
            raise ConfigError(
                f"wanted cameras of this machine, recorders.{elsewhere[0]} is another's or waits for a master"
            )
        self._names, self._wanted = tuple(wanted), tuple(streams)
        self._given = cameras or {}
        self._threads: list[threading.Thread] = []
        self._changed = threading.Condition()
        self._kept: dict[str, deque[tuple[int, Capture]]] = {name: deque(maxlen=KEPT) for name in wanted}
        self._clocks: dict[str, Clock] = {name: make_clock(rig, name) for name in wanted}
        self._cameras: dict[str, Camera] = {}
        self._closing = threading.Event()
        self._problem: MavferError | None = None
        self._ended = False
        self._opened = ExitStack()
        self._color = ""

    def __enter__(self) -> Self:
        try:
            for name in self._names:
                camera = self._given.get(name) or make_camera(
                    self._rig.recorders[name],
                    rig=self._rig,
                    subject="live",
                    seconds=self._seconds,
                    clock=self._clocks[name],
                )
                camera.open()
                self._opened.callback(camera.close)
                self._cameras[name] = camera
            self._require_delivered()
        except BaseException:
            self._opened.close()
            raise
        self._color = self._of_color()
        return self

    def start(self) -> None:
        """Let the cameras stream."""
        for name, camera in self._cameras.items():
            camera.start(self._clocks[name].now_ns() + LEAD_NS)
        self._threads = [
            threading.Thread(target=self._drain, args=(name,), name=f"grab {name}", daemon=True)
            for name in self._names
        ]
        for thread in self._threads:
            thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        for thread in self._threads:
            thread.join(2 * GRAB_TIMEOUT_S)
        self._opened.close()

    @property
    def specs(self) -> tuple[StreamSpec, ...]:
        """The streams of all open cameras."""
        return tuple(spec for camera in self._cameras.values() for spec in camera.specs)

    @property
    def camera_fps(self) -> float:
        """Frames per second that color's camera makes by itself."""
        return self._cameras[self._color].fps

    def now_ns(self) -> int:
        """Return the time on the clock of the moments."""
        return self._clocks[self._color].now_ns()

    def next_moment(self, *, after_ns: int) -> LiveMoment | None:
        """Return the newest moment exposed after `after_ns`, waiting for it; None when a camera has ended.

        Raises
        ------
        CameraError
            A camera has delivered nothing for SILENT_S, or failed.
        """
        color = self._color
        with self._changed:
            ready = self._changed.wait_for(
                lambda: self._problem or self._ended or self._newest_ns(color) > after_ns, timeout=SILENT_S
            )
            if self._problem is not None:
                raise self._problem
            if self._newest_ns(color) <= after_ns:
                if self._ended:
                    return None
                if not ready:
                    raise CameraError(f"recorders.{color} has delivered nothing for {SILENT_S:g} s")
            exposed_ns, capture = self._kept[color].pop()
            self._kept[color].clear()
            others = [self._nearest(name, exposed_ns) for name in self._names if name != color]
        pictures = {}
        for one in (capture, *(other for other in others if other is not None)):
            pictures |= {frame.stream: frame.pixels for frame in one.retrieve()}
        return LiveMoment(exposed_ns, pictures)

    def _require_delivered(self) -> None:
        """Raise ConfigError unless the open cameras deliver what is wanted: a replay says so only now."""
        self._require({spec.stream for spec in self.specs}, self._wanted, self._rig.name)

    @staticmethod
    def _require(there: Collection[Stream], wanted: Collection[Stream], rig: str) -> None:
        for stream in wanted:
            if stream not in there:
                found = ", ".join(one for one in Stream if one in there) or "nothing that is wanted"
                raise ConfigError(
                    f"wanted a rig with {stream}, {rig!r} has {found}; take a run that sees these alone"
                )

    def _of_color(self) -> str:
        return next(
            name
            for name, camera in self._cameras.items()
            if any(spec.stream is Stream.COLOR for spec in camera.specs)
        )

    def _newest_ns(self, name: str) -> int:
        return self._kept[name][-1][0] if self._kept[name] else -1

    def _nearest(self, name: str, exposed_ns: int) -> Capture | None:
        """Take the capture nearest to a time from what a camera has; each is handed out once."""
        kept = self._kept[name]
        if not kept:
            return None
        best = min(kept, key=lambda one: abs(one[0] - exposed_ns))
        if abs(best[0] - exposed_ns) > MAX_SKEW_NS or {"nuc", "repeated"} & set(best[1].flags):
            return None
        while kept[0] is not best:
            kept.popleft()
        kept.popleft()
        return best[1]

    def _drain(self, name: str) -> None:
        camera, clock = self._cameras[name], self._clocks[name]
        heard_ns = clock.now_ns() + LEAD_NS
        while not self._closing.is_set():
            try:
                capture = camera.grab(GRAB_TIMEOUT_S)
            except CameraEnded:
                with self._changed:
                    self._ended = True
                    self._changed.notify_all()
                return
            except (CameraGone, CameraError) as error:
                if clock.now_ns() - heard_ns > SILENT_S * 1e9 and not self._closing.is_set():
                    self._fail(CameraError(f"recorders.{name} has gone silent: {error}"))
                    return
                continue
            except Exception as error:  # a driver's surprise must reach the person at the terminal
                self._fail(CameraError(f"recorders.{name} failed: {type(error).__name__}: {error}"))
                return
            heard_ns = clock.now_ns()
            with self._changed:
                self._kept[name].append((exposed_of(capture), capture))
                self._changed.notify_all()

    def _fail(self, problem: MavferError) -> None:
        with self._changed:
            self._problem = problem
            self._changed.notify_all()


def exposed_of(capture: Capture) -> int:
    """Return when a frame was exposed on the host's clock, as nearly as its camera tells."""
    if capture.exposed_ns is not None:
        return capture.exposed_ns
    return capture.host_time_ns - capture.transport_ns
