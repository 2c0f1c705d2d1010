"""Landmarks smoothed over time: the One-Euro filter and Savitzky-Golay. Pure functions on one unbroken run.

A run is a stretch of rows in each of which the face was found; nothing is smoothed across a gap.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

MIN_CUTOFF_HZ = 1.0
SPEED_CUTOFF_HZ = 2.0  # per eye distance a second
SPEED_SMOOTHING_HZ = 1.0  # Casiez's d_cutoff
WINDOW_S = 0.75
DEGREE = 2
LEAST_ROWS = 5  # a parabola through three rows changes nothing


def one_euro(
    points: NDArray, time_s: NDArray, *, eye_px: float, state: OneEuroState | None = None
) -> tuple[Float, OneEuroState]:
    """Return points (T, N, 2) smoothed by the rows before them, and the state to go on from.

    Casiez, Roussel and Vogel 2012 (CHI), algorithm 1: a low-pass whose cutoff grows with the point's speed.
    Speeds count in eye distances, so that a near face is smoothed as a far one.

    Parameters
    ----------
    points : (T, N, 2) pixels
    time_s : (T,) seconds, rising
    eye_px : distance of the eyes, pixels
    state : of the row before the first; None at the start of a run
    """
    out = np.empty(points.shape, np.float64)
    for k, (row, t_s) in enumerate(zip(np.asarray(points, np.float64), time_s, strict=True)):
        state = (
            OneEuroState(row, np.zeros_like(row), float(t_s))
            if state is None
            else state.next(row, float(t_s), eye_px)
        )
        out[k] = state.points
    if state is None:
        raise ValueError("wanted at least one row to smooth, found none")
    return out, state


class OneEuroState:
    """The filter after one row: smoothed points (N, 2), smoothed speed (N, 2) px/s, and the row's time."""

    __slots__ = ("points", "speed", "t_s")

    def __init__(self, points: Float, speed: Float, t_s: float) -> None:
        self.points, self.speed, self.t_s = points, speed, t_s

    def next(self, row: Float, t_s: float, eye_px: float) -> OneEuroState:
        """Return the filter after the next row (N, 2)."""
        step_s = t_s - self.t_s
        a = _share_of_new(SPEED_SMOOTHING_HZ, step_s)
        speed = a * (row - self.points) / step_s + (1 - a) * self.speed
        # One cutoff for the whole face, from its median speed: what keeps its shape is smoothed as one.
        eyes_per_s = float(np.median(np.hypot(speed[:, 0], speed[:, 1]))) / eye_px
        a = _share_of_new(MIN_CUTOFF_HZ + SPEED_CUTOFF_HZ * eyes_per_s, step_s)
        return OneEuroState(a * row + (1 - a) * self.points, speed, t_s)


def savitzky_golay(points: NDArray, time_s: NDArray, *, at: int, window_s: float = WINDOW_S) -> Float:
    """Return row `at` of points (T, N, 2) as the parabola through the rows around it has it, (N, 2).

    Savitzky and Golay 1964 (Anal. Chem. 36, 1627), as a least squares fit at the rows' own times, so that
    uneven steps do no harm; in the middle of a run of even steps that is their filter. At the ends of a run
    the window is the same rows, no longer in the middle.

    Parameters
    ----------
    points : (T, N, 2) pixels, one run
    time_s : (T,) seconds
    window_s : rows at most half of it away are fitted; fewer than LEAST_ROWS leave the row as it is
    """
    half = half_window(window_s, float(np.median(np.diff(time_s)))) if len(time_s) > 1 else 0
    n_rows = 2 * half + 1
    if n_rows < LEAST_ROWS or len(time_s) < LEAST_ROWS:
        return np.asarray(points[at], np.float64)
    start = int(np.clip(at - half, 0, max(0, len(time_s) - n_rows)))
    near = slice(start, start + n_rows)
    powers = np.vander(time_s[near] - time_s[at], DEGREE + 1, increasing=True)
    weights = np.asarray(np.linalg.pinv(powers), np.float64)[0]  # the parabola's value at t = 0
    smooth = np.tensordot(weights, np.asarray(points[near], np.float64), axes=1)
    return np.asarray(smooth, np.float64)


def half_window(window_s: float, period_s: float) -> int:
    """Return how many rows on each side lie within half the window."""
    return int(window_s / 2 / period_s + 1e-6)


def _share_of_new(cutoff_hz: float, step_s: float) -> float:
    """Return the weight of the new row in a low-pass (Casiez, eq. 3 to 5)."""
    tau_s = 1 / (2 * np.pi * cutoff_hz)
    return float(1 / (1 + tau_s / step_s))
