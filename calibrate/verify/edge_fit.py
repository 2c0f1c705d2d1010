"""How a camera has turned, to a fraction of a pixel: a robust fit of a picture's edges to the rims of depth.

Pure functions on arrays. The edges are found to a pixel before, by voting (edges.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ...capture.geometry import Intrinsics, RigidTransform
from .contours import Contours
from .edges import MIN_POINTS, Slopes, best_shift, expected_edges, find_slopes, reach_px, vote

Float = NDArray[np.float64]
MIN_EDGE = 0.3
STEP_PX = 0.5
WIDTHS_PX = (5.0, 3.5, 2.5, 2.0, 2.0)  # windows of the fit's rounds, each about what was found before
FOUND_SHARE = 0.5  # of the points must find an edge
GOOD_SHARE = 0.6  # of the points on the fit; with fewer, turned starts are tried, too
ROLL_STARTS_DEG = (-1.5, 1.5, -3.0, 3.0)
PRIOR = (1.0, 1.0, 5e3, 1e-4)
"""As strong as points one pixel off: four of them for 1.5 degrees of roll, hardly any for the rest."""


@dataclass(frozen=True, slots=True)
class Offset:
    """How far the edges of one picture lie from where they are expected.

    Attributes
    ----------
    px : (2,) float64, found minus expected, the mean over the rims; positive is right and down
    sd_px : (2,) float64, standard deviations as the fit's residuals tell them
    turn_deg : (3,) float64, the rotation of the scene about the camera's axes x, y, z that explains it
    widening_px : float, how far the edges lie outside of the rims on all sides alike
    share : float in [0, 1], of the points whose edge lies within a pixel of the smaller picture of the fit
    n_points : int, that the camera sees
    z_mm : float, the median distance of the rims along the camera's axis
    """

    px: Float
    sd_px: Float
    turn_deg: Float
    widening_px: float
    share: float
    n_points: int
    z_mm: float


def find_offset(
    picture: NDArray,
    contours: Contours,
    camera: Intrinsics,
    camera_from_depth: RigidTransform,
    *,
    factor: int,
) -> Offset | None:
    """Return how far the edges of a picture lie from the rims; None where none fit; 0.1 s for 1080p.

    Votes and fits. Where the fit is poor the camera may have rolled, which blurs the votes; then turned
    starts are tried, and the best fit is taken.
    """
    slopes = find_slopes(picture, factor=factor)
    reach = reach_px(camera, factor=factor)
    best = None
    for roll_deg in (0.0, *ROLL_STARTS_DEG):
        roll = RigidTransform.from_rotation_vector(np.array([0, 0, np.radians(roll_deg)]), np.zeros(3))
        expected = expected_edges(contours, camera, roll @ camera_from_depth)
        if expected.inside.sum() < MIN_POINTS:
            continue
        shift_px = best_shift(vote(expected, slopes, reach=reach), factor=factor)
        if shift_px is None:
            continue
        ry, rx = shift_px / (camera.fx, -camera.fy)
        turn = RigidTransform.from_rotation_vector(np.array([rx, ry, 0.0]), np.zeros(3))
        found = fit(contours, camera, camera_from_depth, slopes, start=turn @ roll)
        if found is not None and (best is None or found.share > best.share):
            best = found
        if best is not None and best.share > GOOD_SHARE:
            break
    return best


def fit(
    contours: Contours,
    camera: Intrinsics,
    camera_from_depth: RigidTransform,
    slopes: Slopes,
    *,
    start: RigidTransform,
) -> Offset | None:
    """Return how far the edges lie, looked for near the turn `start`; None where too few points find one.

    Each point looks along its normal for an edge (Harris and Stennett 1990, "RAPID", sec. 3); least squares
    with Tukey's weights find the rotation of the camera that brings the points there. A widening is fitted
    beside it, so that rims that lie too far inside on all sides, as those of depth pictures do, turn nothing.
    """
    turned, widening = start, 0.0
    covariance, share = np.eye(4), 0.0
    expected = expected_edges(contours, camera, turned @ camera_from_depth)
    for width in WIDTHS_PX:
        if expected.inside.sum() < MIN_POINTS:
            return None
        seen = expected.inside
        outward, xyz = expected.outward[seen], expected.xyz_mm[seen]
        at = slopes.small(expected.px[seen]) + widening * outward
        place, strength = _edges_along(slopes, at, outward, width)
        if np.isfinite(place).mean() < FOUND_SHARE:
            return None
        moves = _moves(camera, xyz) / slopes.factor  # (N, 2, 3), small pixels per radian
        design = np.column_stack([(moves * outward[..., None]).sum(1), np.ones(len(at))])
        roll = float(cv2.Rodrigues(turned.rotation)[0][2, 0])
        change, covariance = _robust(design, place, strength, width, roll=roll)
        share = float((np.abs(place - design @ change) < 1).mean())
        turned = RigidTransform.from_rotation_vector(change[:3], np.zeros(3)) @ turned
        widening += float(change[3])
        expected = expected_edges(contours, camera, turned @ camera_from_depth)
    return _offset(contours, camera, camera_from_depth, turned, widening * slopes.factor, covariance, share)


def _offset(contours, camera, camera_from_depth, turned, widening_px, covariance, share) -> Offset | None:
    """Return what the fit found, in the camera's own pixels."""
    before = expected_edges(contours, camera, camera_from_depth)
    after = expected_edges(contours, camera, turned @ camera_from_depth)
    seen = before.inside & after.inside
    if seen.sum() < MIN_POINTS:
        return None
    moves = _moves(camera, after.xyz_mm[seen]).mean(axis=0)
    sd_px = np.sqrt(np.diag(moves @ covariance[:3, :3] @ moves.T))
    vector, _ = cv2.Rodrigues(turned.rotation)
    return Offset(
        px=(after.px[seen] - before.px[seen]).mean(axis=0),
        sd_px=sd_px,
        turn_deg=np.degrees(vector[:, 0]),
        widening_px=widening_px,
        share=share,
        n_points=int(seen.sum()),
        z_mm=float(np.median(before.xyz_mm[seen, 2])),
    )


