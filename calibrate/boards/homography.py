"""What a homography from a plate to a picture does to points of the plate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]


def projected(px_from_mm: NDArray, points_mm: Float) -> Float:
    """Return the pixels (N, 2) of points (N, 2) of the plate; `px_from_mm` is (3, 3)."""
    at = np.concatenate([points_mm, np.ones((len(points_mm), 1))], axis=1) @ px_from_mm.T
    return at[:, :2] / at[:, 2:]


def slopes(px_from_mm: NDArray, points_mm: Float) -> Float:
    """Return the derivative (N, 2, 2) of the pixels by the points of the plate."""
    xy = projected(px_from_mm, points_mm)
    w = points_mm @ px_from_mm[2, :2] + px_from_mm[2, 2]
    return (px_from_mm[:2, :2] - xy[:, :, None] * px_from_mm[2, :2]) / w[:, None, None]
