"""Bundle adjustment of a rig: cameras, their poses and the board's poses that best explain all corners.

Levenberg-Marquardt with exact derivatives on the normal equations (normal_equations.py): 0.06 s from a
first guess of 30 views. scipy's least_squares reaches the same minimum (tested), with the same derivatives
in 1.8 s, because it factors a (8000, 219) Jacobian in every step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .normal_equations import Linearised, inverse, linearise, normal_equations
from .rig_geometry import RigGeometry, Sightings, moved

Float = NDArray[np.float64]
MAX_STEPS = 60
CONVERGED = 1e-9  # relative fall of the cost in one step
SOFT_LIMIT = 3.0  # residuals beyond this many times the corner noise count linearly (soft_l1)


@dataclass(frozen=True, slots=True)
class Refinement:
    """The best geometry.

    Attributes
    ----------
    geometry : RigGeometry
    cost : float, sum of the robust squared residuals in units of the corner noise
    covariance : (G, G) float64 of the steps that `moved` takes, if the corners' errors are independent and as
        large as was said (`uncertainty.determine` asks less); huge along what no corner determines
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
    cost = robust_cost(geometry, sightings, points_mm)
    equations = normal_equations(geometry, _weighted(geometry, sightings, points_mm))
    for _ in range(MAX_STEPS):
        candidate = moved(geometry, *equations.solve(damping))
        candidate_cost = robust_cost(candidate, sightings, points_mm)
        if candidate_cost < cost:
            fall = (cost - candidate_cost) / cost
            geometry, cost, damping = candidate, candidate_cost, max(damping / 10, 1e-12)
            if fall < CONVERGED:
                break
            equations = normal_equations(geometry, _weighted(geometry, sightings, points_mm))
        elif damping > 1e8:
            break
        else:
            damping *= 10
    return Refinement(geometry, cost, inverse(equations.reduced()[0]))


def robust_cost(geometry: RigGeometry, sightings: Mapping[str, Sightings], points_mm: Float) -> float:
    """Return the sum over corners of 2 s^2 (sqrt(1 + d^2 / s^2) - 1), d in units of the corner noise.

    Infinite where a board lies behind a camera.
    """
    cost = 0.0
    for name, seen in sightings.items():
        residual = geometry.residuals_px(name, seen, points_mm) / seen.noise_per_view_px[..., None]
        distance2 = (residual[seen.seen] ** 2).sum(-1)
        cost += float((2 * SOFT_LIMIT**2 * (np.sqrt(1 + distance2 / SOFT_LIMIT**2) - 1)).sum())
    return cost if np.isfinite(cost) else float("inf")


def _weighted(
    geometry: RigGeometry, sightings: Mapping[str, Sightings], points_mm: Float
) -> dict[str, tuple[Sightings, Linearised, Float]]:
    """Return every camera's derivatives, with the weight that the robust loss gives each row."""
    weighted = {}
    for name, seen in sightings.items():
        rows = linearise(geometry, name, seen, points_mm)
        corners = rows.residual_px.reshape(*seen.seen.shape, 2)
        distance2 = (corners**2).sum(-1) / seen.noise_per_view_px**2
        weight = 1 / np.sqrt(1 + distance2 / SOFT_LIMIT**2) / seen.noise_per_view_px**2
        weight = np.repeat(weight, 2, axis=1)
        weighted[name] = (seen, rows, np.where(rows.seen, weight, 0.0))
    return weighted
