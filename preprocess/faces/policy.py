"""The one recorded policy of boxes: where a face is looked for, and the boxes landmarks are fitted from.

Landmarks move with the box they start from, so one policy serves all frames and is recorded in the dataset.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..rows import align

BOX_POLICY = (
    "detector's box in a region of 2 box widths scaled so that the last box is 87 px wide; landmarks: mean "
    "of a fit from it and of two fits from the box that the first fit calls for (2.38 eye distances wide, "
    "its center 0.42 below the eyes), shifted by 3 % of its width to either side; a first fit that lies more "
    "than 0.08 eye distances from the others does not count; in infrared, where the two are more than 0.13 "
    "apart, the mean of those of eight fits that lie within 0.1 of the face's last shape"
)
"""Written into `dataset.toml`.

dlib's boxes are 1.2 apart in size and 8 % of a face in place. On the simulated rig boxes shifted by up to
4.5 % and resized by up to 9 % move the aligned eyes and nose by 0.22 px at 96 px with one fit from the box
itself, and by 0.13 px with this policy.
"""

REGION_FACE_PX = 87  # one of the detector's own sizes (72.5 * 1.2^k): between two of them boxes flip
REGION_WIDTHS = 2.0
WIDE_REGION_WIDTHS = 4.0  # where the face has left the region
MAX_DRIFT = 0.2
SEARCH_WIDTH_PX = 960  # full search: first at this picture width, then at twice it
BOX_CENTER = (0.0, 0.42)
"""Of the detector's box, in eye distances from halfway between the eyes, after alignment.

Mean over 120 frames of ten simulated subjects (0.39) and 79 of a real video (0.49), taken between.
"""
BOX_WIDTH = 2.38  # in eye distances; 2.41 and 2.36 there


@dataclass(frozen=True, slots=True)
class Region:
    """A square of a picture around a face `face_px` wide; it may stick out of the picture."""

    left: int
    top: int
    side: int
    face_px: float


def region_around(box_px: NDArray[np.float64], last: Region | None) -> Region:
    """Return the region to search next; the last one while the face keeps its place and size in it.

    A region that stands still keeps the detector's grid of positions and sizes still, and the box with it.
    """
    center, width = (box_px[:2] + box_px[2:]) / 2, float(box_px[2] - box_px[0])
    if last is not None:
        drift = np.abs(center - (last.left + last.side / 2, last.top + last.side / 2)).max() / width
        if drift < MAX_DRIFT and 0.75 < width / last.face_px < 1.33:
            return last
    return square_around(box_px, REGION_WIDTHS)


def square_around(box_px: NDArray[np.float64], n_widths: float) -> Region:
    """Return the square about a box that is `n_widths` as wide."""
    width = float(box_px[2] - box_px[0])
    side = round(n_widths * width)
    left, top = np.rint((box_px[:2] + box_px[2:]) / 2 - side / 2).astype(int).tolist()
    return Region(left, top, side, width)


def part_of(picture: NDArray[np.uint8], region: Region) -> tuple[NDArray[np.uint8], int, int]:
    """Return what of the region lies in the picture, and the left and top of that; maybe no pixel."""
    left, top = max(region.left, 0), max(region.top, 0)
    right, bottom = max(region.left + region.side, 0), max(region.top + region.side, 0)
    return picture[top:bottom, left:right], left, top


def resized(picture: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    """Return a picture scaled, averaged where it shrinks, linear where it grows."""
    if scale == 1:
        return picture
    size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(picture, size, interpolation=smooth).astype(np.uint8, copy=False)


def search_scales(shape: tuple[int, ...]) -> tuple[float, float]:
    """Return the two scales at which a whole picture of `shape` (height, width, ...) is searched."""
    first = min(1.0, SEARCH_WIDTH_PX / max(shape[:2]))
    return first, 2 * first


def box_called_for(points_px: NDArray, *, places: NDArray) -> NDArray[np.float64]:
    """Return the box (4,) that the detector draws on average around a face with these points.

    Parameters
    ----------
    points_px : (N, 2) pixels
    places : (N, 2) where these points lie in the mean face, in eye distances (`template.TEMPLATE`)
    """
    picture_from_face = align.similarity(places, points_px)
    center = align.apply(picture_from_face, np.array(BOX_CENTER))
    half = BOX_WIDTH / 2 * float(np.hypot(*picture_from_face[:, 0]))
    return np.concatenate([center - half, center + half])


def shifted(box_px: NDArray[np.float64], x: float, y: float) -> NDArray[np.float64]:
    """Return the box moved right and down by shares of its width."""
    return box_px + (box_px[2] - box_px[0]) * np.array([x, y, x, y])
