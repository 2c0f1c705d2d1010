"""Whether board views determine a rig: coverage, predicted error at the face, and what is refused or doubted.

A small residual says little: boards that stay in the middle of the picture leave the depth of a face 6 mm
wrong at 0.04 px. What the views do not determine is refused, whatever the rms.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from ..errors import CalibrationError
from .calibration import Calibration
from .refine import REFERENCE, Refinement, RigGeometry, moved

Float = NDArray[np.float64]
MAX_RMS_PX = 1.5
COVERAGE_CELLS = (6, 8)  # rows and columns of a picture's cells
MIN_COVERAGE, GOOD_COVERAGE = 0.15, 0.4
MAX_FACE_ERROR_PX, GOOD_FACE_ERROR_PX = 1.0, 0.3
FACE_MM = np.array([[x, y, 1000.0] for x, y in ((0, 0), (-120, 0), (120, 0), (0, -120), (0, 120))])
STEP_SHARE = 1e-3  # derivatives are taken over this share of each unknown's standard deviation


def coverage(corners_px: Iterable[Float], size_px: tuple[int, int]) -> float:
    """Return the share of a picture's 6 x 8 cells in which a corner was seen.

    Parameters
    ----------
    corners_px : (N, 2) float64 arrays, one per view
    size_px : width and height of the picture
    """
    hit = np.zeros(COVERAGE_CELLS, bool)
    for corners in corners_px:
        cell = (corners / size_px * COVERAGE_CELLS[::-1]).astype(int)
        cell = np.clip(cell, 0, np.subtract(COVERAGE_CELLS[::-1], 1))
        hit[cell[:, 1], cell[:, 0]] = True
    return float(hit.mean())


def face_errors_px(refinement: Refinement) -> dict[str, float]:
    """Return how uncertain the corners leave the place of a face at 1 m, one standard deviation, pixels.

    "depth" is a depth reading placed in the color picture; "thermal" a point of the color picture placed in
    the thermal one. The largest of five points, 120 mm around the middle of the color picture.
    """
    best = refinement.geometry
    xyz_depth_mm = best.from_color["depth"].apply(FACE_MM)
    depth_px = best.cameras["depth"].project(xyz_depth_mm)
    color_px = best.cameras[REFERENCE].project(FACE_MM)

    def places_px(geometry: RigGeometry) -> dict[str, Float]:
        on_depth_rays = geometry.cameras["depth"].unproject(depth_px, xyz_depth_mm[:, 2])
        in_color = geometry.from_color["depth"].inverse().apply(on_depth_rays)
        places = {"depth": geometry.cameras[REFERENCE].project(in_color)}
        if "thermal" in geometry.cameras:
            on_color_rays = geometry.cameras[REFERENCE].unproject(color_px, FACE_MM[:, 2])
            in_thermal = geometry.from_color["thermal"].apply(on_color_rays)
            places["thermal"] = geometry.cameras["thermal"].project(in_thermal)
        return places

    steps = np.diag(STEP_SHARE * np.sqrt(np.diag(refinement.covariance)))
    ahead, behind = ([places_px(moved(best, sign * step)) for step in steps] for sign in (1, -1))
    errors = {}
    for name in places_px(best):
        change = np.stack([(a[name] - b[name]) / 2 for a, b in zip(ahead, behind, strict=True)], axis=-1)
        slope = change / steps.diagonal()  # (5, 2, G)
        variance = np.einsum("pcg,gh,pch->p", slope, refinement.covariance, slope)
        errors[name] = float(np.sqrt(np.nan_to_num(variance, nan=np.inf).max()))
    return errors


def require_agreement(rms_px: Mapping[str, float]) -> None:
    """Raise CalibrationError where a camera's typical residual shows that no rigid rig explains the views."""
    for name, value in rms_px.items():
        if value > MAX_RMS_PX:
            raise CalibrationError(
                f"the cameras do not agree on one geometry: the {name} corners lie {value:.1f} px off "
                f"(wanted at most {MAX_RMS_PX} px); check --board, that no camera moved, none is mirrored"
            )


def require_determined(*, covered: Mapping[str, float], face_error_px: Mapping[str, float]) -> None:
    """Raise CalibrationError where the views leave the geometry open.

    Parameters
    ----------
    covered : coverage by camera
    face_error_px : as `face_errors_px` returns
    """
    for name, share in covered.items():
        if share < MIN_COVERAGE:
            raise CalibrationError(
                f"wanted corners in at least {MIN_COVERAGE:.0%} of the {name} camera's picture, found them "
                f"in {share:.0%}; move the board over the whole picture"
            )
    for name, error_px in face_error_px.items():
        if error_px > MAX_FACE_ERROR_PX:
            raise CalibrationError(
                f"the views leave the {name} camera's geometry open: a face at 1 m is placed within "
                f"{error_px:.2g} px (wanted {MAX_FACE_ERROR_PX:g} px); tilt the board more, and bring it "
                "nearer and farther"
            )


def calibration_warnings(calibration: Calibration) -> tuple[str, ...]:
    """Return what is doubtful about a calibration, one line each."""
    warnings = [
        f"the {name} camera saw the board in {share:.0%} of its picture (wanted {GOOD_COVERAGE:.0%}): "
        "what lies outside is extrapolated"
        for name, share in calibration.coverage.items()
        if share < GOOD_COVERAGE
    ]
    warnings += [
        f"left out the {view.camera} picture at {view.view}: its corners lie {view.rms_px:.2f} px off"
        for view in calibration.residuals
        if not view.used
    ]
    return tuple(warnings)
