"""The corners of a chessboard found in a picture of any stream, to a few hundredths of a pixel (saddle.py).

Corners are named by the board, not by the picture: the same corner comes first in every camera. A board
of odd by even inner corners has only one way to be read, because its two ends differ in color.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ...capture.board import Chessboard
from ...capture.streams import Stream
from .gray import gray_of, scaled, stretched
from .saddle import refine_chessboard, squares_of

Float = NDArray[np.float64]
DETECTION_WIDTH_PX = (768, 960)  # pictures are brought between these widths before corners are searched
SECOND_LOOK = 1.5  # a gray picture in which nothing is found is looked at again, so much larger
GOES_ON = 0.5  # share of the step between two squares that those beyond the board must have to be squares
MOST_UNEVEN = 0.3  # how far a corner may lie from the middle of its neighbours, as a share of their distance
LEAST_STEP = 0.2  # share of the median step of brightness that every step between two squares must have


def find_chessboard(image: NDArray, board: Chessboard, stream: Stream) -> Float | None:
    """Return where the board's inner corners lie in `image`, or None if the board is not seen whole.

    A part of a larger chessboard is not taken for the board, nor are corners that skip some of its squares.
    The same picture always gives the same answer; OpenCV's random state is set anew.

    The order is that of `board.points_mm` if black squares are the darker ones. A thermal camera may see
    them as the brighter ones (black is heated more), and a symmetric board cannot be told from itself
    turned by half a turn (it is taken to stand upright): the right order may then be the reverse of the one
    returned, which the solver finds out from the other cameras.

    About 90 ms for a 1920 x 1080 color picture, 70 ms for infrared and thermal, on one core; a picture
    without the board is looked at twice.

    Parameters
    ----------
    image : (H, W, 3) uint8 color, or (H, W) uint8 or uint16

    Returns
    -------
    (columns * rows, 2) float64, pixels, pixel centers at integers; or None.
    """
    gray = gray_of(image)
    scale = _detection_scale(gray)
    # SB without NORMALIZE_IMAGE: its histogram equalisation breaks the squares of infrared and thermal
    # pictures (0 of 8 boards found with it, 8 of 8 without); on hard color ones it is a second look.
    again = (scale, cv2.CALIB_CB_NORMALIZE_IMAGE) if stream is Stream.COLOR else (SECOND_LOOK * scale, 0)
    for at_scale, flags in ((scale, 0), again):
        cv2.setRNGSeed(0)  # SB draws random numbers: without it the answer hangs on what was called before
        found, corners = cv2.findChessboardCornersSB(
            scaled(stretched(gray, stream), at_scale), (board.columns, board.rows), flags=flags
        )
        if not found or corners is None or corners.size != 2 * board.columns * board.rows:
            continue
        # Resizing keeps the picture's borders, not its pixel centers, in place: half a pixel each way.
        corners_px = (corners.reshape(-1, 2).astype(np.float64) + 0.5) / at_scale - 0.5
        refined_px = refine_chessboard(image, corners_px, board)
        if refined_px is None or not is_grid(refined_px, board) or not _alternates(gray, refined_px, board):
            continue
        if not _goes_on(gray, refined_px, board):
            return _in_board_order(gray, refined_px, board)
    return None


def chessboard_size(image: NDArray, stream: Stream) -> tuple[int, int] | None:
    """Return how many inner corners, across and down, the chessboard in the picture has, or None.

    The board grows from any part of it as far as its squares go. About 100 ms.
    """
    gray = gray_of(image)
    scale = _detection_scale(gray)
    cv2.setRNGSeed(0)
    flags = cv2.CALIB_CB_LARGER | cv2.CALIB_CB_EXHAUSTIVE
    found, corners, meta = cv2.findChessboardCornersSBWithMeta(
        scaled(stretched(gray, stream), scale), (3, 3), flags=flags
    )
    if not found or corners is None or meta is None:
        return None
    rows, columns = meta.shape[:2]
    if min(rows, columns) < 3 or corners.size != 2 * rows * columns:
        return None
    board = Chessboard(columns, rows, 1.0)
    corners_px = (corners.reshape(-1, 2).astype(np.float64) + 0.5) / scale - 0.5
    if not is_grid(corners_px, board) or not _alternates(gray, corners_px, board):
        return None
    return max(columns, rows), min(columns, rows)


def _detection_scale(gray: NDArray) -> float:
    low, high = (width / gray.shape[1] for width in DETECTION_WIDTH_PX)
    return float(np.clip(1.0, low, high))


def _in_board_order(gray: NDArray, corners_px: Float, board: Chessboard) -> Float:
    """Return the corners with columns turning clockwise into rows, and the first black square first."""
    grid = corners_px.reshape(board.rows, board.columns, 2)
    across, down = np.diff(grid, axis=1).mean(axis=(0, 1)), np.diff(grid, axis=0).mean(axis=(0, 1))
    if across[0] * down[1] - across[1] * down[0] < 0:
        grid = grid[::-1]
        down = -down
    if board.symmetric:
        turned = across[0] + down[1] < 0
    else:
        brightness = squares_of(gray, grid.reshape(-1, 2), board)
        i, j = np.meshgrid(np.arange(board.columns - 1), np.arange(board.rows - 1))
        white = (i + j) % 2 == 1
        turned = float(np.median(brightness[white])) < float(np.median(brightness[~white]))
    return (grid[::-1, ::-1] if turned else grid).reshape(-1, 2)


def is_grid(corners_px: Float, board: Chessboard) -> bool:
    """Return whether every corner lies nearly midway between its neighbours, along rows and along columns.

    A tilt of 60 degrees at three board lengths gives 0.1; a grid that skips a square gives 0.33 at least.
    """
    grid = corners_px.reshape(board.rows, board.columns, 2)
    for axis in (0, 1):
        step = np.diff(grid, axis=axis)
        bend = np.linalg.norm(np.diff(step, axis=axis), axis=-1)
        first, second = (np.take(step, range(a, step.shape[axis] - 1 + a), axis) for a in (0, 1))
        if np.any(bend > MOST_UNEVEN * np.linalg.norm(first + second, axis=-1)):
            return False
    return True


def _alternates(gray: NDArray, corners_px: Float, board: Chessboard) -> bool:
    """Return whether brightness steps the other way from every inner square to the next."""
    brightness = squares_of(gray, corners_px, board)
    i, j = np.meshgrid(np.arange(board.columns - 1), np.arange(board.rows - 1))
    signed = brightness * np.where((i + j) % 2 == 0, 1.0, -1.0)
    # neighbours have other signs, so that the sum of two is the step between them, the same way everywhere
    steps = np.concatenate([(signed[1:] + signed[:-1]).ravel(), (signed[:, 1:] + signed[:, :-1]).ravel()])
    typical = float(np.median(steps))
    return bool(np.all(steps * np.sign(typical) > LEAST_STEP * abs(typical)))


def _goes_on(gray: NDArray, corners_px: Float, board: Chessboard) -> bool:
    """Return whether squares alternate beyond the board's outer ones: it is part of a larger board."""
    homography, _ = cv2.findHomography(board.points_mm[:, :2] / board.square_mm, corners_px)
    if homography is None:
        return False
    # Square (i, j) lies between corners i and i + 1; -1 is an outer square, -2 lies beyond the board.
    i, j = np.meshgrid(np.arange(-2, board.columns + 1), np.arange(-2, board.rows + 1))
    at = np.stack([i + 0.5, j + 0.5, np.ones(i.shape)], axis=-1) @ homography.T
    map_xy = (at[..., :2] / at[..., 2:]).astype(np.float32)
    value = cv2.remap(
        gray.astype(np.float32),
        map_xy[..., 0],
        map_xy[..., 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    signed = value * np.where((i + j) % 2 == 0, 1.0, -1.0)
    # neighbours have other signs, so that the sum of two is the step between them, the same way everywhere
    inner = float(np.median(signed[2:-2, 2:-1] + signed[2:-2, 1:-2]))
    for side in (signed[1:-1, 0], signed[1:-1, -1], signed[0, 1:-1], signed[-1, 1:-1]):
        steps = (side[1:] + side[:-1]) * np.sign(inner)
        if np.percentile(steps, 25) > GOES_ON * abs(
            inner
        ):  # nearly all: one bright thing behind is no square
            return True
    return False