def _moves(camera: Intrinsics, xyz_mm: Float) -> Float:
    """Return how points' pixels move (N, 2, 3) per radian of a rotation about x, y, z."""
    small = 1e-5
    at = camera.project(xyz_mm)
    turned = [camera.project(xyz_mm + small * np.cross(axis, xyz_mm)) for axis in np.eye(3)]
    return np.stack([(px - at) / small for px in turned], axis=-1)


def _edges_along(slopes: Slopes, at: Float, outward: Float, width: float) -> tuple[Float, Float]:
    """Return where along `outward` the strongest edge within `width` lies (N,), NaN for none; its strength.

    The nearer of two edges that are as strong wins.
    """
    s = np.arange(-width - STEP_PX, width + 1.5 * STEP_PX, STEP_PX)
    places = (at[:, None] + s[:, None] * outward[:, None]).astype(np.float32)
    x, y = (
        np.stack(
            [
                cv2.remap(np.ascontiguousarray(part[..., channel]), places, None, cv2.INTER_LINEAR)  # type: ignore[call-overload]
                for channel in range(part.shape[2])
            ],
            axis=-1,
        )
        for part in (slopes.x, slopes.y)
    )
    profile = slopes.strength(x, y, outward[:, None])
    inner = profile[:, 1:-1]
    peak = (inner >= profile[:, :-2]) & (inner > profile[:, 2:]) & (inner > MIN_EDGE)
    value = np.where(peak, inner * np.exp(-0.5 * (s[1:-1] / width) ** 2), 0)
    best, rows = value.argmax(axis=1), np.arange(len(at))
    before, top, after = profile[rows, best], inner[rows, best], profile[rows, best + 2]
    bend = before - 2 * top + after
    part = 0.5 * (before - after) / np.where(bend < 0, bend, -np.inf)  # the top of the parabola
    return np.where(value[rows, best] > 0, s[best + 1] + STEP_PX * np.clip(part, -0.5, 0.5), np.nan), top


def _robust(
    design: Float, place: Float, strength: Float, width: float, *, roll: float
) -> tuple[Float, Float]:
    """Return the least-squares solution (4,) with Tukey's weights, and its covariance (4, 4).

    A weak prior keeps what the points do not determine at 0: the outline of a ball does not tell a roll from
    a shift. `roll` is the one found so far, radians.
    """
    found = np.isfinite(place)
    weight, place = np.where(found, strength, 0.0), np.nan_to_num(place)
    prior = np.diag(PRIOR)
    pull = np.array([0.0, 0.0, -PRIOR[2] * roll, 0.0])
    solution, normal = np.zeros(4), prior
    residual, robust = place, weight
    for _ in range(6):
        scale = max(1.4826 * float(np.median(np.abs(residual[found]))), 0.15)
        u = np.minimum(np.abs(residual) / min(4.7 * scale, 1.5 * width), 1)
        robust = weight * (1 - u * u) ** 2
        normal = design.T @ (robust[:, None] * design) + prior
        solution = np.linalg.solve(normal, design.T @ (robust * place) + pull)
        residual = place - design @ solution
    variance = float((robust * residual**2).sum() / max(robust.sum() - 4, 1.0))
    return np.asarray(solution, np.float64), np.asarray(np.linalg.inv(normal) * variance, np.float64)
