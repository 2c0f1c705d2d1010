"""The one TOML file that holds a calibration: written, and read with every value looked at.

The numbers that people read stand first; the corners they were solved from stand last.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tomlkit
from numpy.typing import NDArray
from pydantic import Field

from ..capture.board import Board
from ..capture.geometry import Intrinsics, RigidTransform
from ..config import StrictModel, read_toml
from ..errors import CalibrationError, ConfigError
from ..output import new_file
from .calibration import DISTORTION_MODEL, Calibration, ViewResidual

SCHEMA_VERSION = 2
HEADER = (
    "A mavfer calibration: the solved geometry of one rig. Lengths in mm, pixel centers at integers,",
    "distortion = [k1, k2, p1, p2, k3] (OpenCV's order), xyz_color = rotation @ xyz_depth + translation_mm,",
    "true depth = depth_scale * reading + depth_shift_mm. The camera `depth` is also the infrared camera.",
    "`uncertainty` holds standard deviations; rotations in degrees about the axes of the camera arrived in.",
)
CORNER_DIGITS = 4
MAX_SHIFT_MM, MAX_SCALE = 200.0, 1.25
MAX_BASELINE_MM, MAX_TURN_DEG = 2000.0, 90.0
MAX_BEND = 3.0  # times a lens may move a place toward or away from the middle
USED_SHARE = 0.6  # of a picture's width and height, about its middle, has to be reached by the lens


_Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]  # true is no number
_Positive = Annotated[_Number, Field(ge=0)]
_Share = Annotated[_Number, Field(ge=0, le=1)]


class _Camera(StrictModel):
    width: int = Field(gt=0, le=20_000, strict=True)
    height: int = Field(gt=0, le=20_000, strict=True)
    fx: _Number = Field(gt=0)
    fy: _Number = Field(gt=0)
    cx: _Number
    cy: _Number
    distortion: tuple[_Number, _Number, _Number, _Number, _Number]


class _Cameras(StrictModel):
    color: _Camera
    depth: _Camera
    thermal: _Camera | None = None


_Row = tuple[_Number, _Number, _Number]
_Name = Literal["color", "depth", "thermal"]


class _Transform(StrictModel):
    rotation: tuple[_Row, _Row, _Row]
    translation_mm: _Row


class _Picture(StrictModel):
    view: str
    camera: _Name
    rms_px: _Positive
    n_corners: int = Field(ge=0)
    used: bool = True
    reason: str = ""
    corners_px: tuple[tuple[float, float], ...] | None = None


class _BoardPose(_Transform):
    view: str


class _File(StrictModel):
    kind: Literal["calibration"]
    schema_version: Literal[2]
    rig: str
    created_utc: str
    software: str
    method: str
    board: str
    sources: tuple[str, ...]
    remarks: tuple[str, ...]
    distortion_model: Literal["Brown-Conrady: k1, k2, p1, p2, k3"]
    depth_shift_mm: _Number = Field(ge=-MAX_SHIFT_MM, le=MAX_SHIFT_MM)
    depth_scale: _Number = Field(ge=1 / MAX_SCALE, le=MAX_SCALE)
    rms_px: dict[_Name, _Positive]
    coverage: dict[_Name, _Share]
    uncertainty: dict[str, dict[str, _Positive]]
    camera: _Cameras
    color_from_depth: _Transform
    thermal_from_color: _Transform | None = None
    boards: tuple[_BoardPose, ...] = ()
    pictures: tuple[_Picture, ...] = ()


class _FileOfSchema1(StrictModel):
    kind: Literal["calibration"]
    schema_version: Literal[1]
    rig: str
    created_utc: str
    software: str
    mirrored: bool
    depth_shift_mm: _Number = Field(ge=-MAX_SHIFT_MM, le=MAX_SHIFT_MM)
    rms_px: dict[_Name, _Positive]
    coverage: dict[_Name, _Share]
    camera: _Cameras
    color_from_depth: _Transform
    thermal_from_color: _Transform | None = None
    views: tuple[_Picture, ...] = ()


class _Kind(StrictModel, extra="ignore"):
    kind: str = ""
    schema_version: int = 0


def read_calibration(path: Path) -> Calibration:
    """Return the calibration in the TOML file at `path`.

    Raises
    ------
    CalibrationError
        The file is missing, is no calibration, is of a later schema version, or holds values that no camera
        or rotation can have.
    """
    if not path.is_file():
        raise CalibrationError(
            f"wanted a calibration file, found {'a folder' if path.is_dir() else 'nothing'}; "
            f"`mavfer calibrate BOARD_SESSION --out FILE` makes one: {path}"
        )
    try:
        head = read_toml(path, _Kind)
        if head.kind != "calibration":
            raise CalibrationError(
                f"wanted a calibration (kind = 'calibration'), found kind = {head.kind!r}; "
                f"`mavfer calibrate` makes one: {path}"
            )
        if head.schema_version not in (1, SCHEMA_VERSION):
            raise CalibrationError(
                f"wanted a calibration of schema 1 to {SCHEMA_VERSION}, found schema {head.schema_version}; "
                f"solve it again with this mavfer: {path}"
            )
        file = read_toml(path, _FileOfSchema1 if head.schema_version == 1 else _File)
    except ConfigError as error:
        raise CalibrationError(f"wanted a calibration: {error}") from error
    try:
        return _calibration_from_file(file)
    except CalibrationError as error:
        raise CalibrationError(f"{error}; solve it again with `mavfer calibrate`: {path}") from error


def write_calibration(path: Path, calibration: Calibration, *, overwrite: bool = False) -> None:
    """Write `calibration` as TOML; its geometry keeps every digit, corners a ten-thousandth of a pixel.

    Raises
    ------
    OutputError
        `path` exists and `overwrite` is False, or cannot be written.
    """
    document = tomlkit.document()
    for line in HEADER:
        document.add(tomlkit.comment(line))
    for key, value in _file_from_calibration(calibration).items():
        document.add(key, value)
    with new_file(path, overwrite=overwrite) as temporary:
        temporary.write_text(tomlkit.dumps(document), encoding="utf-8")


def _calibration_from_file(file: _File | _FileOfSchema1) -> Calibration:
    thermal, thermal_from_color = file.camera.thermal, file.thermal_from_color
    color, depth = _intrinsics(file.camera.color, "color"), _intrinsics(file.camera.depth, "depth")
    pictures = file.views if isinstance(file, _FileOfSchema1) else file.pictures
    calibration = Calibration(
        rig=file.rig,
        color=color,
        depth=depth,
        thermal=None if thermal is None else _intrinsics(thermal, "thermal"),
        color_from_depth=_pose(file.color_from_depth, "color_from_depth"),
        thermal_from_color=(
            None if thermal_from_color is None else _pose(thermal_from_color, "thermal_from_color")
        ),
        depth_shift_mm=file.depth_shift_mm,
        residuals=tuple(_residual(picture) for picture in pictures),
        coverage={str(name): share for name, share in file.coverage.items()},
        rms_px={str(name): value for name, value in file.rms_px.items()},
        created_utc=file.created_utc,
        software=file.software,
    )
    if isinstance(file, _FileOfSchema1):
        if file.mirrored:
            raise CalibrationError(
                "wanted a calibration of pictures that are not mirrored, found mirrored = true; "
                "sessions hold no mirrored pictures"
            )
        return calibration
    try:
        board = str(Board.parse(file.board)) if file.board else ""
    except ConfigError as error:
        raise CalibrationError(f"board: {error}") from error
    return replace(
        calibration,
        depth_scale=file.depth_scale,
        uncertainty=file.uncertainty,
        color_from_board={pose.view: _transform(pose, f"board {pose.view}") for pose in file.boards},
        board=board,
        method=file.method,
        sources=file.sources,
        remarks=file.remarks,
    )


def _intrinsics(camera: _Camera, name: str) -> Intrinsics:
    """Return the camera; raises CalibrationError where no picture of its size can be made with it."""
    made = Intrinsics(**camera.model_dump())
    if not (0 < made.cx < made.width and 0 < made.cy < made.height):
        raise CalibrationError(
            f"wanted the {name} camera's principal point inside its picture of {made.width} x {made.height}, "
            f"found cx = {made.cx:g}, cy = {made.cy:g}"
        )
    if not 0.8 < made.fx / made.fy < 1.25 or not 0.2 < made.fx / made.width < 20:
        raise CalibrationError(
            f"wanted the {name} camera's focal lengths near each other and between 0.2 and 20 widths of its "
            f"picture, found fx = {made.fx:g}, fy = {made.fy:g} for a width of {made.width}"
        )
    reach = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1], [1, 0], [-1, 0], [0, 1], [0, -1]])
    middle = np.array([made.width, made.height]) / 2
    px = middle * (1 + USED_SHARE * reach)
    straight = np.linalg.norm((px - (made.cx, made.cy)) / (made.fx, made.fy), axis=1)
    bent = np.linalg.norm(made.rays(px)[:, :2], axis=1) / straight
    if not np.all((bent > 1 / MAX_BEND) & (bent < MAX_BEND)):
        raise CalibrationError(
            f"wanted a lens of the {name} camera that can be undone in its picture, found distortion = "
            f"{list(made.distortion)}"
        )
    return made


def _transform(table: _Transform, name: str) -> RigidTransform:
    try:
        return RigidTransform(np.array(table.rotation), np.array(table.translation_mm))
    except CalibrationError as error:
        raise CalibrationError(f"{name}: {error}") from error


def _pose(table: _Transform, name: str) -> RigidTransform:
    """Return the pose between two cameras; raises CalibrationError where they could not film one face."""
    pose = _transform(table, name)
    apart_mm = float(np.linalg.norm(pose.translation_mm))
    turn_deg = float(np.degrees(np.arccos(np.clip(pose.rotation[2, 2], -1, 1))))
    if apart_mm > MAX_BASELINE_MM or turn_deg > MAX_TURN_DEG:
        raise CalibrationError(
            f"{name}: wanted cameras at most {MAX_BASELINE_MM:g} mm apart that look the same way, found "
            f"{apart_mm:.0f} mm and {turn_deg:.0f} degrees between their views"
        )
    return pose


def _residual(picture: _Picture) -> ViewResidual:
    corners_px = (
        None if picture.corners_px is None else np.array(picture.corners_px, np.float64).reshape(-1, 2)
    )
    return ViewResidual(**{**picture.model_dump(), "corners_px": corners_px})


def _file_from_calibration(calibration: Calibration) -> dict[str, object]:
    """Return the tables of the file, in the order a reader wants them."""
    table: dict[str, object] = {
        "kind": "calibration",
        "schema_version": SCHEMA_VERSION,
        "rig": calibration.rig,
        "created_utc": calibration.created_utc,
        "software": calibration.software,
        "method": calibration.method,
        "board": calibration.board,
        "sources": list(calibration.sources),
        "remarks": list(calibration.remarks),
        "distortion_model": DISTORTION_MODEL,
        "depth_shift_mm": float(calibration.depth_shift_mm),
        "depth_scale": float(calibration.depth_scale),
        "rms_px": {name: float(value) for name, value in calibration.rms_px.items()},
        "coverage": {name: float(value) for name, value in calibration.coverage.items()},
        "camera": {name: _camera_table(camera) for name, camera in calibration.cameras.items()},
        "color_from_depth": _transform_table(calibration.color_from_depth),
    }
    if calibration.thermal_from_color is not None:
        table["thermal_from_color"] = _transform_table(calibration.thermal_from_color)
    table["uncertainty"] = {
        name: {key: float(value) for key, value in values.items()}
        for name, values in calibration.uncertainty.items()
    }
    if calibration.color_from_board:
        boards = tomlkit.aot()
        for view, pose in calibration.color_from_board.items():
            boards.append(tomlkit.item({"view": view, **_transform_table(pose)}))
        table["boards"] = boards
    if calibration.residuals:
        pictures = tomlkit.aot()
        for residual in calibration.residuals:
            pictures.append(tomlkit.item(_picture_table(residual)))
        table["pictures"] = pictures
    return table


def _picture_table(residual: ViewResidual) -> dict[str, object]:
    table: dict[str, object] = {
        "view": residual.view,
        "camera": residual.camera,
        "rms_px": float(residual.rms_px),
        "n_corners": int(residual.n_corners),
        "used": bool(residual.used),
    }
    if residual.reason:
        table["reason"] = residual.reason
    if residual.corners_px is not None:
        table["corners_px"] = _rounded(residual.corners_px)
    return table


def _rounded(corners_px: NDArray) -> list[list[float]]:
    return np.round(corners_px, CORNER_DIGITS).tolist()


def _camera_table(camera: Intrinsics) -> dict[str, object]:
    size = {"width": int(camera.width), "height": int(camera.height)}
    focal = {name: float(getattr(camera, name)) for name in ("fx", "fy", "cx", "cy")}
    return {**size, **focal, "distortion": [float(value) for value in camera.distortion]}


def _transform_table(transform: RigidTransform) -> dict[str, object]:
    rotation = tomlkit.array()
    for row in transform.rotation:
        rotation.append([float(value) for value in row])
    rotation.multiline(True)
    return {"rotation": rotation, "translation_mm": [float(value) for value in transform.translation_mm]}
