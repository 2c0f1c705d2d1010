"""How sharp and how bright the face is in its crop: two numbers per row, for reports and for choosing rows.

Both look at the face alone: the middle of the crop, margins left out.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

SIZE_PX = 96  # sharpness is measured at this size, whatever the crop's
NOISE_BLUR_PX, BLUR_PX = 0.8, 2.0
INNER_SHARE = 0.7  # of the crop without margins: no background, little hair


def face_gray(crop: NDArray[np.uint8], margin: float = 0.0) -> NDArray[np.float32]:
    """Return the gray middle of a color crop (S, S, 3), as of a crop of SIZE_PX without margin."""
    size_px = crop.shape[0]
    side = max(4, round(size_px / (1 + 2 * margin) * INNER_SHARE))
    first = (size_px - side) // 2
    gray = cv2.cvtColor(crop[first : first + side, first : first + side], cv2.COLOR_RGB2GRAY)
    wanted = round(SIZE_PX * INNER_SHARE)
    if side != wanted:
        smooth = cv2.INTER_AREA if side > wanted else cv2.INTER_LINEAR
        gray = cv2.resize(gray, (wanted, wanted), interpolation=smooth)
    return gray.astype(np.float32)


def sharpness(gray: NDArray[np.float32]) -> float:
    """Return how sharp a face is, 0 (blurred) to 1, of its gray middle as `face_gray` returns it.

    The share of its gradients that a further blur takes away: a sharp picture loses most of them, a blurred
    one few (Crete et al. 2007, "The blur effect", SPIE 6492, eq. 1 to 6, with a Gaussian in place of the
    strip and after a slight blur against noise). It does not depend on light, contrast or crop size, and
    falls for a face that is smaller in the picture than in the crop; noise raises it. NaN for a flat picture.
    About 0.1 ms.
    """
    first = cv2.GaussianBlur(gray, (0, 0), NOISE_BLUR_PX)
    second = cv2.GaussianBlur(first, (0, 0), BLUR_PX)
    lost = had = 0.0
    for axis in (0, 1):
        before = np.abs(np.diff(first, axis=axis))
        after = np.abs(np.diff(second, axis=axis))
        had += float(before.sum())
        lost += float(np.maximum(before - after, 0).sum())
    return lost / had if had > 1e-3 * gray.size else float("nan")


def brightness(gray: NDArray[np.float32]) -> float:
    """Return the median gray of a face, 0 to 255, of its gray middle as `face_gray` returns it."""
    return float(np.median(gray))
