"""The calibration: the solved geometry of a rig, and the one TOML file that holds it.

Nothing is solved here (`solve.py`) and no pixel is moved (`warp.py`). Depth and infrared come from one
sensor, so they share the camera `depth`. The reference frame of the rig is the color camera's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import tomlkit
from pydantic import Field, FiniteFloat

from ..capture.geometry import Intrinsics, RigidTransform
from ..capture.streams import Stream
from ..config import StrictModel, read_toml
from ..errors import CalibrationError, ConfigError
from ..output import new_file

SCHEMA_VERSION = 1
HEADER = (
    "A mavfer calibration: the solved geometry of one rig. Lengths in mm, pixel centers at integers,",
    "distortion = [k1, k2, p1, p2, k3] (OpenCV's order), xyz_color = rotation @ xyz_depth + translation_mm,",
    "true depth = measured depth + depth_shift_mm. The camera `depth` is also the infrared camera.",
)


@dataclass(frozen=True, slots=True)
class ViewResidual:
    """How well one picture of the board fits the solved geometry.

    Attributes
    ----------
    view : str, the name of the view, such as "12.400 s"
    camera : "color", "depth" or "thermal"
    rms_px : float, root mean square distance of found and predicted corners, pixels
    n_corners : int
    used : bool, False for an outlier that was left out of the solution
    """

    view: str
    camera: str
    rms_px: float
    n_corners: int
    used: bool = True


@dataclass(frozen=True, slots=True)
class Calibration:
    """The geometry of a rig.

    Attributes
    ----------
    rig : str, name of the rig that was calibrated
    color, depth, thermal : Intrinsics; thermal is None for a rig without a thermal camera
    color_from_depth, thermal_from_color : RigidTransform, millimetres
    depth_shift_mm : float, added to every depth reading to get the true depth (iai_kinect2's convention)
    mirrored : bool, True if the Kinect's pictures are mirrored left to right (libfreenect2 hands them out so)
    residuals : one per view and camera, in the order of time
    coverage : share [0, 1] of each camera's picture cells in which corners were seen
    rms_px : root mean square residual of each camera over the used views
    created_utc : str, ISO 8601, when the board was recorded
    software : str, what solved it
    """

    rig: str
    color: Intrinsics
    depth: Intrinsics
    thermal: Intrinsics | None
    color_from_depth: RigidTransform
    thermal_from_color: RigidTransform | None
    depth_shift_mm: float
    mirrored: bool = False
    residuals: tuple[ViewResidual, ...] = ()
    coverage: Mapping[str, float] = field(default_factory=dict)
    rms_px: Mapping[str, float] = field(default_factory=dict)
    created_utc: str = ""
    software: str = ""

    def __post_init__(self) -> None:
        if (self.thermal is None) != (self.thermal_from_color is None):
            raise CalibrationError(
                "wanted a thermal camera together with thermal_from_color, found one without the other"
            )

    @property
    def cameras(self) -> dict[str, Intrinsics]:
        """The intrinsics by camera name; no "thermal" where the rig has none."""
        cameras = {"color": self.color, "depth": self.depth}
        return cameras if self.thermal is None else {**cameras, "thermal": self.thermal}

    def camera_of(self, stream: Stream) -> Intrinsics:
        """Return the intrinsics of the camera that delivers `stream`.

        Raises
        ------
        CalibrationError
            The rig was calibrated without that camera.
        """
        name = camera_name(stream)
        if name not in self.cameras:
            raise CalibrationError(
                f"wanted the camera of stream {stream.value!r}, the calibration of rig {self.rig!r} has only "
                f"{', '.join(self.cameras)}; calibrate from a board session that has it"
            )
        return self.cameras[name]

    def from_color(self, stream: Stream) -> RigidTransform:
        """Return the transform from the color camera's frame into that of the camera of `stream`."""
        self.camera_of(stream)
        name = camera_name(stream)
        if name == "thermal" and self.thermal_from_color is not None:
            return self.thermal_from_color
        return self.color_from_depth.inverse() if name == "depth" else RigidTransform.identity()


def camera_name(stream: Stream) -> str:
    """Return the name of the camera that delivers `stream`: infrared comes from the depth camera."""
    if stream in (Stream.DEPTH, Stream.INFRARED):
        return "depth"
    return "color" if stream is Stream.COLOR else "thermal"


def require_rig(calibration: Calibration, session_rig: str, path: Path) -> None:
    """Raise CalibrationError unless `calibration`, read from `path`, belongs to the rig `session_rig`."""
    if calibration.rig != session_rig:
        raise CalibrationError(
            f"wanted a calibration of the session's rig {session_rig!r}, found one of {calibration.rig!r}; "
            f"record a board session with that rig and run `mavfer calibrate`: {path}"
        )


class _Camera(StrictModel):
    width: int = Field(gt=0)
    height: int = Field(gt=0)
    fx: FiniteFloat = Field(gt=0)
    fy: FiniteFloat = Field(gt=0)
    cx: FiniteFloat
    cy: FiniteFloat
    distortion: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat]


