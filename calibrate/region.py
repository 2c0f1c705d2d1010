"""What is asked of pictures before they are warped: the calibrated size, and a region that has pixels."""

from __future__ import annotations

from numpy.typing import NDArray

from ..capture.geometry import Intrinsics
from ..errors import CalibrationError

MAX_PX = 30_000  # no region reaches farther from color pixel (0, 0)
Region = tuple[int, int, int, int]


def require_size(picture: NDArray, camera: Intrinsics) -> None:
    """Raise CalibrationError unless the picture is of the calibrated size."""
    if picture.shape != (camera.height, camera.width):
        raise CalibrationError(
            f"wanted a picture of {camera.height} x {camera.width} as calibrated, found {picture.shape}; "
            "calibrate with the size that is recorded"
        )


def require_region(region: Region | None, color: Intrinsics) -> Region:
    """Return the region, the whole color picture for None; raise CalibrationError unless it has pixels."""
    if region is None:
        return 0, 0, color.width, color.height
    x0, y0, x1, y1 = (int(edge) for edge in region)
    if not (-MAX_PX <= x0 < x1 <= MAX_PX and -MAX_PX <= y0 < y1 <= MAX_PX):
        raise CalibrationError(
            f"wanted a region x0 < x1, y0 < y1 within {MAX_PX} pixels of the picture, found {region}"
        )
    return x0, y0, x1, y1
