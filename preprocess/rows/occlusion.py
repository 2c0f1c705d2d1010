"""Whether something stands before the face: a hand, a cup, a sheet of paper, seen by depth.

Two signs. Within the face some readings lie clearly nearer than the surface that the others form. Or the
whole place of the face is nearer than the subject was a moment ago, while the face, by its size in color, has
not come nearer. Without depth nothing is said.
"""

from __future__ import annotations

from collections import deque
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

NEARER_MM = 45.0  # than the plane through the face: noses stand out by 30 mm
COVERED_SHARE = 0.04  # of the face, that must be nearer
WHOLE_NEARER_MM = 55.0  # than the subject was, and than its size puts it
MIN_READ_SHARE = 0.4  # of the places in the face that are looked at
MEMORY_S = 2.0  # the subject's distance and size are medians over so long
FIT_LIMITS_MM = (80.0, 60.0, 45.0, 45.0)
MIN_FACE_SHARE = 0.2  # of the readings must lie on the plane
RIDGE = 1e-6 * np.eye(3)
LOST_S = 5.0  # a lost face is looked for at its last place, and its distance remembered, for so long
LOST_SHARE = 0.3  # of that place, that must be nearer
STEP_SHARE = 1 / 32  # of the crop: readings are looked at so far apart
FACE_X, FACE_Y, HALF_X, HALF_Y = 0.5, 0.53, 0.24, 0.3  # the inner face, an ellipse, shares of the crop


@lru_cache(maxsize=8)
def face_places(size_px: int, margin: float) -> tuple[NDArray[np.int64], NDArray[np.int64], Float]:
    """Return rows (N,) and columns (N,) of the crop's pixels that are looked at, all in the inner face.

    Third is the design matrix (N, 3) of a plane over them: 1, and row and column from their middle.
    """
    steps = np.arange(STEP_SHARE / 2, 1, STEP_SHARE)
    x, y = np.meshgrid(steps, steps)
    inside = ((x - FACE_X) / HALF_X) ** 2 + ((y - FACE_Y) / HALF_Y) ** 2 < 1
    place = 0.5 + (np.stack([y[inside], x[inside]]) - 0.5) / (1 + 2 * margin)
    rows, columns = np.clip(np.rint(place * size_px - 0.5), 0, size_px - 1).astype(np.int64)
    design = np.column_stack([np.ones(len(rows)), rows - rows.mean(), columns - columns.mean()])
    return rows, columns, design


def face_surface(crop_mm: NDArray[np.uint16], margin: float = 0.0) -> tuple[float, float]:
    """Return the distance (mm) of the face in a depth crop, and the share of it that lies nearer by far.

    A plane is fitted to the readings of the inner face, those far from it left out in turn, beginning at
    their farther half: the face is what lies behind. (NaN, 0) where too few readings are there. 0.15 ms.

    Parameters
    ----------
    crop_mm : (S, S) uint16, 0 where no reading
    """
    rows, columns, design = face_places(crop_mm.shape[0], margin)
    z_mm = crop_mm[rows, columns].astype(np.float64)
    read = z_mm > 0
    n_read = int(np.count_nonzero(read))
    if n_read < MIN_READ_SHARE * len(rows):
        return float("nan"), 0.0
    start_mm = np.sort(z_mm)[len(z_mm) - n_read + int(0.6 * n_read)]
    plane, miss = np.zeros(3), z_mm - start_mm
    for limit_mm in FIT_LIMITS_MM:
        kept = read & (np.abs(miss) < limit_mm)
        if np.count_nonzero(kept) < MIN_FACE_SHARE * n_read:
            return float("nan"), 0.0
        weighted = design * kept[:, None]
        plane = np.linalg.solve(weighted.T @ design + RIDGE, weighted.T @ z_mm)
        miss = z_mm - design @ plane
    return float(plane[0]), np.count_nonzero(read & (miss < -NEARER_MM)) / n_read


class FaceWatch:
    """Remembers how far away and how large the subject's face was in the last MEMORY_S of good rows.

    Rows come in order of time.
    """

    def __init__(self) -> None:
        self._recent: deque[tuple[float, float, float]] = deque()  # t_s, distance_mm, eye_distance_mm
        self._last_t_s = -np.inf

    @property
    def eye_distance_mm(self) -> float | None:
        """The subject's apparent eye distance (`in_space.eye_distance_of`), None while nothing is known."""
        return float(np.median([one[2] for one in self._recent])) if self._recent else None

    def covered(
        self, t_s: float, *, distance_mm: float, near_share: float, eye_distance_mm: float, learn: bool
    ) -> bool:
        """Return whether something stands before a face that was found.

        Parameters
        ----------
        distance_mm, near_share : as `face_surface` returns them
        eye_distance_mm : which the subject would have at that distance (`in_space.eye_distance_of`)
        learn : whether the face was really found, so that it may be remembered
        """
        self._forget(t_s)
        if not np.isfinite(distance_mm):
            return False
        covered = near_share > COVERED_SHARE
        if t_s - self._last_t_s > LOST_S:
            self._recent.clear()  # a subject who turned and moved: what covers a whole face hides it, too
        known_mm = self.eye_distance_mm
        if known_mm is not None:
            by_size_mm = distance_mm * known_mm / eye_distance_mm  # where its size says the face is
            expected_mm = min(by_size_mm, self._distance_mm())
            covered |= expected_mm - distance_mm > WHOLE_NEARER_MM
        if learn and not covered:
            self._recent.append((t_s, distance_mm, eye_distance_mm))
            self._last_t_s = t_s
        return bool(covered)

    def hidden(self, t_s: float, crop_mm: NDArray[np.uint16], margin: float = 0.0) -> bool:
        """Return whether something stands where the face was when it was last found.

        Parameters
        ----------
        crop_mm : (S, S) uint16, depth cut by the transform of the last row with a face
        """
        if not self._recent or t_s - self._last_t_s > LOST_S:
            return False
        rows, columns, _ = face_places(crop_mm.shape[0], margin)
        z_mm = crop_mm[rows, columns]
        near = (z_mm > 0) & (z_mm < self._distance_mm() - WHOLE_NEARER_MM)
        return float(np.mean(near)) > LOST_SHARE

    def _distance_mm(self) -> float:
        return float(np.median([one[1] for one in self._recent]))

    def _forget(self, t_s: float) -> None:
        while len(self._recent) > 1 and self._recent[0][0] < t_s - MEMORY_S:
            self._recent.popleft()
