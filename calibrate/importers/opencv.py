"""OpenCV's YAML files (and ROS camera_info) of single cameras, and of pairs, as a Calibration.

A file of a camera: camera_matrix, distortion_coefficients, image_width, image_height. A file of a pair, as
cv2.stereoCalibrate's result is written: R and T. A folder that `mavfer calibrate export` wrote: all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ... import __version__
from ...capture.geometry import Intrinsics, RigidTransform
from ...errors import CalibrationError
from ..calibration import Calibration
from .parts import (
    DEPTH_PX,
    camera_from_matrix,
    depth_shift_from,
    no_depth_shift,
    numbers,
    pose_from,
    require_unmirrored,
)
from .yaml_file import read_yaml

RIG_FILE = "rig.yml"
MM_PER = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
SPELLINGS = {
    "matrix": ("cameramatrix", "k", "m", "mtx", "intrinsicmatrix", "intrinsics"),
    "lens": ("distortioncoefficients", "distortioncoeffs", "distcoeffs", "distcoeff", "dist", "d"),
    "width": ("imagewidth", "width"),
    "height": ("imageheight", "height"),
    "size": ("imagesize", "size", "resolution"),
    "rotation": ("r", "rotation", "rotationmatrix", "rvec"),
    "translation": ("t", "translation", "translationvector", "tvec"),
}
"""How OpenCV's samples and others spell a key, in small letters without `_`."""
FISHEYE = ("equidistant", "fisheye", "kannala_brandt", "kannala_brandt4")


@dataclass(frozen=True, slots=True)
class OpenCVFiles:
    """The files of one rig, and what they leave open.

    Attributes
    ----------
    color, depth, thermal : one camera each; thermal is None where the rig has none
    stereo : R and T of "depth" and "thermal"; where one is not named, its camera's file is to have them
    first_is_color : whether R, T carry the color camera's points into the other's frame, as from
        cv2.stereoCalibrate with color first; False the other way round; None where the files say it
    unit : of T: "mm", "cm", "m"; empty where the files say it
    size_px : width and height by camera, where a file does not say
    """

    color: Path
    depth: Path
    thermal: Path | None = None
    stereo: Mapping[str, Path] = field(default_factory=dict)
    first_is_color: bool | None = None
    unit: str = ""
    size_px: Mapping[str, tuple[int, int]] = field(default_factory=dict)


def import_opencv(
    files: OpenCVFiles, *, rig: str = "", depth_shift_mm: float | None = None, depth_scale: float = 1.0
) -> Calibration:
    """Return the calibration that single cameras' files make together.

    Parameters
    ----------
    files : OpenCVFiles
    rig : name of the rig; that of the color file's folder where it is empty
    depth_shift_mm, depth_scale : true depth = depth_scale * reading + depth_shift_mm; a shift of None is 0,
        and a remark says so

    Raises
    ------
    CalibrationError
        A file is missing, leaves open what is to be said, or holds values that no camera has.
    """
    paths = {"color": files.color, "depth": files.depth}
    if files.thermal is not None:
        paths["thermal"] = files.thermal
    content = {name: read_yaml(path) for name, path in paths.items()}
    cameras = {
        name: _camera(content[name], name=name, size_px=files.size_px.get(name), path=path)
        for name, path in paths.items()
    }
    used = list(paths.values())
    from_color = {}
    for name in (one for one in paths if one != "color"):
        path = files.stereo.get(name, paths[name])
        if path != paths[name]:
            used.append(path)
        table = content[name] if path == paths[name] else read_yaml(path)
        from_color[name] = _pose_from_color(table, files, name=name, path=path)
    color_from_depth = from_color["depth"].inverse()
    if (cameras["depth"].width, cameras["depth"].height) == DEPTH_PX:
        require_unmirrored(color_from_depth, path=files.stereo.get("depth", files.depth))
    return Calibration(
        rig=rig or files.color.resolve().parent.name,
        color=cameras["color"],
        depth=cameras["depth"],
        thermal=cameras.get("thermal"),
        color_from_depth=color_from_depth,
        thermal_from_color=from_color.get("thermal"),
        depth_shift_mm=depth_shift_from(float(depth_shift_mm or 0.0), files.depth),
        depth_scale=_depth_scale(float(depth_scale), files.depth),
        method="imported from OpenCV",
        sources=tuple(path.name for path in used),
        remarks=(no_depth_shift(files.depth.name),) if depth_shift_mm is None else (),
        software=f"mavfer {__version__}",
    )


