"""Points of the color picture carried into the other cameras, and their pictures laid on the color camera's.

Both go through the depth that `warp.py` returns; nothing is carried where none was measured.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ..capture.geometry import Intrinsics
from ..capture.streams import Stream
from ..errors import CalibrationError
from .calibration import Calibration
from .optics import project_seen
from .region import Region, require_region, require_size

Float = NDArray[np.float64]
HIDING_CELL_PX = 3  # pixels of the other camera; the least cell, and as wide as three color pixels are there
HIDING_SHARE = 0.05  # a point this share farther than another in its cell is hidden
OUTSIDE = -10.0  # a place in no picture


def carry(px: NDArray, z_mm: NDArray, calibration: Calibration, into: Stream) -> Float:
    """Return where points of the color picture appear in the picture of another stream.

    Parameters
    ----------
    px : (..., 2) color pixels, as recorded
    z_mm : (...) their depth along the color camera's axis; 0 or NaN where it is not known
    into : DEPTH and INFRARED share a camera

    Returns
    -------
    (..., 2) float64, pixels of that stream, also beside its picture; NaN where the depth is not known, or the
    point lies behind the camera or farther aside than its lens model holds.

    Raises
    ------
    CalibrationError
        The rig was calibrated without that camera.
    """
    camera, pose = calibration.camera_of(into), calibration.from_color(into)
    z_known = np.where(np.asarray(z_mm) > 0, z_mm, np.nan)
    return project_seen(camera, pose.apply(calibration.color.unproject(px, z_known)))


def lay_in_color(
    picture: NDArray,
    depth_color_mm: NDArray[np.uint16],
    calibration: Calibration,
    *,
    of: Stream,
    region: Region | None = None,
) -> NDArray:
    """Return another stream's picture as the color camera would see it.

    A value is laid on every color pixel with a depth that the other camera sees; the strip of wall that a
    head hides from it stays empty. Values between the other camera's pixels are linear, so that no depth
    picture belongs here: `DepthWarp` carries those. About a quarter
    of a second for 1408 x 792 on one core, in plain numpy, and three times that for the first picture of a
    region, whose rays are kept for the next.

    Parameters
    ----------
    picture : (H, W) of the stream `of`, uint8, uint16 or float32, any unit
    depth_color_mm : (H, W) uint16, as `DepthWarp.to_color` returns for `region`
    of : the stream that `picture` comes from: THERMAL or INFRARED
    region : (x0, y0, x1, y1) that `depth_color_mm` covers; the whole color picture by default

    Returns
    -------
    (H, W), dtype of `picture`; 0 where there is no depth or the other camera does not see it.

    Raises
    ------
    CalibrationError
        The rig was calibrated without that camera, `of` is another stream, or a picture has another size
        than wanted.
    """
    if of not in (Stream.THERMAL, Stream.INFRARED):
        raise CalibrationError(f"wanted a thermal or infrared picture to lay in color, found {of.value!r}")
    camera, pose = calibration.camera_of(of), calibration.from_color(of)
    require_size(picture, camera)
    x0, y0, x1, y1 = require_region(region, calibration.color)
    if depth_color_mm.shape != (y1 - y0, x1 - x0):
        raise CalibrationError(
            f"wanted a depth picture of {y1 - y0} x {x1 - x0} for the region, found {depth_color_mm.shape}; "
            "warp the depth with the same region"
        )
    rows, columns = np.nonzero(depth_color_mm)
    rays = _rays(calibration.color, (x0, y0, x1, y1))[rows, columns]
    xyz = pose.apply(rays * depth_color_mm[rows, columns, None].astype(np.float64))
    at = project_seen(camera, xyz)
    last = np.array([camera.width - 1, camera.height - 1])
    with np.errstate(invalid="ignore"):
        outside = ~((at >= -0.5) & (at <= last + 0.5)).all(axis=-1)
    at = np.clip(at, 0, last)  # the outer half of a border pixel has its value, not one mixed with nothing
    at[outside] = np.nan
    at[_hidden(at, xyz[:, 2], camera, cell_px=_cell_px(camera, calibration.color))] = np.nan
    # cv2.remap takes at most 32767 columns, so the points are laid out as a picture.
    map_xy = np.full((*depth_color_mm.shape, 2), OUTSIDE, np.float32)
    map_xy[rows, columns] = np.nan_to_num(at, nan=OUTSIDE)
    return cv2.remap(
        picture, map_xy[..., 0], map_xy[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
    )


@lru_cache(maxsize=2)
def _rays(camera: Intrinsics, region: Region) -> Float:
    """Return the rays of the pixels of a region, (H, W, 3)."""
    x0, y0, x1, y1 = region
    rays = camera.rays(np.stack(np.meshgrid(np.arange(x0, x1), np.arange(y0, y1)), axis=-1))
    rays.setflags(write=False)
    return rays


def _cell_px(camera: Intrinsics, color: Intrinsics) -> int:
    """Return how wide cells must be for a surface to leave none of them empty."""
    return max(HIDING_CELL_PX, int(np.ceil(3 * camera.fx / color.fx)))


def _hidden(px: Float, z_mm: Float, camera: Intrinsics, *, cell_px: int) -> NDArray[np.bool_]:
    """Return which of the points (N,) lie behind others, as seen in cells of `cell_px` pixels."""
    with np.errstate(invalid="ignore"):
        inside = np.all((px >= 0) & (px < (camera.width, camera.height)), axis=-1)
    cell = np.where(inside[:, None], px, 0).astype(np.int64) // cell_px
    nearest_mm = np.full((camera.height // cell_px + 1, camera.width // cell_px + 1), np.inf)
    np.minimum.at(nearest_mm, (cell[inside, 1], cell[inside, 0]), z_mm[inside])
    return inside & (z_mm > nearest_mm[cell[:, 1], cell[:, 0]] * (1 + HIDING_SHARE))
