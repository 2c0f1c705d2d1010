"""What the drawings of a calibration's report share: colors, picture axes, arrows that cost few bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...report import BLUE, GREEN, SOFT, VERMILION

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Float = NDArray[np.float64]
CAMERA_COLORS = {"color": BLUE, "depth": GREEN, "thermal": VERMILION}
MOST_DRAWN = 3000  # corners per camera; an arrow takes 130 bytes of the page, a dot 60


def round_figure(value: float) -> float:
    """Return the largest of 1, 2, 5 times a power of ten that is not above `value` (> 0)."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(power * max(step for step in (1, 2, 5) if step <= value / power * (1 + 1e-9)))


def thinned(rows: NDArray, n: int = MOST_DRAWN) -> NDArray:
    """Return at most `n` rows, evenly taken, the first and the last among them."""
    return rows if len(rows) <= n else rows[np.linspace(0, len(rows) - 1, n).astype(np.int64)]


def length_key(axis: Axes, length: float, text: str, size_px: tuple[int, int]) -> None:
    """Draw a line of `length` data units and what it stands for above the right end of a picture's axes."""
    x, y = size_px[0] - 0.5 - length, -0.5 - 0.035 * size_px[1]
    axis.plot([x, x + length], [y, y], color=SOFT, linewidth=2.2, clip_on=False)
    axis.text(x - 0.015 * size_px[0], y, text, color=SOFT, va="center", ha="right", fontsize=9)


def segments(axis: Axes, start: Float, end: Float, *, color: str, width: float, head: float = 0.0) -> None:
    """Draw lines from `start` (M, 2) to `end` (M, 2) as one path, which keeps the page small.

    With `head` they are arrows whose barbs are that long, but no longer than 40 % of the arrow.
    """
    if not len(start):
        return
    points = np.full((len(start), 6 if head else 3, 2), np.nan)
    points[:, 0], points[:, 1] = start, end
    if head:
        way = end - start
        length = np.maximum(np.linalg.norm(way, axis=-1, keepdims=True), 1e-12)
        back = way / length * np.minimum(head, 0.4 * length)
        side = back[:, ::-1] * (-0.6, 0.6)
        points[:, 2], points[:, 3], points[:, 4] = end - back + side, end, end - back - side
    (line,) = axis.plot(*points.reshape(-1, 2).T, color=color, linewidth=width, solid_capstyle="round")
    line.get_path().should_simplify = False


def picture_axes(axis: Axes, size_px: tuple[int, int]) -> None:
    """Make an axis the area of a picture: pixels, y down, edges drawn, equal scales."""
    axis.set_xlim(-0.5, size_px[0] - 0.5)
    axis.set_ylim(size_px[1] - 0.5, -0.5)
    axis.set_aspect("equal")
    axis.grid(visible=False)
    for spine in axis.spines.values():
        spine.set_visible(True)
    axis.set_xlabel("px")
    axis.set_ylabel("px")
