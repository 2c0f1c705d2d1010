"""A calibrated rig in space: where its cameras stand, what they see, and where the boards were. In mm.

The frame is the color camera's: x to the right and y down as it looks, z away from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...capture.board import Board
from ...capture.geometry import Intrinsics, RigidTransform
from ...report import AMBER, INK
from ..calibration import Calibration
from .axes import CAMERA_COLORS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Float = NDArray[np.float64]
FACE_DISTANCE_MM = 1000.0
FACE_MM = (150.0, 220.0)  # width and height of a head seen from the front
AXIS_MM = 60.0
MOST_BOARDS = 60


@dataclass(frozen=True, slots=True)
class PlacedCamera:
    """A camera in the color camera's frame.

    Attributes
    ----------
    name : str
    center_mm : (3,) float64
    axes_mm : (3, 3) float64, the ends of its x, y and z axis, AXIS_MM long, one per row
    corners_mm : (4, 3) float64, what the corners of its picture see at `reach_mm` along its axis, clockwise
        from the top left; lens distortion included
    """

    name: str
    center_mm: Float
    axes_mm: Float
    corners_mm: Float


def placed_cameras(
    calibration: Calibration, *, reach_mm: float = FACE_DISTANCE_MM
) -> tuple[PlacedCamera, ...]:
    """Return every camera where it stands, seeing as far as `reach_mm`."""
    color_from = {"color": RigidTransform.identity(), "depth": calibration.color_from_depth}
    if calibration.thermal_from_color is not None:
        color_from["thermal"] = calibration.thermal_from_color.inverse()
    return tuple(
        PlacedCamera(
            name,
            color_from[name].translation_mm,
            color_from[name].apply(AXIS_MM * np.eye(3)),
            color_from[name].apply(_corners_mm(camera, reach_mm)),
        )
        for name, camera in calibration.cameras.items()
    )


def _corners_mm(camera: Intrinsics, reach_mm: float) -> Float:
    """Return what a picture's corners see; one that the lens model cannot undo is taken straight."""
    right, low = camera.width - 1, camera.height - 1
    px = np.array([[0, 0], [right, 0], [right, low], [0, low]], np.float64)
    rays = camera.rays(px)
    straight = np.ones_like(rays)
    straight[:, :2] = (px - (camera.cx, camera.cy)) / (camera.fx, camera.fy)
    return np.where(np.isfinite(rays), rays, straight) * reach_mm


def field_of_view_deg(camera: Intrinsics) -> tuple[float, float]:
    """Return how wide a camera sees across and down through the middle of its picture, degrees."""
    right, low = camera.width - 1, camera.height - 1
    ends = np.array([[0, low / 2], [right, low / 2], [right / 2, 0], [right / 2, low]])
    rays = camera.rays(ends)
    rays = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
    across, down = np.degrees(np.arccos(np.clip([rays[0] @ rays[1], rays[2] @ rays[3]], -1, 1)))
    return float(across), float(down)