class _Cameras(StrictModel):
    color: _Camera
    depth: _Camera
    thermal: _Camera | None = None


_Row = tuple[FiniteFloat, FiniteFloat, FiniteFloat]


class _Transform(StrictModel):
    rotation: tuple[_Row, _Row, _Row]
    translation_mm: _Row


class _View(StrictModel):
    view: str
    camera: Literal["color", "depth", "thermal"]
    rms_px: FiniteFloat = Field(ge=0)
    n_corners: int = Field(ge=0)
    used: bool = True


class _File(StrictModel):
    kind: Literal["calibration"]
    schema_version: int
    rig: str
    created_utc: str
    software: str
    mirrored: bool
    depth_shift_mm: FiniteFloat
    rms_px: dict[str, FiniteFloat]
    coverage: dict[str, FiniteFloat]
    camera: _Cameras
    color_from_depth: _Transform
    thermal_from_color: _Transform | None = None
    views: tuple[_View, ...] = ()


class _Kind(StrictModel, extra="ignore"):
    kind: str = ""
    schema_version: int = 0


def read_calibration(path: Path) -> Calibration:
    """Return the calibration in the TOML file at `path`.

    Raises
    ------
    CalibrationError
        The file is missing, is no calibration, has another schema version, or holds values that no
        camera or rotation can have.
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
        if head.schema_version != SCHEMA_VERSION:
            raise CalibrationError(
                f"wanted a calibration of schema {SCHEMA_VERSION}, found schema {head.schema_version}; "
                f"solve it again with this mavfer: {path}"
            )
        file = read_toml(path, _File)
    except ConfigError as error:
        raise CalibrationError(f"wanted a calibration: {error}") from error
    try:
        return _calibration_from_file(file)
    except CalibrationError as error:
        raise CalibrationError(f"{error}; solve it again with `mavfer calibrate`: {path}") from error


def write_calibration(path: Path, calibration: Calibration, *, overwrite: bool = False) -> None:
    """Write `calibration` as TOML; numbers keep every digit, so that reading gives the same geometry back.

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


def _calibration_from_file(file: _File) -> Calibration:
    def intrinsics(camera: _Camera) -> Intrinsics:
        return Intrinsics(**camera.model_dump())

    def transform(table: _Transform) -> RigidTransform:
        return RigidTransform(np.array(table.rotation), np.array(table.translation_mm))

    thermal, thermal_from_color = file.camera.thermal, file.thermal_from_color
    return Calibration(
        rig=file.rig,
        color=intrinsics(file.camera.color),
        depth=intrinsics(file.camera.depth),
        thermal=None if thermal is None else intrinsics(thermal),
        color_from_depth=transform(file.color_from_depth),
        thermal_from_color=None if thermal_from_color is None else transform(thermal_from_color),
        depth_shift_mm=file.depth_shift_mm,
        mirrored=file.mirrored,
        residuals=tuple(ViewResidual(**view.model_dump()) for view in file.views),
        coverage=file.coverage,
        rms_px=file.rms_px,
        created_utc=file.created_utc,
        software=file.software,
    )


def _file_from_calibration(calibration: Calibration) -> dict[str, object]:
    """Return the tables of the file, in the order a reader wants them."""
    table: dict[str, object] = {
        "kind": "calibration",
        "schema_version": SCHEMA_VERSION,
        "rig": calibration.rig,
        "created_utc": calibration.created_utc,
        "software": calibration.software,
        "mirrored": calibration.mirrored,
        "depth_shift_mm": float(calibration.depth_shift_mm),
        "rms_px": {name: float(value) for name, value in calibration.rms_px.items()},
        "coverage": {name: float(value) for name, value in calibration.coverage.items()},
        "camera": {name: _camera_table(camera) for name, camera in calibration.cameras.items()},
        "color_from_depth": _transform_table(calibration.color_from_depth),
    }
    if calibration.thermal_from_color is not None:
        table["thermal_from_color"] = _transform_table(calibration.thermal_from_color)
    views = tomlkit.aot()
    for view in calibration.residuals:
        row = {"view": view.view, "camera": view.camera, "rms_px": float(view.rms_px)}
        views.append(tomlkit.item({**row, "n_corners": int(view.n_corners), "used": bool(view.used)}))
    if calibration.residuals:
        table["views"] = views
    return table


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
