"""How far the edges of a picture lie from where the rims of a depth picture are expected in it.

Pure functions on arrays: a voting over all shifts within reach finds the edges to a pixel (`vote`);
edge_fit.py goes on from there.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ...capture.geometry import Intrinsics, RigidTransform
from ..optics import project_seen
from .contours import Contours

Float = NDArray[np.float64]
PICTURE_PER_DEPTH = 1.5  # a picture is made smaller until one depth pixel is about as many of its pixels
BLUR_PX = 1.0
SEARCH_DEG = 3.0  # how far an edge is looked for
MIN_POINTS = 60
VOTE_POINTS = 300
NOISE_FACTOR = 3.0  # a slope so many times the usual one counts half
LEAST_SLOPE = 0.05  # counts per pixel; below it lies only rounding
MIN_VOTES, MIN_VOTES_OVER_USUAL = 0.42, 1.4  # true edges have 0.9 and 3; another picture 0.4 to 0.6 and 2
MARGIN_SHARE = 0.01  # of the width; so near the picture's border no edge is looked for


@dataclass(frozen=True, slots=True)
class Expected:
    """Where the points of rims are expected in a picture.

    Attributes
    ----------
    px : (N, 2) float64
    outward : (N, 2) float64, unit vectors away from the near surface
    inside : (N,) bool, whether the camera sees the point; elsewhere px and outward are 0
    xyz_mm : (N, 3) float64, in this camera's frame
    """

    px: Float
    outward: Float
    inside: NDArray[np.bool_]
    xyz_mm: Float


@dataclass(frozen=True, slots=True)
class Slopes:
    """A picture as its slopes, made smaller `factor` times.

    Attributes
    ----------
    x, y : (H, W, C) float32, counts per pixel of the smaller picture
    usual : float, the median length of the slopes
    """

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    factor: int
    usual: float

    def small(self, px: Float) -> Float:
        """Return pixels of the whole picture in the smaller one."""
        return (px - (self.factor - 1) / 2) / self.factor

    def strength(self, x: NDArray[np.float32], y: NDArray[np.float32], outward: Float) -> Float:
        """Return how steep slopes `x`, `y` (..., C) are along `outward` (..., 2), from 0 to 1."""
        toward = outward.astype(np.float32)
        steep = np.sqrt(((x * toward[..., :1] + y * toward[..., 1:]) ** 2).sum(-1))
        return steep / (steep + np.float32(NOISE_FACTOR * max(self.usual, LEAST_SLOPE)))


def expected_edges(contours: Contours, camera: Intrinsics, camera_from_depth: RigidTransform) -> Expected:
    """Return where rims appear in another camera's picture."""
    xyz = contours.xyz_depth_mm
    beside = np.column_stack([contours.outward * 0.002 * xyz[:, 2:], np.zeros(len(xyz))])
    at = camera_from_depth.apply(xyz)
    px = project_seen(camera, at)
    px_beside = project_seen(camera, camera_from_depth.apply(xyz + beside))
    outward = px_beside - px
    with np.errstate(invalid="ignore", divide="ignore"):
        outward /= np.linalg.norm(outward, axis=1, keepdims=True)
        margin = MARGIN_SHARE * camera.width
        limit = np.array([camera.width, camera.height]) - 1 - margin
        inside = ((px > margin) & (px < limit) & np.isfinite(outward)).all(axis=1)
    return Expected(np.where(inside[:, None], px, 0), np.where(inside[:, None], outward, 0), inside, at)


def shrink_factor(camera: Intrinsics, depth: Intrinsics) -> int:
    """Return how many times a camera's picture is made smaller."""
    return max(1, round(camera.fx / depth.fx / PICTURE_PER_DEPTH))


def find_slopes(picture: NDArray, *, factor: int) -> Slopes:
    """Return the slopes of a picture, of each color apart; 20 ms for 1080p."""
    height, width = picture.shape[0] // factor, picture.shape[1] // factor
    small = picture[: height * factor, : width * factor]
    if factor > 1:
        small = cv2.resize(small, (width, height), interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small.astype(np.float32), (0, 0), BLUR_PX)
    soft = np.asarray(blurred, np.float32).reshape(height, width, -1)
    x, y = np.zeros_like(soft), np.zeros_like(soft)
    x[:, 1:-1] = (soft[:, 2:] - soft[:, :-2]) / 2
    y[1:-1] = (soft[2:] - soft[:-2]) / 2
    length = np.sqrt((x[::4, ::4] ** 2 + y[::4, ::4] ** 2).sum(-1))
    return Slopes(x, y, factor, float(np.median(length)))


def vote(expected: Expected, slopes: Slopes, *, reach: int) -> NDArray[np.float32]:
    """Return the mean strength of the edges at all points, for every shift within `reach`; about 60 ms.

    Returns
    -------
    (2 * reach + 1, 2 * reach + 1) float32 in [0, 1): rows are shifts in y, columns in x, in pixels of the
    smaller picture.
    """
    px, outward = expected.px[expected.inside], expected.outward[expected.inside]
    step = max(1, -(-len(px) // VOTE_POINTS))
    at, outward = np.rint(slopes.small(px[::step])).astype(np.intp), outward[::step, None]
    shifts = np.arange(-reach, reach + 1)
    height, width, n_channels = slopes.x.shape
    flat_x, flat_y = slopes.x.reshape(-1, n_channels), slopes.y.reshape(-1, n_channels)
    columns = at[:, :1] + shifts
    votes = np.zeros((len(shifts), len(shifts)), np.float32)
    for i, dy in enumerate(shifts):
        rows = at[:, 1:] + dy
        inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
        index = np.where(inside, rows * width + columns, 0)
        votes[i] = (slopes.strength(flat_x[index], flat_y[index], outward) * inside).mean(axis=0)
    return votes


def reach_px(camera: Intrinsics, *, factor: int) -> int:
    """Return how far an edge is looked for, in pixels of the smaller picture."""
    return int(np.ceil(np.radians(SEARCH_DEG) * camera.fx / factor))


def best_shift(votes: NDArray[np.float32], *, factor: int) -> Float | None:
    """Return the shift (2,) in pixels with most votes; None where no shift stands out."""
    soft = cv2.GaussianBlur(votes, (0, 0), 1.0)
    reach = (len(votes) - 1) // 2
    row, column = np.unravel_index(int(np.argmax(soft)), soft.shape)
    if soft.max() < MIN_VOTES or soft.max() < MIN_VOTES_OVER_USUAL * np.median(soft):
        return None
    return factor * np.array([column - reach, row - reach], np.float64)
