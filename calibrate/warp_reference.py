"""The depth warp in plain numpy: the law that the fast one of `warp.py` is held to, bit for bit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .calibration import Calibration
from .optics import CUT_SHARE, MIN_NEIGHBOURS, optics_of, rays_in_color
from .region import Region, require_region, require_size
from .warp import require_upright

F32 = NDArray[np.float32]
CUT = np.float32(CUT_SHARE)
HALF = np.float32(0.5)


def warp_depth(
    depth_mm: NDArray[np.uint16], calibration: Calibration, *, region: Region | None = None
) -> NDArray[np.uint16]:
    """Return what `DepthWarp.to_color` returns, about 100 times slower.

    1. A reading with fewer than MIN_NEIGHBOURS neighbours on its own surface is dropped; the others are
       carried into the color camera: x, y (pixels) and z (mm).
    2. Each depth row is sampled on the integer columns of color: z and y are linear between neighbours that
       lie on one surface (CUT_SHARE) and appear in order; the ends of such a run reach half a depth pixel on.
       On a column with several samples the nearest stays; each other is painted as a spot of one column and
       one depth pixel's height, for it may be seen at another height.
    3. Between the samples of neighbouring rows on one column z is linear in y, if they lie on one surface in
       order; else each reaches half a depth pixel towards the other.
    4. A pixel is painted if its center lies in [begin, end); the nearest of what is painted on it stays.

    Linear is good enough: second differences are below the sensor's noise within a depth pixel. All is done
    in single precision, in the order in which the fast warp does it.
    """
    require_upright(calibration)
    require_size(depth_mm, calibration.depth)
    x0, y0, x1, y1 = require_region(region, calibration.color)
    x, y, z = _projected(depth_mm, calibration)
    rim_px = optics_of(calibration).rim_px
    rows, columns, sample_z, sample_y = _samples(x, y, z, rim_px, x0, x1)
    cell = rows * (x1 - x0) + columns - x0
    order = np.lexsort((np.arange(cell.size), sample_z, cell))
    seen = np.ones(cell.size, np.bool_)
    seen[1:] = np.diff(cell[order]) > 0
    nearest, hidden = order[seen], order[~seen]
    row_z = np.zeros((depth_mm.shape[0] + 2, x1 - x0), np.float32)
    row_y = np.zeros_like(row_z)
    row_z[rows[nearest] + 1, columns[nearest] - x0] = sample_z[nearest]
    row_y[rows[nearest] + 1, columns[nearest] - x0] = sample_y[nearest]

    out = np.full((y1 - y0, x1 - x0), np.inf, np.float32)
    zero = np.zeros(hidden.size, np.float32)
    at, z_here = sample_y[hidden], sample_z[hidden]
    spots = _Spans(columns[hidden] - x0, at - rim_px, at + rim_px, z_here, at, zero)
    for spans in (spots, *_joined_rows(row_z, row_y, rim_px)):
        spans.paint(out, y0)
    return np.where(np.isfinite(out), out, 0).astype(np.uint16)


@dataclass(frozen=True, slots=True)
class _Spans:
    """Pieces of columns: z + slope (row - at) on the rows of [begin, end)."""

    column: NDArray[np.int64]
    begin: F32
    end: F32
    z: F32
    at: F32
    slope: F32

    def paint(self, out: F32, y0: int) -> None:
        """Paint what is nearer than what is there, rounded; row 0 of `out` is row y0."""
        first = np.maximum(np.ceil(self.begin).astype(np.int64), y0)
        n_rows = np.minimum(np.ceil(self.end).astype(np.int64), y0 + out.shape[0]) - first
        left = np.flatnonzero(n_rows > 0)
        step = 0
        while left.size:
            row = first[left] + step
            value = (self.z[left] + HALF) + (row.astype(np.float32) - self.at[left]) * self.slope[left]
            np.minimum.at(out, (row - y0, self.column[left]), np.floor(value))
            step += 1
            left = left[n_rows[left] > step]


def _projected(depth_mm: NDArray[np.uint16], calibration: Calibration) -> tuple[F32, F32, F32]:
    """Return color x, y, z of all readings, (H, W) each; 0 for none, flying pixels, those out of reach."""
    scale, shift, tx, ty, tz, fx, fy, cx, cy, k1, k2, p1, p2, k3, limit_r2 = optics_of(calibration)[:15]
    true_mm = scale * depth_mm.astype(np.float32) + shift
    own = np.where((depth_mm > 0) & (true_mm > 0), true_mm, np.float32(0))
    rays = rays_in_color(calibration)
    z = rays[..., 2] * own + tz
    with np.errstate(all="ignore"):  # where there is no reading
        a, b = (rays[..., 0] * own + tx) / z, (rays[..., 1] * own + ty) / z
        r2 = a * a + b * b
        radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
        x = fx * (a * radial + 2 * p1 * a * b + p2 * (r2 + 2 * a * a)) + cx
        y = fy * (b * radial + p1 * (r2 + 2 * b * b) + 2 * p2 * a * b) + cy
        known = (own > 0) & (_n_on_surface(own) >= MIN_NEIGHBOURS) & (r2 < limit_r2) & (z >= 1) & (z < 65535)
    none = np.float32(0)
    return np.where(known, x, none), np.where(known, y, none), np.where(known, z, none)


def _n_on_surface(z: F32) -> NDArray[np.int64]:
    """Return how many of a pixel's 8 neighbours have a depth within CUT_SHARE of its own."""
    padded = np.pad(z, 1)
    count = np.zeros(z.shape, np.int64)
    for row, column in ((r, c) for r in range(3) for c in range(3) if (r, c) != (1, 1)):
        other = padded[row : row + z.shape[0], column : column + z.shape[1]]
        count += (other > 0) & (np.abs(other - z) <= CUT * z)
    return count


