"""The corners of a chessboard found in a picture of any stream, to a few hundredths of a pixel.

Corners are named by the board, not by the picture: the same corner comes first in every camera. A board
of odd by even inner corners has only one way to be read, because its two ends differ in color.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..capture.board import Chessboard
from ..capture.streams import Stream
from .gray import gray_of, scaled, stretched

Float = NDArray[np.float64]
DETECTION_WIDTH_PX = (768, 960)  # pictures are brought between these widths before corners are searched
FIT_RADIUS_SQUARES = 0.45  # the saddle is fitted within this share of the smallest square
FIT_STEPS = 6
GOES_ON = 0.5  # share of the board's contrast that squares beyond it must have to be squares
WEAKEST_SADDLE = 0.05  # share of the median curvature (of its determinant) that every saddle must have
FIT_MOVE_SQUARES = 0.5  # a corner that the fit moves farther than this was not found


def find_chessboard(image: NDArray, board: Chessboard, stream: Stream) -> Float | None:
    """Return where the board's inner corners lie in `image`, or None if the board is not seen whole.

    A part of a larger chessboard is not taken for the board.

    The order is that of `board.points_mm` if black squares are the darker ones. A thermal camera may see
    them as the brighter ones (black is heated more), and a symmetric board cannot be told from itself
    turned by half a turn (it is taken to stand upright): the right order may then be the reverse of the one
    returned, which `solve.py` finds out from the other cameras.

    About 50 ms for a 1920 x 1080 color picture, 35 ms for infrared and thermal, on one core.

    Parameters
    ----------
    image : (H, W, 3) uint8 color, or (H, W) uint8 or uint16

    Returns
    -------
    (columns * rows, 2) float64, pixels, pixel centers at integers; or None.
    """
    gray = gray_of(image)
    scale = float(np.clip(1.0, DETECTION_WIDTH_PX[0] / gray.shape[1], DETECTION_WIDTH_PX[1] / gray.shape[1]))
    # SB without NORMALIZE_IMAGE: its histogram equalisation breaks the squares of infrared and thermal
    # pictures (0 of 8 boards found with it, 8 of 8 without), and color does not need it.
    found, corners = cv2.findChessboardCornersSB(
        scaled(stretched(gray, stream), scale), (board.columns, board.rows), flags=0
    )
    if not found or corners is None or corners.size != 2 * board.columns * board.rows:
        return None
    # Resizing keeps the picture's borders, not its pixel centers, in place: half a pixel each way.
    corners_px = (corners.reshape(-1, 2).astype(np.float64) + 0.5) / scale - 0.5
    refined_px = refine_chessboard(gray, corners_px, board)
    if refined_px is None or _goes_on(gray, refined_px, board):
        return None
    return _in_board_order(gray, refined_px, board)


def refine_chessboard(image: NDArray, corners_px: Float, board: Chessboard) -> Float | None:
    """Return the corners near `corners_px` to a few hundredths of a pixel, or None if one is not there.

    Around each corner the blurred picture is a saddle; the corner is the saddle point of a quadric fitted
    to it (ROCHADE: Placht et al., ECCV 2014, section 3.4). On noisy synthetic boards this halves the error
    of cv2.cornerSubPix in all three modalities.

    Parameters
    ----------
    image : as in `find_chessboard`
    corners_px : (columns * rows, 2) float64
    """
    spacing_px = _smallest_square_px(corners_px, board)
    radius = max(2, int(spacing_px * FIT_RADIUS_SQUARES))
    low = np.floor(corners_px.min(axis=0)).astype(int) - 3 * radius - 2
    high = np.ceil(corners_px.max(axis=0)).astype(int) + 3 * radius + 3
    gray = gray_of(image)
    low, high = np.maximum(low, 0), np.minimum(high, gray.shape[::-1])
    window = gray[low[1] : high[1], low[0] : high[0]].astype(np.float32)
    if min(window.shape) <= 2 * radius:
        return None
    dy, dx = np.mgrid[-radius : radius + 1, -radius : radius + 1].astype(np.float64)
    cone = np.maximum(0, radius + 1 - np.hypot(dx, dy))
    smooth = cv2.filter2D(window, -1, cone / cone.sum())
    inside = np.hypot(dx, dy) <= radius
    x, y = dx[inside], dy[inside]
    quadric_from_samples = np.linalg.pinv(np.stack([x * x, x * y, y * y, x, y, 0 * x + 1], axis=1))
    corner_px = corners_px - low
    for _ in range(FIT_STEPS):
        map_x, map_y = (corner_px[:, :1] + x).astype(np.float32), (corner_px[:, 1:] + y).astype(np.float32)
        samples = cv2.remap(smooth, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        a, b, c, d, e, _ = quadric_from_samples @ samples.T.astype(np.float64)
        determinant = 4 * a * c - b * b
        if not np.all(determinant < 0) or determinant.max() > WEAKEST_SADDLE * np.median(determinant):
            return None
        step = np.stack([b * e - 2 * c * d, b * d - 2 * a * e], axis=-1) / determinant[:, None]
        corner_px = corner_px + np.clip(step, -0.5 * radius, 0.5 * radius)
    corner_px = corner_px + low
    moved = np.hypot(*(corner_px - corners_px).T)
    return corner_px if np.all(moved < FIT_MOVE_SQUARES * spacing_px) else None


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
        centers = (grid[1:, 1:] + grid[:-1, 1:] + grid[1:, :-1] + grid[:-1, :-1]) / 4
        map_xy = centers.astype(np.float32)
        brightness = cv2.remap(gray.astype(np.float32), map_xy[..., 0], map_xy[..., 1], cv2.INTER_LINEAR)
        i, j = np.meshgrid(np.arange(board.columns - 1), np.arange(board.rows - 1))
        white = (i + j) % 2 == 1
        turned = float(np.median(brightness[white])) < float(np.median(brightness[~white]))
    return (grid[::-1, ::-1] if turned else grid).reshape(-1, 2)


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
    sign = np.where((i + j) % 2 == 0, 1.0, -1.0)

    def alternation(part: tuple[slice | int, slice | int]) -> float:
        return abs(float(np.mean((value[part] - value[part].mean()) * sign[part])))

    middle, beyond = slice(1, -1), (0, -1)
    sides = [(middle, k) for k in beyond] + [(k, middle) for k in beyond]
    return max(alternation(side) for side in sides) > GOES_ON * alternation((middle, middle))


def _smallest_square_px(corners_px: Float, board: Chessboard) -> float:
    grid = corners_px.reshape(board.rows, board.columns, 2)
    return min(float(np.linalg.norm(np.diff(grid, axis=axis), axis=-1).min()) for axis in (0, 1))
