"""Weights over a face as pictures: crops and maps in, pixels out. No file is opened here."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError
from ...report import colored

HEAT = "inferno"
EVEN_TIMES = 3.0
"""Attention, in multiples of an even map's, from which on it is drawn bright."""
BLUR_SHARE = 1 / 32
"""Of the side: upsampling in the network leaves stripes of a few pixels; regions are what can be read."""
OPACITY = 0.85
GAP_PX = 3


def overlay(
    color: NDArray[np.uint8], attention: NDArray[np.floating], *, brightest: float = EVEN_TIMES
) -> NDArray[np.uint8]:
    """Return crops in gray with their attention over them: bright where the weight is high.

    Parameters
    ----------
    color : (S, S, 3) or (T, S, S, 3) uint8
    attention : (H, W), or (T, H, W) for a clip; of mean 1 per frame, as `attention_maps` gives it
    brightest : the weight that is drawn brightest; what lies above looks the same

    Returns
    -------
    uint8 of the shape of `color`.

    Raises
    ------
    ModelError
        The crops and the maps are not equally many.
    """
    if color.ndim == 3 and attention.ndim == 2:
        return _over(color, attention, brightest)
    if color.ndim != 4 or attention.ndim != 3 or len(color) != len(attention):
        raise ModelError(
            f"wanted one map (H, W) per crop (S, S, 3), found crops {color.shape} and maps {attention.shape}"
        )
    return np.stack([_over(crop, weights, brightest) for crop, weights in zip(color, attention, strict=True)])


def strip(pictures: Sequence[NDArray[np.uint8]], *, gap_px: int = GAP_PX) -> NDArray[np.uint8]:
    """Return pictures of one size (H, W, 3) side by side, a see-through gap between them: (H, W', 4)."""
    height, width = pictures[0].shape[:2]
    sheet = np.zeros((height, len(pictures) * (width + gap_px) - gap_px, 4), np.uint8)
    for number, picture in enumerate(pictures):
        x = number * (width + gap_px)
        sheet[:, x : x + width, :3] = picture
        sheet[:, x : x + width, 3] = 255
    return sheet


def enlarged(picture: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """Return (S, S, 3) uint8 with sides `factor` times as long."""
    if factor == 1:
        return picture
    side = (picture.shape[1] * factor, picture.shape[0] * factor)
    return np.asarray(cv2.resize(picture, side, interpolation=cv2.INTER_CUBIC), np.uint8)


def _over(crop: NDArray[np.uint8], attention: NDArray, brightest: float) -> NDArray[np.uint8]:
    height, width = crop.shape[:2]
    weights = np.asarray(attention, np.float32)
    if weights.shape != (height, width):
        weights = cv2.resize(weights, (width, height), interpolation=cv2.INTER_LINEAR)
    weights = cv2.GaussianBlur(weights, (0, 0), max(width * BLUR_SHARE, 0.5))
    share = np.clip(weights / max(brightest, 1e-12), 0, 1)
    heat = colored(share, colormap=HEAT, low=0, high=1).astype(np.float32)
    gray = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32)
    opacity = OPACITY * share[..., None]
    return np.rint((1 - opacity) * gray + opacity * heat).astype(np.uint8)
