"""Whether board views determine a rig: coverage, stated uncertainty, and what is refused or doubted.

A small residual says little: boards that stay in the middle of the picture leave the depth of a face 6 mm
wrong at 0.04 px. What the views do not determine is refused, whatever the rms.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...errors import CalibrationError
from ..calibration import Calibration

MAX_RMS_PX = 1.5
MIN_COVERAGE, GOOD_COVERAGE = 0.15, 0.4
MAX_FACE_ERROR_PX, GOOD_FACE_ERROR_PX = 1.0, 0.3
MAX_FOCAL_SHARE, GOOD_FOCAL_SHARE = 0.02, 0.003
MAX_TRANSLATION_MM, GOOD_TRANSLATION_MM = 8.0, 1.5
MAX_SHIFT_MM, GOOD_SHIFT_MM = 10.0, 2.5
MIN_USED_SHARE = 0.5


def require_agreement(
    rms_px: Mapping[str, float], alone_px: Mapping[str, float], worst: Mapping[str, str]
) -> None:
    """Raise CalibrationError where a camera's typical residual shows that no rigid rig explains the views.

    Parameters
    ----------
    rms_px : by camera, the typical residual
    alone_px : of cameras beyond the limit, the typical residual of pictures that each place their own board
    worst : of cameras beyond the limit, the name of the view that lies off most
    """
    for name, value in rms_px.items():
        if value <= MAX_RMS_PX:
            continue
        if alone_px[name] < value / 3:
            raise CalibrationError(
                f"the cameras do not agree on one geometry: the {name} corners lie {value:.1f} px off, "
                f"most at {worst[name]} (wanted at most {MAX_RMS_PX} px), but fit boards of their own: in "
                "most views the board moved between the pictures, or a camera moved; hold it still for a "
                "second at each place"
            )
        raise CalibrationError(
            f"the {name} corners fit no flat board: they lie {value:.1f} px off, most at {worst[name]} "
            f"(wanted at most {MAX_RMS_PX} px); check --board, that the board is flat, and that its pictures "
            "are sharp"
        )


def require_used(n_used: Mapping[str, int], n_seen: Mapping[str, int], reasons: Mapping[str, str]) -> None:
    """Raise CalibrationError where most pictures of a camera had to be left out.

    Parameters
    ----------
    reasons : by camera, the line on one picture that was left out, with its name
    """
    for name, n in n_used.items():
        if n < MIN_USED_SHARE * n_seen[name]:
            raise CalibrationError(
                f"{n_seen[name] - n} of {n_seen[name]} pictures of the {name} camera contradict the others, "
                f"such as {reasons[name]}; hold the board still for a second at each place, and record again"
            )


def require_determined(
    *,
    covered: Mapping[str, float],
    uncertainty: Mapping[str, Mapping[str, float]],
    focal_px: Mapping[str, float],
) -> None:
    """Raise CalibrationError where the views leave the geometry open.

    Parameters
    ----------
    covered : share of the picture's cells with corners, by camera
    uncertainty : as `Calibration.uncertainty`
    focal_px : focal length by camera
    """
    for name, share in covered.items():
        if share < MIN_COVERAGE:
            raise CalibrationError(
                f"wanted corners in at least {MIN_COVERAGE:.0%} of the {name} camera's picture, found them "
                f"in {share:.0%}; move the board over the whole picture"
            )
    for what, value, _, limit, remedy in _open_ends(uncertainty, focal_px):
        if not value <= limit:
            raise CalibrationError(
                f"the views leave the geometry open: {what} within {_number(what, value)} (wanted "
                f"{_number(what, limit)}); {remedy}"
            )


def calibration_warnings(calibration: Calibration) -> tuple[str, ...]:
    """Return what is doubtful about a calibration, one line each."""
    warnings = [
        f"the {name} camera saw the board in {share:.0%} of its picture (wanted {GOOD_COVERAGE:.0%}): "
        "what lies outside is extrapolated"
        for name, share in calibration.coverage.items()
        if share < GOOD_COVERAGE
    ]
    focal_px = {name: camera.fx for name, camera in calibration.cameras.items()}
    warnings += [
        f"{what} only within {_number(what, value)} (wanted {_number(what, good)}, one standard deviation); "
        f"{remedy}"
        for what, value, good, _, remedy in _open_ends(calibration.uncertainty, focal_px)
        if not value <= good
    ]
    warnings += [
        f"left out the {view.camera} picture at {view.view}: "
        + (view.reason or f"its corners lie {view.rms_px:.2f} px off")
        for view in calibration.residuals
        if not view.used
    ]
    return (*warnings, *calibration.remarks)


def _open_ends(
    uncertainty: Mapping[str, Mapping[str, float]], focal_px: Mapping[str, float]
) -> Iterator[tuple[str, float, float, float, str]]:
    """Yield what is known, its standard deviation, the good and the largest one, and what to do about it."""
    tilt = "tilt the board more, by 20 to 40 degrees each way"
    spread = f"{tilt}, and bring it nearer and farther"
    for name, value in uncertainty.get("face_at_1m", {}).items():
        camera = name.removesuffix("_px")
        what = f"a face at 1 m is placed by the {camera} camera's geometry (px)"
        yield what, value, GOOD_FACE_ERROR_PX, MAX_FACE_ERROR_PX, spread
    for camera, focal in focal_px.items():
        value = _largest(uncertainty, camera, ("fx", "fy")) / focal
        what = f"the {camera} camera's focal length is known (%)"
        yield what, value, GOOD_FOCAL_SHARE, MAX_FOCAL_SHARE, tilt
    for pose in ("color_from_depth", "thermal_from_color"):
        value = _largest(uncertainty, pose, ("tx_mm", "ty_mm", "tz_mm"))
        what = f"the translation of {pose} is known (mm)"
        yield what, value, GOOD_TRANSLATION_MM, MAX_TRANSLATION_MM, spread
    value = uncertainty.get("depth", {}).get("depth_shift_mm", 0.0)
    yield (
        "the depth shift is known (mm)", value, GOOD_SHIFT_MM, MAX_SHIFT_MM,
        "show the depth camera more boards at 0.6 to 1.3 m",
    )  # fmt: skip


def _largest(uncertainty: Mapping[str, Mapping[str, float]], table: str, keys: tuple[str, ...]) -> float:
    return max(uncertainty.get(table, {}).get(key, 0.0) for key in keys)


def _number(what: str, value: float) -> str:
    """Return the value with the unit that stands at the end of `what`."""
    if what.endswith("(%)"):
        return f"{100 * value:.2g} %"
    return f"{value:.2g} {'px' if what.endswith('(px)') else 'mm'}"
