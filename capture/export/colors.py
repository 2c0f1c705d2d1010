"""16-bit pictures made visible: a coloring that is the same for a whole session, and its scale as a strip."""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..preview import scale_colors
from ..streams import Stream, StreamSpec
from ..temperature import conversion, widened

LEAST_HEIGHT_PX = 240
"""A scale on a lower picture could not be read; such a picture is enlarged by a whole factor."""
STRIP_PX = 84
BACKGROUND = (22, 23, 26)
NO_READING = (38, 40, 44)
INK = (235, 235, 235)
PERCENTILES = {Stream.DEPTH: (0.5, 99.0), Stream.THERMAL: (0.5, 99.9), Stream.INFRARED: (0.5, 99.5)}
LEAST_SPAN = {Stream.DEPTH: 200.0, Stream.THERMAL: 4.0, Stream.INFRARED: 64.0}
"""Millimetres, kelvin and counts; a picture of one gray would be all noise otherwise."""


@dataclass(frozen=True, slots=True)
class Coloring:
    """How a 16-bit stream becomes color pictures.

    Attributes
    ----------
    low, high : counts that get the first and the last color
    table : (65536, 3) uint8, the color of every count
    colors : (256, 3) uint8, the colors from low to high
    scale : what stands beside the colors, as (place from 0 to 1, text); none for infrared
    """

    low: float
    high: float
    table: NDArray[np.uint8]
    colors: NDArray[np.uint8]
    scale: tuple[tuple[float, str], ...]

    def picture(self, pixels: NDArray[np.uint16]) -> NDArray[np.uint8]:
        """Return pixels (H, W) as colors (H', W', 3), the scale at their right; 1 to 2 ms."""
        colored = self.table[pixels]
        factor = -(-LEAST_HEIGHT_PX // pixels.shape[0])
        if factor > 1 and self.scale:
            colored = colored.repeat(factor, axis=0).repeat(factor, axis=1)
        return np.hstack([colored, self._strip(colored.shape[0])]) if self.scale else colored

    def _strip(self, height: int) -> NDArray[np.uint8]:
        """Return the scale, (height, STRIP_PX, 3): high on top."""
        strip = np.empty((height, STRIP_PX, 3), np.uint8)
        strip[:] = BACKGROUND
        top, bottom = 14, height - 14
        rows = np.linspace(255, 0, bottom - top).round().astype(int)
        strip[top:bottom, 8:22] = self.colors[rows][:, None]
        for place, text in self.scale:
            row = round(bottom - 1 - place * (bottom - 1 - top))
            strip[row, 22:27] = INK
            cv2.putText(strip, text, (30, row + 4), cv2.FONT_HERSHEY_SIMPLEX, 0.4, INK, 1, cv2.LINE_AA)
        return strip


def coloring_of(spec: StreamSpec, pictures: Iterable[NDArray[np.uint16]]) -> Coloring:
    """Return the coloring of a 16-bit stream that suits `pictures` (H, W), a sample of its session.

    The ends are percentiles of all pixels together, so that neither a hot lamp nor a dead pixel moves them.
    """
    stream = spec.stream
    law = conversion(spec.unit)
    sampled = [pixels[::2, ::2].ravel() for pixels in pictures]
    counts = np.concatenate([np.empty(0, np.uint16), *sampled])
    if stream is Stream.DEPTH:
        counts = counts[counts > 0]
    low, high = np.percentile(counts, PERCENTILES[stream]) if len(counts) else (0.0, 1.0)
    low, high = widened(law, float(low), float(high), least=LEAST_SPAN[stream])
    colors = np.array(
        [[int(name[i : i + 2], 16) for i in (1, 3, 5)] for name in scale_colors(stream, 256)], np.uint8
    )
    shown, unit = np.arange(65536.0), "mm" if stream is Stream.DEPTH else "counts"
    first, last = np.clip([low, high], 0, 65535)
    if law is not None and np.isfinite(law.celsius(np.array([first, last]))).all():
        first, last = law.celsius(float(first)), law.celsius(float(last))
        shown, unit = law.celsius(shown), "°C"  # colors go with the temperature, which the scale then tells
    place = np.nan_to_num(np.clip((shown - first) / (last - first), 0, 1))
    table = colors[np.rint(place * 255).astype(int)]
    if stream is Stream.DEPTH:
        table[0] = NO_READING
    scale = () if stream is Stream.INFRARED else scale_marks(float(first), float(last), unit)
    return Coloring(low, high, table, colors, scale)


def scale_marks(low: float, high: float, unit: str) -> tuple[tuple[float, str], ...]:
    """Return round values between `low` and `high`, 4 to 8 of them, as (place from 0 to 1, text)."""
    span = high - low
    steps = (factor * 10.0**power for power in range(-2, 5) for factor in (1, 2, 5))
    step = next(step for step in steps if span / step <= 8)
    values = np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step
    return tuple((float((value - low) / span), f"{value:g} {unit}") for value in values)
