"""The subject's landmarks over the rows of a session: smoothed, and gaps filled, where that is asked for.

Rows are added in order of time and asked for `lookahead` rows later, so that the pictures of few rows need
be kept. A row keeps about 600 bytes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..dataset.record import Smoothing
from .face import Face, Found
from .landmarks import eye_distance
from .smoothing import (
    LEAST_ROWS,
    MIN_CUTOFF_HZ,
    WINDOW_S,
    OneEuroState,
    half_window,
    one_euro,
    savitzky_golay,
)

Float = NDArray[np.float64]


class LandmarkTrack:
    """What was found in every row, and the landmarks by which each row is cut.

    Parameters
    ----------
    smoothing : how landmarks are smoothed over time
    fps : rows per second
    fill_gaps_s : longest gap without a face across which landmarks are interpolated; a gap lasts a row's
        period for each row without a face

    Attributes
    ----------
    lookahead : rows that must be added after row k before `at(k)` can be asked
    lag_s : how far a moving face's landmarks lag behind it. 0 without smoothing and with Savitzky-Golay,
        which looks as far ahead as back; One-Euro's at rest, the most it can be: 0.16 s (0.05 s
        for one that moves by one eye distance a second)
    remark : what the user must know of the smoothing; "" where nothing
    """

    def __init__(self, *, smoothing: Smoothing, fps: float, fill_gaps_s: float) -> None:
        self.smoothing, self.fps, self.fill_gaps_s = smoothing, fps, fill_gaps_s
        self._half = half_window(WINDOW_S, 1 / fps) if smoothing is Smoothing.SAVITZKY_GOLAY else 0
        self.remark = ""
        if smoothing is Smoothing.SAVITZKY_GOLAY and 2 * self._half + 1 < LEAST_ROWS:
            self.remark = (
                f"Savitzky-Golay smooths over {WINDOW_S:g} s, and at {fps:g} rows a second that is "
                f"{2 * self._half + 1}, fewer than {LEAST_ROWS}: nothing is smoothed"
            )
            self._half = 0
        self._most_filled = int(fill_gaps_s * fps + 1e-6)
        # At a run's end the last window is fitted at several rows; a filled row needs the run after its gap.
        fitted = 2 * self._half
        self.lookahead = self._most_filled + fitted if self._most_filled else fitted
        self.lag_s = 1 / (2 * np.pi * MIN_CUTOFF_HZ) if smoothing is Smoothing.ONE_EURO else 0.0
        self._time_s: list[float] = []
        self._landmarks: list[NDArray[np.float32] | None] = []
        self._found: list[Found] = []
        self._filter: OneEuroState | None = None
        self._closed = False

    def add(self, t_s: float, face: Face | None) -> None:
        """Take what was found in the next row, at `t_s` seconds; times rise from row to row."""
        if self._time_s and t_s <= self._time_s[-1]:
            raise ValueError(f"wanted a row later than {self._time_s[-1]} s, found {t_s} s")
        points = None if face is None else face.landmarks_px
        if points is None:
            self._filter = None  # nothing is smoothed across a gap
        elif self.smoothing is Smoothing.ONE_EURO:
            smooth, self._filter = one_euro(
                points[None], np.array([t_s]), eye_px=max(1.0, eye_distance(points)), state=self._filter
            )
            points = smooth[0].astype(np.float32)
        self._time_s.append(t_s)
        self._landmarks.append(points)
        self._found.append(Found.NONE if face is None else face.found)

    def close(self) -> None:
        """Say that no further row comes: the last rows can be asked for."""
        self._closed = True

    def at(self, row: int) -> tuple[NDArray[np.float32], Found] | None:
        """Return the landmarks (68, 2), color pixels, that row `row` is cut by, and how they came about.

        None where there is no face and no gap is filled.
        """
        if not 0 <= row < len(self._found) - (0 if self._closed else self.lookahead):
            raise ValueError(
                f"wanted a row with {self.lookahead} rows after it, found row {row} of {len(self._found)}"
            )
        if self._found[row] is not Found.NONE:
            return self._smoothed(row).astype(np.float32), self._found[row]
        before, after = self._around(row)
        if before is None or after is None or after - before - 1 > self._most_filled:
            return None
        t0, t, t1 = (self._time_s[k] for k in (before, row, after))
        share = (t - t0) / (t1 - t0)
        points = (1 - share) * self._smoothed(before) + share * self._smoothed(after)
        return points.astype(np.float32), Found.FILLED

    def _around(self, row: int) -> tuple[int | None, int | None]:
        """Return the rows with a face nearest before and after, if near enough to fill between them."""
        reach = range(1, self._most_filled + 1)
        before = next((row - k for k in reach if row - k >= 0 and self._has_face(row - k)), None)
        last = len(self._found)
        after = next((row + k for k in reach if row + k < last and self._has_face(row + k)), None)
        return before, after

    def _has_face(self, row: int) -> bool:
        return self._found[row] is not Found.NONE

    def _smoothed(self, row: int) -> Float:
        """Return the landmarks (68, 2) of a row with a face."""
        if self._half == 0:
            return np.asarray(self._landmarks[row], np.float64)
        start = stop = row
        while start > 0 and row - start < 2 * self._half and self._has_face(start - 1):
            start -= 1
        last = min(len(self._found), row + 2 * self._half + 1)
        while stop + 1 < last and self._has_face(stop + 1):
            stop += 1
        run = [points for points in self._landmarks[start : stop + 1] if points is not None]
        return savitzky_golay(np.array(run), np.array(self._time_s[start : stop + 1]), at=row - start)
