"""Bundle adjustment of a rig: cameras, their poses and the board's poses that best explain all corners.

Levenberg-Marquardt with exact derivatives on the normal equations; the board poses are eliminated (Schur
complement; Triggs et al., Bundle Adjustment, 1999, section 6), which leaves 39 unknowns for three cameras
and gives their covariance on the way. One step costs about 4 ms for 40 views; scipy's least_squares reaches
the same minimum (tested) but factors a (13000, 280) Jacobian per step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..capture.geometry import Intrinsics, RigidTransform

Float = NDArray[np.float64]
REFERENCE = "color"
N_INTRINSICS, N_POSE = 9, 6
MAX_STEPS = 60
CONVERGED = 1e-9  # relative fall of the cost in one step
SOFT_LIMIT = 3.0  # residuals beyond this many times the corner noise count linearly (soft_l1)


@dataclass(frozen=True, slots=True)
class Sightings:
    """The corners that one camera saw.

    Attributes
    ----------
    view : (V,) int64, which views they are of
    corners_px : (V, N, 2) float64
    noise_px : float, standard deviation of a corner coordinate
    """

    view: NDArray[np.int64]
    corners_px: Float
    noise_px: float = 0.1


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

    def residuals_px(self, camera: str, seen: Sightings, points_mm: Float) -> Float:
        """Return predicted minus found corners, (V, N, 2) pixels; NaN for a board behind the camera."""
        poses = [self.color_from_board[view] for view in seen.view]
        if camera in self.from_color:
            poses = [self.from_color[camera] @ pose for pose in poses]
        xyz = np.stack([pose.apply(points_mm) for pose in poses])
        return self.cameras[camera].project(xyz) - seen.corners_px


@dataclass(frozen=True, slots=True)
class Refinement:
    """The best geometry, and how well the corners determine it.

    Attributes
    ----------
    geometry : RigGeometry
    cost : float, sum of the robust squared residuals in units of the corner noise
    covariance : (G, G) float64 of the steps that `moved` takes; huge along what no corner determines
    """

    geometry: RigGeometry
    cost: float
    covariance: Float


def refine(start: RigGeometry, sightings: Mapping[str, Sightings], points_mm: Float) -> Refinement:
    """Return the geometry near `start` that minimises the robust (soft_l1) squared distance of all corners.

    Parameters
    ----------
    start : RigGeometry, good to some tens of pixels
    sightings : by camera name; a view that none of them is of keeps its pose
    points_mm : (N, 3) float64, the board's corners
    """
    geometry, damping = start, 1e-3
    equations = _normal_equations(geometry, sightings, points_mm)
    for _ in range(MAX_STEPS):
        global_step, view_steps = equations.solve(damping)
        candidate = moved(geometry, global_step, view_steps)
        cost = robust_cost(candidate, sightings, points_mm)
        if cost < equations.cost:
            fall = (equations.cost - cost) / equations.cost
            geometry, damping = candidate, max(damping / 10, 1e-12)
            equations = _normal_equations(geometry, sightings, points_mm)
            if fall < CONVERGED:
                break
        elif damping > 1e8:
            break
        else:
            damping *= 10
    return Refinement(geometry, equations.cost, equations.covariance())


def moved(geometry: RigGeometry, global_step: Float, view_steps: Float | None = None) -> RigGeometry:
    """Return `geometry` after a step in all its unknowns.

    Parameters
    ----------
    global_step : (G,) float64: per camera fx, fy, cx, cy, k1, k2, p1, p2, k3; then, but for color, a
        rotation vector (radians, applied after the old rotation) and a translation (mm)
    view_steps : (V, 6) float64, rotation vector and translation of each board pose
    """
    cameras, from_color, at = {}, dict(geometry.from_color), 0
    for name, camera in geometry.cameras.items():
        cameras[name] = _intrinsics(camera, _vector(camera) + global_step[at : at + N_INTRINSICS])
        at += N_INTRINSICS
        if name != REFERENCE:
            from_color[name] = _moved_pose(geometry.from_color[name], global_step[at : at + N_POSE])
            at += N_POSE
    poses = geometry.color_from_board
    if view_steps is not None:
        poses = tuple(_moved_pose(pose, step) for pose, step in zip(poses, view_steps, strict=True))
    return RigGeometry(cameras, from_color, poses)


def robust_cost(geometry: RigGeometry, sightings: Mapping[str, Sightings], points_mm: Float) -> float:
    """Return the sum over corners of 2 s^2 (sqrt(1 + d^2 / s^2) - 1), d in units of the corner noise.

    Infinite where a board lies behind a camera.
    """
    cost = 0.0
    for name, seen in sightings.items():
        distance2 = (geometry.residuals_px(name, seen, points_mm) ** 2).sum(-1) / seen.noise_px**2
        cost += float((2 * SOFT_LIMIT**2 * (np.sqrt(1 + distance2 / SOFT_LIMIT**2) - 1)).sum())
    return cost if np.isfinite(cost) else float("inf")


@dataclass(frozen=True, slots=True)
class _NormalEquations:
    """H step = -g in blocks: G global unknowns, and 6 unknowns for each of V views."""

    cost: float
    global_h: Float  # (G, G)
    mixed_h: Float  # (V, G, 6)
    view_h: Float  # (V, 6, 6)
    global_g: Float  # (G,)
    view_g: Float  # (V, 6)

    def reduced(self, damping: float) -> tuple[Float, Float]:
        """Return the system in the global unknowns alone, and mixed_h @ inverse(view_h)."""
        view_over_mixed = np.linalg.solve(_damped(self.view_h, damping), self.mixed_h.transpose(0, 2, 1))
        mixed_over_view = np.asarray(view_over_mixed, np.float64).transpose(0, 2, 1)
        schur = np.einsum("vgk,vhk->gh", mixed_over_view, self.mixed_h)
        return _damped(self.global_h, damping) - schur, mixed_over_view

    def solve(self, damping: float) -> tuple[Float, Float]:
        """Return the damped Gauss-Newton step, (G,) and (V, 6)."""
        system, mixed_over_view = self.reduced(damping)
        gradient = self.global_g - np.einsum("vgk,vk->g", mixed_over_view, self.view_g)
        global_step = -_inverse(system) @ gradient
        rest = -self.view_g - np.einsum("vgk,g->vk", self.mixed_h, global_step)
        view_steps = np.linalg.solve(_damped(self.view_h, damping), rest[..., None])[..., 0]
        return global_step, np.asarray(view_steps, np.float64)

    def covariance(self) -> Float:
        """Return the covariance (G, G) of the global unknowns."""
        return _inverse(self.reduced(0.0)[0])


def _normal_equations(
    geometry: RigGeometry, sightings: Mapping[str, Sightings], points_mm: Float
) -> _NormalEquations:
    n_views, n_cameras = len(geometry.color_from_board), len(geometry.cameras)
    n_global = N_INTRINSICS * n_cameras + N_POSE * (n_cameras - 1)
    equations = _NormalEquations(
        robust_cost(geometry, sightings, points_mm),
        np.zeros((n_global, n_global)),
        np.zeros((n_views, n_global, 6)),
        np.zeros((n_views, 6, 6)),
        np.zeros(n_global),
        np.zeros((n_views, 6)),
    )
    at = 0
    for name in geometry.cameras:
        width = N_INTRINSICS + (N_POSE if name != REFERENCE else 0)
        if name in sightings:
            seen, block = sightings[name], slice(at, at + width)
            residual, by_camera, by_view = _linearised(geometry, name, seen, points_mm)
            distance2 = (residual**2).sum(-1) / seen.noise_px**2
            weight = 1 / np.sqrt(1 + distance2 / SOFT_LIMIT**2) / seen.noise_px**2
            # One row per coordinate of a corner: (V, 2N, ...).
            flat = (len(seen.view), -1)
            residual = residual.reshape(*flat)
            weighted = np.repeat(weight, 2, axis=1)
            by_camera, by_view = by_camera.reshape(*flat, width), by_view.reshape(*flat, N_POSE)
            camera_w = by_camera * weighted[..., None]
            equations.global_h[block, block] += np.einsum("vng,vnh->gh", camera_w, by_camera, optimize=True)
            equations.global_g[block] += np.einsum("vng,vn->g", camera_w, residual)
            equations.mixed_h[seen.view, block] += camera_w.transpose(0, 2, 1) @ by_view
            view_w = (by_view * weighted[..., None]).transpose(0, 2, 1)
            equations.view_h[seen.view] += view_w @ by_view
            equations.view_g[seen.view] += (view_w @ residual[..., None])[..., 0]
        at += width
    equations.view_h[~equations.view_h.any(axis=(1, 2))] = np.eye(6)  # a view that nobody saw stays put
    return equations


def _linearised(
    geometry: RigGeometry, name: str, seen: Sightings, points_mm: Float
) -> tuple[Float, Float, Float]:
    """Return residuals (V, N, 2) and their derivatives by the camera's unknowns and by the board poses."""
    rotation = np.stack([geometry.color_from_board[view].rotation for view in seen.view])
    offset = np.stack([geometry.color_from_board[view].translation_mm for view in seen.view])
    on_board = points_mm @ rotation.transpose(0, 2, 1)
    xyz_color = on_board + offset[:, None]
    pose = geometry.from_color.get(name, RigidTransform.identity())
    turned = xyz_color @ pose.rotation.T
    px, by_xyz, by_intrinsics = _projected(geometry.cameras[name], turned + pose.translation_mm)
    by_color = by_xyz @ pose.rotation
    by_view = np.concatenate([-by_color @ _cross(on_board), by_color], axis=-1)
    by_camera = by_intrinsics
    if name != REFERENCE:
        by_camera = np.concatenate([by_intrinsics, -by_xyz @ _cross(turned), by_xyz], axis=-1)
    return px - seen.corners_px, by_camera, by_view


