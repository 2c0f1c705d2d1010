"""The landmarks of color as points in space, and where the other cameras see them.

Depth gives each landmark its distance; without depth the face is taken for a plane.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ...calibrate.calibration import Calibration
from ...calibrate.optics import limit_r2
from ...capture.geometry import Intrinsics
from ...capture.streams import Stream
from .align import similarity
from .template import INNER, TEMPLATE

Float = NDArray[np.float64]

EYE_DISTANCE_MM = 63.4  # mean interpupillary distance of adults (Dodgson 2004, Proc. SPIE 5291)
DEPTH_OFFSETS_PX = np.array([-3, -1, 1, 3])  # about a landmark: two to three depth pixels at 1080p
FACE_DEPTH_MM = 150.0  # a landmark farther from the face's median depth is background, or a hand
MIN_DEPTH_LANDMARKS = 20


def landmark_depth(
    depth_mm: NDArray[np.uint16], landmarks_px: NDArray, *, origin_px: tuple[int, int]
) -> Float | None:
    """Return the depth (N,) millimetres of each landmark, or None where too few have any.

    The (lower) median of 16 readings around each; a landmark without one, or far from the face's median (a
    hole, the wall, a hand), gets the face's median.

    Parameters
    ----------
    depth_mm : (h, w) uint16, depth in color coordinates, 0 where none; `origin_px` is its left and top
    landmarks_px : (N, 2), color pixels
    """
    offsets = DEPTH_OFFSETS_PX
    x, y = (np.rint(landmarks_px).astype(np.int64) - origin_px).T
    columns = x[:, None, None] + offsets[None, None, :]
    rows = y[:, None, None] + offsets[None, :, None]
    height, width = depth_mm.shape
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    if depth_mm.size == 0 or not inside.any():
        return None
    if inside.all():
        readings = depth_mm[rows, columns]
    else:
        readings = np.where(inside, depth_mm[np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)], 0)
    flat = readings.reshape(len(landmarks_px), -1)
    n_read = np.count_nonzero(flat, axis=1)
    flat = np.sort(flat, axis=1)[:, ::-1]  # readings first, the farthest foremost, then the zeros
    z_mm = flat[np.arange(len(flat)), n_read // 2 * (n_read > 0)].astype(np.float64)
    known = n_read > 0
    if known.sum() < MIN_DEPTH_LANDMARKS:
        return None
    face_mm = np.median(z_mm[known])
    near = known & (np.abs(z_mm - face_mm) < FACE_DEPTH_MM)
    return np.where(near, z_mm, face_mm) if near.sum() >= MIN_DEPTH_LANDMARKS else None


def plane_depth(landmarks_px: NDArray, *, focal_px: float, eye_distance_mm: float = EYE_DISTANCE_MM) -> float:
    """Return how far away (millimetres) a face with landmarks (68, 2) stands, by its size.

    Parameters
    ----------
    eye_distance_mm : the subject's, where known; else that of a mean face
    """
    scale = np.linalg.norm(similarity(landmarks_px[INNER], TEMPLATE)[:, 0])
    return float(focal_px * eye_distance_mm * scale)


def eye_distance_of(landmarks_px: NDArray, distance_mm: float, *, focal_px: float) -> float:
    """Return the eye distance (mm) with which `plane_depth` puts the face at `distance_mm`."""
    return EYE_DISTANCE_MM * distance_mm / plane_depth(landmarks_px, focal_px=focal_px)


def face_in_space(
    landmarks_px: NDArray,
    z_mm: Float | None,
    calibration: Calibration,
    *,
    eye_distance_mm: float = EYE_DISTANCE_MM,
) -> Float:
    """Return the landmarks (68, 2) of the color picture as points (68, 3), mm, in the color camera's frame.

    Parameters
    ----------
    z_mm : (68,) depth of each in the color camera, or None: then the face is a plane at `plane_depth`
    """
    if z_mm is None:
        focal_px = calibration.color.fx
        plane_mm = plane_depth(landmarks_px, focal_px=focal_px, eye_distance_mm=eye_distance_mm)
        z_mm = np.full(len(landmarks_px), plane_mm)
    return calibration.color.unproject(landmarks_px, z_mm)


def seen_by(stream: Stream, xyz_mm: Float, calibration: Calibration) -> Float:
    """Return where points (N, 3) of the color camera's frame lie in the picture of `stream`, (N, 2) pixels.

    NaN for points behind the camera or past what its lens model holds for. With `face_in_space` this is
    `calibrate.carry.carry`; apart, because the first half is the dear one and serves infrared and thermal
    alike.
    """
    camera = calibration.camera_of(stream)
    there = calibration.from_color(stream).apply(xyz_mm)
    px = camera.project(there)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        r2 = ((there[:, :2] / there[:, 2:]) ** 2).sum(-1)
        return np.where((r2 < _limit_r2(camera))[:, None], px, np.nan)


@lru_cache(maxsize=16)
def _limit_r2(camera: Intrinsics) -> float:
    return limit_r2(camera)
