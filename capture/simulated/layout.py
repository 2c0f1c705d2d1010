"""Where eyebrows and hairline lie on the mean head, and the soft shapes that everything is painted with."""

import numpy as np
from numpy.typing import NDArray

HAIRLINES = {  # degrees from the front -> height of the hairline, millimetres below the eyes
    "short": (
        [0, 20, 34, 48, 62, 76, 84, 96, 118, 140, 180],
        [-63, -64, -68, -52, -24, 6, 12, -14, 28, 52, 58],
    ),
    "receding": (
        [0, 20, 34, 48, 62, 76, 84, 96, 118, 140, 180],
        [-80, -86, -92, -76, -34, 2, 8, -14, 26, 48, 54],
    ),
}


def brow_line_mm(along, eye_x_mm: float):
    """Return x and y of the middle of an eyebrow; `along` runs from -1 beside the nose to 1 at the temple."""
    return eye_x_mm * 0.98 + 24.0 * along, -14.5 - 4.5 * (1 - along * along) + 1.5 * along


def hair_depth(xyz: NDArray, style: str) -> NDArray[np.float32]:
    """Return how far inside the hairline places (..., 3) of the mean head lie, millimetres; below 0: skin."""
    at, height = HAIRLINES["receding" if style == "receding" else "short"]
    x, y, z = np.abs(xyz[..., 0]), xyz[..., 1], xyz[..., 2]
    around = np.degrees(np.arctan2(x, 80.0 - z))
    return (np.interp(around, at, height) - y).astype(np.float32)


def bump(dx, sx, dy, sy):
    """Return a round hill, 1 in the middle, of widths `sx` and `sy`."""
    return np.exp(-0.5 * ((dx / sx) ** 2 + (dy / sy) ** 2))


def ramp(x, low, high):
    """Return 0 below `low`, 1 above `high` and a smooth step between."""
    s = np.clip((x - low) / (high - low), 0, 1)
    return s * s * (3 - 2 * s)