def _projected(camera: Intrinsics, xyz: Float) -> tuple[Float, Float, Float]:
    """Return pixels (..., 2), their derivatives by the point (..., 2, 3) and by intrinsics (..., 2, 9)."""
    x, y, inverse_z = xyz[..., 0] / xyz[..., 2], xyz[..., 1] / xyz[..., 2], 1 / xyz[..., 2]
    k1, k2, p1, p2, k3 = camera.distortion
    r2 = x * x + y * y
    radial, slope = 1 + r2 * (k1 + r2 * (k2 + r2 * k3)), 2 * (k1 + r2 * (2 * k2 + 3 * k3 * r2))
    plane = camera.distort(np.stack([x, y], axis=-1))
    xx = camera.fx * (radial + slope * x * x + 2 * p1 * y + 6 * p2 * x)
    xy = slope * x * y + 2 * p1 * x + 2 * p2 * y
    yy = camera.fy * (radial + slope * y * y + 6 * p1 * y + 2 * p2 * x)
    by_xyz = np.empty((*x.shape, 2, 3))
    by_xyz[..., 0, 0], by_xyz[..., 0, 1] = xx * inverse_z, camera.fx * xy * inverse_z
    by_xyz[..., 1, 0], by_xyz[..., 1, 1] = camera.fy * xy * inverse_z, yy * inverse_z
    by_xyz[..., 2] = -(by_xyz[..., 0] * x[..., None] + by_xyz[..., 1] * y[..., None])
    by_intrinsics = np.zeros((*x.shape, 2, N_INTRINSICS))
    by_intrinsics[..., 0, 0], by_intrinsics[..., 1, 1] = plane[..., 0], plane[..., 1]
    by_intrinsics[..., 0, 2] = by_intrinsics[..., 1, 3] = 1
    for row, (f, a) in enumerate(((camera.fx, x), (camera.fy, y))):
        by_intrinsics[..., row, 4], by_intrinsics[..., row, 5] = f * a * r2, f * a * r2**2
        by_intrinsics[..., row, 8] = f * a * r2**3
        straight, crossed = f * (r2 + 2 * a * a), f * 2 * x * y
        by_intrinsics[..., row, 6] = crossed if row == 0 else straight
        by_intrinsics[..., row, 7] = straight if row == 0 else crossed
    px = plane * (camera.fx, camera.fy) + (camera.cx, camera.cy)
    return px, by_xyz, by_intrinsics