def _samples(
    x: F32, y: F32, z: F32, rim_px: np.float32, x0: int, x1: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], F32, F32]:
    """Return the samples of all depth rows on columns x0 to x1: row, column, z, y, as readings come."""
    x, y, z = (np.pad(part, ((0, 0), (0, 1))) for part in (x, y, z))
    dx, dy, dz = (np.diff(part, axis=1) for part in (x, y, z))
    x, y, z, nearest = x[:, :-1], y[:, :-1], z[:, :-1], np.minimum(z[:, :-1], z[:, 1:])
    joined = (nearest > 0) & (np.abs(dz) <= CUT * nearest) & (dx > 0)
    before = np.pad(joined, ((0, 0), (1, 0)))[:, :-1]
    inverse = np.float32(1) / np.where(joined, dx, np.float32(1))
    slope_z, slope_y = np.where(joined, dz * inverse, 0), np.where(joined, dy * inverse, 0)
    first = np.ceil(x).astype(np.int64)
    following = np.pad(first, ((0, 0), (0, 1)))[:, 1:]
    ahead = first.astype(np.float32) - x
    left = np.ceil(x - rim_px).astype(np.int64)
    last = np.where(joined, following, np.ceil(x + rim_px).astype(np.int64))
    none = np.zeros_like(z)
    found = []
    for place, exists, start, end, origin, values in (
        (0, (z > 0) & ~before, left, first, left, (z, y, none, none)),
        (1, z > 0, first, last, first, (z + ahead * slope_z, y + ahead * slope_y, slope_z, slope_y)),
    ):
        row, j = np.nonzero(exists)
        start, end, origin = start[row, j], end[row, j], origin[row, j]
        first_z, first_y, by_z, by_y = (value[row, j] for value in values)
        start, end = np.maximum(start, x0), np.minimum(end, x1)
        which = np.repeat(np.arange(row.size), np.maximum(end - start, 0))
        step = np.arange(which.size) - np.searchsorted(which, which)
        column = start[which] + step
        far = (column - origin[which]).astype(np.float32)
        at_z, at_y = first_z[which] + far * by_z[which], first_y[which] + far * by_y[which]
        found.append((row[which], column, at_z, at_y, 2 * (row[which] * x.shape[1] + j[which]) + place))
    row, column, at_z, at_y, rank = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.argsort(rank, kind="stable")
    return row[order], column[order], at_z[order], at_y[order]


def _joined_rows(row_z: F32, row_y: F32, rim_px: np.float32) -> tuple[_Spans, _Spans]:
    """Return what hangs from each sample, and the upper rims of those that nothing above is joined to."""
    upper_z, lower_z, upper_y, lower_y = row_z[:-1], row_z[1:], row_y[:-1], row_y[1:]
    nearest = np.minimum(upper_z, lower_z)
    dz, dy = lower_z - upper_z, lower_y - upper_y
    joined = (nearest > 0) & (np.abs(dz) <= CUT * nearest) & (dy > 0)
    slope = np.where(joined, dz / np.where(joined, dy, np.float32(1)), np.float32(0))
    end = np.where(joined, lower_y, upper_y + rim_px)
    hangs, rims = upper_z > 0, (lower_z > 0) & ~joined
    column = np.broadcast_to(np.arange(row_z.shape[1]), upper_z.shape)
    z, y = upper_z[hangs], upper_y[hangs]
    below = _Spans(column[hangs], y, end[hangs], z, y, slope[hangs])
    z, y = lower_z[rims], lower_y[rims]
    return below, _Spans(column[rims], y - rim_px, y, z, y, np.zeros_like(z))
