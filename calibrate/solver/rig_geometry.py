"""What is solved for, and what it is solved from: cameras, their poses, board poses, and corners seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...capture.geometry import Intrinsics, RigidTransform

Float = NDArray[np.float64]
REFERENCE = "color"
N_INTRINSICS, N_POSE = 9, 6
INTRINSICS = ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2", "k3")


@dataclass(frozen=True, slots=True)
class Sightings:
    """The corners that one camera saw.

    Attributes
    ----------
    view : (V,) int64, which views they are of
    corners_px : (V, N, 2) float64, NaN for a corner that was not seen
    noise_px : float or (V,) float64, standard deviation of a corner coordinate, of all or of each picture
    """

    view: NDArray[np.int64]
    corners_px: Float
    noise_px: float | Float = 0.1

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Which corners were seen, (V, N)."""
        return np.asarray(np.isfinite(self.corners_px).all(axis=-1))

    @property
    def noise_per_view_px(self) -> Float:
        """The noise of each picture, (V, 1)."""
        return np.broadcast_to(np.reshape(self.noise_px, (-1, 1)), (len(self.view), 1))


@dataclass(frozen=True, slots=True)
class RigGeometry:
    """Everything that is solved for.

    Attributes
    ----------
    cameras : intrinsics by camera name; "color" is the reference
    from_color : pose of every other camera
    color_from_board : one pose per view
    """

    cameras: Mapping[str, Intrinsics]
    from_color: Mapping[str, RigidTransform]
    color_from_board: tuple[RigidTransform, ...]

    def pose(self, camera: str) -> RigidTransform:
        """Return the transform from the color camera's frame into that of `camera`."""
        return self.from_color.get(camera, RigidTransform.identity())

    def predicted_px(self, camera: str, view: NDArray[np.int64], points_mm: Float) -> Float:
        """Return where the points of the board appear in the given views, (V, N, 2) pixels.

        NaN for points behind the camera.
        """
        pose, boards = self.pose(camera), [self.color_from_board[i] for i in view]
        rotation = pose.rotation @ np.stack([board.rotation for board in boards])
        at = np.stack([board.translation_mm for board in boards]) @ pose.rotation.T + pose.translation_mm
        return self.cameras[camera].project(points_mm @ rotation.transpose(0, 2, 1) + at[:, None])

    def residuals_px(self, camera: str, seen: Sightings, points_mm: Float) -> Float:
        """Return predicted minus found corners, (V, N, 2) pixels.

        NaN for a corner that was not seen, infinite for one that lies behind the camera.
        """
        residual = self.predicted_px(camera, seen.view, points_mm) - seen.corners_px
        behind = seen.seen & np.isnan(residual).any(axis=-1)
        return np.where(behind[..., None], np.inf, residual)


def moved(geometry: RigGeometry, global_step: Float, view_steps: Float | None = None) -> RigGeometry:
    """Return `geometry` after a step in all its unknowns.

    Parameters
    ----------
    global_step : (G,) float64: per camera fx, fy, cx, cy, k1, k2, p1, p2, k3; then, but for color, a
        rotation vector (radians, applied after the old rotation) and a translation (mm)
    view_steps : (V, 6) float64, rotation vector and translation of each board pose
    """
    cameras, from_color = {}, dict(geometry.from_color)
    for name, block in blocks(geometry).items():
        step = global_step[block]
        cameras[name] = _intrinsics(geometry.cameras[name], step[:N_INTRINSICS])
        if name != REFERENCE:
            from_color[name] = _moved_pose(geometry.from_color[name], step[N_INTRINSICS:])
    poses = geometry.color_from_board
    if view_steps is not None:
        poses = tuple(_moved_pose(pose, step) for pose, step in zip(poses, view_steps, strict=True))
    return RigGeometry(cameras, from_color, poses)


def blocks(geometry: RigGeometry) -> dict[str, slice]:
    """Return where the unknowns of each camera lie in the vector of all (G,) global unknowns."""
    at, found = 0, {}
    for name in geometry.cameras:
        width = N_INTRINSICS + (N_POSE if name != REFERENCE else 0)
        found[name] = slice(at, at + width)
        at += width
    return found


def _intrinsics(camera: Intrinsics, step: Float) -> Intrinsics:
    now = np.array([camera.fx, camera.fy, camera.cx, camera.cy, *camera.distortion])
    fx, fy, cx, cy, k1, k2, p1, p2, k3 = (float(value) for value in now + step)
    return Intrinsics(camera.width, camera.height, fx, fy, cx, cy, (k1, k2, p1, p2, k3))


def _moved_pose(pose: RigidTransform, step: Float) -> RigidTransform:
    turn = RigidTransform.from_rotation_vector(step[:3], np.zeros(3)).rotation
    left, _, right = np.linalg.svd(turn @ pose.rotation)  # keeps it a rotation over many steps
    return RigidTransform(left @ right, pose.translation_mm + step[3:])