def _cross(xyz: Float) -> Float:
    """Return the matrices (..., 3, 3) that multiply like the cross product with `xyz` from the left."""
    x, y, z = np.moveaxis(xyz, -1, 0)
    zero = np.zeros_like(x)
    return np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(*x.shape, 3, 3)


def _inverse(matrix: Float) -> Float:
    """Return the inverse of a symmetric matrix of mixed units; finite, but huge, where it has none."""
    scale = 1 / np.sqrt(np.maximum(np.diag(matrix), 1e-30))
    values, vectors = np.linalg.eigh(matrix * scale[:, None] * scale)
    values = np.maximum(values, 1e-14 * float(values[-1]))
    return np.asarray((scale[:, None] * vectors / values) @ (vectors.T * scale), np.float64)


def _damped(matrix: Float, damping: float) -> Float:
    """Return the matrices with their diagonals grown by the share `damping` (Marquardt 1963)."""
    diagonal = np.einsum("...ii->...i", matrix)
    return matrix + damping * np.eye(matrix.shape[-1]) * diagonal[..., None]


def _vector(camera: Intrinsics) -> Float:
    return np.array([camera.fx, camera.fy, camera.cx, camera.cy, *camera.distortion])


def _intrinsics(camera: Intrinsics, vector: Float) -> Intrinsics:
    fx, fy, cx, cy, k1, k2, p1, p2, k3 = (float(value) for value in vector)
    return Intrinsics(camera.width, camera.height, fx, fy, cx, cy, (k1, k2, p1, p2, k3))


def _moved_pose(pose: RigidTransform, step: Float) -> RigidTransform:
    turn = RigidTransform.from_rotation_vector(step[:3], np.zeros(3)).rotation
    left, _, right = np.linalg.svd(turn @ pose.rotation)  # keeps it a rotation over many steps
    return RigidTransform(left @ right, pose.translation_mm + step[3:])
