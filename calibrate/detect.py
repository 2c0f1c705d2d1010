"""A board found in a picture of any stream, whatever kind of board it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..capture.board import Board, Chessboard
from ..capture.streams import Stream
from ..errors import CalibrationError
from .chessboard import find_chessboard, refine_chessboard

Float = NDArray[np.float64]


def find_corners(image: NDArray, board: Board, stream: Stream) -> Float | None:
    """Return where the board's points lie in `image`, or None if it is not seen.

    Parameters
    ----------
    image : (H, W, 3) uint8 RGB color, or (H, W) uint8 or uint16 counts

    Returns
    -------
    (N, 2) float64, pixels, pixel centers at integers, in the order of `board.points_mm`, NaN for a point that
    was not seen (only boards whose points are marked one by one are found in part); or None.
    """
    if isinstance(board, Chessboard):
        return find_chessboard(image, board, stream)
    raise CalibrationError(f"wanted a chessboard, found {str(board)!r}")


def refine_corners(image: NDArray, corners_px: Float, board: Board) -> Float | None:
    """Return the points near `corners_px` (N, 2) in another picture of the same stream, or None.

    Parameters and result are those of `find_corners`; NaN stays NaN.
    """
    if isinstance(board, Chessboard):
        return refine_chessboard(image, corners_px, board)
    raise CalibrationError(f"wanted a chessboard, found {str(board)!r}")
