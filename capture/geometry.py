"""Cameras as geometry: intrinsics with lens distortion, rigid transforms, projection and its inverse.

numpy only. Pixel centers lie at integers (OpenCV's convention); lengths are millimetres; camera axes are
x right, y down, z forward. Transforms read right to left: `xyz_color = color_from_depth @ xyz_depth`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import CalibrationError

Float = NDArray[np.float64]
UNDISTORT_TOLERANCE = 1e-12  # in units of the normalised image plane; far below a thousandth of a pixel
UNDISTORT_STEPS = 40


@dataclass(frozen=True, slots=True)
class Intrinsics:
    """A pinhole camera with Brown-Conrady distortion (Brown 1966; OpenCV's five-coefficient order).

    Attributes
    ----------
    width, height : int, pixels
    fx, fy, cx, cy : float, pixels
    distortion : (k1, k2, p1, p2, k3)
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion: tuple[float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0)

    @property
    def matrix(self) -> Float:
        """The (3, 3) camera matrix."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    def distort(self, xy: NDArray) -> Float:
        """Return where the lens moves points (..., 2) of the plane z = 1."""
        x, y = np.asarray(xy, np.float64)[..., 0], np.asarray(xy, np.float64)[..., 1]
        k1, k2, p1, p2, k3 = self.distortion
        r2 = x * x + y * y
        radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
        return np.stack(
            [
                x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
                y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
            ],
            axis=-1,
        )

    def undistort(self, xy_distorted: NDArray) -> Float:
        """Return the points (..., 2) of the plane z = 1 that the lens moves to `xy_distorted`.

        Newton's method with the exact Jacobian; a point that the lens model reaches nowhere, or only beyond
        the radius where it folds over, becomes NaN.
        """
        wanted = np.asarray(xy_distorted, np.float64)
        xy = wanted.copy()
        radial = determinant = np.ones(xy.shape[:-1])
        k1, k2, p1, p2, k3 = self.distortion
        for _ in range(UNDISTORT_STEPS):
            x, y = xy[..., 0], xy[..., 1]
            r2 = x * x + y * y
            radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
            slope = 2 * (k1 + r2 * (2 * k2 + 3 * k3 * r2))  # d radial / d x = slope * x
            dxx = radial + slope * x * x + 2 * p1 * y + 6 * p2 * x
            dyy = radial + slope * y * y + 6 * p1 * y + 2 * p2 * x
            dxy = slope * x * y + 2 * p1 * x + 2 * p2 * y
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                miss = self.distort(xy) - wanted
                determinant = dxx * dyy - dxy * dxy
                step_x = (dyy * miss[..., 0] - dxy * miss[..., 1]) / determinant
                step_y = (dxx * miss[..., 1] - dxy * miss[..., 0]) / determinant
            xy = xy - np.stack([step_x, step_y], axis=-1)
            if not np.any(np.abs(miss) > UNDISTORT_TOLERANCE):
                break
        with np.errstate(invalid="ignore", over="ignore"):
            reached = np.all(np.abs(self.distort(xy) - wanted) < 1e-9, axis=-1)
            unfolded = (radial > 0) & (determinant > 0)  # beyond the fold the model maps a side to the other
        return np.where((reached & unfolded)[..., None], xy, np.nan)

    def project(self, xyz_mm: NDArray) -> Float:
        """Return the pixels (..., 2) where points (..., 3) before the camera appear; NaN for those behind."""
        xyz = np.asarray(xyz_mm, np.float64)
        z = np.where(xyz[..., 2] > 0, xyz[..., 2], np.nan)
        return self.distort(xyz[..., :2] / z[..., None]) * (self.fx, self.fy) + (self.cx, self.cy)

    def rays(self, px: NDArray) -> Float:
        """Return the undistorted directions (..., 3), with z = 1, of pixels (..., 2)."""
        plane = (np.asarray(px, np.float64) - (self.cx, self.cy)) / (self.fx, self.fy)
        xy = self.undistort(plane)
        return np.concatenate([xy, np.ones_like(xy[..., :1])], axis=-1)

    def unproject(self, px: NDArray, z_mm: NDArray) -> Float:
        """Return the points (..., 3) in millimetres that lie at depth `z_mm` (...) under pixels (..., 2)."""
        return self.rays(px) * np.asarray(z_mm, np.float64)[..., None]

    def ray_image(self) -> Float:
        """Return `rays` of every pixel center, (height, width, 3)."""
        columns, rows = np.meshgrid(np.arange(self.width), np.arange(self.height))
        return self.rays(np.stack([columns, rows], axis=-1))


@dataclass(frozen=True, slots=True)
class RigidTransform:
    """A rotation and a translation: `xyz_b = b_from_a @ xyz_a`.

    Attributes
    ----------
    rotation : (3, 3) float64, orthonormal, determinant 1
    translation_mm : (3,) float64
    """

    rotation: Float
    translation_mm: Float

    def __post_init__(self) -> None:
        rotation = np.array(self.rotation, np.float64)
        translation = np.array(self.translation_mm, np.float64)
        if rotation.shape != (3, 3) or translation.shape != (3,):
            raise CalibrationError(
                f"wanted a (3, 3) rotation and a (3,) translation, found {rotation.shape} and "
                f"{translation.shape}"
            )
        if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-6) or np.linalg.det(rotation) < 0:
            raise CalibrationError(f"wanted a rotation matrix, found {rotation.tolist()!r}")
        rotation.setflags(write=False)
        translation.setflags(write=False)
        object.__setattr__(self, "rotation", rotation)
        object.__setattr__(self, "translation_mm", translation)

    @classmethod
    def identity(cls) -> RigidTransform:
        """Return the transform that moves nothing."""
        return cls(np.eye(3), np.zeros(3))

    @classmethod
    def from_rotation_vector(cls, rotation_vector: NDArray, translation_mm: NDArray) -> RigidTransform:
        """Return the transform of an axis times angle (radians) and a translation (Rodrigues)."""
        vector = np.asarray(rotation_vector, np.float64).reshape(3)
        angle = float(np.linalg.norm(vector))
        x, y, z = vector / angle if angle > 0 else np.zeros(3)
        cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        rotation = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
        return cls(rotation, np.asarray(translation_mm, np.float64).reshape(3))

    @property
    def angle_deg(self) -> float:
        """The size of the rotation, degrees, 0 to 180."""
        sine = np.linalg.norm(self.rotation - self.rotation.T) / np.sqrt(8)
        return float(np.degrees(np.arctan2(sine, (np.trace(self.rotation) - 1) / 2)))

    def inverse(self) -> RigidTransform:
        """Return the transform that undoes this one."""
        return RigidTransform(self.rotation.T, -self.rotation.T @ self.translation_mm)

    def apply(self, xyz_mm: NDArray) -> Float:
        """Return points (..., 3) carried into the other frame."""
        return np.asarray(xyz_mm, np.float64) @ self.rotation.T + self.translation_mm

    def __matmul__(self, other: RigidTransform) -> RigidTransform:
        """Return the transform that does `other` first, then this one."""
        return RigidTransform(
            self.rotation @ other.rotation, self.rotation @ other.translation_mm + self.translation_mm
        )
