"""The depth shift: what must be added to the Kinect's readings, measured on the board's blank paper."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ..capture.board import Board, FlatTarget
from ..capture.geometry import RigidTransform
from ..capture.session import Session
from ..capture.streams import Stream
from ..errors import CalibrationError
from .refine import RigGeometry
from .views import BoardView

Float = NDArray[np.float64]
MAX_DEPTH_ERROR_MM = 80.0  # readings farther from the board are of something else (iai_kinect2)
MIN_FROM_INK_MM = 5.0  # half a depth pixel at a metre is 1.4 mm, and ink reflects too little
N_FIELDS = 1000  # the plate is drawn so finely that its longer side has about that many


def depth_shift_mm(
    session: Session, board: Board, *, views: Sequence[BoardView], geometry: RigGeometry
) -> float:
    """Return what must be added to the depth readings, mm: the median over views of each view's median.

    Compared are readings on blank paper (ink reflects too little) with the board's plane as the corners
    place it.

    Raises
    ------
    CalibrationError
        No view has depth readings on the board.
    """
    medians_mm = []
    paper = blank_mm(board)
    for view, pose in zip(views, geometry.color_from_board, strict=True):
        if "depth" in view.corners_px and Stream.DEPTH in view.frame:
            reading_mm = session.frame(Stream.DEPTH, view.frame[Stream.DEPTH]).pixels
            difference_mm = plane_difference_mm(reading_mm, paper, geometry, pose)
            if len(difference_mm):
                medians_mm.append(float(np.median(difference_mm)))
    if not medians_mm:
        raise CalibrationError(
            "wanted depth readings on the board's blank paper, found none; hold it 0.6 to 1.5 m away"
        )
    return float(np.median(medians_mm))


def blank_mm(board: Board) -> FlatTarget:
    """Return how far from ink and from the plate's rim each place of the board is, mm, as a fine picture."""
    plate = board.plate
    finer = max(1, round(N_FIELDS / max(plate.ink.shape)))
    blank = np.kron(plate.ink < 0.01, np.ones((finer, finer), bool)).astype(np.uint8)
    distance = cv2.distanceTransform(np.pad(blank, 1), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    field_mm = plate.field_mm / finer
    return FlatTarget(distance.astype(np.float64) * field_mm, field_mm, plate.origin_mm)


def plane_difference_mm(
    depth_mm: NDArray, paper: FlatTarget, geometry: RigGeometry, color_from_board: RigidTransform
) -> Float:
    """Return the board's true depth minus the reading, (M,) mm, at pixels well inside blank paper.

    Parameters
    ----------
    paper : as `blank_mm` returns
    """
    camera = geometry.cameras["depth"]
    depth_from_board = geometry.from_color["depth"] @ color_from_board
    outline_px = camera.project(depth_from_board.apply(paper.outline_mm))
    size = np.array([camera.width, camera.height])
    low = np.clip(np.floor(np.nan_to_num(outline_px.min(axis=0))).astype(int), 0, size - 1)
    high = np.clip(np.ceil(np.nan_to_num(outline_px.max(axis=0), nan=0)).astype(int) + 1, 1, size)
    columns, rows = np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1]))
    rays = camera.rays(np.stack([columns, rows], axis=-1))
    normal = depth_from_board.rotation[:, 2]
    true_mm = float(normal @ depth_from_board.translation_mm) / (rays @ normal)
    on_board = depth_from_board.inverse().apply(rays * true_mm[..., None])[..., :2]
    field = np.floor(np.nan_to_num((on_board - paper.origin_mm) / paper.field_mm, nan=-1)).astype(int)
    inside = np.all((field >= 0) & (field < paper.ink.shape[::-1]), axis=-1)
    column, row = np.where(inside, field[..., 0], 0), np.where(inside, field[..., 1], 0)
    reading_mm = depth_mm[low[1] : high[1], low[0] : high[0]].astype(np.float64)
    difference_mm = true_mm - reading_mm
    wanted = inside & (paper.ink[row, column] > MIN_FROM_INK_MM) & (reading_mm > 0)
    return difference_mm[wanted & (np.abs(difference_mm) < MAX_DEPTH_ERROR_MM)]
