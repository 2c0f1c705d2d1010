"""A second chance in the dark: the face found in infrared, its landmarks carried to color through depth.

The Kinect lights the scene itself, so infrared shows a face in a dark room as in a bright one. Infrared and
depth share a camera; the calibration carries what lies there into color.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ...calibrate.calibration import Calibration
from ...capture.geometry import Intrinsics
from ...capture.streams import Stream
from ..rows.template import INNER
from .face import Face, FaceDetector, Found
from .follower import FaceFollower
from .landmarks import eye_distance
from .survey import DepthOf, SubjectChoice

DARK_GRAY = 110
"""Color is too dark where nineteen in twenty of its pixels are below this (of 255).

The simulated room has 166 in full light, 103 at a quarter of it and 84 at a tenth. There color still finds
20 faces of 20, at a twentieth 9.
"""
WHITE_PERCENTILE = 99.9  # of the infrared picture; shown white. At 99 faces are white all over
GAMMA = 0.8  # lifts what the lamp, whose light falls with the square of the distance, leaves dark
DEPTH_WINDOW_PX = 5  # readings around a landmark, 13 mm at a metre
FACE_DEPTH_MM = 150.0  # a landmark farther from the face's median depth is background, or a hand
MIN_DEPTH_LANDMARKS = 20


def too_dark(color: NDArray[np.uint8]) -> bool:
    """Return whether a color picture (H, W, 3) is so dark that a face may be there unseen; 0.2 ms."""
    return bool(np.percentile(color[::16, ::16].max(axis=-1), 95) < DARK_GRAY)


def tone_mapped(infrared: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Return an infrared picture (H, W) as eight bits, white at the 99.9th percentile.

    The median of 3 x 3 pixels takes the speckle: on 24 simulated frames it brings the largest error of the
    landmarks from 0.17 down to 0.08 eye distances.
    """
    white = max(1.0, float(np.percentile(infrared[::4, ::4], WHITE_PERCENTILE)))
    mapped = (255 * np.clip(infrared / np.float32(white), 0, 1) ** GAMMA).astype(np.uint8)
    return cv2.medianBlur(mapped, 3).astype(np.uint8, copy=False)


def find_in_infrared(
    infrared: NDArray[np.uint16],
    *,
    t_s: float = 0.0,
    follower: FaceFollower | None = None,
    depth_of: DepthOf | None = None,
) -> Face | None:
    """Return the face in an infrared picture, in its pixels, or None.

    The picture is enlarged so that the face is as large as the detector wants: 50 ms for the whole picture,
    7 ms where `follower` has seen the face a moment ago.

    Parameters
    ----------
    infrared : (424, 512) uint16, counts
    follower : remembers where the face was; its own, apart from color's
    depth_of : how far the face in a box of infrared is (`depth_in_infrared`)
    """
    follower = follower or FaceFollower(by_shape=True)
    return follower.find(tone_mapped(infrared), t_s=t_s, depth_of=depth_of)


def depth_in_infrared(depth_mm: NDArray[np.uint16], calibration: Calibration) -> DepthOf:
    """Return what tells how far away a face in a box (4,) of infrared is: the median of its middle, mm.

    Parameters
    ----------
    depth_mm : (424, 512) uint16, raw readings of the same frame, 0 where none
    """

    def depth_of(box_px: NDArray[np.float64]) -> float:
        center, quarter = (box_px[:2] + box_px[2:]) / 2, (box_px[2:] - box_px[:2]) / 4
        left, top = np.maximum(np.floor(center - quarter), 0).astype(int)
        right, bottom = np.maximum(np.ceil(center + quarter) + 1, 0).astype(int)
        readings = depth_mm[top:bottom, left:right]
        known = readings[readings > 0]
        if not len(known):
            return float("nan")
        return float(calibration.depth_scale * np.median(known) + calibration.depth_shift_mm)

    return depth_of


def choice_in_infrared(choice: SubjectChoice, calibration: Calibration) -> SubjectChoice:
    """Return who the subject is for pixels of infrared, where `choice` was made in color.

    Carried by its distance; without one nobody is known in infrared.
    """
    from_color = calibration.from_color(Stream.INFRARED).apply
    return _carried(choice, calibration.color, calibration.depth, from_color)


def choice_in_color(choice: SubjectChoice, calibration: Calibration) -> SubjectChoice:
    """Return who the subject is for pixels of color, where `choice` was made in infrared."""
    return _carried(choice, calibration.depth, calibration.color, calibration.color_from_depth.apply)


