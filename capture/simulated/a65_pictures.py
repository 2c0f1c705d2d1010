"""What the simulated A65 sends as the picture of a frame: the law that device and tests both go by.

Frame `block_id` with timestamp `ticks` shows the simulated scene at

    scene_s = (clock.host_ns(ticks) - scene_start_ns) / 1e9

and holds `encode(ThermalView.thermal(scene_s, block_id), ...)` with the nodes as they were set then;
`picture` computes it. Exposures lie on a grid of the device's clock, `exposure_ticks(n, fps)`. Block ids
count the exposures since AcquisitionStart from 1 (after 65535 comes 1). Frames of a freeze (NUC) have ids and
timestamps of their own, and repeat the picture of the last frame before it (of the stream's first frame, if
it began in one).
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import numpy as np
from numpy.typing import NDArray

from .a65_nodes import MONO8, MONO16, PLANCK, TICK_HZ

KELVIN_PER_COUNT = 0.04
"""Of TemperatureLinearResolution High, and of the pictures that `ThermalView` makes."""
MAX_COUNT = 2**14 - 1
Picture = Callable[[float, int], NDArray[np.uint16]]
"""Scene time in seconds and frame number -> (512, 640) uint16, 0.04 K per count."""
GRAY_FROM_C, GRAY_TO_C = (
    15.0,
    40.0,
)  # what 8 bits show, black to white; a real camera adapts it to the picture


@dataclass(frozen=True, slots=True)
class TickClock:
    """The device's clock: ticks since it was switched on or reset.

    Attributes
    ----------
    start_ns : tick 0 on the host's monotonic clock
    drift_ppm : how much faster than TICK_HZ it ticks
    """

    start_ns: int
    drift_ppm: float = 0.0

    @property
    def _milli_hz(self) -> int:
        return round(TICK_HZ * (1000 + self.drift_ppm / 1000))

    def ticks(self, host_ns: int) -> int:
        """Return what it shows at a time of the host's clock."""
        return (host_ns - self.start_ns) * self._milli_hz // 10**12

    def host_ns(self, ticks: int) -> int:
        """Return the time of the host's clock when it shows `ticks`."""
        return self.start_ns + -(-ticks * 10**12 // self._milli_hz)


def exposure_ticks(number: int, fps: Fraction) -> int:
    """Return when exposure `number` since tick 0 is."""
    return int(number * TICK_HZ / fps)


def exposure_after(ticks: int, fps: Fraction) -> int:
    """Return the number of the first exposure later than `ticks`."""
    number = int(ticks * fps / TICK_HZ)
    while exposure_ticks(number, fps) <= ticks:
        number += 1
    return number


@dataclass(frozen=True, slots=True)
class Coding:
    """How counts travel, by the nodes' numbers: PixelFormat and the like (a65_nodes.py).

    `swapped` is a fault: Mono16 with its bytes the wrong way round, as an A320G sends it (aravis #1029).
    """

    pixel_format: int
    eight_bits: bool = False
    linear: bool = True
    fine: bool = True
    gain: int = 0
    swapped: bool = False


def encode(counts: NDArray[np.uint16], coding: Coding) -> bytes:
    """Return the bytes of a picture, row by row, 16-bit pixels little-endian.

    Parameters
    ----------
    counts : (512, 640) uint16, 0.04 K per count

    Returns
    -------
    Linear, fine: the counts. Linear, coarse: 0.4 K per count. Not linear: the detector's signal S of
    T = B / ln(R / (S - O) + F). All rounded to the nearest, at most 16383, also in Mono16. In Mono8, or where
    CMOSBitDepth is bit8bit, gray levels that tell no temperature.
    """
    if coding.eight_bits or coding.pixel_format == MONO8:
        celsius = counts * np.float32(KELVIN_PER_COUNT) - np.float32(273.15)
        gray = np.rint((celsius - GRAY_FROM_C) * np.float32(255 / (GRAY_TO_C - GRAY_FROM_C))).clip(0, 255)
        return gray.astype(np.uint8 if coding.pixel_format == MONO8 else "<u2").tobytes()
    if not coding.linear:
        counts = _signals(coding.gain)[counts]
    elif not coding.fine:
        counts = (counts + 5) // 10
    kind = ">u2" if coding.swapped and coding.pixel_format == MONO16 else "<u2"
    return counts.astype(kind, copy=False).tobytes()


@cache
def _signals(gain: int) -> NDArray[np.uint16]:
    """Return the detector's signal by count of 0.04 K, (65536,) uint16."""
    r, b, f, o = PLANCK[gain]
    kelvin = np.arange(2**16).clip(1) * KELVIN_PER_COUNT
    with np.errstate(over="ignore"):
        signal = r / (np.exp(b / kelvin) - f) + o
    return np.rint(signal).clip(0, MAX_COUNT).astype(np.uint16)


def picture(
    film: Picture, *, ticks: int, block_id: int, clock: TickClock, scene_start_ns: int
) -> NDArray[np.uint16]:
    """Return what a frame shows that is not held by a freeze, (512, 640) uint16, 0.04 K per count.

    Parameters
    ----------
    film : scene time in seconds and frame number -> (512, 640) uint16, as `ThermalView.thermal`
    ticks, block_id : the frame's, as a receiver reads them
    clock, scene_start_ns : the device's, as its ready line and its counters tell
    """
    return film((clock.host_ns(ticks) - scene_start_ns) / 1e9, block_id)
