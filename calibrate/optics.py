"""How far a lens model holds, and the numbers that a depth warp needs of a calibration."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..capture.geometry import Intrinsics
from .calibration import Calibration

CUT_SHARE = 0.02  # neighbours whose depths differ by more than this share lie on different surfaces
MIN_NEIGHBOURS = 4  # of 8; a reading with fewer on its own surface is a flying pixel


class Optics(NamedTuple):
    """What a warp needs besides pictures; all np.float32, lengths in mm and color pixels."""

    depth_scale: Any
    depth_shift_mm: Any
    tx_mm: Any
    ty_mm: Any
    tz_mm: Any
    fx: Any
    fy: Any
    cx: Any
    cy: Any
    k1: Any
    k2: Any
    p1: Any
    p2: Any
    k3: Any
    limit_r2: Any
    cut_share: Any
    min_neighbours: Any
    rim_px: Any


def rays_in_color(calibration: Calibration) -> NDArray[np.float32]:
    """Return the depth camera's rays in the color camera's axes, (H, W, 3); NaN where it has none."""
    rays = calibration.depth.ray_image() @ calibration.color_from_depth.rotation.T
    return rays.astype(np.float32)


def optics_of(calibration: Calibration) -> Optics:
    """Return what a warp with this calibration needs besides pictures."""
    color = calibration.color
    reading = (calibration.depth_scale, calibration.depth_shift_mm)
    camera = (color.fx, color.fy, color.cx, color.cy, *color.distortion, limit_r2(color))
    rim_px = 0.5 * color.fx / calibration.depth.fx  # half the distance of two depth pixels in color
    eye_mm = calibration.color_from_depth.translation_mm
    return Optics(*np.array([*reading, *eye_mm, *camera, CUT_SHARE, MIN_NEIGHBOURS, rim_px], np.float32))


def limit_r2(camera: Intrinsics) -> float:
    """Return the r^2 on the plane z = 1 beyond which the lens model is not used.

    Far outside the picture a distortion polynomial may fold back into it: the limit is a tenth more than the
    picture's corners need, and never beyond where the radial part turns (d/dr of r + k1 r^3 + k2 r^5 + k3 r^7
    is zero).
    """
    across, down = camera.width - 1, camera.height - 1
    corners = np.array([[0, 0], [across, 0], [0, down], [across, down]], np.float64)
    k1, k2, _, _, k3 = camera.distortion
    roots = np.roots([7 * k3, 5 * k2, 3 * k1, 1.0])
    turns = roots.real[(np.abs(roots.imag) < 1e-9) & (roots.real > 0)]
    r2 = (camera.rays(corners)[:, :2] ** 2).sum(-1)
    straight_r2 = (((corners - (camera.cx, camera.cy)) / (camera.fx, camera.fy)) ** 2).sum(-1)
    needed = np.where(np.isfinite(r2), r2, 4 * straight_r2)
    return float(min(1.1 * needed.max(), turns.min(initial=np.inf)))


def project_seen(camera: Intrinsics, xyz_mm: NDArray) -> NDArray[np.float64]:
    """Return the pixels (..., 2) of points (..., 3); NaN for those behind the camera or past `limit_r2`."""
    px = camera.project(xyz_mm)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        r2 = ((xyz_mm[..., :2] / xyz_mm[..., 2:]) ** 2).sum(-1)
        return np.where((r2 < limit_r2(camera))[..., None], px, np.nan)
