"""Cameras, and the poses between them, of values in a file: looked at before they are believed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...capture.geometry import Intrinsics, RigidTransform
from ...capture.streams import COLOR_1080P, KINECT_DEPTH
from ...errors import CalibrationError

Float = NDArray[np.float64]
COLOR_PX = (COLOR_1080P.shape[1], COLOR_1080P.shape[0])
DEPTH_PX = (KINECT_DEPTH.shape[1], KINECT_DEPTH.shape[0])
"""Widths and heights of a Kinect v2's pictures."""
ORTHONORMAL_WITHIN = 1e-3
"""A rotation written with few digits is taken for the nearest true one; one farther off is refused."""
MAX_BASELINE_MM = 5000.0
MAX_SHIFT_MM = 200.0
MAX_NUMBER = 1e9


def camera_from_matrix(
    matrix: Any,
    coefficients: Any,
    *,
    name: str,
    size_px: tuple[int, int],
    path: Path,
    max_off_center: float = 0.5,
) -> Intrinsics:
    """Return a camera of the values that a file gives.

    Parameters
    ----------
    matrix : (3, 3), fx 0 cx, 0 fy cy, 0 0 1, pixels; centers at integers
    coefficients : k1, k2, p1, p2 and k3 in OpenCV's order; more, if they are zeros
    name : of the camera, for complaints
    size_px : width and height of its pictures
    path : the file, for complaints
    max_off_center : how far the principal point may lie from the middle, in widths and heights

    Raises
    ------
    CalibrationError
        The values are none that a camera with such pictures has.
    """
    values = numbers(matrix, f"the {name} camera's matrix", path)
    if values.size == 0:
        raise CalibrationError(
            f"wanted the {name} camera's 3 x 3 matrix, found an empty one: its calibration had found no "
            f"board; calibrate again: {path}"
        )
    if values.shape != (3, 3):
        values = values.reshape(3, 3) if values.size == 9 else values
    if values.shape != (3, 3) or not np.allclose(values[2], (0, 0, 1)) or values[1, 0] != 0:
        raise CalibrationError(
            f"wanted the {name} camera's matrix as fx 0 cx, 0 fy cy, 0 0 1, found {values.tolist()!r}: {path}"
        )
    fx, skew, cx, fy, cy = values[0, 0], values[0, 1], values[0, 2], values[1, 1], values[1, 2]
    width, height = size_px
    if skew != 0:
        raise CalibrationError(f"wanted a {name} camera without skew, found a skew of {skew:g}: {path}")
    if not (fy > 0 and 0.8 * fy < fx < 1.25 * fy and 0.2 < fx / width < 20):
        raise CalibrationError(
            f"wanted the {name} camera's focal lengths near each other and between 0.2 and 20 widths of its "
            f"picture, found fx = {fx:g}, fy = {fy:g} for {width} x {height} pixels: {path}"
        )
    off_x, off_y = abs(cx / width - 0.5), abs(cy / height - 0.5)
    if not (off_x < max_off_center and off_y < max_off_center):
        raise CalibrationError(
            f"wanted the {name} camera's principal point near the middle of {width} x {height} pixels, found "
            f"cx = {cx:g}, cy = {cy:g}; the file may belong to pictures of another size: {path}"
        )
    lens = lens_from_coefficients(coefficients, name=name, path=path)
    camera = Intrinsics(width, height, float(fx), float(fy), float(cx), float(cy), lens)
    middle = np.array([(x * width, y * height) for x in (0.25, 0.5, 0.75) for y in (0.25, 0.5, 0.75)])
    if not np.isfinite(camera.rays(np.concatenate([middle, [(cx, cy)]]))).all():
        raise CalibrationError(
            f"wanted a lens of the {name} camera that can be undone in the middle half of its picture, found "
            f"{lens!r}: {path}"
        )
    return camera


def lens_from_coefficients(
    coefficients: Any, *, name: str, path: Path
) -> tuple[float, float, float, float, float]:
    """Return k1, k2, p1, p2, k3; raises CalibrationError where a file has others that are not zero."""
    values = numbers(coefficients, f"the {name} camera's distortion", path).ravel()
    if values.size not in (0, 4, 5, 8, 12, 14):
        raise CalibrationError(
            f"wanted 4 or 5 distortion coefficients of the {name} camera (k1, k2, p1, p2, k3), "
            f"found {values.size}: {path}"
        )
    if np.any(values[5:]):
        kind = "rational" if np.any(values[5:8]) else "thin prism" if np.any(values[8:12]) else "tilted"
        raise CalibrationError(
            f"wanted a lens of k1, k2, p1, p2, k3, found the {name} camera's has {values.size} coefficients "
            f"({kind}); calibrate it again without them: {path}"
        )
    k1, k2, p1, p2, k3 = (float(one) for one in np.pad(values[:5], (0, max(0, 5 - values.size))))
    return k1, k2, p1, p2, k3


