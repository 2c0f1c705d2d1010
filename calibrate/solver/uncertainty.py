"""How well the corners determine every parameter: standard deviations from the Jacobian of all corners.

The errors of the corners of one picture are not independent: uneven light, blur or a bent board shift
neighbours alike. How much so is measured on the residuals, and widens what is stated. What all pictures
share is not seen here: a board printed at 101 % makes every length 1 % wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...capture.geometry import RigidTransform
from .normal_equations import Linearised, cross, inverse, linearise, normal_equations
from .rig_geometry import INTRINSICS, N_INTRINSICS, REFERENCE, RigGeometry, Sightings, blocks, moved

Float = NDArray[np.float64]
INLIER = 5.0  # corners farther off than this many times the noise say nothing about it
LEAST_NOISE_PX = 0.03
"""Corners are never trusted further, however small their residuals: what a detector does alike in all
pictures (blur, gamma, compression) is no noise. On rendered boards, whose noise is 0.008 to 0.016 px, it
leaves focal lengths 0.01 to 0.02 % and the depth shift 0.1 mm wrong: 3 of the deviations of noise alone."""
SMOOTH_DEGREE = 2  # errors that neighbours share are taken for polynomials over the board of that degree
N_SHIFTS = 2
MIN_SMOOTH_POINTS = 10
FACE_MM = np.array([[x, y, 1000.0] for x, y in ((0, 0), (-120, 0), (120, 0), (0, -120), (0, 120))])
STEP_SHARE = 1e-3  # derivatives are taken over this share of each unknown's standard deviation
POSE_KEYS = ("rx_deg", "ry_deg", "rz_deg", "tx_mm", "ty_mm", "tz_mm")


@dataclass(frozen=True, slots=True)
class Determined:
    """How well a geometry is determined.

    Attributes
    ----------
    covariance : (G, G) float64 of the steps that `moved` takes; huge along what no corner determines
    board_steps : (V, 6, G) float64, how the best board poses follow a step in the global unknowns
    noise_px : by camera, standard deviation of a corner coordinate in the median picture, with what the fit
        takes out of the residuals put back
    alike : by camera, the variance of errors that neighbours share over that of independent ones, >= 1; of
        shifts of the whole board or of other smooth errors, whichever is larger
    """

    covariance: Float
    board_steps: Float
    noise_px: Mapping[str, float]
    alike: Mapping[str, float]


def determine(geometry: RigGeometry, sightings: Mapping[str, Sightings], points_mm: Float) -> Determined:
    """Return how well the corners determine `geometry`, which minimises their distances.

    Weighted least squares under correlated errors: with rows J of all corners, weights W and errors of
    covariance S, the covariance is H^-1 (J' W S W J) H^-1, H = J' W J (White, Econometrica 1980). S is, in
    each picture, noise^2 (1 + (a - 1) Q Q' + (b - 1) P P'), Q a shift of the whole board, P the other
    polynomials; the figures come from the residuals r by what least squares leaves of errors,
    E r r' = (1 - J C J' W) S. On rendered pictures a is 2 to 7 and b 1 to 2; with a = b = 1 of all 95 %
    intervals 8 % fewer hold the truth. Noise below `LEAST_NOISE_PX` is not believed. 30 ms for 30 views.
    """
    rows_of: dict[str, tuple[Sightings, Linearised, Float]] = {}
    for name, seen in sightings.items():
        rows = linearise(geometry, name, seen, points_mm)
        distance = np.linalg.norm(rows.residual_px.reshape(*seen.seen.shape, 2), axis=-1)
        used = seen.seen & (distance < INLIER * seen.noise_per_view_px)
        rows_of[name] = seen, rows, np.repeat(used, 2, axis=1) / seen.noise_per_view_px**2
    equations = normal_equations(geometry, rows_of)
    system, mixed_over_view = equations.reduced()
    spread = inverse(system)
    view_spread = np.linalg.inv(equations.view_h)
    middle = np.zeros_like(spread)
    noise_px, alike, where = {}, {}, blocks(geometry)
    for name, (seen, rows, weight) in rows_of.items():
        root = np.sqrt(weight)[..., None]
        by_view = rows.by_view * root
        by_global = -by_view @ mixed_over_view[seen.view].transpose(0, 2, 1)
        by_global[..., where[name]] += rows.by_camera * root
        residual = rows.residual_px * root[..., 0]
        # What the fit takes out of the residuals.
        taken = np.einsum("vrg,gh,vrh->", by_global, spread, by_global, optimize=True)
        taken += np.einsum("vri,vij,vrj->", by_view, view_spread[seen.view], by_view, optimize=True)
        factor = float((residual**2).sum()) / max(float((weight > 0).sum() - taken), 1.0)
        noise_px[name] = float(np.median(seen.noise_px) * np.sqrt(factor))
        trusted = max(factor, (LEAST_NOISE_PX / float(np.median(seen.noise_px))) ** 2)
        middle += trusted * np.einsum("vrg,vrh->gh", by_global, by_global, optimize=True)
        smooth = np.stack([_smooth(mask, points_mm) for mask in weight > 0])
        ratios = []
        for shapes in (smooth[..., :N_SHIFTS], smooth[..., N_SHIFTS:]):
            shape_global, shape_view = (shapes.transpose(0, 2, 1) @ part for part in (by_global, by_view))
            in_shapes = float((np.einsum("vrk,vr->vk", shapes, residual) ** 2).sum())
            free = float((shapes**2).sum())
            free -= np.einsum("vkg,gh,vkh->", shape_global, spread, shape_global, optimize=True)
            free -= np.einsum("vki,vij,vkj->", shape_view, view_spread[seen.view], shape_view, optimize=True)
            ratios.append(float(max(1.0, in_shapes / free / factor)) if free > 1 and factor > 0 else 1.0)
            shared = np.einsum("vkg,vkh->gh", shape_global, shape_global, optimize=True)
            middle += trusted * (ratios[-1] - 1) * shared
        alike[name] = max(ratios)
    covariance = spread @ middle @ spread
    return Determined((covariance + covariance.T) / 2, -mixed_over_view.transpose(0, 2, 1), noise_px, alike)


def standard_deviations(geometry: RigGeometry, covariance: Float) -> dict[str, dict[str, float]]:
    """Return the standard deviation of every parameter, as `Calibration.uncertainty` names them.

    Poses are stated as the file holds them: `color_from_depth` and `thermal_from_color`, rotations about the
    axes of the camera that is arrived in.
    """
    stated: dict[str, dict[str, float]] = {}
    for name, block in blocks(geometry).items():
        part = covariance[block, block]
        deviations = np.sqrt(np.maximum(np.diag(part), 0))
        stated[name] = dict(zip(INTRINSICS, deviations[:N_INTRINSICS].tolist(), strict=True))
        if name == REFERENCE:
            continue
        pose, pose_part = geometry.from_color[name], part[N_INTRINSICS:, N_INTRINSICS:]
        key = f"{name}_from_{REFERENCE}"
        if name == "depth":
            key = f"{REFERENCE}_from_{name}"
            change = _inverse_steps(pose)
            pose_part = change @ pose_part @ change.T
        deviations = np.sqrt(np.maximum(np.diag(pose_part), 0))
        deviations[:3] = np.degrees(deviations[:3])
        stated[key] = dict(zip(POSE_KEYS, deviations.tolist(), strict=True))
    stated["face_at_1m"] = {
        f"{name}_px": value for name, value in face_errors_px(geometry, covariance).items()
    }
    return stated


def face_places_px(geometry: RigGeometry) -> Callable[[RigGeometry], dict[str, Float]]:
    """Return a function that says where another geometry puts the face points of this one, (5, 2) pixels.

    "depth" is a depth reading placed in the color picture; "thermal" a point of the color picture placed in
    the thermal one. The face points lie at 1 m, 120 mm around the middle of the color picture.
    """
    xyz_depth_mm = geometry.from_color["depth"].apply(FACE_MM)
    depth_px = geometry.cameras["depth"].project(xyz_depth_mm)
    color_px = geometry.cameras[REFERENCE].project(FACE_MM)

    def places_px(other: RigGeometry) -> dict[str, Float]:
        on_depth_rays = other.cameras["depth"].unproject(depth_px, xyz_depth_mm[:, 2])
        in_color = other.from_color["depth"].inverse().apply(on_depth_rays)
        places = {"depth": other.cameras[REFERENCE].project(in_color)}
        if "thermal" in other.cameras:
            on_color_rays = other.cameras[REFERENCE].unproject(color_px, FACE_MM[:, 2])
            in_thermal = other.from_color["thermal"].apply(on_color_rays)
            places["thermal"] = other.cameras["thermal"].project(in_thermal)
        return places

    return places_px


def face_errors_px(geometry: RigGeometry, covariance: Float) -> dict[str, float]:
    """Return how uncertain the corners leave the place of a face at 1 m, one standard deviation, pixels.

    By camera, as `face_places_px` names them; the largest of the five points, both coordinates together.
    """
    places_px = face_places_px(geometry)
    steps = np.diag(STEP_SHARE * np.sqrt(np.maximum(np.diag(covariance), 1e-30)))
    ahead, behind = ([places_px(moved(geometry, sign * step)) for step in steps] for sign in (1, -1))
    errors = {}
    for name in places_px(geometry):
        change = np.stack([(a[name] - b[name]) / 2 for a, b in zip(ahead, behind, strict=True)], axis=-1)
        slope = change / steps.diagonal()  # (5, 2, G)
        variance = np.einsum("pcg,gh,pch->p", slope, covariance, slope, optimize=True)
        errors[name] = float(np.sqrt(np.nan_to_num(variance, nan=np.inf).max()))
    return errors


def _inverse_steps(pose: RigidTransform) -> Float:
    """Return the matrix (6, 6) that turns a step of `pose` into the step of its inverse.

    A step is a rotation vector, applied after the rotation, and a translation.
    """
    back = pose.rotation.T
    change = np.zeros((6, 6))
    change[:3, :3] = -back
    change[3:, :3] = -back @ cross(pose.translation_mm)
    change[3:, 3:] = -back
    return change


def _smooth(used: NDArray[np.bool_], points_mm: Float) -> Float:
    """Return orthonormal shapes (2N, K) of errors that vary smoothly over the used points of one picture.

    The first two shift all points alike. All zero where too few points were seen.
    """
    mask = used[::2]
    xy = points_mm[:, :2] / max(float(np.abs(points_mm).max()), 1e-9)
    powers = [(n - j, j) for n in range(SMOOTH_DEGREE + 1) for j in range(n + 1)]
    shapes = np.zeros((len(points_mm), 2, len(powers), 2))
    if mask.sum() >= MIN_SMOOTH_POINTS:
        columns = np.stack([xy[:, 0] ** i * xy[:, 1] ** j for i, j in powers], axis=1)
        left, right = np.linalg.qr(columns[mask])
        sizes = np.abs(np.diag(right))
        left = np.where(sizes > 1e-6 * sizes[0], left, 0.0)
        shapes[mask, 0, :, 0] = left
        shapes[mask, 1, :, 1] = left
    return shapes.reshape(2 * len(points_mm), 2 * len(powers))
