"""Pixels carried between the cameras of a calibrated rig: depth into color, landmarks out of it.

All color pixels here are the color camera's own, lens distortion included. Depth carried into color is the
color camera's z; the nearest surface wins, and where no surface was measured there is 0, never a guess.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..capture.geometry import Intrinsics
from ..capture.streams import Stream
from ..errors import CalibrationError
from .calibration import Calibration

Float = NDArray[np.float64]
CUT_SHARE = 0.02  # neighbours whose depths differ by more than this share lie on different surfaces
MIN_NEIGHBOURS = 4  # of 8; a reading with fewer on its own surface is a flying pixel
CELL_MARGIN = 0.05  # cells overlap by this share, so that noise opens no cracks between them
HIDING_CELL_PX = (
    3  # thermal pixels; wider than the distance of color pixels there, so that surfaces are closed
)
HIDING_SHARE = 0.05  # a point this share farther than another in its cell is hidden
Region = tuple[int, int, int, int]


class DepthWarp:
    """The depth camera's picture as the color camera sees it, for one calibration.

    Flying pixels are dropped; every four neighbouring readings on one surface span a small mesh cell; the rim
    of a surface is widened by half a depth pixel. Compared with painting a 3 x 3 spot per reading, this
    halves the error and leaves the shadow behind a head empty. The time on one core is about
    9 ms for a crop of 1408 x 792 and 12 ms for the whole picture, bounded by painting pixels.

    Making one costs about 60 ms (the table of rays), and the first call in a fresh installation some
    seconds for compiling, which later processes find cached.
    """

    def __init__(self, calibration: Calibration) -> None:
        self.calibration = calibration
        self._rays_in_color = np.ascontiguousarray(np.moveaxis(rays_in_color(calibration), -1, 0))
        self._lens = _lens(calibration.color)
        self._spot_px = _spot_px(calibration)

    def to_color(self, depth_mm: NDArray[np.uint16], region: Region | None = None) -> NDArray[np.uint16]:
        """Return the depth picture on the color camera's pixels.

        Parameters
        ----------
        depth_mm : (424, 512) uint16, raw readings, 0 = none; the calibration's depth shift is added
        region : (x0, y0, x1, y1) in color pixels, the only part that is wanted and paid for

        Returns
        -------
        (H, W) uint16, mm along the color camera's axis; 0 = none. (y1 - y0, x1 - x0) for a region.

        Raises
        ------
        CalibrationError
            The picture has another size than the calibrated depth camera, or the region is empty.
        """
        from .warp_kernels import warp

        _require_size(depth_mm, self.calibration.depth)
        x0, y0, x1, y1 = _region(region, self.calibration.color)
        out = np.zeros((y1 - y0, x1 - x0), np.uint16)
        warp(
            np.ascontiguousarray(depth_mm, np.uint16),
            np.float32(self.calibration.depth_shift_mm),
            self._rays_in_color,
            self.calibration.color_from_depth.translation_mm.astype(np.float32),
            self._lens,
            np.array([x0, y0], np.float32),
            np.array([CUT_SHARE, MIN_NEIGHBOURS, CELL_MARGIN, self._spot_px], np.float32),
            out,
        )
        return out


def warp_depth(
    depth_mm: NDArray[np.uint16], calibration: Calibration, *, region: Region | None = None
) -> NDArray[np.uint16]:
    """Return what `DepthWarp.to_color` returns, in plain numpy: the reference it is tested against.

    About 15 times slower. Parameters and result are those of `DepthWarp.to_color`.
    """
    _require_size(depth_mm, calibration.depth)
    x0, y0, x1, y1 = _region(region, calibration.color)
    shifted = depth_mm.astype(np.float32) + np.float32(calibration.depth_shift_mm)
    z = np.where((depth_mm > 0) & (shifted > 0), shifted, np.float32(0))
    z = np.where(_n_on_surface(z) >= MIN_NEIGHBOURS, z, np.float32(0))
    px, z_color = _projected(z, calibration)
    px -= np.array([x0, y0], np.float32)
    out = np.full((y1 - y0, x1 - x0), np.inf, np.float32)
    whole = _fill_cells(px, z_color, out)
    rim = (z_color > 0) & ~whole
    _fill_spots(px[rim], z_color[rim], _spot_px(calibration), out)
    return np.where(np.isfinite(out), np.floor(out + 0.5), 0).astype(np.uint16)


def _n_on_surface(z: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return how many of a pixel's 8 neighbours have a depth within CUT_SHARE of its own."""
    padded = np.pad(z, 1)
    count = np.zeros(z.shape, np.int64)
    for row, column in ((r, c) for r in range(3) for c in range(3) if (r, c) != (1, 1)):
        other = padded[row : row + z.shape[0], column : column + z.shape[1]]
        count += (other > 0) & (np.abs(other - z) <= np.float32(CUT_SHARE) * z)
    return count


