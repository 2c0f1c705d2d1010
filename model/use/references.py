"""What pixels are counted from while a session is still being filmed: what `data.inputs` knows of its end.

A network sees color as it differs from the session's mean face, and depth and temperature from the session's
median; live, both are those of the rows so far. They are rough at first: `SETTLED_S` says until when.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...capture.streams import Stream
from ..data.inputs import InputOptions, gray_reference, mean_face

SETTLED_S = 20.0
"""From when on a score is called settled: chosen, not measured. Until then the mean face is that of few
expressions, and what a face does all the time so far is taken for how it looks."""


class RunningReferences:
    """The references of one session's rows so far; of a row only its share in sums and its medians are kept.

    After the last row they are those that `data.inputs.read_pixels` has of the whole session.
    """

    def __init__(self, options: InputOptions) -> None:
        self._options = options
        self._color_sum: NDArray[np.float64] | None = None
        self._n_color = 0
        self._medians: dict[str, list[float]] = {}

    def add(self, name: str, pixels: NDArray, *, valid: bool) -> None:
        """Take a row's pixels of one stream, as stored: (S, S, 3) uint8 of color, else (S, S) uint16."""
        if name == Stream.COLOR:
            if self._color_sum is None:
                self._color_sum = np.zeros(pixels.shape, np.float64)
            if valid:
                self._color_sum += pixels
                self._n_color += 1
            return
        seen = pixels if valid else np.zeros_like(pixels)
        self._medians.setdefault(name, []).append(float(gray_reference(name, seen[None], self._options)[0]))

    def of_color(self) -> NDArray[np.float32]:
        """Return the mean face so far (S, S, 3) float32, or gray where color is counted from that."""
        if self._color_sum is None:
            raise ValueError("wanted at least one row of color, found none")
        if self._options.color_reference == "session" and self._n_color:
            return (self._color_sum / self._n_color).astype(np.float32)
        nothing = np.zeros((0, *self._color_sum.shape), np.uint8)
        return mean_face(nothing, np.zeros(0, bool), self._options)

    def of_rows(self, name: str, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return what each of `rows` (numbers of rows taken, from 0) is counted from, (n,) float32."""
        medians = np.array(self._medians[name], np.float32)
        own = (name == Stream.DEPTH and self._options.depth_reference == "frame") or (
            name == Stream.THERMAL and self._options.thermal_reference == "fixed"
        )
        if own:
            return medians[rows]
        known = medians[medians > 0]
        return np.full(len(rows), np.median(known) if len(known) else 0.0, np.float32)