def _carried(
    choice: SubjectChoice,
    camera: Intrinsics,
    other: Intrinsics,
    to_other: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> SubjectChoice:
    """Return a choice made in the picture of `camera` as `other` sees it; both look the same way."""
    unknown = SubjectChoice(choice.words)
    z_mm = float(np.mean(choice.depth_mm))
    if choice.n_people == 0 or not np.isfinite(z_mm):
        return unknown
    xyz_mm = to_other(camera.unproject(np.array([choice.center_px]), np.array([z_mm])))
    center_px = other.project(xyz_mm)[0]
    moved_mm = float(xyz_mm[0, 2]) - z_mm
    if not np.isfinite(center_px).all() or z_mm + moved_mm <= 0:
        return unknown
    factor = other.fx / camera.fx * z_mm / (z_mm + moved_mm)
    low_px, high_px = choice.width_px
    nearest_mm, farthest_mm = choice.depth_mm
    return replace(
        choice,
        center_px=(float(center_px[0]), float(center_px[1])),
        width_px=(factor * low_px, factor * high_px),
        depth_mm=(nearest_mm + moved_mm, farthest_mm + moved_mm),
    )


def carry_to_color(
    points_px: NDArray, depth_mm: NDArray[np.uint16], calibration: Calibration
) -> NDArray[np.float32] | None:
    """Return where points (N, 2) of the infrared picture appear in color, (N, 2) pixels.

    Each goes by the median reading around it; one without, or far from the face's median, by the latter. None
    where fewer than MIN_DEPTH_LANDMARKS have any.

    Parameters
    ----------
    depth_mm : (424, 512) uint16, raw readings of the same frame, 0 where none
    """
    z_mm = _depth_at(points_px, depth_mm)
    if z_mm is None:
        return None
    true_mm = calibration.depth_scale * z_mm + calibration.depth_shift_mm
    xyz_color = calibration.color_from_depth.apply(calibration.depth.unproject(points_px, true_mm))
    carried = calibration.color.project(xyz_color)
    return carried.astype(np.float32) if np.isfinite(carried).all() else None


class InfraredFinder:
    """Finds in infrared, frame after frame, the face that color is too dark to show.

    Parameters
    ----------
    calibration : of the rig
    choice : who the subject is, in pixels of infrared (`choice_in_infrared`)

    Attributes
    ----------
    n_doubted : faces let go because fits of their landmarks did not agree
    """

    def __init__(
        self,
        calibration: Calibration,
        *,
        detector: FaceDetector | None = None,
        choice: SubjectChoice | None = None,
    ) -> None:
        self._calibration = calibration
        self._follower = FaceFollower(detector, choice=choice, by_shape=True)

    @property
    def n_doubted(self) -> int:
        return self._follower.n_doubted

    def find(
        self,
        color: NDArray[np.uint8],
        infrared: NDArray[np.uint16],
        depth_mm: NDArray[np.uint16],
        *,
        t_s: float,
    ) -> Face | None:
        """Return the face of a frame in which color shows none, in color pixels; None where color is bright.

        Parameters
        ----------
        color : (H, W, 3) uint8;  infrared, depth_mm : (424, 512) uint16, of the same tick
        """
        if not too_dark(color):
            return None
        depth_of = depth_in_infrared(depth_mm, self._calibration)
        face = find_in_infrared(infrared, t_s=t_s, follower=self._follower, depth_of=depth_of)
        if face is None:
            return None
        landmarks_px = carry_to_color(face.landmarks_px, depth_mm, self._calibration)
        if landmarks_px is None:
            return None
        # The box is carried as the landmarks are: about their center, by the change of their size.
        factor = eye_distance(landmarks_px) / eye_distance(face.landmarks_px)
        box = (face.box_px - np.tile(face.landmarks_px[INNER].mean(axis=0), 2)) * factor
        box_px = box + np.tile(landmarks_px[INNER].mean(axis=0), 2).astype(np.float64)
        return Face(box_px, landmarks_px, Found.INFRARED, face.score, face.n_faces, face.doubt)


def _depth_at(points_px: NDArray, depth_mm: NDArray[np.uint16]) -> NDArray[np.float64] | None:
    """Return the reading (N,) at each point, millimetres, or None where too few have any."""
    half = DEPTH_WINDOW_PX // 2
    padded = np.pad(depth_mm, half)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (DEPTH_WINDOW_PX, DEPTH_WINDOW_PX))
    x, y = np.rint(points_px).astype(np.int64).T
    inside = (x >= 0) & (y >= 0) & (x < depth_mm.shape[1]) & (y < depth_mm.shape[0])
    z_mm = np.full(len(points_px), np.nan)
    for i in np.nonzero(inside)[0]:
        readings = windows[y[i], x[i]]
        known = readings[readings > 0]
        z_mm[i] = np.median(known) if len(known) else np.nan
    if np.isfinite(z_mm).sum() < MIN_DEPTH_LANDMARKS:
        return None
    face_mm = float(np.nanmedian(z_mm))
    near = np.abs(z_mm - face_mm) < FACE_DEPTH_MM  # False where there is none
    return np.where(near, z_mm, face_mm) if near.sum() >= MIN_DEPTH_LANDMARKS else None