def _projected(
    z: NDArray[np.float32], calibration: Calibration
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the color pixels (H, W, 2) of all readings, and their z in color, 0 where there is none."""
    rays = rays_in_color(calibration)
    xyz = rays * z[..., None] + calibration.color_from_depth.translation_mm.astype(np.float32)
    fx, fy, cx, cy, k1, k2, p1, p2, k3, limit_r2 = _lens(calibration.color)
    known = (z > 0) & (xyz[..., 2] > 0)
    z_color = np.where(known, xyz[..., 2], np.float32(1))
    x, y = xyz[..., 0] / z_color, xyz[..., 1] / z_color
    r2 = x * x + y * y
    known &= r2 < limit_r2  # False for the NaN rays, too
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    u = fx * (x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)) + cx
    v = fy * (y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y) + cy
    px = np.where(known[..., None], np.stack([u, v], axis=-1), np.float32(0))
    return px, np.where(known, z_color, np.float32(0))


def _fill_cells(
    px: NDArray[np.float32], z: NDArray[np.float32], out: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """Paint every cell between four readings on one surface; return which readings have four such cells.

    A cell is taken for the parallelogram through its middle with the mean of its opposite sides, and its
    depth for a plane: second differences are below the sensor's noise within one depth pixel.
    """
    corners = (z[:-1, :-1], z[:-1, 1:], z[1:, :-1], z[1:, 1:])
    nearest, farthest = np.minimum.reduce(corners), np.maximum.reduce(corners)
    accepted = (nearest > 0) & (farthest - nearest <= np.float32(CUT_SHARE) * nearest)
    values = np.concatenate([px, z[..., None]], axis=-1)  # x, y, z
    p00, p10, p01, p11 = values[:-1, :-1], values[:-1, 1:], values[1:, :-1], values[1:, 1:]
    middle = (p00 + p10 + p01 + p11) / 4
    across, down = (p10 - p00 + p11 - p01) / 2, (p01 - p00 + p11 - p10) / 2
    area = across[..., 0] * down[..., 1] - across[..., 1] * down[..., 0]
    accepted &= area > 0
    middle, across, down, area = (part[accepted] for part in (middle, across, down, area))
    inverse = (np.float32(1) / area)[:, None]
    s_xy, t_xy = down[:, :2] * inverse, across[:, :2] * inverse
    half = np.float32(0.5 + CELL_MARGIN)
    reach = half * (np.abs(across) + np.abs(down))[:, :2]
    first = np.ceil(middle[:, :2] - reach).astype(np.int64)
    n_columns, n_rows = (np.floor(2 * reach).astype(np.int64) + 1).max(axis=0, initial=0)
    for row, column in ((r, c) for r in range(n_rows) for c in range(n_columns)):
        x, y = first[:, 0] + column, first[:, 1] + row
        dx, dy = x.astype(np.float32) - middle[:, 0], y.astype(np.float32) - middle[:, 1]
        s = dx * s_xy[:, 1] - dy * s_xy[:, 0]
        t = dy * t_xy[:, 0] - dx * t_xy[:, 1]
        hit = (np.abs(s) <= half) & (np.abs(t) <= half)
        hit &= (x >= 0) & (y >= 0) & (x < out.shape[1]) & (y < out.shape[0])
        depth = middle[:, 2] + s * across[:, 2] + t * down[:, 2]
        np.minimum.at(out, (y[hit], x[hit]), depth[hit])
    around = np.pad(accepted, 1)
    return around[:-1, :-1] & around[:-1, 1:] & around[1:, :-1] & around[1:, 1:]


def _fill_spots(
    px: NDArray[np.float32], z: NDArray[np.float32], spot_px: np.float32, out: NDArray[np.float32]
) -> None:
    """Paint a square of half side `spot_px` around every reading."""
    first = np.ceil(px - spot_px).astype(np.int64)
    for row, column in np.ndindex(*(int(2 * spot_px) + 1,) * 2):
        x, y = first[:, 0] + column, first[:, 1] + row
        hit = (x <= px[:, 0] + spot_px) & (y <= px[:, 1] + spot_px)
        hit &= (x >= 0) & (y >= 0) & (x < out.shape[1]) & (y < out.shape[0])
        np.minimum.at(out, (y[hit], x[hit]), z[hit])


def carry(px: NDArray, z_mm: NDArray, calibration: Calibration, into: Stream) -> Float:
    """Return where points of the color picture appear in the picture of another stream.

    Parameters
    ----------
    px : (..., 2) color pixels, as recorded
    z_mm : (...) their depth along the color camera's axis; 0 or NaN where it is not known
    into : DEPTH and INFRARED share a camera

    Returns
    -------
    (..., 2) float64, pixels of that stream; NaN where the depth is not known or the point cannot be seen.

    Raises
    ------
    CalibrationError
        The rig was calibrated without that camera.
    """
    camera, pose = calibration.camera_of(into), calibration.from_color(into)
    z_known = np.where(np.asarray(z_mm) > 0, z_mm, np.nan)
    return camera.project(pose.apply(calibration.color.unproject(px, z_known)))


def thermal_to_color(
    thermal: NDArray,
    depth_color_mm: NDArray[np.uint16],
    calibration: Calibration,
    *,
    region: Region | None = None,
) -> NDArray:
    """Return the thermal picture as the color camera would see it, for overlays.

    A thermal value is laid on every color pixel with a depth that the thermal camera sees; the strip of wall
    that a head hides from it stays empty.

    Parameters
    ----------
    thermal : (512, 640) uint16 or float, any unit
    depth_color_mm : (H, W) uint16, as `DepthWarp.to_color` returns for `region`
    region : (x0, y0, x1, y1) that `depth_color_mm` covers; the whole color picture by default

    Returns
    -------
    (H, W), dtype of `thermal`; 0 where there is no depth or the thermal camera does not see it.
    """
    _require_size(thermal, calibration.camera_of(Stream.THERMAL))
    x0, y0, x1, y1 = _region(region, calibration.color)
    if depth_color_mm.shape != (y1 - y0, x1 - x0):
        raise CalibrationError(
            f"wanted a depth picture of {y1 - y0} x {x1 - x0} for the region, found {depth_color_mm.shape}"
        )
    rows, columns = np.nonzero(depth_color_mm)
    px = np.stack([columns + x0, rows + y0], axis=-1)
    camera, pose = calibration.camera_of(Stream.THERMAL), calibration.from_color(Stream.THERMAL)
    xyz = pose.apply(calibration.color.unproject(px, depth_color_mm[rows, columns].astype(np.float64)))
    at = camera.project(xyz)
    at[_hidden(at, xyz[:, 2], camera)] = np.nan
    # cv2.remap takes at most 32767 columns, so the points are laid out as a picture.
    map_xy = np.full((*depth_color_mm.shape, 2), -10, np.float32)
    map_xy[rows, columns] = np.nan_to_num(at, nan=-10)
    return cv2.remap(
        thermal, map_xy[..., 0], map_xy[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
    )


def _hidden(px: Float, z_mm: Float, camera: Intrinsics) -> NDArray[np.bool_]:
    """Return which of the points (N,) lie behind others, as seen in cells of HIDING_CELL_PX pixels."""
    with np.errstate(invalid="ignore"):
        inside = np.all((px >= 0) & (px < (camera.width, camera.height)), axis=-1)
    cell = np.where(inside[:, None], px, 0).astype(np.int64) // HIDING_CELL_PX
    nearest_mm = np.full((camera.height // HIDING_CELL_PX + 1, camera.width // HIDING_CELL_PX + 1), np.inf)
    np.minimum.at(nearest_mm, (cell[inside, 1], cell[inside, 0]), z_mm[inside])
    return inside & (z_mm > nearest_mm[cell[:, 1], cell[:, 0]] * (1 + HIDING_SHARE))


def rays_in_color(calibration: Calibration) -> NDArray[np.float32]:
    """Return the depth camera's rays in the color camera's axes, (H, W, 3); NaN where it has none."""
    rays = calibration.depth.ray_image() @ calibration.color_from_depth.rotation.T
    return rays.astype(np.float32)


def _lens(color: Intrinsics) -> NDArray[np.float32]:
    """Return fx, fy, cx, cy, k1, k2, p1, p2, k3, and the r^2 beyond which the lens model is not used.

    Far outside the picture a distortion polynomial may fold back into it.
    """
    across, down = color.width - 1, color.height - 1
    corners = np.array([[0, 0], [across, 0], [0, down], [across, down]], np.float64)
    r2 = (color.rays(corners)[:, :2] ** 2).sum(-1)
    limit_r2 = 1.1 * float(np.nanmax(r2)) if np.isfinite(r2).any() else np.inf
    return np.array([color.fx, color.fy, color.cx, color.cy, *color.distortion, limit_r2], np.float32)


def _spot_px(calibration: Calibration) -> np.float32:
    """Return half the distance of two depth pixels in color: a surface reaches that far past its rim."""
    return np.float32(0.5 * calibration.color.fx / calibration.depth.fx)


def _require_size(picture: NDArray, camera: Intrinsics) -> None:
    if picture.shape != (camera.height, camera.width):
        raise CalibrationError(
            f"wanted a picture of {camera.height} x {camera.width} as calibrated, found {picture.shape}; "
            "calibrate with the size that is recorded"
        )


def _region(region: Region | None, color: Intrinsics) -> Region:
    if region is None:
        return 0, 0, color.width, color.height
    if not (region[0] < region[2] and region[1] < region[3]):
        raise CalibrationError(f"wanted a region x0 < x1, y0 < y1, found {region}")
    return region
