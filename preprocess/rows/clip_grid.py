"""Which tick each row of the dataset shows: ticks at the session's rate, rows at the clip rate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import DatasetError, SessionError

NOT_A_TICK = -1


def clip_grid(
    tick_s: NDArray[np.float64], *, fps: float, path: Path
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return for each frame of the clip rate the nearest tick (F,) and the time of that tick (F,) seconds.

    Frames lie at k / fps from the first tick to the last. Where the nearest tick is more than half a period
    away, or is taken already (a gap in a video), the frame has NOT_A_TICK and its own time. `fps` 0 keeps
    every tick.
    """
    if len(tick_s) == 0:
        raise SessionError(
            f"wanted a session with ticks, found none; `mavfer check-session` says more: {path}"
        )
    if fps == 0:
        return np.arange(len(tick_s)), np.asarray(tick_s, np.float64)
    recorded_fps = frame_rate(tick_s, fps)
    if fps > 1.01 * recorded_fps:
        raise DatasetError(
            f"wanted clips at {fps:g} frames per second, the session has {recorded_fps:.3g}; ask for at most "
            f"that, or for every tick with --fps 0: {path}"
        )
    frame_s = np.arange(int(np.floor((tick_s[-1] + 1e-6) * fps)) + 1) / fps
    right = np.clip(np.searchsorted(tick_s, frame_s), 1, max(1, len(tick_s) - 1))
    right = np.minimum(right, len(tick_s) - 1)
    left = np.maximum(right - 1, 0)
    tick = np.where(frame_s - tick_s[left] <= tick_s[right] - frame_s + 1e-9, left, right)
    far = np.abs(tick_s[tick] - frame_s) > 0.5 / fps + 1e-9
    tick = np.where(far, NOT_A_TICK, tick)
    taken = np.concatenate([[False], np.diff(tick) == 0])
    tick = np.where(taken, NOT_A_TICK, tick)
    return tick, np.where(tick == NOT_A_TICK, frame_s, tick_s[tick])


def frame_rate(time_s: NDArray[np.float64], fps: float) -> float:
    """Return the median rate of frames at `time_s`; `fps` where there are fewer than two."""
    return float(1 / np.median(np.diff(time_s))) if len(time_s) > 1 else fps
