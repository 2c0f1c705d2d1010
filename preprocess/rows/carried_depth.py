"""One depth picture as the color camera sees it, only where it is asked for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...calibrate.warp import DepthWarp
from . import align


class CarriedDepth:
    """The depth picture of one row, carried into color part by part; about 1 ms for the crop of a face."""

    def __init__(self, warp: DepthWarp, depth: NDArray[np.uint16]) -> None:
        self._warp, self._depth = warp, depth
        camera = warp.calibration.color
        self.shape = (camera.height, camera.width)
        self.focal_px = camera.fx

    def under(self, transform: NDArray, size_px: int) -> tuple[NDArray[np.uint16], tuple[int, int]]:
        """Return depth (h, w), mm, where a crop and its landmarks need it, and its left and top in color.

        Empty where the crop lies beside the picture.
        """
        left, top, right, bottom = align.crop_region(transform, size_px, self.shape)
        if right <= left or bottom <= top:
            return np.zeros((0, 0), np.uint16), (left, top)
        return self._warp.to_color(self._depth, (left, top, right, bottom)), (left, top)

    def in_box(self, box_px: NDArray[np.float64]) -> float:
        """Return the median depth (mm) in the middle of a box (4,) of color; NaN where there is none."""
        center, quarter = (box_px[:2] + box_px[2:]) / 2, (box_px[2:] - box_px[:2]) / 4
        left, top = np.maximum(np.floor(center - quarter), 0).astype(int).tolist()
        right, bottom = np.minimum(np.ceil(center + quarter) + 1, self.shape[::-1]).astype(int).tolist()
        if right <= left or bottom <= top:
            return float("nan")
        read = self._warp.to_color(self._depth, (left, top, right, bottom))
        read = read[read > 0]
        return float(np.median(read)) if len(read) else float("nan")