def import_opencv_folder(folder: Path, *, rig: str = "", depth_shift_mm: float | None = None) -> Calibration:
    """Return, to the last bit, the calibration that `mavfer calibrate export --format opencv` wrote.

    Raises
    ------
    CalibrationError
        A file is missing or holds values that no rig has.
    """
    path = folder / RIG_FILE
    table = read_yaml(path)
    names = ["color", "depth", *(["thermal"] if "thermal_from_color_R" in table else [])]
    cameras = {
        name: _camera(read_yaml(folder / f"{name}.yml"), name=name, size_px=None, path=folder / f"{name}.yml")
        for name in names
    }

    def pose(name: str) -> RigidTransform:
        turn, shift = table.get(f"{name}_R"), table.get(f"{name}_T_mm")
        return pose_from(turn, shift, mm_per_unit=1.0, name=name, path=path)

    shift_mm = table.get("depth_shift_mm") if depth_shift_mm is None else float(depth_shift_mm)
    return Calibration(
        rig=rig or str(table.get("rig") or folder.resolve().name),
        color=cameras["color"],
        depth=cameras["depth"],
        thermal=cameras.get("thermal"),
        color_from_depth=pose("color_from_depth"),
        thermal_from_color=pose("thermal_from_color") if "thermal" in cameras else None,
        depth_shift_mm=depth_shift_from(shift_mm, path),
        depth_scale=_depth_scale(table.get("depth_scale"), path),
        board=str(table.get("board") or ""),
        method=str(table.get("method") or "imported from OpenCV"),
        sources=(RIG_FILE, *(f"{name}.yml" for name in names)),
        created_utc=str(table.get("created_utc") or ""),
        software=f"mavfer {__version__}",
    )


def _camera(
    table: Mapping[str, Any], *, name: str, size_px: tuple[int, int] | None, path: Path
) -> Intrinsics:
    model = str(table.get("distortion_model") or "").lower()
    if model in FISHEYE or table.get("fisheye_model") == 1:
        raise CalibrationError(
            f"wanted a lens of k1, k2, p1, p2, k3, found the {name} camera has a fisheye's; calibrate it "
            f"again without: {path}"
        )
    matrix = _found(table, "matrix")
    if matrix is None:
        has = ", ".join(sorted(table)) or "nothing"
        raise CalibrationError(f"wanted the {name} camera's camera_matrix, found {has}: {path}")
    size = _size(table, size_px, name, path)
    return camera_from_matrix(matrix, _found(table, "lens"), name=name, size_px=size, path=path)


def _size(
    table: Mapping[str, Any], wanted_px: tuple[int, int] | None, name: str, path: Path
) -> tuple[int, int]:
    """Return width and height as a file has them; as they are wanted where it has neither."""
    width, height = _found(table, "width"), _found(table, "height")
    pair = _found(table, "size") if width is None and height is None else (width, height)
    if pair is None and wanted_px is None:
        raise CalibrationError(
            f"the file does not say how large the {name} camera's pictures are; "
            f"pass --size {name}=WIDTHxHEIGHT: {path}"
        )
    pair = wanted_px if pair is None else pair
    values = numbers(pair, f"the {name} camera's image_width and image_height", path).ravel()
    if values.size != 2 or np.any(values != values.round()) or np.any(values < 16) or np.any(values > 20_000):
        raise CalibrationError(
            f"wanted image_width and image_height of the {name} camera, 16 to 20000 pixels, found "
            f"{values.tolist()!r}: {path}"
        )
    told_px = (int(values[0]), int(values[1]))
    if wanted_px is not None and told_px != wanted_px:
        raise CalibrationError(
            f"wanted pictures of {wanted_px[0]} x {wanted_px[1]} of the {name} camera, the file is for "
            f"{told_px[0]} x {told_px[1]}: {path}"
        )
    return told_px


def _pose_from_color(
    table: Mapping[str, Any], files: OpenCVFiles, *, name: str, path: Path
) -> RigidTransform:
    """Return the pose of color in the frame of another camera, from R and T of either direction."""
    turn, shift = _found(table, "rotation"), _found(table, "translation")
    if turn is None or shift is None:
        has = ", ".join(sorted(table)) or "nothing"
        raise CalibrationError(
            f"wanted R and T between color and {name}, found {has}; "
            f"pass the file that has them as --stereo-{name}: {path}"
        )
    told = table.get("from_camera")
    first_is_color = told == "color" if told in ("color", name) else files.first_is_color
    if first_is_color is None:
        raise CalibrationError(
            f"R and T do not say which way they lead; pass --from color where color was stereoCalibrate's "
            f"first camera (they carry its points to {name}), --from other where {name} was: {path}"
        )
    unit = str(table.get("length_unit") or files.unit)
    if unit not in MM_PER:
        raise CalibrationError(
            f"T does not say what it is measured in; pass --unit mm, cm or m, that of the squares: {path}"
        )
    pose = pose_from(
        turn, shift, mm_per_unit=MM_PER[unit], name=f"R, T of color and {name}, in {unit}", path=path
    )
    return pose if first_is_color else pose.inverse()


def _found(table: Mapping[str, Any], what: str) -> Any:
    """Return the entry of the first spelling that a file has; None where it has none."""
    plain = {key.lower().replace("_", ""): value for key, value in table.items()}
    return next((plain[one] for one in SPELLINGS[what] if plain.get(one) is not None), None)


def _depth_scale(value: Any, path: Path) -> float:
    if not isinstance(value, float) or not 0.5 < value < 2:
        raise CalibrationError(f"wanted a depth scale between 0.5 and 2, found {value!r}: {path}")
    return value
