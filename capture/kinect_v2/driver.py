"""What a Kinect v2 driver supplies, and nothing more: moments with pixels as the driver has them, and facts.

The thread, the frame ids, the light, outages, mirroring and conversion are the same for all (feed.py,
camera.py, pictures.py).
"""

import sys
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ...errors import CameraError
from .factory import FactoryCalibration

GUIDE = "docs/hardware.md says how"
FPS = 30.0
"""What a Kinect v2 makes in good light; color alone falls to 15 in the dark."""
PERIOD_NS = round(1e9 / FPS)

ColorOrder = Literal["BGRA", "RGBA", "BGR", "RGB"]
"""The bytes of a color pixel; a fourth one is passed over."""


class DriverAbsent(CameraError):
    """The library of a driver is absent or does not load: which one; what to do, whoever chose it says."""


def windows_only(platform: str = sys.platform) -> str:
    """Return what to do about a driver for Windows that is asked for elsewhere; "" on Windows."""
    if platform == "win32":
        return ""
    return f"it wants Windows; on {platform}, take driver out of the rig file and build libfreenect2: {GUIDE}"


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment of the sensor: three pictures that belong together, not yet converted.

    The arrays are the receiver's: the driver does not write into them again.

    Attributes
    ----------
    color : (1080, 1920, 3 or 4) uint8
    color_order : what its bytes are
    depth : (424, 512) uint16, or floating point, millimetres; 0, NaN or infinite where there is no reading
    infrared : (424, 512) uint16, or floating point, counts
    device_time_ns : the sensor's clock for depth and infrared
    color_time_ns : the sensor's clock for color; that of the moment before where its picture comes again
    exposure_ms, gain : of the color camera; None where the driver does not tell
    """

    color: NDArray[np.uint8]
    color_order: ColorOrder
    depth: NDArray[np.uint16] | NDArray[np.floating]
    infrared: NDArray[np.uint16] | NDArray[np.floating]
    device_time_ns: int
    color_time_ns: int
    exposure_ms: float | None = None
    gain: float | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What a driver knows of its sensor.

    Attributes
    ----------
    serial : None where the driver does not tell
    nodes : more of what stands in the session's record, by name ("firmware")
    factory : None while the sensor has not told it, or where the driver cannot
    notices : what this driver cannot do, one line each; shown to the operator, and kept with the session
    """

    serial: str | None
    nodes: dict[str, str | int | float | bool] = field(default_factory=dict)
    factory: FactoryCalibration | None = None
    notices: tuple[str, ...] = ()


class Driver(Protocol):
    """One driver and its sensor. All methods are called from one thread, the feed's.

    Whatever goes wrong is a CameraError of one line; a driver's own errors are wrapped.
    """

    @property
    def name(self) -> str:
        """The driver's name, as KinectSettings has it."""
        ...

    @property
    def mirrored(self) -> bool:
        """Whether its pictures are flipped left to right, as a mirror shows them."""
        ...

    def open(self) -> None:
        """Claim the sensor and begin to stream; may take seconds. Called again after `close`."""
        ...

    def read(self, timeout_s: float) -> Moment | None:
        """Return the next moment, or None if no whole one came in `timeout_s`; CameraError if it broke."""
        ...

    def facts(self) -> Facts:
        """Return what is known; called once moments come, and again while `factory` is None."""
        ...

    def silence(self) -> str:
        """Return in a few words why no moment comes, as far as it can tell ("no sensor is connected")."""
        ...

    def health(self) -> dict[str, float]:
        """Return counters of the driver's own ("frames_incomplete"); called from any thread, at once."""
        ...

    def close(self) -> None:
        """Let the sensor go; harmless when it is not open, and after any error."""
        ...
