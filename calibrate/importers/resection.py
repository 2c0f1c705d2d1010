"""A camera fitted to points whose places are known: its intrinsics, its lens and its pose at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...capture.geometry import Intrinsics, RigidTransform
from ...errors import CalibrationError

Float = NDArray[np.float64]
MIN_POINTS = 40
N_UNKNOWNS = 15


def fit_camera(
    xyz_mm: NDArray, px: NDArray, *, size_px: tuple[int, int], path: Path
) -> tuple[Intrinsics, RigidTransform, Float]:
    """Return the camera that sees points where they were seen, and how far it misses each.

    Least squares over the pixels (scipy's trust region), from the camera without lens and turn that a
    linear fit gives: u = fx x / z + cx + fx tx / z.

    Parameters
    ----------
    xyz_mm : (N, 3) in another camera's frame, that looks about the same way; z > 0, near and far
    px : (N, 2) where they were seen
    size_px : width and height of the picture
    path : where the points are from, for complaints

    Returns
    -------
    camera : Intrinsics
    camera_from_points : RigidTransform
    miss_px : (N, 2) float64, predicted minus seen

    Raises
    ------
    CalibrationError
        There are too few points, or no camera sees them so.
    """
    from scipy.optimize import least_squares

    xyz, seen = np.asarray(xyz_mm, np.float64), np.asarray(px, np.float64)
    if len(xyz) < MIN_POINTS:
        raise CalibrationError(
            f"wanted {MIN_POINTS} or more points that both cameras see, found {len(xyz)}: {path}"
        )
    z = xyz[:, 2]
    start = np.zeros(N_UNKNOWNS)
    for axis in (0, 1):
        terms = np.stack([xyz[:, axis] / z, np.ones_like(z), 1 / z], axis=-1)
        focal, center, parallax = np.linalg.lstsq(terms, seen[:, axis])[0]
        if focal <= 0:
            raise CalibrationError(
                f"wanted a camera that looks the same way, found x or y turned round: {path}"
            )
        start[[axis, 2 + axis, 12 + axis]] = focal, center, parallax / focal
    fit = least_squares(
        lambda unknowns: (_project(unknowns, xyz) - seen).ravel(), start, x_scale="jac", max_nfev=200
    )
    if not np.isfinite(fit.x).all() or fit.x[0] <= 0 or fit.x[1] <= 0:
        raise CalibrationError(f"wanted a camera that sees the points so, found none: {path}")
    camera, pose = _camera_of(fit.x, size_px)
    return camera, pose, fit.fun.reshape(-1, 2)


def _project(unknowns: Float, xyz: Float) -> Float:
    camera, pose = _camera_of(unknowns, (1, 1))
    moved = pose.apply(xyz)
    moved[:, 2] = np.maximum(moved[:, 2], 1e-3)  # a wild step may put points behind the camera
    return camera.project(moved)


def _camera_of(unknowns: Float, size_px: tuple[int, int]) -> tuple[Intrinsics, RigidTransform]:
    """Return camera and pose of fx, fy, cx, cy, k1, k2, p1, p2, k3, a rotation vector and millimetres."""
    fx, fy, cx, cy, k1, k2, p1, p2, k3 = unknowns[:9].tolist()
    camera = Intrinsics(*size_px, fx, fy, cx, cy, (k1, k2, p1, p2, k3))
    return camera, RigidTransform.from_rotation_vector(unknowns[9:12], unknowns[12:])
