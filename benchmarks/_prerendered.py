"""The cameras of record.py: they hand out moments of the simulated rig that were rendered before."""

import math
from pathlib import Path

import numpy as np

from mavfer.capture.camera import Capture, ClockReading
from mavfer.capture.clock import Clock
from mavfer.capture.streams import A65_THERMAL, COLOR_1080P, KINECT_DEPTH, KINECT_INFRARED, Frame, StreamSpec
from mavfer.errors import CameraError

FPS = 30.0
SUBJECT = "S01"
SPECS = {"kinect": (COLOR_1080P, KINECT_DEPTH, KINECT_INFRARED), "thermal": (A65_THERMAL,)}
ARRIVAL_NS = {"kinect": 4_000_000, "thermal": 6_000_000}
"""From exposure, which is on the tick, to the recorder."""
FIRST_FRAME_ID = 20_000


class Prerendered:
    """A camera that hands out pictures made before, one set on each tick, whoever is late to fetch it."""

    def __init__(self, name: str, moments: dict[str, np.ndarray], clock: Clock) -> None:
        self._name, self._moments, self._clock = name, moments, clock
        self._first_tick_ns = 0
        self._next = 0

    @property
    def specs(self) -> tuple[StreamSpec, ...]:
        """Color, depth and infrared, or thermal."""
        return SPECS[self._name]

    @property
    def fps(self) -> float:
        """Sets per second."""
        return FPS

    def open(self) -> None:
        """Do nothing: the pictures are in memory."""

    def start(self, first_tick_ns: int) -> None:
        """Begin with the next picture that is exposed."""
        self._first_tick_ns = first_tick_ns
        self._next = math.ceil((self._clock.now_ns() - first_tick_ns) * FPS / 1e9)

    def grab(self, timeout_s: float) -> Capture:
        """Wait for the next set."""
        number = self._next
        exposed_ns = self._first_tick_ns + round(number * 1e9 / FPS)
        arrival_ns = exposed_ns + ARRIVAL_NS[self._name]
        if arrival_ns - self._clock.now_ns() > timeout_s * 1e9:
            raise CameraError("no frame came in time")
        self._clock.wait_until_ns(arrival_ns)
        self._next = number + 1
        frame_id = FIRST_FRAME_ID + number

        def retrieve() -> tuple[Frame, ...]:
            pixels = [self._moments[spec.stream.value] for spec in self.specs]
            return tuple(
                Frame(spec.stream, moments[number % len(moments)], exposed_ns, arrival_ns, frame_id)
                for spec, moments in zip(self.specs, pixels, strict=True)
            )

        return Capture(frame_id, exposed_ns, arrival_ns, retrieve)

    def nodes(self) -> dict[str, str | int | float | bool]:
        """Return what it is."""
        return {"driver": "prerendered"}

    def health(self) -> dict[str, float]:
        """Return nothing."""
        return {}

    def notices(self) -> tuple[str, ...]:
        """Return nothing."""
        return ()

    def documents(self) -> dict[str, str]:
        """Return nothing."""
        return {}

    def clock_readings(self) -> tuple[ClockReading, ...]:
        """Return nothing."""
        return ()

    def close(self) -> None:
        """Do nothing."""


def render(work: Path, *, n_moments: int) -> None:
    """Write a few dozen moments of the simulated rig, a stack of pictures for each stream."""
    from mavfer.capture.simulated.renderer import KinectView, ThermalView
    from mavfer.capture.simulated.scene import SceneSettings

    scene, seconds = SceneSettings(), 60.0
    times = [(i, i * seconds / n_moments) for i in range(n_moments)]
    kinect = KinectView(scene, subject=SUBJECT, seconds=seconds)
    thermal = ThermalView(scene, subject=SUBJECT, seconds=seconds)
    both = [kinect.depth_infrared(t_s, i) for i, t_s in times]
    np.save(work / "color.npy", [kinect.color(t_s, i) for i, t_s in times])
    np.save(work / "depth.npy", [depth for depth, _ in both])
    np.save(work / "infrared.npy", [infrared for _, infrared in both])
    np.save(work / "thermal.npy", [thermal.thermal(t_s, i) for i, t_s in times])


def load(work: Path, *names: str) -> dict[str, np.ndarray]:
    """Return the stacks of some streams."""
    return {
        spec.stream.value: np.load(work / f"{spec.stream.value}.npy")
        for name in names
        for spec in SPECS[name]
    }
