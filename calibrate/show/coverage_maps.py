"""Where the boards of a calibration were: over each picture, how tilted, how far; drawn from the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...capture.board import Board
from ...capture.geometry import RigidTransform
from ...report import AMBER, SOFT
from ..calibration import Calibration
from ..coverage import (
    FAR_MM,
    GRID,
    NEAR_MM,
    TILT_DEG,
    CameraCoverage,
    cells_hit,
    coverage_of,
    missing,
    tilt_of,
)
from ..solver.views import BoardView
from .arrows import camera_from_board
from .axes import CAMERA_COLORS, picture_axes, segments, thinned

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Float = NDArray[np.float64]
WIDEST_TILT_DEG = 60.0


@dataclass(frozen=True, slots=True)
class CameraBoards:
    """Where one camera saw boards, in the pictures that were used.

    Attributes
    ----------
    camera : "color", "depth" or "thermal"
    size_px : width and height of its picture
    corners_px : (M, 2) float64, all corners
    tilt_deg : (V, 2) float64, about the vertical (positive: the right edge is farther away) and about the
        horizontal (positive: the top edge is), against the picture's plane
    distance_mm : (V,) float64, of the board's middle along the camera's axis
    """

    camera: str
    size_px: tuple[int, int]
    corners_px: Float
    tilt_deg: Float
    distance_mm: Float

    @property
    def cells(self) -> NDArray[np.bool_]:
        """The cells (6, 8) of the picture in which a corner was seen."""
        return cells_hit([self.corners_px], self.size_px)


def boards_of(calibration: Calibration, camera: str) -> CameraBoards | None:
    """Return where a camera saw boards; None where the file holds no corners of it."""
    if not calibration.board:
        return None
    middle_mm = Board.parse(calibration.board).points_mm.mean(axis=0)
    corners: list[Float] = []
    poses: list[RigidTransform] = []
    for residual in calibration.residuals:
        if residual.camera == camera and residual.used and residual.corners_px is not None:
            corners.append(residual.corners_px[np.isfinite(residual.corners_px).all(-1)])
            pose = camera_from_board(calibration, residual)
            poses += [] if pose is None else [pose]
    if not corners:
        return None
    lens = calibration.cameras[camera]
    return CameraBoards(
        camera,
        (lens.width, lens.height),
        np.concatenate(corners),
        np.array([tilt_of(pose.rotation) for pose in poses]).reshape(-1, 2),
        np.array([pose.apply(middle_mm)[2] for pose in poses]),
    )


def coverages(calibration: Calibration) -> dict[str, CameraCoverage]:
    """Return what the used pictures of a file cover, as the live guide counts it; empty without corners."""
    if not calibration.board:
        return {}
    board = Board.parse(calibration.board)
    by_view: dict[str, dict[str, Float]] = {}
    for residual in calibration.residuals:
        corners_px = residual.corners_px
        if residual.used and corners_px is not None and len(corners_px) == len(board.points_mm):
            by_view.setdefault(residual.view, {})[residual.camera] = corners_px
    if not by_view:
        return {}
    views = [BoardView(name, corners_px, {}) for name, corners_px in by_view.items()]
    sizes = {name: (camera.width, camera.height) for name, camera in calibration.cameras.items()}
    return coverage_of(views, board, sizes, calibration.cameras)


def still_missing(calibration: Calibration) -> tuple[str, ...]:
    """Return what an operator could still show the rig, one sentence each."""
    return missing(coverages(calibration))


def draw_coverage(figure: Figure, cameras: Sequence[CameraBoards]) -> None:
    """Draw a row per camera: corners over the picture's cells, tilts, and distances."""
    rows = figure.subplots(len(cameras), 3, squeeze=False, width_ratios=[1.9, 1, 1])
    for (where, tilt, distance), boards in zip(rows, cameras, strict=True):
        color = CAMERA_COLORS[boards.camera]
        _cells(where, boards)
        where.set_title(f"{boards.camera}: {boards.cells.mean():.0%} of the cells")
        _tilts(tilt, boards, color)
        edges = np.arange(300, max(1500.0, float(boards.distance_mm.max(initial=0))) + 100, 100)
        counts = np.histogram(boards.distance_mm, edges)[0]
        distance.bar(edges[:-1] + 50, counts, width=88, color=color)
        for limit_mm in (NEAR_MM, FAR_MM):
            distance.axvline(limit_mm, color=SOFT, linewidth=0.9, ls="--")
        distance.set_ylabel("views")
        distance.locator_params(axis="y", integer=True)
        distance.set_xlim(edges[0], edges[-1])
    rows[-1][1].set_xlabel("right edge away, degrees")
    rows[-1][2].set_xlabel("distance, mm")


def _cells(axis: Axes, boards: CameraBoards) -> None:
    width, height = boards.size_px
    for row, column in np.argwhere(~boards.cells):
        left, top = column * width / GRID[1] - 0.5, row * height / GRID[0] - 0.5
        axis.fill(
            [left, left + width / GRID[1], left + width / GRID[1], left],
            [top, top, top + height / GRID[0], top + height / GRID[0]],
            color=AMBER,
            alpha=0.35,
            linewidth=0,
        )
    for column in range(1, GRID[1]):
        axis.axvline(column * width / GRID[1] - 0.5, color=SOFT, linewidth=0.4, alpha=0.6)
    for row in range(1, GRID[0]):
        axis.axhline(row * height / GRID[0] - 0.5, color=SOFT, linewidth=0.4, alpha=0.6)
    dots = thinned(boards.corners_px)
    segments(axis, dots, dots + np.array([0.01, 0.0]), color=CAMERA_COLORS[boards.camera], width=1.7)
    picture_axes(axis, boards.size_px)


def _tilts(axis: Axes, boards: CameraBoards, color: str) -> None:
    limit = max(WIDEST_TILT_DEG, float(np.abs(boards.tilt_deg).max(initial=0)) * 1.05)
    axis.fill([-TILT_DEG, TILT_DEG, TILT_DEG, -TILT_DEG], [-TILT_DEG, -TILT_DEG, TILT_DEG, TILT_DEG],
              color=SOFT, alpha=0.15, linewidth=0)  # fmt: skip
    axis.plot(*boards.tilt_deg.T, ls="", marker="o", markersize=3.4, color=color)
    axis.set(xlim=(-limit, limit), ylim=(-limit, limit), ylabel="top edge away, degrees", aspect="equal")
    axis.set_xticks([-40, 0, 40])
    axis.set_yticks([-40, -20, 0, 20, 40])
