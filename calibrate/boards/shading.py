"""Uneven light taken out of a board's picture, so that it does not pull the corners aside.

The Kinect's own lamp falls off with distance and toward the rim. It moves all infrared corners of a picture
alike, by 0.016 px even where the drawn board is laid over them (saddle.py).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ...capture.board import Board, Chessboard
from ...capture.streams import Stream
from .detect import find_corners, refine_corners
from .gray import gray_of

Float = NDArray[np.float64]
PATCH_SQUARES = 0.35  # brightness is the mean over a patch of that side in the middle of a square
MIN_CONTRAST = 0.1  # of the median contrast: the two surfaces are kept that far apart


def find_in_even_light(image: NDArray, board: Board, stream: Stream) -> tuple[Float, Float] | None:
    """Return the corners as `find_corners` finds them, and as the picture without its uneven light has them.

    (N, 2) float64 each, or None. Only chessboards are evened out yet; of other boards both are the same. On
    rendered infrared pictures the error of a coordinate falls from 0.020 to 0.016 px, and what the corners
    of a picture share of it from 0.012 to 0.004 px; color and thermal corners stay to a ten-thousandth.
    """
    found = find_corners(image, board, stream)
    if found is None or not isinstance(board, Chessboard):
        return None if found is None else (found, found)
    even = evened(image, found, board)
    moved = None if even is None else refine_corners(even, found, board)
    return found, found if moved is None else moved


def evened(image: NDArray, corners_px: Float, board: Chessboard) -> NDArray[np.float32] | None:
    """Return the picture with blank squares at 1 and inked ones at 0 all over the board, or None.

    The brightness in the middle of blank and of inked squares, outer ones included, gives two surfaces of
    second degree; each pixel is stated as its share of the way from one to the other. None where
    there is no contrast. About 3 ms for an infrared picture, 20 ms for color.

    Parameters
    ----------
    image : (H, W, 3) uint8 color, or (H, W) uint8 or uint16
    corners_px : (columns * rows, 2) float64, pixels, as `find_corners` returns
    """
    gray = np.asarray(gray_of(image), np.float32)
    homography, _ = cv2.findHomography(board.points_mm[:, :2] / board.square_mm, corners_px)
    if homography is None:
        return None
    # Square (i, j) lies between corners i and i + 1; -1 is an outer square.
    i, j = np.meshgrid(np.arange(-1, board.columns), np.arange(-1, board.rows))
    middle = np.stack([i.ravel() + 0.5, j.ravel() + 0.5, np.ones(i.size)], axis=1) @ homography.T
    at_px = middle[:, :2] / middle[:, 2:]
    low = np.maximum(np.floor(at_px.min(axis=0)).astype(int) - 40, 0)
    high = np.minimum(np.ceil(at_px.max(axis=0)).astype(int) + 41, gray.shape[::-1])
    grid = corners_px.reshape(board.rows, board.columns, 2)
    side_px = min(float(np.linalg.norm(np.diff(grid, axis=axis), axis=-1).min()) for axis in (0, 1))
    patch = max(1, 2 * int(PATCH_SQUARES * side_px / 2) + 1)
    window = gray[low[1] : high[1], low[0] : high[0]]
    smooth = cv2.blur(window, (patch, patch))
    inside = np.all((at_px > low + patch / 2) & (at_px < high - 1 - patch / 2), axis=1)
    map_xy = (at_px - low).astype(np.float32)[inside]
    value = cv2.remap(smooth, map_xy[:, :1], map_xy[:, 1:], cv2.INTER_LINEAR)[:, 0]
    inked = (((i + j) % 2 == 0).ravel())[inside]
    if min(inked.sum(), (~inked).sum()) < 8:
        return None
    center, size = corners_px.mean(axis=0), float(np.ptp(corners_px, axis=0).max())
    columns, rows = np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1]))
    x, y = (columns - center[0]) / size, (rows - center[1]) / size
    terms = _terms((at_px[inside] - center) / size)
    value = value.astype(np.float64)
    dark, blank = (_surface(np.linalg.pinv(terms[of]) @ value[of], x, y) for of in (inked, ~inked))
    contrast = blank - dark
    typical = float(np.median(contrast))
    if typical == 0:
        return None
    # Far off the board the surfaces may cross; there nothing is fitted.
    contrast = np.sign(typical) * np.maximum(contrast * np.sign(typical), MIN_CONTRAST * abs(typical))
    even = np.full(gray.shape, 0.5, np.float32)
    even[low[1] : high[1], low[0] : high[0]] = (window - dark) / contrast
    return even


def _terms(xy: Float) -> Float:
    x, y = xy[:, 0], xy[:, 1]
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)


def _surface(k: Float, x: Float, y: Float) -> Float:
    return k[0] + x * (k[1] + k[3] * x + k[4] * y) + y * (k[2] + k[5] * y)
