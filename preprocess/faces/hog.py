"""dlib's frontal face detector: histograms of oriented gradients under a sliding window (HOG)."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ...errors import FaceError
from .face import FaceDetector

MIN_FACE_PX = 80  # the detector's window


class HogDetector:
    """dlib's detector (King 2015, "Max-Margin Object Detection"; HOG of Felzenszwalb 2010).

    Frontal faces, turned by up to about 45 degrees. Its sizes are a factor 1.2 apart and its places 8 pixels
    of the scaled picture. Costs about 50 ns per pixel: 2.5 ms for 192 x 192, 30 ms for 960 x 540, 110 ms for
    1920 x 1080.
    """

    min_face_px = MIN_FACE_PX

    @property
    def name(self) -> str:
        """With dlib's version."""
        return f"dlib {dlib().__version__} HOG"

    def detect(self, picture: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return boxes (n, 4) in pixels of `picture` and scores (n,): distances from the margin, above 0.

        Parameters
        ----------
        picture : (H, W, 3) uint8, red green blue, or (H, W) gray
        """
        gray = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        rectangles, scores, _ = _detector().run(np.ascontiguousarray(gray), 0, 0.0)
        edges = [(box.left(), box.top(), box.right(), box.bottom()) for box in rectangles]
        return np.array(edges, np.float64).reshape(-1, 4), np.array(list(scores), np.float64)


def detector_named(yunet: Path | None) -> FaceDetector:
    """Return YuNet from the file `yunet`, or dlib's HOG detector where there is none.

    Raises
    ------
    FaceError
        The file is missing or holds no YuNet; or dlib is not installed.
    """
    if yunet is None:
        return HogDetector()
    from .yunet import YunetDetector

    return YunetDetector(yunet)


@lru_cache(maxsize=1)
def _detector() -> Any:
    return dlib().get_frontal_face_detector()


def dlib() -> Any:
    """Return the module dlib; raise FaceError saying how to install it."""
    try:
        return import_module("dlib")
    except ImportError as error:
        raise FaceError(
            f"wanted dlib, could not import it; run `pip install 'mavfer[build]'`: {error}"
        ) from error
