"""The simulated Kinect v2 and FLIR A65 as cameras: frame times, device clocks and driver queues.

What a frame shows is rendered when it is retrieved; see renderer.py.
"""

from ..camera import Capture
from ..clock import Clock
from ..streams import A65_THERMAL, COLOR_1080P, KINECT_DEPTH, KINECT_INFRARED, StreamSpec
from .scene import SceneSettings


class SimulatedKinect:
    """A Kinect v2 that films the scene: color, depth and infrared of one exposure."""

    def __init__(self, scene: SceneSettings, *, subject: str, seconds: float, clock: Clock) -> None:
        raise NotImplementedError

    @property
    def specs(self) -> tuple[StreamSpec, ...]:
        return (COLOR_1080P, KINECT_DEPTH, KINECT_INFRARED)

    @property
    def fps(self) -> float:
        raise NotImplementedError

    def open(self) -> None: ...
    def start(self, first_tick_ns: int) -> None: ...
    def grab(self, timeout_s: float) -> Capture:
        raise NotImplementedError

    def nodes(self) -> dict[str, str | int | float | bool]:
        raise NotImplementedError

    def close(self) -> None: ...


class SimulatedA65:
    """A FLIR A65 that films the scene."""

    def __init__(self, scene: SceneSettings, *, subject: str, seconds: float, clock: Clock) -> None:
        raise NotImplementedError

    @property
    def specs(self) -> tuple[StreamSpec, ...]:
        return (A65_THERMAL,)

    @property
    def fps(self) -> float:
        raise NotImplementedError

    def open(self) -> None: ...
    def start(self, first_tick_ns: int) -> None: ...
    def grab(self, timeout_s: float) -> Capture:
        raise NotImplementedError

    def nodes(self) -> dict[str, str | int | float | bool]:
        raise NotImplementedError

    def close(self) -> None: ...
