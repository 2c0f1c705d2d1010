"""One subject followed through a session's color frames.

The whole picture is searched until the subject's face is found; from then on only a region around it, at a
fixed scale (about a twentieth of the cost). Boxes come from a detector (`hog.py`, `yunet.py`), where they are
looked for is told by `policy.py`, landmarks by `landmarks.py`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .face import Face, FaceDetector, Found
from .hog import HogDetector
from .landmarks import MAX_DOUBT, fit_landmarks
from .policy import (
    BOX_POLICY,
    REGION_FACE_PX,
    WIDE_REGION_WIDTHS,
    Region,
    part_of,
    region_around,
    search_scales,
    square_around,
)
from .survey import NOBODY_KNOWN, DepthOf, SubjectChoice, search

__all__ = ["BOX_POLICY", "FaceFollower"]

FULL_SEARCH_S = 10.0
MEMORY_S = 1.0
MAX_STEP_WIDTHS = 1.0  # between two frames a face moves by no more than its width,
MAX_STEP_FACTOR = 1.5  # and changes its size by no more than this
BETTER_BY = 1.0  # mismatch by which another face must fit better than the followed one to replace it
UNKNOWN_MM = float("nan")

_Box = tuple[NDArray[np.float64], float, Found]  # (4,) color pixels, its score, and how it was found


class FaceFollower:
    """Finds the subject's face in frames that come in order of time.

    A face that is followed stays the subject's while it neither jumps nor changes its size. Every
    FULL_SEARCH_S the whole picture is searched too, to count who is in view; the followed face is exchanged
    for another only where it contradicts `choice` and the other fits. A face to take up, at first or after
    more than MEMORY_S without one, is the one that fits `choice` best, and none that contradicts it.

    Parameters
    ----------
    detector : what finds faces; dlib's HOG detector where not given
    choice : who the subject is, from `survey`; without it the largest face, in view before others
    by_shape : whether the face's last shape decides where fits disagree (`fit_landmarks`)

    Attributes
    ----------
    n_doubted : faces let go because fits of their landmarks did not agree (`landmarks.MAX_DOUBT`)
    """

    def __init__(
        self,
        detector: FaceDetector | None = None,
        *,
        choice: SubjectChoice | None = None,
        by_shape: bool = False,
    ) -> None:
        self._detector: FaceDetector = detector or HogDetector()
        self._choice = choice or NOBODY_KNOWN
        self._by_shape = by_shape
        self._face_px = max(REGION_FACE_PX, round(1.05 * self._detector.min_face_px))
        self._region: Region | None = None
        self._last_box: NDArray[np.float64] | None = None
        self._last_points: NDArray[np.float32] | None = None
        self._last_t_s = self._last_full_s = -np.inf
        self._n_faces = 1
        self.n_doubted = 0

    def find(self, color: NDArray[np.uint8], *, t_s: float, depth_of: DepthOf | None = None) -> Face | None:
        """Return the subject's face in an (H, W, 3) picture, red, green, blue, or None.

        Costs about 7 ms on a quiet core where the face is near its last place, more than half of it for the
        landmarks; 30 to 140 ms more at 1080p where it is not, and 30 ms more every FULL_SEARCH_S. Bound by
        the memory that the landmark trees are read from: 12 ms where other processes use it too.

        Parameters
        ----------
        depth_of : tells how far a face in a box is; asked only where several faces are in view, or one is to
            be taken up
        """
        if not 0 <= t_s - self._last_t_s <= MEMORY_S:
            self._region = self._last_box = self._last_points = None
        found = self._followed(color)
        if t_s - self._last_full_s >= FULL_SEARCH_S or found is None:
            found = self._searched(color, found, depth_of)
            self._last_full_s = t_s
        if found is None:
            return None
        box, score, how = found
        fitted = fit_landmarks(color, box, like=self._last_points)
        if fitted.doubt > MAX_DOUBT:
            self.n_doubted += 1
            return None
        self._last_points = fitted.points_px if self._by_shape else None
        self._region, self._last_box, self._last_t_s = region_around(box, self._region), box, t_s
        return Face(box, fitted.points_px, how, score, max(1, self._n_faces), fitted.doubt)

    def _followed(self, color: NDArray[np.uint8]) -> _Box | None:
        """Return the box of the followed face near its last place, its score and how, or None."""
        last = self._last_box
        if self._region is None or last is None:
            return None
        for region in (self._region, square_around(last, WIDE_REGION_WIDTHS)):
            boxes, scores = self._search_region(color, region)
            near = [k for k, box in enumerate(boxes) if _follows(box, last)]
            if near:
                k = min(near, key=lambda k: _step(boxes[k], last))
                return boxes[k], float(scores[k]), Found.REGION
        return None

    def _searched(
        self,
        color: NDArray[np.uint8],
        followed: _Box | None,
        depth_of: DepthOf | None,
    ) -> _Box | None:
        """Return the followed face, or the one of the whole picture that is to be followed from now on."""
        boxes, scores = self._search_picture(color)
        self._n_faces = max(len(boxes), int(followed is not None))
        if followed is not None and len(boxes) < 2:
            return followed
        depths_mm = [UNKNOWN_MM if depth_of is None else depth_of(box) for box in boxes]
        fitting = [
            k for k, box in enumerate(boxes) if not self._choice.contradicts(box, depths_mm[k])
        ]  # fmt: skip
        if followed is not None:
            return self._exchanged(color, followed, boxes, scores, depths_mm, fitting)
        if not fitting:
            return None
        k = min(fitting, key=lambda k: self._cost(boxes[k], depths_mm[k]))
        return self._refined(color, boxes[k], float(scores[k]))

    def _exchanged(
        self,
        color: NDArray[np.uint8],
        followed: _Box,
        boxes: NDArray[np.float64],
        scores: NDArray[np.float64],
        depths_mm: list[float],
        fitting: list[int],
    ) -> _Box:
        """Return the followed face, or the one that fits the choice where the followed one contradicts it."""
        mine = min(range(len(boxes)), key=lambda k: _step(boxes[k], followed[0]))
        if _step(boxes[mine], followed[0]) > MAX_STEP_WIDTHS or self._choice.n_people == 0 or not fitting:
            return followed
        best = min(fitting, key=lambda k: self._cost(boxes[k], depths_mm[k]))
        gain = self._choice.mismatch(boxes[mine], depths_mm[mine]) - self._cost(boxes[best], depths_mm[best])
        if best == mine or mine in fitting or gain < BETTER_BY:
            return followed
        self._region = None
        return self._refined(color, boxes[best], float(scores[best]))

    def _cost(self, box: NDArray[np.float64], depth_mm: float) -> float:
        """Return how ill a face fits the subject; without a choice, the smaller the worse."""
        if self._choice.n_people == 0:
            return -float(box[2] - box[0])
        return self._choice.mismatch(box, depth_mm)

    def _refined(self, color: NDArray[np.uint8], box: NDArray[np.float64], score: float) -> _Box:
        """Return the box as the search of a region finds it, so that one policy serves all frames."""
        region = region_around(box, self._region)
        boxes, scores = self._search_region(color, region)
        near = [k for k, other in enumerate(boxes) if _follows(other, box)]
        if not near:
            return box, score, Found.FULL
        k = min(near, key=lambda k: _step(boxes[k], box))
        return boxes[k], float(scores[k]), Found.REGION

    def _search_region(
        self, color: NDArray[np.uint8], region: Region
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        part, left, top = part_of(color, region)
        if min(part.shape[:2]) < 2:
            return np.zeros((0, 4)), np.zeros(0)
        boxes, scores = search(part, self._face_px / region.face_px, self._detector)
        return boxes + np.array([left, top, left, top]), scores

    def _search_picture(self, color: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        boxes, scores = np.zeros((0, 4)), np.zeros(0)
        for scale in search_scales(color.shape):
            boxes, scores = search(color, scale, self._detector)
            if len(boxes) and not all(self._choice.contradicts(box, UNKNOWN_MM) for box in boxes):
                break
        return boxes, scores


def _step(box: NDArray[np.float64], last: NDArray[np.float64]) -> float:
    """Return how far the center of a box lies from that of another, in the other's widths."""
    return float(np.hypot(*((box[:2] + box[2:] - last[:2] - last[2:]) / 2)) / (last[2] - last[0]))


def _follows(box: NDArray[np.float64], last: NDArray[np.float64]) -> bool:
    """Return whether a box may be the same face as `last` one frame later."""
    factor = float((box[2] - box[0]) / (last[2] - last[0]))
    return _step(box, last) <= MAX_STEP_WIDTHS and 1 / MAX_STEP_FACTOR < factor < MAX_STEP_FACTOR
