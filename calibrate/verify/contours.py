"""Where a surface ends in front of another in a depth picture: points of its rim, to a fraction of a pixel.

Nothing here knows a session. What other cameras show at such a rim is looked at in edges.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..calibration import Calibration

Float = NDArray[np.float64]
NEAREST_MM, FARTHEST_MM = 300.0, 1600.0  # the subject and what stands about; depth is noisy farther away
JUMP_MM, JUMP_SHARE = 100.0, 0.1  # a rim is where depth jumps by more than both
REACH_PX = 3  # the two surfaces are looked for so far from a pixel
BLUR_PX = 1.2  # evens out flying and lost pixels, which mix both surfaces over about two pixels
SHARP_PER_PX = 0.12  # a straight edge so blurred has 0.33 per pixel
KNOWN_SHARE = 0.4  # of the blur's weight must stand on readings
BORDER_PX = 6
INSIDE_PX = np.array([1.5, 2.5, 3.5, 5.0, 6.5])  # where a surface is measured to say how deep its rim lies
STEEPEST_MM = 60.0  # per root of a pixel; a head has 20


@dataclass(frozen=True, slots=True)
class Contours:
    """Points of rims.

    Attributes
    ----------
    px : (N, 2) float64, in the depth picture
    outward : (N, 2) float64, unit vectors in the depth picture, from the near surface to the far one
    xyz_depth_mm : (N, 3) float64, in the depth camera's frame
    """

    px: Float
    outward: Float
    xyz_depth_mm: Float

    def __len__(self) -> int:
        return len(self.px)

    def thinned(self, n_points: int) -> Contours:
        """Return at most `n_points`, evenly taken."""
        step = max(1, -(-len(self) // n_points))
        return Contours(self.px[::step], self.outward[::step], self.xyz_depth_mm[::step])


def find_contours(depth: NDArray[np.uint16], calibration: Calibration) -> Contours:
    """Return the rims of near surfaces in a depth picture; about 8 ms.

    Each reading belongs to the near or the far surface of its neighbourhood, whichever is closer in depth, so
    that flying pixels err to both sides alike. The blurred share of near readings is 1/2 at the rim. A round
    surface falls away at its rim as the root of the distance to it (a sphere does); that is extrapolated, for
    20 mm of depth are 1.2 px in color.

    Parameters
    ----------
    depth : (424, 512) uint16 mm as recorded, 0 = none
    """
    z = np.where(depth > 0, calibration.depth_scale * depth + calibration.depth_shift_mm, 0).astype(
        np.float32
    )
    known = (z > 0).astype(np.float32)
    window = np.ones((2 * REACH_PX + 1, 2 * REACH_PX + 1), np.uint8)
    near = cv2.erode(np.where(known > 0, z, np.float32(1e6)), window)
    far = cv2.dilate(z, window)
    jumps = (far - near > np.maximum(JUMP_MM, JUMP_SHARE * near)) & (near > NEAREST_MM) & (near < FARTHEST_MM)
    is_near = known * (z < (near + far) / 2)
    weight = cv2.GaussianBlur(known, (0, 0), BLUR_PX)
    share = np.asarray(cv2.GaussianBlur(is_near, (0, 0), BLUR_PX) / np.maximum(weight, 1e-3), np.float32)
    usable = jumps & (weight > KNOWN_SHARE)
    usable[:BORDER_PX] = usable[-BORDER_PX:] = False
    usable[:, :BORDER_PX] = usable[:, -BORDER_PX:] = False
    px, outward = _crossings(share, usable)
    z_rim = _rim_depth(z, is_near, px, outward)
    kept = np.isfinite(z_rim)
    px, outward = px[kept], outward[kept]
    return Contours(px, outward, calibration.depth.unproject(px, z_rim[kept]))


def _crossings(share: NDArray[np.float32], usable: NDArray[np.bool_]) -> tuple[Float, Float]:
    """Return where `share` crosses 1/2 between neighbouring pixels, and the unit vector to lower shares."""
    slope_x, slope_y = (np.asarray(np.gradient(share, axis=axis), np.float32) for axis in (1, 0))
    points, outward = [], []
    for axis in (1, 0):
        low = (np.s_[:, :-1], np.s_[:-1])[1 - axis]
        high = (np.s_[:, 1:], np.s_[1:])[1 - axis]
        a, b = share[low] - 0.5, share[high] - 0.5
        along = np.abs(slope_x) >= np.abs(slope_y) if axis == 1 else np.abs(slope_y) > np.abs(slope_x)
        rows, columns = np.nonzero(((a >= 0) != (b >= 0)) & usable[low] & usable[high] & along[low])
        first, second = a[rows, columns], b[rows, columns]
        at = first / (first - second)
        next_rows, next_columns = rows + (axis == 0), columns + (axis == 1)
        normal = np.stack(
            [(1 - at) * s[rows, columns] + at * s[next_rows, next_columns] for s in (slope_x, slope_y)],
            axis=1,
        )
        steep = np.linalg.norm(normal, axis=1)
        sharp = steep > SHARP_PER_PX
        place = np.stack([columns + at * (axis == 1), rows + at * (axis == 0)], axis=1)
        points.append(place[sharp])
        outward.append(-normal[sharp] / steep[sharp, None])
    return np.concatenate(points).astype(np.float64), np.concatenate(outward).astype(np.float64)


def _rim_depth(z: NDArray[np.float32], is_near: NDArray[np.float32], px: Float, outward: Float) -> Float:
    """Return the depth (N,) mm of the near surface at its rim: z_rim - slope * sqrt(s) fitted inside of it.

    NaN where fewer than three of the readings inside belong to the near surface.
    """
    at = px[:, None] - INSIDE_PX[:, None] * outward[:, None]
    columns = np.clip(np.rint(at[..., 0]).astype(int), 0, z.shape[1] - 1)
    rows = np.clip(np.rint(at[..., 1]).astype(int), 0, z.shape[0] - 1)
    depth, weight = z[rows, columns].astype(np.float64), is_near[rows, columns].astype(np.float64)
    middle = np.zeros((len(px), 1))
    some = weight.any(axis=1)
    if some.any():
        middle[some] = np.nanmedian(np.where(weight > 0, depth, np.nan)[some], axis=1, keepdims=True)
    weight = weight * (np.abs(depth - middle) < JUMP_MM)
    # the place that a reading was taken at, not the one that was asked for
    s = np.maximum(((px[:, None] - np.stack([columns, rows], axis=-1)) * outward[:, None]).sum(-1), 0.25)
    root = np.sqrt(s)
    n = weight.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_root, mean_z = (weight * root).sum(1) / n, (weight * depth).sum(1) / n
        spread = (weight * (root - mean_root[:, None]) ** 2).sum(1)
        slope = (weight * (root - mean_root[:, None]) * (depth - mean_z[:, None])).sum(1) / spread
        slope = np.clip(slope, -STEEPEST_MM, 0)
        rim = mean_z - slope * mean_root
    return np.where((n >= 3) & (spread > 0.05), rim, np.nan)
