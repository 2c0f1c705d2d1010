"""The depth camera's picture carried into the color camera, fast; `warp_reference.py` does it in plain numpy.

All color pixels here are the color camera's own, lens distortion included. Depth carried into color is the
color camera's z; the nearest surface wins, and where no surface was measured there is 0, never a guess.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import CalibrationError
from .calibration import Calibration
from .holes import MAX_GAP_PX, fill_holes
from .optics import optics_of, rays_in_color
from .region import Region, require_region, require_size

MAX_ROLL_DEG = 45.0  # beyond, rows of the depth picture are no rows in color


class DepthWarp:
    """The depth camera's picture as the color camera sees it, for one calibration.

    Flying pixels are dropped. Neighbouring readings on one surface are joined, along the rows of the depth
    picture first and from row to row then; the rim of a surface is widened by half a depth pixel. Compared
    with painting a 3 x 3 spot per reading, this halves the error and leaves the shadow behind a head empty.

    On one core a crop of 1408 x 792 takes about 3 ms, the whole picture 4 ms, and the crop of a face 1 ms:
    0.3 ms to project the readings, 3 ns for every reading in the region, and the rest for writing pixels, 64
    at once. Making one costs about 60 ms (the table of rays), and the first call in a fresh installation some
    seconds for compiling, which later processes find cached. Calls may run in several threads at once: they
    share nothing that changes, and hold no lock while they compute.

    Raises
    ------
    CalibrationError
        The cameras are turned against each other by more than MAX_ROLL_DEG.
    """

    def __init__(self, calibration: Calibration) -> None:
        from .warp_kernels import BLOCK

        require_upright(calibration)
        self.calibration = calibration
        self._least_width = BLOCK
        self._rays = np.ascontiguousarray(np.moveaxis(rays_in_color(calibration), -1, 1))  # (H, 3, W)
        self._optics = optics_of(calibration)

    def to_color(
        self, depth_mm: NDArray[np.uint16], region: Region | None = None, *, fill: bool = False
    ) -> NDArray[np.uint16]:
        """Return the depth picture on the color camera's pixels.

        Parameters
        ----------
        depth_mm : (424, 512) uint16, raw readings, 0 = none; the calibration makes true depths of them
        region : (x0, y0, x1, y1) in color pixels, the only part that is wanted and paid for
        fill : whether small holes within one surface are closed as `fill_holes` does, which also tells which
            pixels these are; shadows stay empty

        Returns
        -------
        (H, W) uint16, mm along the color camera's axis; 0 = none. (y1 - y0, x1 - x0) for a region, which is
        that part of the whole picture to the last bit.

        Raises
        ------
        CalibrationError
            The picture has another size than the calibrated depth camera, or the region is empty.
        """
        require_size(depth_mm, self.calibration.depth)
        x0, y0, x1, y1 = require_region(region, self.calibration.color)
        if not fill:
            return self._warp(depth_mm, x0, y0, x1, y1)
        # A hole at the border of the region is closed from beyond it.
        margin = MAX_GAP_PX + 1
        wide = self._warp(depth_mm, x0 - margin, y0 - margin, x1 + margin, y1 + margin)
        return np.ascontiguousarray(fill_holes(wide)[0][margin:-margin, margin:-margin])

    def _warp(self, depth_mm: NDArray, x0: int, y0: int, x1: int, y1: int) -> NDArray[np.uint16]:
        from .warp_kernels import warp

        out = np.zeros((y1 - y0, max(x1 - x0, self._least_width)), np.uint16)
        warp(np.ascontiguousarray(depth_mm, np.uint16), self._rays, self._optics, x0, y0, out)
        return out if out.shape[1] == x1 - x0 else out[:, : x1 - x0].copy()


def require_upright(calibration: Calibration) -> None:
    """Raise CalibrationError unless rows and columns of both cameras run the same way, roughly."""
    rotation = calibration.color_from_depth.rotation
    roll_deg = np.degrees(np.arctan2(rotation[1, 0], rotation[0, 0]))
    if abs(roll_deg) > MAX_ROLL_DEG or rotation[1, 1] <= 0 or rotation[2, 2] <= 0:
        raise CalibrationError(
            f"wanted depth and color cameras that look the same way and are rolled by at most "
            f"{MAX_ROLL_DEG:g} degrees against each other, found a roll of {roll_deg:.0f} degrees and "
            f"viewing axes {np.degrees(np.arccos(np.clip(rotation[2, 2], -1, 1))):.0f} degrees apart; record "
            "with upright pictures and calibrate again"
        )
