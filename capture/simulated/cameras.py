"""The simulated Kinect v2 and FLIR A65 as cameras: frame times, device clocks and driver queues.

Both run by themselves at the scene's frame rate, like the real ones: whoever reads late gets late frames, and
whoever reads too late loses some. Pixels are rendered when a frame is retrieved (renderer.py).
"""

import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ...errors import CameraError
from ..camera import Capture, ClockReading
from ..clock import Clock
from ..streams import A65_THERMAL, COLOR_1080P, KINECT_DEPTH, KINECT_INFRARED, Frame, StreamSpec
from .scene import SceneSettings

if TYPE_CHECKING:
    from .renderer import KinectView, ThermalView

QUEUE_FRAMES = 90  # what the driver keeps for a slow reader: 3 s at 30 frames per second
WARM_UP_S = 600.0
"""Time constant with which the simulated A65 warms up: chosen, not measured; half an hour makes it warm."""
FIRST_FRAME_ID = 20_000  # the number of the frame at the first tick; earlier ones count up to it


@dataclass(frozen=True, slots=True)
class Timing:
    """When a sensor exposes, and what its clock says.

    Attributes
    ----------
    phase_s : float, exposure of frame FIRST_FRAME_ID after the first tick
    drift_ppm : float, how much faster than the host's the device's clock runs; its frames follow it
    epoch_ns : int, the device's time at the first tick
    latency_s : float, from exposure to arrival at the least;  jitter_s : mean of what is added to it
    device : int, tells the devices' random numbers apart
    """

    phase_s: float
    drift_ppm: float
    epoch_ns: int
    latency_s: float
    jitter_s: float
    device: int


class _Simulated(ABC):
    """A free-running sensor; the children say what it sees."""

    def __init__(
        self, scene: SceneSettings, *, subject: str, seconds: float, clock: Clock, timing: Timing
    ) -> None:
        self._scene, self._subject, self._seconds, self._clock = scene, subject, seconds, clock
        self._timing = timing
        self._seed = [scene.seed, crc32(subject.encode())]
        self._first_tick_ns: int | None = None
        self._next = 0  # the frame that `grab` hands out next, 0 at the first tick
        self._render = threading.Lock()

    @property
    def fps(self) -> float:
        """Frames per second that the sensor makes by itself."""
        return self._scene.fps

    @property
    @abstractmethod
    def specs(self) -> tuple[StreamSpec, ...]:
        """The streams that `retrieve` returns, in that order."""

    @abstractmethod
    def open(self) -> None:
        """Build the scene and render one picture, so that none of the session's waits for it (1 to 15 s)."""

    @abstractmethod
    def nodes(self) -> dict[str, str | int | float | bool]:
        """Return the device's settings as read back, for the session's record."""

    @abstractmethod
    def _pixels(self, t_s: float, frame_id: int) -> tuple[NDArray[np.uint8] | NDArray[np.uint16], ...]:
        """Return the pixels of each stream at a time, seconds since the first tick."""

    @abstractmethod
    def _opened(self) -> bool:
        """Say whether `open` has been called, and `close` not since."""

    def health(self) -> dict[str, float]:
        """Return nothing: a Kinect v2 does not tell its temperature."""
        return {}

    def notices(self) -> tuple[str, ...]:
        """Return nothing: a simulated camera is always well."""
        return ()

    def documents(self) -> dict[str, str]:
        """Return nothing: what calibration has to find is not told."""
        return {}

    def clock_readings(self) -> tuple[ClockReading, ...]:
        """Return nothing: only the times of its frames tell of its clock."""
        return ()

    def start(self, first_tick_ns: int) -> None:
        """Start streaming now; the scene's time 0 is `first_tick_ns` on the host's clock."""
        if not self._opened():
            raise CameraError(f"wanted an opened camera, found a closed one; call open() first: {self._name}")
        self._first_tick_ns = first_tick_ns
        now_s = (self._clock.now_ns() - first_tick_ns) / 1e9
        self._next = int(np.ceil((now_s - self._timing.phase_s) / self._period_s))

    def grab(self, timeout_s: float) -> Capture:
        """Wait for the next frame; raises CameraError when none came in time."""
        if self._first_tick_ns is None or not self._opened():
            raise CameraError(
                f"wanted a streaming camera, found a stopped one; call start() first: {self._name}"
            )
        now_ns = self._clock.now_ns()
        self._drop_what_no_queue_holds(now_ns)
        number = self._next
        exposed_s = self._exposed_s(number)
        arrival_ns = self._arrival_ns(number)
        if arrival_ns - now_ns > timeout_s * 1e9:
            self._clock.wait_until_ns(now_ns + int(timeout_s * 1e9))
            raise CameraError(f"no frame came within {timeout_s:g} s: {self._name}")
        self._clock.wait_until_ns(arrival_ns)
        self._next = number + 1
        frame_id = FIRST_FRAME_ID + number
        rate = 1 + self._timing.drift_ppm * 1e-6
        device_ns = self._timing.epoch_ns + round(exposed_s * rate * 1e9)

        def retrieve() -> tuple[Frame, ...]:
            with self._render:
                pictures = self._pixels(exposed_s, frame_id)
            return tuple(
                Frame(spec.stream, pixels, device_ns, arrival_ns, frame_id)
                for spec, pixels in zip(self.specs, pictures, strict=True)
            )

        return Capture(frame_id, device_ns, arrival_ns, retrieve)

    @property
    def _name(self) -> str:
        return type(self).__name__

    @property
    def _period_s(self) -> float:
        return 1 / (self.fps * (1 + self._timing.drift_ppm * 1e-6))

    def _exposed_s(self, number: int) -> float:
        """Return when a frame is exposed, seconds after the first tick on the host's clock."""
        return self._timing.phase_s + number * self._period_s

    def _arrival_ns(self, number: int) -> int:
        """Return when a frame arrives on the host; frames arrive in order."""
        rng = np.random.default_rng([*self._seed, 11, self._timing.device, FIRST_FRAME_ID + number])
        late_s = min(float(rng.exponential(self._timing.jitter_s)), 0.8 * self._period_s)
        return (self._first_tick_ns or 0) + round(
            (self._exposed_s(number) + self._timing.latency_s + late_s) * 1e9
        )

    def _drop_what_no_queue_holds(self, now_ns: int) -> None:
        """Skip the frames that a full driver queue has thrown away; a virtual clock waits for its reader."""
        if self._scene.clock == "virtual":
            return
        since_s = (now_ns - (self._first_tick_ns or 0)) / 1e9 - self._timing.latency_s - self._timing.phase_s
        newest = int(since_s / self._period_s)
        self._next = max(self._next, newest - QUEUE_FRAMES)


