"""Yaw, pitch and roll of the head from its 68 landmarks and the color camera.

Degrees, in the color camera's axes. Yaw is positive when the nose points to the picture's left, pitch when it
points down, roll when the head is turned clockwise in the picture; all are 0 for a face that looks along the
camera's axis.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ...capture.geometry import Intrinsics

USED = np.r_[5:12, 17:68]
"""The chin and the inner face. Above the chin the outline slides along the cheek as the head turns."""
FOCAL_SHARE = 1.0  # focal length of an uncalibrated color camera over its picture's longer side

# Mean landmarks of the ten simulated subjects at rest (CC0 heads, see capture/simulated/head.py), rounded to
# half a millimetre: x to the picture's right, y down, z to the back, origin midway between the eyes.
HEAD_MM = np.array(
    [
        [-70, 14, 59],
        [-69.5, 27.5, 56.5],
        [-63.5, 40.5, 36.5],
        [-60, 54, 26.5],
        [-55, 68.5, 19.5],
        [-49.5, 87, 29],
        [-35.5, 97.5, 8],
        [-19, 105.5, -7.5],
        [0, 108, -14],
        [19, 105.5, -7.5],
        [35.5, 97.5, 8],
        [49.5, 87, 29],
        [55, 68.5, 19.5],
        [60, 54, 26.5],
        [63.5, 40.5, 36.5],
        [69.5, 27.5, 56.5],
        [70, 14, 59],
        [-53.5, -13, -3],
        [-41.5, -17.5, -17.5],
        [-29, -19.5, -23.5],
        [-17, -19, -26],
        [-4.5, -16.5, -26.5],
        [4.5, -16.5, -26.5],
        [17, -19, -26],
        [29, -19.5, -23.5],
        [41.5, -17.5, -17.5],
        [53.5, -13, -3],
        [0, -2, -24.5],
        [0, 10, -27.5],
        [0, 23, -35.5],
        [0, 35.5, -42.5],
        [-15.5, 47, -24.5],
        [-7.5, 48.5, -29.5],
        [0, 49.5, -32],
        [7.5, 48.5, -29.5],
        [15.5, 47, -24.5],
        [-42, 1.5, -9],
        [-34.5, -2.5, -15.5],
        [-27, -2, -16.5],
        [-19, 3, -12.5],
        [-26.5, 5, -14.5],
        [-34.5, 5.5, -14.5],
        [19, 3, -12.5],
        [27, -2, -16.5],
        [34.5, -2.5, -15.5],
        [42, 1.5, -9],
        [34.5, 5.5, -14.5],
        [26.5, 5, -14.5],
        [-23.5, 68.5, -20.5],
        [-14.5, 59, -30],
        [-6, 57, -34],
        [0, 58.5, -35.5],
        [6, 57, -34],
        [14, 60, -30.5],
        [23, 67.5, -21],
        [15.5, 76.5, -25],
        [8, 78, -29],
        [0, 79, -30],
        [-8, 78, -28.5],
        [-16.5, 76, -24.5],
        [-22, 68, -19],
        [-10, 66.5, -25.5],
        [0, 67.5, -26.5],
        [10, 66.5, -26],
        [22, 68, -19],
        [9.5, 67, -24.5],
        [0, 68, -27],
        [-10, 67, -24.5],
    ]
)


def head_pose(landmarks_px: NDArray, camera: Intrinsics) -> NDArray[np.float32]:
    """Return yaw, pitch and roll (3,), degrees, of a head with landmarks (68, 2); NaN where there is no fit.

    Perspective-n-point on a generic head (SQPnP: Terzakis and Lourakis 2020, ECCV), 0.1 ms. On four simulated
    subjects with dlib's landmarks the mean error is 1.4 (yaw), 2.0 (pitch) and 0.6 (roll) degrees; most of
    pitch's is constant per person, whose face is not the generic one.
    """
    points = np.asarray(landmarks_px, np.float64)[USED]
    if not np.all(np.isfinite(points)):
        return np.full(3, np.nan, np.float32)
    lens = np.array(camera.distortion)
    try:
        solved, turn, place = cv2.solvePnP(
            HEAD_MM[USED], points, camera.matrix, lens, flags=cv2.SOLVEPNP_SQPNP
        )
    except cv2.error:  # all points in one place
        return np.full(3, np.nan, np.float32)
    if not solved or place[2, 0] <= 0:
        return np.full(3, np.nan, np.float32)
    return angles_deg(cv2.Rodrigues(turn)[0]).astype(np.float32)


def angles_deg(rotation: NDArray) -> NDArray[np.float64]:
    """Return yaw, pitch and roll (3,), degrees, of a rotation (3, 3): about y, then x, then z."""
    yaw = np.arctan2(rotation[0, 2], rotation[2, 2])
    pitch = np.arcsin(np.clip(-rotation[1, 2], -1, 1))
    roll = np.arctan2(rotation[1, 0], rotation[1, 1])
    return np.degrees(np.array([yaw, pitch, roll]))


def guessed_camera(shape: tuple[int, ...]) -> Intrinsics:
    """Return a camera for pictures of `shape` (height, width, ...) that nobody has calibrated.

    A field of view of 53 degrees along the longer side, as webcams and phones have; 20 % more or less moves
    yaw and pitch by a few percent.
    """
    height, width = shape[:2]
    f_px = FOCAL_SHARE * max(height, width)
    return Intrinsics(width, height, f_px, f_px, (width - 1) / 2, (height - 1) / 2)
