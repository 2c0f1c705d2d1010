"""The linear system that one step of refine.py solves: exact derivatives of all corners, in blocks.

The board poses are eliminated (Schur complement; Triggs et al., Bundle Adjustment, 1999, section 6), which
leaves 39 unknowns for three cameras.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...capture.geometry import Intrinsics
from .rig_geometry import N_INTRINSICS, REFERENCE, RigGeometry, Sightings, blocks

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Linearised:
    """Residuals of one camera and their derivatives, one row per coordinate of a corner.

    Attributes
    ----------
    residual_px : (V, 2N) float64, 0 where a corner was not seen
    by_camera : (V, 2N, C) float64, by the camera's intrinsics and, but for color, its pose
    by_view : (V, 2N, 6) float64, by the board's pose
    seen : (V, 2N) bool
    """

    residual_px: Float
    by_camera: Float
    by_view: Float
    seen: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class NormalEquations:
    """H step = -g in blocks: G global unknowns, and 6 unknowns for each of V views."""

    global_h: Float  # (G, G)
    mixed_h: Float  # (V, G, 6)
    view_h: Float  # (V, 6, 6)
    global_g: Float  # (G,)
    view_g: Float  # (V, 6)

    def reduced(self, damping: float = 0.0) -> tuple[Float, Float]:
        """Return the system in the global unknowns alone (G, G), and mixed_h @ inverse(view_h) (V, G, 6)."""
        view_over_mixed = np.linalg.solve(_damped(self.view_h, damping), self.mixed_h.transpose(0, 2, 1))
        mixed_over_view = np.asarray(view_over_mixed, np.float64).transpose(0, 2, 1)
        schur = np.einsum("vgk,vhk->gh", mixed_over_view, self.mixed_h, optimize=True)
        return _damped(self.global_h, damping) - schur, mixed_over_view

    def solve(self, damping: float) -> tuple[Float, Float]:
        """Return the damped Gauss-Newton step, (G,) and (V, 6)."""
        system, mixed_over_view = self.reduced(damping)
        gradient = self.global_g - np.einsum("vgk,vk->g", mixed_over_view, self.view_g)
        global_step = -inverse(system) @ gradient
        rest = -self.view_g - np.einsum("vgk,g->vk", self.mixed_h, global_step)
        view_steps = np.linalg.solve(_damped(self.view_h, damping), rest[..., None])[..., 0]
        return global_step, np.asarray(view_steps, np.float64)


def normal_equations(
    geometry: RigGeometry, linearised: Mapping[str, tuple[Sightings, Linearised, Float]]
) -> NormalEquations:
    """Return the normal equations of all cameras.

    Parameters
    ----------
    linearised : by camera name: what it saw, its derivatives, and the weight of every row (V, 2N)
    """
    where = blocks(geometry)
    n_views, n_global = len(geometry.color_from_board), sum(b.stop - b.start for b in where.values())
    equations = NormalEquations(
        np.zeros((n_global, n_global)),
        np.zeros((n_views, n_global, 6)),
        np.zeros((n_views, 6, 6)),
        np.zeros(n_global),
        np.zeros((n_views, 6)),
    )
    for name, (seen, rows, weight) in linearised.items():
        block = where[name]
        camera_w = (rows.by_camera * weight[..., None]).transpose(0, 2, 1)
        view_w = (rows.by_view * weight[..., None]).transpose(0, 2, 1)
        equations.global_h[block, block] += (camera_w @ rows.by_camera).sum(axis=0)
        equations.global_g[block] += (camera_w @ rows.residual_px[..., None])[..., 0].sum(axis=0)
        equations.mixed_h[seen.view, block] += camera_w @ rows.by_view
        equations.view_h[seen.view] += view_w @ rows.by_view
        equations.view_g[seen.view] += (view_w @ rows.residual_px[..., None])[..., 0]
    equations.view_h[~equations.view_h.any(axis=(1, 2))] = np.eye(6)  # a view that nobody saw stays put
    return equations


def linearise(geometry: RigGeometry, name: str, seen: Sightings, points_mm: Float) -> Linearised:
    """Return the residuals of one camera's corners, and their exact derivatives."""
    rotation = np.stack([geometry.color_from_board[view].rotation for view in seen.view])
    offset = np.stack([geometry.color_from_board[view].translation_mm for view in seen.view])
    on_board = points_mm @ rotation.transpose(0, 2, 1)
    xyz_color = on_board + offset[:, None]
    pose = geometry.pose(name)
    turned = xyz_color @ pose.rotation.T
    px, by_xyz, by_intrinsics = _projected(geometry.cameras[name], turned + pose.translation_mm)
    by_color = by_xyz @ pose.rotation
    by_view = np.concatenate([-by_color @ cross(on_board), by_color], axis=-1)
    by_camera = by_intrinsics
    if name != REFERENCE:
        by_camera = np.concatenate([by_intrinsics, -by_xyz @ cross(turned), by_xyz], axis=-1)
    n_views = len(seen.view)
    return Linearised(
        np.where(seen.seen[..., None], px - seen.corners_px, 0.0).reshape(n_views, -1),
        by_camera.reshape(n_views, -1, by_camera.shape[-1]),
        by_view.reshape(n_views, -1, 6),
        np.repeat(seen.seen, 2, axis=1),
    )


def inverse(matrix: Float) -> Float:
    """Return the inverse of a symmetric matrix of mixed units; finite, but huge, where it has none."""
    scale = 1 / np.sqrt(np.maximum(np.diag(matrix), 1e-30))
    values, vectors = np.linalg.eigh(matrix * scale[:, None] * scale)
    values = np.maximum(values, 1e-14 * float(values[-1]))
    return np.asarray((scale[:, None] * vectors / values) @ (vectors.T * scale), np.float64)


def cross(xyz: Float) -> Float:
    """Return the matrices (..., 3, 3) that multiply like the cross product with `xyz` from the left."""
    x, y, z = np.moveaxis(xyz, -1, 0)
    zero = np.zeros_like(x)
    return np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(*x.shape, 3, 3)


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


def _damped(matrix: Float, damping: float) -> Float:
    """Return the matrices with their diagonals grown by the share `damping` (Marquardt 1963)."""
    if damping == 0:
        return matrix
    diagonal = np.einsum("...ii->...i", matrix)
    return matrix + damping * np.eye(matrix.shape[-1]) * diagonal[..., None]