class SimulatedKinect(_Simulated):
    """A Kinect v2 that films the scene: color, depth and infrared of one exposure."""

    def __init__(self, scene: SceneSettings, *, subject: str, seconds: float, clock: Clock) -> None:
        timing = _timing(scene, subject, device=1, latency_s=0.004)
        super().__init__(scene, subject=subject, seconds=seconds, clock=clock, timing=timing)
        self._view: KinectView | None = None

    @property
    def specs(self) -> tuple[StreamSpec, ...]:
        """Color, depth, infrared."""
        return (COLOR_1080P, KINECT_DEPTH, KINECT_INFRARED)

    def open(self) -> None:
        """Build the scene and render one picture (1 to 15 s; the first time on a machine numba compiles)."""
        from .renderer import KinectView

        view = KinectView(self._scene, subject=self._subject, seconds=self._seconds)
        view.color(0.0, 0)
        view.depth_infrared(0.0, 0)
        self._view = view

    def nodes(self) -> dict[str, str | int | float | bool]:
        """Return driver, serial number and frame rate; nothing that calibration has to find."""
        return {"driver": "mavfer simulated kinect v2", "serial": "SIM-KV2-0001", "fps": self.fps}

    def close(self) -> None:
        """Stop streaming and forget the scene."""
        self._view = None

    def _opened(self) -> bool:
        return self._view is not None

    def _pixels(self, t_s: float, frame_id: int) -> tuple[NDArray[np.uint8] | NDArray[np.uint16], ...]:
        if self._view is None:
            raise CameraError("wanted an opened camera, found a closed one: SimulatedKinect")
        return (self._view.color(t_s, frame_id), *self._view.depth_infrared(t_s, frame_id))


class SimulatedA65(_Simulated):
    """A FLIR A65 that films the scene."""

    def __init__(self, scene: SceneSettings, *, subject: str, seconds: float, clock: Clock) -> None:
        timing = _timing(scene, subject, device=2, latency_s=0.006)
        super().__init__(scene, subject=subject, seconds=seconds, clock=clock, timing=timing)
        self._view: ThermalView | None = None
        self._opened_ns = clock.now_ns()

    @property
    def specs(self) -> tuple[StreamSpec, ...]:
        """Thermal."""
        return (A65_THERMAL,)

    def open(self) -> None:
        """Build the scene and render one picture (1 to 10 s; the first time on a machine numba compiles)."""
        from .renderer import ThermalView

        view = ThermalView(self._scene, subject=self._subject, seconds=self._seconds)
        view.thermal(0.0, 0)
        self._view, self._opened_ns = view, self._clock.now_ns()

    def nodes(self) -> dict[str, str | int | float | bool]:
        """Return driver, serial number and the GenICam settings of an A65 in linear temperature mode."""
        return {
            "driver": "mavfer simulated flir a65",
            "serial": "SIM-A65-0001",
            "fps": self.fps,
            "PixelFormat": "Mono14",
            "TemperatureLinearMode": True,
            "TemperatureLinearResolution": "High",
        }

    def health(self) -> dict[str, float]:
        """Return the temperatures of housing and detector: they rise from the room's for half an hour."""
        on_s = (self._clock.now_ns() - self._opened_ns) / 1e9
        rng = np.random.default_rng([*self._seed, 17])
        room_c, device_rise_c, sensor_rise_c = rng.uniform((20, 13, 10), (24, 16, 12))
        warm = 1 - np.exp(-on_s / WARM_UP_S)
        return {
            "device_temperature_c": float(room_c + device_rise_c * warm),
            "sensor_temperature_c": float(room_c + sensor_rise_c * warm),
        }

    def close(self) -> None:
        """Stop streaming and forget the scene."""
        self._view = None

    def _opened(self) -> bool:
        return self._view is not None

    def _pixels(self, t_s: float, frame_id: int) -> tuple[NDArray[np.uint8] | NDArray[np.uint16], ...]:
        if self._view is None:
            raise CameraError("wanted an opened camera, found a closed one: SimulatedA65")
        return (self._view.thermal(t_s, frame_id),)


def _timing(scene: SceneSettings, subject: str, *, device: int, latency_s: float) -> Timing:
    """Return the device's timing in this session: another phase and epoch each time, a drift of its own."""
    rng = np.random.default_rng([scene.seed, crc32(subject.encode()), device, 13])
    return Timing(
        phase_s=float(rng.uniform(0, 1 / scene.fps)),
        drift_ppm=(0.0, 6.0, -9.0)[device],
        epoch_ns=int(rng.integers(10**12, 10**14)),
        latency_s=latency_s,
        jitter_s=0.0008,
        device=device,
    )
