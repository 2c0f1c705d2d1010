"""A Calibration as OpenCV's YAML: one file per camera, as its samples write them, and rig.yml."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ...capture.streams import Stream
from ..calibration import DISTORTION_MODEL, Calibration

RIG_FILE = "rig.yml"
YamlValue = int | float | str | NDArray[np.float64]


def opencv_files(calibration: Calibration) -> dict[str, str]:
    """Return the texts of color.yml, depth.yml, thermal.yml and rig.yml by name; every digit is kept.

    R, T_mm of a camera's file carry the color camera's points into its frame (cv2.stereoCalibrate with color
    first). rig.yml has the poses as the calibration states them, so that they are read back to the last bit;
    residuals and uncertainties stay behind.
    """
    files = {}
    for name, camera in calibration.cameras.items():
        entries: dict[str, YamlValue] = {
            "image_width": camera.width,
            "image_height": camera.height,
            "camera_matrix": camera.matrix,
            "distortion_coefficients": np.array([camera.distortion]),
        }
        comments = [f"the {name} camera of the rig {calibration.rig!r}; pixel centers at integers"]
        if name != "color":
            pose = calibration.from_color(Stream(name))
            entries |= {"R": pose.rotation, "T": pose.translation_mm[:, None]}
            entries |= {"from_camera": "color", "length_unit": "mm"}
            comments.append(f"xyz_{name} = R xyz_color + T, in mm")
        files[f"{name}.yml"] = file_storage_yaml(entries, comments=comments)
    rig: dict[str, YamlValue] = {
        "rig": calibration.rig,
        "method": calibration.method,
        "board": calibration.board,
        "created_utc": calibration.created_utc,
        "distortion_model": DISTORTION_MODEL,
        "depth_shift_mm": float(calibration.depth_shift_mm),
        "depth_scale": float(calibration.depth_scale),
        "color_from_depth_R": calibration.color_from_depth.rotation,
        "color_from_depth_T_mm": calibration.color_from_depth.translation_mm[:, None],
    }
    if calibration.thermal_from_color is not None:
        rig["thermal_from_color_R"] = calibration.thermal_from_color.rotation
        rig["thermal_from_color_T_mm"] = calibration.thermal_from_color.translation_mm[:, None]
    comments = [
        "xyz_color = color_from_depth_R xyz_depth + color_from_depth_T_mm, and so on; depth is infrared, too",
        "true depth = depth_scale * reading + depth_shift_mm",
    ]
    return {**files, RIG_FILE: file_storage_yaml(rig, comments=comments)}


def file_storage_yaml(entries: Mapping[str, YamlValue], *, comments: list[str]) -> str:
    """Return YAML that every cv2.FileStorage reads, with 17 digits, which give a float64 back exactly."""
    import cv2

    mode = cv2.FILE_STORAGE_WRITE | cv2.FILE_STORAGE_MEMORY | cv2.FILE_STORAGE_FORMAT_YAML
    storage = cv2.FileStorage("", mode)
    for line in comments:
        storage.writeComment(line, False)
    for name, value in entries.items():
        if not isinstance(value, str):
            storage.write(name, np.asarray(value, np.float64) if isinstance(value, np.ndarray) else value)
    _, _, text = storage.releaseAndGetString().partition("\n")
    # OpenCV 5 writes "%YAML 1.2", which OpenCV 2 and 3 do not take, and the text `true` without quotes
    words = "".join(
        f"{name}: {_quoted(value)}\n" for name, value in entries.items() if isinstance(value, str)
    )
    return f"%YAML:1.0\n{text}{words}"


def _quoted(text: str) -> str:
    """Return a text as FileStorage reads it; what is no character of a line becomes a space."""
    plain = "".join(one if one.isprintable() else " " for one in text)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'
