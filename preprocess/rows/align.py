"""One transform per frame and camera lays the face onto a fixed place of the crop; the pixels are cut by it.

Pure functions on arrays. A transform is (2, 3) float64 and maps picture pixels to crop pixels:
`crop_px = transform @ (x, y, 1)`. Pixel centers lie at integers.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..dataset.record import Align
from .template import INNER, eyes_and_nose, template_px

Float = NDArray[np.float64]
Region = tuple[int, int, int, int]

MIN_IN_VIEW = 0.75  # of the crop, margins left out, must lie inside the picture
WINDOW_PX = 7  # what the depth of a landmark at the rim of a crop needs beyond it
MOST_SAMPLES = 4  # per crop pixel in each direction; finer pictures are shrunk before


def similarity(source: NDArray, target: NDArray) -> Float:
    """Return the rotation, scale and shift (2, 3) that brings points (N, 2) nearest to `target` (N, 2).

    Umeyama 1991 (PAMI 13/4, eq. 40 to 42). In the plane and without reflection it is one complex factor.
    """
    a = np.asarray(source, np.float64) @ (1, 1j)
    b = np.asarray(target, np.float64) @ (1, 1j)
    a_mean, b_mean = a.mean(), b.mean()
    factor = np.vdot(a - a_mean, b - b_mean) / np.vdot(a - a_mean, a - a_mean)
    shift = b_mean - factor * a_mean
    return np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]])


def face_transform(landmarks_px: NDArray, *, size_px: int, align: Align, margin: float = 0.0) -> Float:
    """Return the transform (2, 3) into the crop of a face with landmarks (68, 2).

    `points51` fits a similarity to the mean face. `eyes-nose` is the paper's (section IV-B): the affine map
    that puts the eyes' centers and the tip of the nose on fixed pixels; it jitters 2.4 times as much.

    Parameters
    ----------
    margin : how much more of the surroundings is seen on each side, as a share of the crop without
    """
    target = template_px(size_px, margin)
    if align is Align.POINTS51:
        return similarity(landmarks_px[INNER], target)
    whole = np.concatenate([np.zeros((INNER.start, 2)), target])
    source = np.column_stack([eyes_and_nose(landmarks_px), np.ones(3)])
    return np.linalg.solve(source, eyes_and_nose(whole)).T.astype(np.float64)


def apply(transform: NDArray, points: NDArray) -> Float:
    """Return points (..., 2) moved by a transform (2, 3)."""
    return np.asarray(points, np.float64) @ transform[:, :2].T + transform[:, 2]


def inverse(transform: NDArray) -> Float:
    """Return the transform (2, 3) from crop pixels back to picture pixels."""
    (a, b, x), (c, d, y) = np.asarray(transform, np.float64).tolist()
    size = a * d - b * c
    a, b, c, d = d / size, -b / size, -c / size, a / size
    return np.array([[a, b, -(a * x + b * y)], [c, d, -(c * x + d * y)]])


def moved(transform: NDArray, origin_px: tuple[int, int]) -> Float:
    """Return the transform for the part of the picture whose left top pixel is `origin_px`."""
    transform = np.asarray(transform, np.float64)
    return np.column_stack([transform[:, :2], transform[:, 2] + transform[:, :2] @ origin_px])


def crop_grid(transform: NDArray, size_px: int) -> Float:
    """Return the picture pixel (S, S, 2) under each pixel center of the crop."""
    steps = np.arange(size_px)
    back = inverse(transform)
    across, down = steps[None, :, None] * back[:, 0], steps[:, None, None] * back[:, 1]
    return across + (down + back[:, 2])


def share_in_view(transform: NDArray, size_px: int, shape: tuple[int, ...], margin: float = 0.0) -> float:
    """Return which share of the crop, its margins left out, lies inside a picture of `shape` (h, w, ...)."""
    first = (size_px - 1) * margin / (1 + 2 * margin)
    last = size_px - 1 - first
    back = inverse(transform)
    corners = apply(back, np.array([[first, first], [first, last], [last, first], [last, last]]))
    if np.all(_in_picture(corners, shape)):
        return 1.0
    steps = np.linspace(first, last, 12)
    return float(_in_picture(apply(back, np.stack(np.meshgrid(steps, steps), axis=-1)), shape).mean())


def _in_picture(px: Float, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    x, y = px[..., 0], px[..., 1]
    return (x >= -0.5) & (y >= -0.5) & (x < shape[1] - 0.5) & (y < shape[0] - 0.5)


def _corners(transform: NDArray, size_px: int) -> Float:
    """Return the picture pixels (4, 2) under the outermost corners of the crop."""
    low, high = -0.5, size_px - 0.5
    return apply(inverse(transform), np.array([[low, low], [low, high], [high, low], [high, high]]))


def cut(picture: NDArray, transform: NDArray, size_px: int) -> NDArray:
    """Return the crop (S, S) or (S, S, 3) of a picture, linear, and averaged where the picture is finer.

    Crop pixels whose center lies outside the picture are 0; no other is mixed with such zeros, so that a
    temperature at the border stays one. Sampled k times as densely in each direction as the crop, k the
    number of picture pixels per crop pixel, and then averaged; where k is above MOST_SAMPLES the picture is
    shrunk first, so that no pixel of it is left out. About 0.2 ms for 96 pixels of color.
    """
    transform = np.asarray(transform, np.float64)
    fineness = 1 / np.sqrt(abs(np.linalg.det(transform[:, :2])))
    if fineness > MOST_SAMPLES:
        picture, transform = _shrunk(picture, transform, size_px, int(np.ceil(fineness / MOST_SAMPLES)))
        fineness = 1 / np.sqrt(abs(np.linalg.det(transform[:, :2])))
    k = int(np.clip(np.ceil(fineness - 0.1), 1, MOST_SAMPLES))
    fine = np.column_stack([transform[:, :2] * k, transform[:, 2] * k + (k - 1) / 2])
    crop = cv2.warpAffine(
        picture, fine, (size_px * k, size_px * k), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    if k > 1:
        crop = cv2.resize(crop, (size_px, size_px), interpolation=cv2.INTER_AREA)
    if not np.all(_in_picture(_corners(transform, size_px), picture.shape)):
        crop[~_in_picture(crop_grid(transform, size_px), picture.shape)] = 0
    return crop


def _shrunk(picture: NDArray, transform: Float, size_px: int, factor: int) -> tuple[NDArray, Float]:
    """Return the part of a picture that a crop needs, `factor` times smaller, and the transform for it."""
    left, top, right, bottom = crop_region(transform, size_px, picture.shape)
    if right - left < factor or bottom - top < factor:
        return picture, transform
    width, height = (right - left) // factor, (bottom - top) // factor
    part = picture[top : top + height * factor, left : left + width * factor]
    small = cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA)
    there = moved(transform, (left, top))
    offset = there[:, :2] @ np.full(2, (factor - 1) / 2)  # the first small pixel's center
    return small, np.column_stack([there[:, :2] * factor, there[:, 2] + offset])


def cut_nearest(picture: NDArray, transform: NDArray, size_px: int, *, origin_px: tuple[int, int]) -> NDArray:
    """Return the crop (S, S) of the nearest pixels, 0 outside.

    `picture` may be a part of the picture that the transform is for; `origin_px` is then the left and top
    of that part. Depth is never averaged: between a cheek and the wall there is nothing.
    """
    px = np.rint(crop_grid(transform, size_px)).astype(np.int64)
    x, y = px[..., 0] - origin_px[0], px[..., 1] - origin_px[1]
    height, width = picture.shape
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    if inside.all():
        return picture[y, x]
    if not inside.any():
        return np.zeros((size_px, size_px), picture.dtype)
    return np.where(inside, picture[np.where(inside, y, 0), np.where(inside, x, 0)], 0).astype(picture.dtype)


def crop_region(transform: NDArray, size_px: int, shape: tuple[int, ...]) -> Region:
    """Return the part (left, top, right, bottom) of a picture of `shape` that a crop and its window need.

    Without a pixel (right <= left or bottom <= top) where the crop lies beside the picture.
    """
    corners = _corners(transform, size_px)
    low = np.floor(corners.min(axis=0)) - WINDOW_PX
    high = np.ceil(corners.max(axis=0)) + WINDOW_PX + 1
    left, right = np.clip([low[0], high[0]], 0, shape[1]).astype(int).tolist()
    top, bottom = np.clip([low[1], high[1]], 0, shape[0]).astype(int).tolist()
    return left, top, right, bottom
