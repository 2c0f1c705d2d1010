"""One face in one color frame, and what a face detector is: one small protocol that others can fulfil."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Found(IntEnum):
    """How a face was found."""

    NONE = 0
    REGION = 1
    """In a region around its last place; the box follows the recorded box policy."""
    FULL = 2
    """Only by the search of the whole picture."""
    INFRARED = 3
    """In infrared, because color was too dark; carried to color through depth."""
    FILLED = 4
    """Not at all: interpolated between the frames around a gap."""


@dataclass(frozen=True, slots=True)
class Face:
    """One face in one color frame.

    Attributes
    ----------
    box_px : (4,) float64, left, top, right, bottom, color pixels
    landmarks_px : (68, 2) float32, color pixels, in dlib's (300-W) order
    found : how
    score : the detector's; NaN where it gave none
    n_faces : faces in view when the whole picture was last searched
    doubt : how far landmarks fitted from different boxes lie apart, in eye distances; see `landmarks.Fitted`
    """

    box_px: NDArray[np.float64]
    landmarks_px: NDArray[np.float32]
    found: Found
    score: float = float("nan")
    n_faces: int = 1
    doubt: float = 0.0


class FaceDetector(Protocol):
    """What finds boxes of faces in a picture.

    Attributes
    ----------
    name : with its version or the hash of its model; goes into `dataset.toml`
    min_face_px : the smallest face, in pixels of the picture given, that is found
    """

    @property
    def name(self) -> str: ...

    @property
    def min_face_px(self) -> int: ...

    def detect(self, picture: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return boxes (n, 4) in pixels of `picture` (left, top, right, bottom) and scores (n,).

        Boxes are as dlib's HOG detector draws them, from above the brows to below the mouth: the landmark
        model was trained on such boxes.

        Parameters
        ----------
        picture : (H, W, 3) uint8, red green blue, already scaled so that faces are large enough
        """
        ...
