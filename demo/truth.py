"""How far the solved calibration is from the simulated rig's truth: at the face, and as bare geometry.

The pipeline never looks at the truth; only this comparison and the simulated raters do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from ..calibrate.calibration import Calibration
from ..capture.geometry import RigidTransform
from ..capture.simulated.truth import Truth
from ..errors import CalibrationError

N_MOMENTS = 50
"""Moments of a session at which its 68 true landmarks are compared."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The median and the largest of many errors."""

    median: float
    max: float


@dataclass(frozen=True, slots=True)
class CalibrationErrors:
    """Errors of a calibration against the truth; pixels, millimetres and degrees as the names say.

    Attributes
    ----------
    depth_to_color_px : where the face's true points, seen by the depth camera, are put in the color picture
    depth_mm : the color camera's distance to them
    color_to_thermal_px : where the same points of the color picture are put in the thermal picture
    color_from_depth_deg, color_from_depth_mm : rotation and translation left over between solved and true
    thermal_from_color_deg, thermal_from_color_mm : the same for the thermal camera
    depth_shift_mm : solved less true
    """

    depth_to_color_px: Spread
    depth_mm: Spread
    color_to_thermal_px: Spread
    color_from_depth_deg: float
    color_from_depth_mm: float
    thermal_from_color_deg: float
    thermal_from_color_mm: float
    depth_shift_mm: float

    def as_table(self) -> dict[str, object]:
        """Return plain dictionaries for JSON."""
        return asdict(self)


def calibration_errors(calibration: Calibration, truths: Sequence[Truth]) -> CalibrationErrors:
    """Return how far `calibration` is from the rig that filmed `truths`, at the landmarks of their faces.

    Raises
    ------
    CalibrationError
        The calibration has no thermal camera, or no truth has a face.
    """
    if calibration.thermal is None or calibration.thermal_from_color is None:
        raise CalibrationError(f"wanted a thermal camera, the calibration of {calibration.rig!r} has none")
    points = [_moments(truth.landmarks_xyz_color_mm) for truth in truths]
    xyz_mm = np.concatenate([np.empty((0, 3)), *points])
    if not len(xyz_mm):
        raise CalibrationError("wanted the truth of a face session, found none with landmarks")
    rig = truths[0].rig

    seen_mm = rig.color_from_depth.inverse().apply(xyz_mm)
    carried_mm = calibration.color_from_depth.apply(
        calibration.depth.unproject(
            rig.depth.project(seen_mm), seen_mm[:, 2] - rig.depth_shift_mm + calibration.depth_shift_mm
        )
    )
    color_px = rig.color.project(xyz_mm)
    thermal_px = rig.thermal.project(rig.thermal_from_color.apply(xyz_mm))
    carried_px = calibration.thermal.project(
        calibration.thermal_from_color.apply(calibration.color.unproject(color_px, xyz_mm[:, 2]))
    )
    depth_left = calibration.color_from_depth @ rig.color_from_depth.inverse()
    thermal_left = calibration.thermal_from_color @ rig.thermal_from_color.inverse()
    return CalibrationErrors(
        depth_to_color_px=_spread(calibration.color.project(carried_mm) - color_px),
        depth_mm=_spread(carried_mm[:, 2:] - xyz_mm[:, 2:]),
        color_to_thermal_px=_spread(carried_px - thermal_px),
        color_from_depth_deg=depth_left.angle_deg,
        color_from_depth_mm=_distance_mm(calibration.color_from_depth, rig.color_from_depth),
        thermal_from_color_deg=thermal_left.angle_deg,
        thermal_from_color_mm=_distance_mm(calibration.thermal_from_color, rig.thermal_from_color),
        depth_shift_mm=calibration.depth_shift_mm - rig.depth_shift_mm,
    )


def _moments(landmarks_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the finite landmarks (N, 3) of some moments of (T, 68, 3)."""
    picked = landmarks_mm[np.unique(np.linspace(0, len(landmarks_mm) - 1, N_MOMENTS).astype(int))]
    points = picked.reshape(-1, 3)
    return points[np.all(np.isfinite(points), axis=1)]


def _spread(differences: NDArray[np.float64]) -> Spread:
    lengths = np.linalg.norm(differences, axis=1)
    return Spread(float(np.median(lengths)), float(np.max(lengths)))


def _distance_mm(solved: RigidTransform, true: RigidTransform) -> float:
    return float(np.linalg.norm(solved.translation_mm - true.translation_mm))