def board_outlines_mm(calibration: Calibration) -> Float:
    """Return the corners (V, 4, 3) of the board in every view, at most MOST_BOARDS spread evenly."""
    poses = list(calibration.color_from_board.values())
    if not calibration.board or not poses:
        return np.empty((0, 4, 3))
    outline_mm = Board.parse(calibration.board).plate.outline_mm
    step = -(-len(poses) // MOST_BOARDS)
    return np.stack([pose.apply(outline_mm) for pose in poses[::step]])


def place_in_words(camera_in_color_mm: Float) -> str:
    """Return where a camera stands as seen from behind the color camera, in words."""
    x, y, z = (float(value) for value in camera_in_color_mm)
    parts = [
        f"{abs(value):.1f} mm {word}"
        for value, word in (
            (x, "to the right" if x > 0 else "to the left"),
            (y, "below" if y > 0 else "above"),
            (z, "before" if z > 0 else "behind"),
        )
        if abs(value) >= 0.05
    ]
    return ", ".join(parts) if parts else "in the same place"


def face_outline_mm(n_points: int = 48) -> Float:
    """Return an ellipse (n, 3) of a head's size straight before the color camera."""
    angle = np.linspace(0, 2 * np.pi, n_points)
    depth = np.full(n_points, FACE_DISTANCE_MM)
    return np.stack([FACE_MM[0] / 2 * np.cos(angle), FACE_MM[1] / 2 * np.sin(angle), depth], axis=-1)


def oblique(xyz_mm: Float, *, turn_deg: float = 38.0, lift_deg: float = 24.0) -> Float:
    """Return points (..., 3) on paper (..., 2), right and up, seen from behind the rig, right and above.

    A parallel projection: lengths along one direction keep their proportions.
    """
    turn, lift = np.radians([turn_deg, lift_deg])
    right = np.array([np.cos(turn), 0.0, np.sin(turn)])
    away = np.array([-np.sin(turn) * np.cos(lift), np.sin(lift), np.cos(turn) * np.cos(lift)])
    up = np.cross(right, away)
    return np.asarray(xyz_mm, np.float64) @ np.stack([right, up], axis=-1)


def from_above(xyz_mm: Float) -> Float:
    """Return (x, z): right and away."""
    return np.asarray(xyz_mm)[..., [0, 2]]


def from_the_side(xyz_mm: Float) -> Float:
    """Return (z, y): away and down."""
    return np.asarray(xyz_mm)[..., [2, 1]]


def from_behind(xyz_mm: Float) -> Float:
    """Return (x, y): right and down."""
    return np.asarray(xyz_mm)[..., [0, 1]]


def draw_rig(figure: Figure, calibration: Calibration) -> None:
    """Draw the rig with its boards from three sides, and the cameras alone from behind."""
    boards_mm = board_outlines_mm(calibration)
    reach_mm = FACE_DISTANCE_MM
    if len(boards_mm):
        reach_mm = float(np.clip(np.quantile(boards_mm[..., 2], 0.95), 600, 3000))
    cameras = placed_cameras(calibration, reach_mm=reach_mm)
    (over, beside), (slanted, close) = figure.subplots(2, 2)
    for axis, view in ((over, from_above), (beside, from_the_side), (slanted, oblique)):
        for board_mm in boards_mm:
            _outline(axis, view(board_mm), color=AMBER, linewidth=0.7, alpha=0.6)
        for camera in cameras:
            _frustum(axis, view(camera.corners_mm), view(camera.center_mm), CAMERA_COLORS[camera.name])
        _outline(axis, view(face_outline_mm()), color=INK, linewidth=1.8)
        axis.set_aspect("equal", adjustable="datalim")
    over.set(title="from above", xlabel="to the right, mm", ylabel="away from the rig, mm")
    beside.set(title="from the side", xlabel="away from the rig, mm", ylabel="down, mm")
    beside.invert_yaxis()
    slanted.set(title="from behind, above and to the right")
    slanted.set_axis_off()
    for camera in cameras:
        _axes_of(close, camera)
    close.set(title="the cameras from behind", xlabel="to the right, mm", ylabel="down, mm")
    close.invert_yaxis()
    close.set_aspect("equal", adjustable="datalim")
    close.margins(0.25)
    handles = [
        *(over.plot([], [], color=CAMERA_COLORS[camera.name], label=camera.name)[0] for camera in cameras),
        *(over.plot([], [], color=AMBER, label="boards")[:1] if len(boards_mm) else []),
        over.plot([], [], color=INK, label="a face at 1 m")[0],
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=len(handles))


def _frustum(axis: Axes, corners: Float, center: Float, color: str) -> None:
    _outline(axis, corners, color=color, linewidth=1.3)
    for corner in corners:
        axis.plot(*np.stack([center, corner]).T, color=color, linewidth=0.7, alpha=0.7)
    axis.plot(*center, marker="o", markersize=4, color=color)


def _axes_of(axis: Axes, camera: PlacedCamera) -> None:
    """Draw a camera's own x and y axes where it stands, from behind."""
    color, center = CAMERA_COLORS[camera.name], from_behind(camera.center_mm)
    for end, name in zip(from_behind(camera.axes_mm), "xyz", strict=True):
        axis.plot(*np.stack([center, end]).T, color=color, linewidth=1.4)
        if name != "z":
            axis.text(float(end[0]), float(end[1]), name, color=color, fontsize=9, ha="center", va="center")
    axis.plot(*center, marker="o", markersize=7, color=color)
    axis.annotate(
        camera.name,
        (float(center[0]), float(center[1])),
        xytext=(7, 7),
        textcoords="offset points",
        color=color,
        fontweight="bold",
    )


def _outline(axis: Axes, points: Float, **style: object) -> None:
    closed = np.concatenate([points, points[:1]])
    axis.plot(*closed.T, **style)  # pyright: ignore[reportArgumentType]