def pose_from(
    rotation: Any, translation: Any, *, mm_per_unit: float, name: str, path: Path
) -> RigidTransform:
    """Return a pose of the values that a file gives.

    Parameters
    ----------
    rotation : (3, 3), or 3 numbers: an axis times an angle in radians
    translation : 3 numbers
    mm_per_unit : millimetres in the translation's unit
    name : of the pose, for complaints
    path : the file, for complaints

    Raises
    ------
    CalibrationError
        The rotation is none, or the cameras would stand more than 5 m apart.
    """
    turn = numbers(rotation, f"{name}: rotation", path)
    shift = numbers(translation, f"{name}: translation", path).ravel()
    if turn.size == 0 or shift.size == 0:
        raise CalibrationError(
            f"wanted {name}, found empty matrices: its calibration had found no board; calibrate again: "
            f"{path}"
        )
    if turn.size == 3:
        turn = RigidTransform.from_rotation_vector(turn.ravel(), np.zeros(3)).rotation
    if turn.size != 9 or shift.size != 3:
        raise CalibrationError(
            f"wanted {name} as a 3 x 3 rotation and 3 numbers of translation, found {turn.size} and "
            f"{shift.size} numbers: {path}"
        )
    translation_mm = shift * mm_per_unit
    baseline_mm = float(np.linalg.norm(translation_mm))
    if baseline_mm > MAX_BASELINE_MM:
        raise CalibrationError(
            f"wanted {name} of at most {MAX_BASELINE_MM / 1000:g} m, found {baseline_mm / 1000:.3g} m; "
            f"its unit may be another: {path}"
        )
    return RigidTransform(_rotation(turn.reshape(3, 3), name, path), translation_mm)


def _rotation(turn: Float, name: str, path: Path) -> Float:
    """Return the rotation; the nearest one where it was written with few digits."""
    off = float(np.abs(turn @ turn.T - np.eye(3)).max())
    if off > ORTHONORMAL_WITHIN or np.linalg.det(turn) < 0:
        raise CalibrationError(f"wanted {name} with a rotation matrix, found {turn.tolist()!r}: {path}")
    if off < 1e-9:
        return turn
    u, _, v = np.linalg.svd(turn)
    return u @ v


def depth_shift_from(value: Any, path: Path) -> float:
    """Return a depth shift in millimetres; raises CalibrationError where it is none that a sensor has."""
    if not isinstance(value, float) or not abs(value) <= MAX_SHIFT_MM:
        raise CalibrationError(
            f"wanted a depth shift of at most {MAX_SHIFT_MM:g} mm either way, found {value!r}: {path}"
        )
    return value


def no_depth_shift(source: str) -> str:
    """Return what is to be said of a calibration whose source tells no depth shift."""
    return (
        f"{source} tells no depth shift, 0 is used: depth may read 5 to 35 mm too long; "
        "`--depth-shift-mm` gives one"
    )


def numbers(values: Any, name: str, path: Path) -> Float:
    """Return finite numbers as an array; raises CalibrationError where they are none."""
    try:
        found = np.asarray([] if values is None else values, np.float64)
    except (TypeError, ValueError) as error:
        raise CalibrationError(f"wanted {name} as numbers, found {values!r}: {path}") from error
    if not (np.abs(found) < MAX_NUMBER).all():
        raise CalibrationError(f"wanted {name} as finite numbers, found {found.tolist()!r}: {path}")
    return found


def require_unmirrored(color_from_depth: RigidTransform, *, path: Path) -> None:
    """Raise CalibrationError where the cameras of a Kinect v2 were calibrated in mirrored pictures.

    The infrared camera stands about 52 mm from the color camera, on the side where x falls in pictures that
    are not mirrored; mirrored ones (libfreenect2 issue 172) turn the sign.
    """
    x_mm = float(color_from_depth.translation_mm[0])
    if 20 < x_mm < 100:
        raise CalibrationError(
            f"wanted the infrared camera at x = -52 mm from color, found {x_mm:+.1f} mm: the calibration "
            f"belongs to mirrored pictures, sessions hold none; calibrate with flipped ones: {path}"
        )


def require_kinect(color_from_depth: RigidTransform, *, path: Path) -> None:
    """Raise CalibrationError unless the cameras stand as in a Kinect v2, in unmirrored pictures."""
    require_unmirrored(color_from_depth, path=path)
    x_mm = float(color_from_depth.translation_mm[0])
    baseline_mm = float(np.linalg.norm(color_from_depth.translation_mm))
    if not (-100 < x_mm < -20 and baseline_mm < 120) or color_from_depth.angle_deg > 10:
        raise CalibrationError(
            f"wanted the cameras of a Kinect v2, about 52 mm apart, found {baseline_mm:.3g} mm apart, turned "
            f"by {color_from_depth.angle_deg:.3g} degrees: {path}"
        )
