"""A Calibration as a folder of iai_kinect2, for kinect2_bridge: calib_color, _ir, _pose and _depth.yaml."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...capture.geometry import Intrinsics
from ...errors import CalibrationError
from ..calibration import Calibration
from ..importers.iai_kinect2 import (
    BIAS_KEY,
    COLOR_FILE,
    DEPTH_FILE,
    INFRARED_FILE,
    MM_PER_M,
    POSE_FILE,
)
from ..importers.parts import COLOR_PX, DEPTH_PX
from .opencv import YamlValue, file_storage_yaml

Float = NDArray[np.float64]
FACE_MM = 1000.0


def iai_kinect2_files(calibration: Calibration) -> dict[str, str]:
    """Return the texts of the four files by name. The thermal camera has no place in them.

    iai_kinect2 knows a depth shift and no scale: the shift is that which is right at a true depth of 1 m.

    Raises
    ------
    CalibrationError
        The cameras are not those of a Kinect v2.
    """
    for name, camera, size_px in (
        ("color", calibration.color, COLOR_PX),
        ("depth", calibration.depth, DEPTH_PX),
    ):
        if (camera.width, camera.height) != size_px:
            raise CalibrationError(
                f"wanted {size_px[0]} x {size_px[1]} pixels of {name}, as iai_kinect2 has them, found "
                f"{camera.width} x {camera.height}; export to opencv or ros"
            )
    pose = calibration.color_from_depth
    translation_m = pose.translation_mm / MM_PER_M
    x, y, z = translation_m
    essential = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]) @ pose.rotation
    inverse = np.linalg.inv
    fundamental = inverse(calibration.color.matrix).T @ essential @ inverse(calibration.depth.matrix)
    if fundamental[2, 2] != 0:
        fundamental = fundamental / fundamental[2, 2]
    shift_mm = FACE_MM - (FACE_MM - calibration.depth_shift_mm) / calibration.depth_scale
    return {
        COLOR_FILE: file_storage_yaml(_camera(calibration.color), comments=[]),
        INFRARED_FILE: file_storage_yaml(
            {**_camera(calibration.depth), BIAS_KEY: 0.0}, comments=["corners were found without a bias"]
        ),
        POSE_FILE: file_storage_yaml(
            {
                "rotation": pose.rotation,
                "translation": translation_m[:, None],
                "essential": essential,
                "fundamental": fundamental,
            },
            comments=["xyz_color = rotation xyz_ir + translation, in metres"],
        ),
        DEPTH_FILE: file_storage_yaml(
            {"depthShift": float(shift_mm if calibration.depth_scale != 1 else calibration.depth_shift_mm)},
            comments=["mm, added to depth"],
        ),
    }


def _camera(camera: Intrinsics) -> dict[str, YamlValue]:
    projection: Float = np.eye(4)
    projection[:3, :3] = camera.matrix
    return {
        "cameraMatrix": camera.matrix,
        "distortionCoefficients": np.array([camera.distortion]),
        "rotation": np.eye(3),
        "projection": projection,
    }
