"""Pictures of any stream as gray ones, in which boards are looked for."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ...capture.streams import Stream

STRETCH_PERCENTILES = (1.0, 99.0)


def gray_of(image: NDArray) -> NDArray:
    """Return the picture as one plane: luma of color, counts of the others."""
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.ndim == 3 else image


def stretched(gray: NDArray, stream: Stream) -> NDArray[np.uint8]:
    """Return the picture as uint8; all but color is stretched between percentiles of its counts."""
    if stream is Stream.COLOR and gray.dtype == np.uint8:
        return gray
    low, high = np.percentile(gray[::4, ::4], STRETCH_PERCENTILES)
    stretched = (gray.astype(np.float32) - low) * (255 / max(float(high - low), 1.0))
    return np.clip(stretched, 0, 255).astype(np.uint8)


def scaled(gray: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    if scale == 1:
        return gray
    size = (round(gray.shape[1] * scale), round(gray.shape[0] * scale))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(gray, size, interpolation=interpolation).astype(np.uint8, copy=False)
