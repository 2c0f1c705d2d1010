"""The calibration folders of iai_kinect2 (kinect2_calibration): calib_color, _ir, _pose and _depth.yaml.

Its pictures are those of kinect2_bridge, which are not mirrored, as ours. Sizes are not in the files.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ... import __version__
from ...errors import CalibrationError
from ..calibration import Calibration
from .parts import (
    COLOR_PX,
    DEPTH_PX,
    camera_from_matrix,
    depth_shift_from,
    no_depth_shift,
    pose_from,
    require_kinect,
)
from .yaml_file import read_yaml

COLOR_FILE, INFRARED_FILE, POSE_FILE, DEPTH_FILE = (
    f"calib_{name}.yaml" for name in ("color", "ir", "pose", "depth")
)
BIAS_KEY = "infraredBiasPx"
"""By how much cx and cy of calib_ir.yaml are too large; only mavfer's export says it, as 0."""
INFRARED_BIAS_PX = 0.25
"""kinect2_calibration looks for infrared corners in a picture scaled by two, where pixel p lies at 2 p + 0.5,
and halves what it finds."""
MAX_OFF_CENTER = 0.15  # real ones lie within 0.02; those of a picture of half the size at 0.25
MM_PER_M = 1000.0


def import_iai_kinect2(
    folder: Path, *, rig: str = "", as_is: bool = False, depth_shift_mm: float | None = None
) -> Calibration:
    """Return the calibration in a folder of kinect2_calibration.

    Parameters
    ----------
    folder : Path
    rig : name of the rig; the folder's where it is empty
    as_is : take the infrared camera's cx and cy as they stand; otherwise the 0.25 px by which
        kinect2_calibration misplaces infrared corners are subtracted
    depth_shift_mm : instead of that of calib_depth.yaml, which then may be absent

    Raises
    ------
    CalibrationError
        A file is missing, or holds values that no Kinect v2 has; such as the empty matrices that
        kinect2_calibration writes when it has found no board.
    """
    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing"
        raise CalibrationError(f"wanted a folder with {COLOR_FILE} and its like, found {found}: {folder}")
    color_file, infrared_file = read_yaml(folder / COLOR_FILE), read_yaml(folder / INFRARED_FILE)
    color = camera_from_matrix(
        color_file.get("cameraMatrix"),
        color_file.get("distortionCoefficients"),
        name="color",
        size_px=COLOR_PX,
        path=folder / COLOR_FILE,
        max_off_center=MAX_OFF_CENTER,
    )
    depth = camera_from_matrix(
        infrared_file.get("cameraMatrix"),
        infrared_file.get("distortionCoefficients"),
        name="infrared",
        size_px=DEPTH_PX,
        path=folder / INFRARED_FILE,
        max_off_center=MAX_OFF_CENTER,
    )
    pose = read_yaml(folder / POSE_FILE)
    color_from_depth = pose_from(
        pose.get("rotation"),
        pose.get("translation"),
        mm_per_unit=MM_PER_M,
        name="the pose of infrared to color, in metres",
        path=folder / POSE_FILE,
    )
    require_kinect(color_from_depth, path=folder / POSE_FILE)
    remarks = []
    bias_px = 0.0 if as_is else infrared_file.get(BIAS_KEY, INFRARED_BIAS_PX)
    if not isinstance(bias_px, float) or not abs(bias_px) < 1:
        raise CalibrationError(
            f"wanted {BIAS_KEY} of less than 1 px, found {bias_px!r}: {folder / INFRARED_FILE}"
        )
    if bias_px:
        depth = replace(depth, cx=depth.cx - bias_px, cy=depth.cy - bias_px)
        remarks.append(
            f"{bias_px:g} px were subtracted from the infrared camera's cx and cy: kinect2_calibration "
            "misplaces infrared corners by as much, as it halves places in a picture scaled by two"
        )
    shift_mm, told = _depth_shift_mm(folder / DEPTH_FILE, depth_shift_mm)
    return Calibration(
        rig=rig or folder.resolve().name,
        color=color,
        depth=depth,
        thermal=None,
        color_from_depth=color_from_depth,
        thermal_from_color=None,
        depth_shift_mm=shift_mm,
        method="imported from iai_kinect2",
        sources=(COLOR_FILE, INFRARED_FILE, POSE_FILE, DEPTH_FILE),
        remarks=(*remarks, *told),
        software=f"mavfer {__version__}",
    )


def _depth_shift_mm(path: Path, instead_mm: float | None) -> tuple[float, list[str]]:
    """Return the depth shift, and what is to be said of it."""
    if instead_mm is not None:
        return depth_shift_from(float(instead_mm), path), ["the depth shift was given by hand"]
    if not path.is_file():
        raise CalibrationError(
            f"wanted {DEPTH_FILE} with the depth shift, found nothing; pass --depth-shift-mm to go without: "
            f"{path}"
        )
    content = read_yaml(path)
    if "depthShift" in content:
        return depth_shift_from(content["depthShift"], path), []
    return 0.0, [no_depth_shift(DEPTH_FILE)]
