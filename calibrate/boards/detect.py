"""A board found in a picture of any stream, whatever kind of board it is; and what else the picture shows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...capture.board import ArucoGrid, Board, CharucoBoard, Chessboard, CircleGrid, markers_of
from ...capture.streams import Stream
from ...errors import CalibrationError, ConfigError
from .chessboard import chessboard_size, find_chessboard, refine_chessboard
from .circles import find_circles, refine_circles
from .markers import decoded_markers, find_marked, refine_marked

Float = NDArray[np.float64]
OTHER_DICTIONARIES = ("4X4_1000", "5X5_1000", "6X6_1000", "7X7_1000", "ARUCO_ORIGINAL", "APRILTAG_36h11")
MANY_IDS = 8
CIRCLES_ACROSS, CIRCLES_DOWN = (4, 5, 3), (11, 7, 9, 5, 10, 8)


def find_corners(image: NDArray, board: Board, stream: Stream) -> Float | None:
    """Return where the board's points lie in `image`, or None if it is not seen.

    The same picture always gives the same answer.

    Parameters
    ----------
    image : (H, W, 3) uint8 RGB color, or (H, W) uint8 or uint16 counts

    Returns
    -------
    (N, 2) float64, pixels, pixel centers at integers, in the order of `board.points_mm`, NaN for a point that
    was not seen (only boards whose points are marked one by one are found in part); or None. Of circles, the
    middles of their images: see `circles.center_shift_px`.
    """
    if isinstance(board, Chessboard):
        return find_chessboard(image, board, stream)
    if isinstance(board, CharucoBoard | ArucoGrid):
        return find_marked(image, board, stream)
    if isinstance(board, CircleGrid):
        return find_circles(image, board, stream)
    raise CalibrationError(f"wanted a board of a kind that can be found, found {str(board)!r}")


def refine_corners(image: NDArray, corners_px: Float, board: Board) -> Float | None:
    """Return the points near `corners_px` (N, 2) in another picture of the same stream, or None.

    Parameters and result are those of `find_corners`; NaN stays NaN.
    """
    if isinstance(board, Chessboard):
        return refine_chessboard(image, corners_px, board)
    if isinstance(board, CharucoBoard | ArucoGrid):
        return refine_marked(image, corners_px, board)
    if isinstance(board, CircleGrid):
        return refine_circles(image, corners_px, board)
    raise CalibrationError(f"wanted a board of a kind that can be found, found {str(board)!r}")


def other_sizes(image: NDArray, board: Board, stream: Stream) -> str | None:
    """Return a sentence on the board that the picture does show, or None if it shows none.

    For pictures in which `board` is not found: another chessboard, markers of other ids or of another
    dictionary, another grid of circles. At most about 3 s.
    """
    size = chessboard_size(image, stream)
    if isinstance(board, CharucoBoard | ArucoGrid):
        marked = _markers_seen(image, board, stream)
        if marked is not None:
            return marked
    elif isinstance(board, CircleGrid):
        for columns in CIRCLES_ACROSS:
            for rows in CIRCLES_DOWN:
                other = CircleGrid(columns, rows, board.spacing_mm, board.diameter_mm)
                if (columns, rows) != (board.columns, board.rows) and _shows(image, other, stream):
                    return f"the picture shows {columns}x{rows} circles"
    elif size is None:
        for other in ("4X4_250", "ARUCO_ORIGINAL"):
            marked = _markers_seen(image, CharucoBoard(4, 3, 20.0, 15.0, other), stream)
            if marked is not None:
                return marked
    wanted = isinstance(board, Chessboard) and {size} <= {
        (board.columns, board.rows),
        (board.rows, board.columns),
    }
    if size is None or wanted:
        return None
    return f"the picture shows a chessboard of {size[0]}x{size[1]} inner corners"


def _shows(image: NDArray, board: Board, stream: Stream) -> bool:
    return find_corners(image, board, stream) is not None


def _markers_seen(image: NDArray, board: CharucoBoard | ArucoGrid, stream: Stream) -> str | None:
    """Return a sentence on the markers that decode, of the board's dictionary or of another, or None."""
    ids = tuple(decoded_markers(image, board, stream))
    if len(ids) >= 2:
        return f"the picture shows markers {_listed(ids)} of dictionary {board.dictionary!r}"
    own = markers_of(board).markerSize
    for name in OTHER_DICTIONARIES:
        try:
            other = ArucoGrid(2, 2, 40.0, 10.0, name)
        except ConfigError:
            continue
        if name == board.dictionary or (markers_of(other).markerSize == own and "_" in board.dictionary[:4]):
            continue
        ids = tuple(decoded_markers(image, other, stream))
        if len(ids) >= 3:
            return (
                f"the picture shows markers {_listed(ids)} of dictionary {name!r}, not {board.dictionary!r}"
            )
    return None


def _listed(ids: tuple[int, ...]) -> str:
    shown = ", ".join(str(i) for i in ids[:MANY_IDS])
    return f"{shown} and {len(ids) - MANY_IDS} more" if len(ids) > MANY_IDS else shown
