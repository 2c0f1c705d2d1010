"""The calibration: the solved geometry of a rig, what it was solved from, and how well that determines it.

Nothing is solved here (`solver/solve.py`), no pixel is moved (`warp.py`), and no file is known
(`calibration_file.py`). Depth and infrared come from one sensor, so they share the camera `depth`. The
reference frame of the rig is the color camera's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..capture.geometry import Intrinsics, RigidTransform
from ..capture.streams import Stream
from ..errors import CalibrationError

Float = NDArray[np.float64]
DISTORTION_MODEL = "Brown-Conrady: k1, k2, p1, p2, k3"


@dataclass(frozen=True, slots=True)
class ViewResidual:
    """How well one picture of the board fits the solved geometry.

    Attributes
    ----------
    view : str, the name of the view, such as "12.400 s"
    camera : "color", "depth" or "thermal"
    rms_px : float, root mean square distance of found and predicted corners, pixels
    n_corners : int, how many were seen
    used : bool, False for an outlier that was left out of the solution
    reason : str, why it was left out; empty if it was not
    corners_px : (N, 2) float64 in the order of the board's points, NaN for one that was not seen; None where
        it is not known (files of schema 1, imported calibrations)
    """

    view: str
    camera: str
    rms_px: float
    n_corners: int
    used: bool = True
    reason: str = ""
    corners_px: Float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Calibration:
    """The geometry of a rig.

    Attributes
    ----------
    rig : str, name of the rig that was calibrated
    color, depth, thermal : Intrinsics; thermal is None for a rig without a thermal camera
    color_from_depth, thermal_from_color : RigidTransform, millimetres
    depth_shift_mm, depth_scale : float, true depth = depth_scale * reading + depth_shift_mm
    residuals : one per view and camera, in the order of time
    coverage : share [0, 1] of each camera's picture cells in which corners were seen
    rms_px : root mean square residual of each camera over the used views
    uncertainty : standard deviations, by table and parameter: "color", "depth", "thermal" (fx, fy, cx, cy in
        pixels, k1, k2, p1, p2, k3), "color_from_depth", "thermal_from_color" (rx_deg, ry_deg, rz_deg of a
        rotation after the stated one, tx_mm, ty_mm, tz_mm), "depth" also depth_shift_mm and depth_scale, and
        "face_at_1m" (depth_px: a depth reading placed in color; thermal_px: a color point placed in thermal)
    color_from_board : where the board stood in each view, by the view's name
    board : str, as `Board.parse` reads it; empty if no board was used
    method : str, how it came to be, such as "solved from boards" or "imported from iai_kinect2"
    sources : str, what it was made from: the ids of sessions, or names of files
    remarks : what a reader must know besides
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
    depth_scale: float = 1.0
    residuals: tuple[ViewResidual, ...] = ()
    coverage: Mapping[str, float] = field(default_factory=dict)
    rms_px: Mapping[str, float] = field(default_factory=dict)
    uncertainty: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    color_from_board: Mapping[str, RigidTransform] = field(default_factory=dict)
    board: str = ""
    method: str = "solved from boards"
    sources: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
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
