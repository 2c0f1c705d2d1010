"""The depth shift: what must be added to the Kinect's readings, measured on the board's white squares."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..capture.geometry import RigidTransform
from ..capture.session import Session
from ..capture.streams import Stream
from ..errors import CalibrationError
from .board import Board, white_squares
from .refine import RigGeometry
from .views import BoardView

Float = NDArray[np.float64]
MAX_DEPTH_ERROR_MM = 80.0  # readings farther from the board are of something else (iai_kinect2)
SQUARE_CENTER = 0.25  # readings within this many squares of a white square's center are compared


def depth_shift_mm(
    session: Session, board: Board, *, views: Sequence[BoardView], geometry: RigGeometry
) -> float:
    """Return what must be added to the depth readings, mm: the median over views of each view's median.

    Compared are readings on the centers of the board's white squares (black ones reflect too little) with
    the board's plane as the corners place it.

    Raises
    ------
    CalibrationError
        No view has depth readings on the board.
    """
    medians_mm = []
    for view, pose in zip(views, geometry.color_from_board, strict=True):
        if "depth" in view.corners_px and Stream.DEPTH in view.frame:
            reading_mm = session.frame(Stream.DEPTH, view.frame[Stream.DEPTH]).pixels
            difference_mm = plane_difference_mm(reading_mm, board, geometry, pose)
            if len(difference_mm):
                medians_mm.append(float(np.median(difference_mm)))
    if not medians_mm:
        raise CalibrationError(
            "wanted depth readings on the board's white squares, found none; hold it 0.6 to 1.5 m away"
        )
    return float(np.median(medians_mm))


def plane_difference_mm(
    depth_mm: NDArray, board: Board, geometry: RigGeometry, color_from_board: RigidTransform
) -> Float:
    """Return the board's true depth minus the reading, (M,) mm, at pixels in the middle of white squares."""
    camera = geometry.cameras["depth"]
    depth_from_board = geometry.from_color["depth"] @ color_from_board
    corners_px = camera.project(depth_from_board.apply(board.points_mm))
    low = np.clip(np.floor(corners_px.min(axis=0)).astype(int), 0, (camera.width - 1, camera.height - 1))
    high = np.clip(np.ceil(corners_px.max(axis=0)).astype(int) + 1, 1, (camera.width, camera.height))
    columns, rows = np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1]))
    rays = camera.rays(np.stack([columns, rows], axis=-1))
    normal = depth_from_board.rotation[:, 2]
    true_mm = float(normal @ depth_from_board.translation_mm) / (rays @ normal)
    on_board = depth_from_board.inverse().apply(rays * true_mm[..., None])[..., :2] / board.square_mm
    square = np.floor(on_board).astype(int)
    inside = np.all((square >= 0) & (square < (board.columns - 1, board.rows - 1)), axis=-1)
    inside &= np.all(np.abs(on_board - square - 0.5) < SQUARE_CENTER, axis=-1)
    column, row = np.where(inside, square[..., 0], 0), np.where(inside, square[..., 1], 0)
    reading_mm = depth_mm[low[1] : high[1], low[0] : high[0]].astype(np.float64)
    difference_mm = true_mm - reading_mm
    wanted = inside & white_squares(board)[row, column] & (reading_mm > 0)
    return difference_mm[wanted & (np.abs(difference_mm) < MAX_DEPTH_ERROR_MM)]
