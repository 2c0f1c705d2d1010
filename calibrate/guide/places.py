"""From corners seen now and then by each camera to the places at which the board stood still: pure.

It is the live counterpart of solver/search.py, which searches a recorded session with more care; a place that
counts here is still enough to be found there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..solver.search import STILL_WIDTHS_PER_S
from ..solver.views import BoardView

Float = NDArray[np.float64]
NOISE_WIDTHS = 0.0008
"""Corners in previews of 480 pixels are known to about 0.1 of them; this is 0.4."""
MAX_GAP_S = 1.2
"""Two looks that lie farther apart do not tell whether the board stood still between them; a camera that was
not looked at for longer sees nothing."""
HOLD_S = 0.2
"""Two looks at previews, which come four times a second."""
SAME_WIDTHS = 0.02
"""Places nearer to each other than this, in all cameras, are one."""
MIN_COMMON = 4


@dataclass(slots=True)
class _Track:
    """What one camera saw last, and since when the board stands still before it."""

    corners_px: Float
    seen_s: float
    still_since_s: float | None = None


class Places:
    """The places at which the board was held still, and what each camera sees now.

    Parameters
    ----------
    width_px : width of each camera's pictures
    """

    def __init__(self, width_px: Mapping[str, int]) -> None:
        self._width_px = dict(width_px)
        self._tracks: dict[str, _Track] = {}
        self._open: dict[str, Float] = {}
        self._open_s = 0.0
        self._views: list[BoardView] = []

    @property
    def views(self) -> tuple[BoardView, ...]:
        """All places so far, that at which the board is held now included; named by their times."""
        return (*self._views, self._view()) if self._is_new() else tuple(self._views)

    @property
    def held(self) -> tuple[str, ...]:
        """The cameras that have counted the place at which the board is held now."""
        return tuple(self._open)

    def sight(self, camera: str) -> tuple[str, Float | None]:
        """Return "unseen", "moving" or "still", and the corners that a camera sees now."""
        track = self._tracks.get(camera)
        if track is None:
            return "unseen", None
        return "moving" if track.still_since_s is None else "still", track.corners_px

    def see(self, camera: str, corners_px: Float | None, t_s: float) -> None:
        """Take in what one camera sees at one time, in any order of cameras.

        Parameters
        ----------
        corners_px : (N, 2) float64, NaN for a point that is not seen; None where the board is not
        t_s : seconds, on one clock for all cameras
        """
        self.forget(t_s)
        before = self._tracks.get(camera)
        if corners_px is None:
            self._tracks.pop(camera, None)
        elif before is not None and self._stands(camera, before, corners_px, t_s):
            since_s = before.seen_s if before.still_since_s is None else before.still_since_s
            self._tracks[camera] = _Track(corners_px, t_s, since_s)
        else:
            self._tracks[camera] = _Track(corners_px, t_s)
        still = self._close_what_moved()
        track = still.get(camera)
        if track is None or t_s - (track.still_since_s or 0.0) < HOLD_S:
            return
        if camera not in self._open and all(_overlap(track, still[name]) for name in self._open):
            self._open_s = track.still_since_s or t_s if not self._open else self._open_s
            self._open[camera] = track.corners_px

    def forget(self, t_s: float) -> None:
        """Let cameras see nothing whose last look is too old at a time: their previews have stopped."""
        self._tracks = {
            name: track for name, track in self._tracks.items() if t_s - track.seen_s <= MAX_GAP_S
        }
        self._close_what_moved()

    def _close_what_moved(self) -> dict[str, _Track]:
        """Close the place where a camera of it sees the board still no more; return those that do."""
        still = {name: track for name, track in self._tracks.items() if track.still_since_s is not None}
        if any(name not in still for name in self._open):
            self._close()
        return still

    def _stands(self, camera: str, before: _Track, corners_px: Float, t_s: float) -> bool:
        apart_s = t_s - before.seen_s
        limit = STILL_WIDTHS_PER_S * apart_s + NOISE_WIDTHS
        moved_px = _moved_px(before.corners_px, corners_px)
        return 0 < apart_s <= MAX_GAP_S and moved_px <= limit * self._width_px[camera]

    def _close(self) -> None:
        if self._is_new():
            self._views.append(self._view())
        self._open = {}

    def _view(self) -> BoardView:
        return BoardView(f"{self._open_s:.3f} s", dict(self._open), {})

    def _is_new(self) -> bool:
        """Return whether the board is held, and at a place that some camera has not seen yet."""
        return bool(self._open) and not any(self._is_same(view) for view in self._views)

    def _is_same(self, view: BoardView) -> bool:
        return all(
            name in view.corners_px
            and _moved_px(view.corners_px[name], corners_px) < SAME_WIDTHS * self._width_px[name]
            for name, corners_px in self._open.items()
        )


def _overlap(a: _Track, b: _Track) -> bool:
    """Return whether two cameras saw the board still at the same time."""
    return (a.still_since_s or 0.0) <= b.seen_s and (b.still_since_s or 0.0) <= a.seen_s


def _moved_px(a: Float, b: Float) -> float:
    """Return how far points moved, the median of those in both; infinite where too few are."""
    distance = np.linalg.norm(a - b, axis=1)
    common = distance[np.isfinite(distance)]
    return float(np.median(common)) if len(common) >= MIN_COMMON else np.inf
