"""The depth warp's inner loops in numba; `warp.py` says what they are for, `warp_reference.py` is their law.

A depth row is first painted into a row of samples, one for each color column, and then the samples of one
depth row are joined to those of the next: two passes along lines in place of a test of every pixel against
every mesh cell. Loops have neither borders nor branches, so that they compile to vector instructions. No fast
math but where the order of a minimum is free: the result equals the reference bit for bit. All of it is one
file, for numba's cache does not see a change in another.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .optics import Optics

F32 = NDArray[np.float32]
LANES = 8  # color columns that an interval between two readings is painted with at once
BLOCK = 64  # color columns that are joined at once; no picture may be narrower
X, Y, Z = 0, 1, 2  # planes of a row of readings
FIRST_Z, FIRST_Y, SLOPE_Z, SLOPE_Y = 0, 1, 2, 3  # planes of a row of intervals
TORN, JOINED, SHORT = 0, 1, 2  # kinds of intervals; a SHORT one is joined, inside the columns, and of LANES
VALUE, AT, SLOPE, BEGIN, END, RIM = (n * BLOCK for n in range(6))  # parts of the scratch of one block
NONE = np.float32(65536)  # farther than every depth
BIG = np.float32(1e9)


@njit(cache=True, nogil=True, error_model="numpy")
def warp(
    depth_mm: NDArray[np.uint16], rays: F32, optics: Optics, x0: int, y0: int, out: NDArray[np.uint16]
) -> None:
    """Paint the depth picture into `out`, which comes in as zeros.

    Rows that the wanted region does not meet are projected, no more. All scratch is a few rows of this call.

    Parameters
    ----------
    depth_mm : (H, W) raw readings
    rays : (H, 3, W), the depth camera's rays in the color camera's axes
    x0, y0 : the color pixel of out[0, 0]
    out : (n_rows, n_columns), of BLOCK columns or more
    """
    height, width = depth_mm.shape
    n_rows, n_columns = out.shape
    shifted = np.zeros((3, width + 2), np.float32)  # three rows in turn, padded by none
    readings = np.zeros((2, 3, width + 1), np.float32)  # two rows in turn
    intervals = np.zeros((4, width), np.float32)
    first, kind = np.zeros(width + 1, np.int32), np.zeros(width, np.int8)
    samples = np.zeros((2, 2, n_columns + LANES), np.float32)  # two rows in turn: z and y of each column
    scratch = np.zeros(6 * BLOCK, np.float32)
    top, bottom = np.float32(y0) - optics.rim_px, np.float32(y0 + n_rows) + optics.rim_px
    _shift(depth_mm[0], optics, shifted[1])
    low_before, high_before, painted_before, begin_before, end_before = BIG, -BIG, True, n_columns, 0
    for i in range(height + 1):
        now, before = i % 2, (i + 1) % 2
        if i + 1 < height:
            _shift(depth_mm[i + 1], optics, shifted[(i + 2) % 3])
        else:
            shifted[(i + 2) % 3] = 0
        row = readings[now]
        if i < height:
            _project(shifted[i % 3], shifted[(i + 1) % 3], shifted[(i + 2) % 3], rays[i], optics, row)
            low, high = _span(row[Y], row[Z])
        else:
            row[Z] = 0
            low, high = BIG, -BIG
        painted, begin, end = False, n_columns, 0
        if min(low, low_before) < bottom and max(high, high_before) >= top:
            if not painted_before:
                begin_before, end_before = _paint_row(
                    readings[before], intervals, first, kind, optics, x0, y0, samples[before], out
                )
            begin, end = _paint_row(row, intervals, first, kind, optics, x0, y0, samples[now], out)
            painted = True
            _join_rows(
                samples[before],
                samples[now],
                min(begin, begin_before),
                max(end, end_before),
                optics,
                y0,
                scratch,
                out,
            )
        low_before, high_before, painted_before = low, high, painted
        begin_before, end_before = begin, end


@njit(cache=True, nogil=True, error_model="numpy")
def _shift(depth_mm: NDArray[np.uint16], optics: Optics, shifted: F32) -> None:
    """Fill the inside of `shifted` with the true depth of a row of readings, 0 for none."""
    for j in range(depth_mm.size):
        true_mm = optics.depth_scale * np.float32(depth_mm[j]) + optics.depth_shift_mm
        shifted[j + 1] = true_mm if (depth_mm[j] > 0) & (true_mm > 0) else np.float32(0)


@njit(cache=True, nogil=True, error_model="numpy")
def _project(above: F32, level: F32, below: F32, rays: F32, optics: Optics, row: F32) -> None:
    """Fill `row` with color x, y, z of the readings of `level`; 0 for none and for flying pixels."""
    cut, one, two = optics.cut_share, np.float32(1), np.float32(2)
    k1, k2, p1, p2, k3 = optics.k1, optics.k2, optics.p1, optics.p2, optics.k3
    for j in range(level.size - 2):
        own = level[j + 1]
        near = cut * own
        # None is 0, which is near to nothing but none.
        count = np.float32(abs(above[j] - own) <= near) + np.float32(abs(above[j + 1] - own) <= near)
        count += np.float32(abs(above[j + 2] - own) <= near) + np.float32(abs(level[j] - own) <= near)
        count += np.float32(abs(level[j + 2] - own) <= near) + np.float32(abs(below[j] - own) <= near)
        count += np.float32(abs(below[j + 1] - own) <= near) + np.float32(abs(below[j + 2] - own) <= near)
        z = rays[2, j] * own + optics.tz_mm
        a = (rays[0, j] * own + optics.tx_mm) / z
        b = (rays[1, j] * own + optics.ty_mm) / z
        r2 = a * a + b * b
        radial = one + r2 * (k1 + r2 * (k2 + r2 * k3))
        x = optics.fx * (a * radial + two * p1 * a * b + p2 * (r2 + two * a * a)) + optics.cx
        y = optics.fy * (b * radial + p1 * (r2 + two * b * b) + two * p2 * a * b) + optics.cy
        # False for the NaN of a pixel without a ray, too.
        known = (own > 0) & (count >= optics.min_neighbours) & (r2 < optics.limit_r2)
        known = known & (z >= one) & (z < np.float32(65535))
        row[X, j] = x if known else np.float32(0)
        row[Y, j] = y if known else np.float32(0)
        row[Z, j] = z if known else np.float32(0)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"nnan", "nsz"})
def _span(values: F32, z: F32) -> tuple[np.float32, np.float32]:
    """Return the least and the greatest value where z > 0; BIG and -BIG, if there is none."""
    least, greatest = BIG, -BIG
    for k in range(values.size):
        low = values[k] if z[k] > 0 else BIG
        high = values[k] if z[k] > 0 else -BIG
        least = low if low < least else least
        greatest = high if high > greatest else greatest
    return least, greatest


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"nnan", "nsz"})
def _least(values: F32) -> np.float32:
    least = BIG
    for k in range(BLOCK):
        least = values[k] if values[k] < least else least
    return least


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"nnan", "nsz"})
def _greatest(values: F32) -> np.float32:
    greatest = -BIG
    for k in range(BLOCK):
        greatest = values[k] if values[k] > greatest else greatest
    return greatest


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _ceil(value: np.float32) -> int:
    return int(np.ceil(value))


@njit(cache=True, nogil=True, error_model="numpy")
def _measure(
    row: F32,
    optics: Optics,
    x0: int,
    n_columns: int,
    intervals: F32,
    first: NDArray[np.int32],
    kind: NDArray[np.int8],
) -> None:
    """Fill `first` with the first column at or after each reading, the others with what follows the reading.

    An interval is joined, if both its ends lie on one surface that is seen from its front.
    """
    x, y, z = row[X], row[Y], row[Z]
    for j in range(first.size):
        whole = np.float32(np.int32(x[j]))
        first[j] = np.int32(whole + (np.float32(1) if whole < x[j] else np.float32(0))) - x0
    for j in range(kind.size):
        dx, dz = x[j + 1] - x[j], z[j + 1] - z[j]
        nearest = z[j] if z[j] < z[j + 1] else z[j + 1]
        joined = (nearest > 0) & (abs(dz) <= optics.cut_share * nearest) & (dx > 0)
        inverse = np.float32(1) / dx
        slope_z = dz * inverse if joined else np.float32(0)
        slope_y = (y[j + 1] - y[j]) * inverse if joined else np.float32(0)
        ahead = np.float32(first[j] + x0) - x[j]
        intervals[SLOPE_Z, j], intervals[SLOPE_Y, j] = slope_z, slope_y
        intervals[FIRST_Z, j], intervals[FIRST_Y, j] = z[j] + ahead * slope_z, y[j] + ahead * slope_y
        short = (first[j] >= 0) & (first[j + 1] <= n_columns) & (first[j + 1] - first[j] <= LANES)
        kind[j] = (SHORT if short else JOINED) if joined else TORN


@njit(cache=True, nogil=True, error_model="numpy")
def _paint_row(
    row: F32,
    intervals: F32,
    first: NDArray[np.int32],
    kind: NDArray[np.int8],
    optics: Optics,
    x0: int,
    y0: int,
    samples: F32,
    out: NDArray[np.uint16],
) -> tuple[int, int]:
    """Fill `samples` with z and y of the row on every column, the nearest surface's; return which have one.

    A run of joined intervals never meets itself, so that it is painted without a look at what is there: all
    LANES columns of a SHORT interval, of which the next one paints over those too many.
    """
    n_columns, zero = out.shape[1], np.float32(0)
    _measure(row, optics, x0, n_columns, intervals, first, kind)
    sample_z, sample_y = samples[0], samples[1]
    sample_z[:] = 0
    begin, reach = n_columns, 0  # what is painted begins and ends there; from reach on there is nothing
    j, width = 0, kind.size
    while j < width:
        x, y, z = row[X, j], row[Y, j], row[Z, j]
        if not z > 0:
            j += 1
            continue
        left = _ceil(x - optics.rim_px) - x0
        begin = min(begin, max(left, 0))
        reach = _paint(left, first[j], left, z, y, zero, zero, reach, optics.rim_px, y0, samples, out)
        while kind[j] != TORN:
            if kind[j] == SHORT and first[j] >= reach:
                while kind[j] == SHORT:
                    at = np.int64(first[j])
                    z, slope = intervals[FIRST_Z, j], intervals[SLOPE_Z, j]
                    eight = sample_z[at : at + LANES]
                    for k in range(LANES):
                        eight[k] = z + np.float32(k) * slope
                    y, slope = intervals[FIRST_Y, j], intervals[SLOPE_Y, j]
                    eight = sample_y[at : at + LANES]
                    for k in range(LANES):
                        eight[k] = y + np.float32(k) * slope
                    j += 1
                reach = np.int64(first[j])
            else:
                z, y = intervals[FIRST_Z, j], intervals[FIRST_Y, j]
                slope_z, slope_y = intervals[SLOPE_Z, j], intervals[SLOPE_Y, j]
                start, end = first[j], first[j + 1]
                reach = _paint(
                    start, end, start, z, y, slope_z, slope_y, reach, optics.rim_px, y0, samples, out
                )
                j += 1
        right = _ceil(row[X, j] + optics.rim_px) - x0
        y, z = row[Y, j], row[Z, j]
        reach = _paint(first[j], right, right, z, y, zero, zero, reach, optics.rim_px, y0, samples, out)
        sample_z[reach : reach + LANES] = 0
        j += 1
    return begin, reach


@njit(cache=True, nogil=True, error_model="numpy")
def _paint(
    start: int,
    end: int,
    origin: int,
    z: np.float32,
    y: np.float32,
    slope_z: np.float32,
    slope_y: np.float32,
    reach: int,
    rim_px: np.float32,
    y0: int,
    samples: F32,
    out: NDArray[np.uint16],
) -> int:
    """Paint columns `start` to `end`, where z and y grow from column `origin` on; return the new reach.

    A sample behind another goes to `out` at once, as a spot: it may be seen at another height.
    """
    end = min(np.int64(end), out.shape[1])
    for c in range(max(np.int64(start), 0), end):
        z_here = z + np.float32(c - origin) * slope_z
        y_here = y + np.float32(c - origin) * slope_y
        if c >= reach or samples[0, c] == 0:
            samples[0, c], samples[1, c] = z_here, y_here
            continue
        if z_here < samples[0, c]:
            z_here, samples[0, c] = samples[0, c], z_here
            y_here, samples[1, c] = samples[1, c], y_here
        value = np.uint16(z_here + np.float32(0.5))
        for r in range(max(_ceil(y_here - rim_px) - y0, 0), min(_ceil(y_here + rim_px) - y0, out.shape[0])):
            if out[r, c] == 0 or value < out[r, c]:
                out[r, c] = value
    return max(reach, end)


@njit(cache=True, nogil=True, error_model="numpy")
def _join_rows(
    upper: F32,
    lower: F32,
    begin: int,
    end: int,
    optics: Optics,
    y0: int,
    scratch: F32,
    out: NDArray[np.uint16],
) -> None:
    """Paint what lies between the samples of two depth rows; where they are not joined, the rims of both."""
    n_rows, n_columns = out.shape
    for block in range(begin, end, BLOCK):
        c0 = min(block, n_columns - BLOCK)
        c1 = c0 + BLOCK
        lower_z, lower_y = lower[0, c0:c1], lower[1, c0:c1]
        _join(upper[0, c0:c1], upper[1, c0:c1], lower_z, lower_y, optics, scratch)
        first = _ceil(_least(scratch[BEGIN:END])) - y0
        last = _ceil(_greatest(scratch[END:RIM])) - y0
        for r in range(max(first, 0), min(last, n_rows)):
            _fill(out[r, c0:c1], np.float32(r + y0), scratch)
        least = _least(scratch[RIM:])
        if least < BIG:
            for k in range(BLOCK):
                rim = scratch[RIM + k]
                scratch[VALUE + k], scratch[SLOPE + k] = lower_z[k] + np.float32(0.5), np.float32(0)
                scratch[BEGIN + k], scratch[END + k] = rim, lower_y[k] if rim < BIG else -BIG
            last = _ceil(_greatest(scratch[END:RIM])) - y0
            for r in range(max(_ceil(least) - y0, 0), min(last, n_rows)):
                _fill(out[r, c0:c1], np.float32(r + y0), scratch)


@njit(cache=True, nogil=True, error_model="numpy")
def _join(upper_z: F32, upper_y: F32, lower_z: F32, lower_y: F32, optics: Optics, scratch: F32) -> None:
    """Fill the scratch with what hangs from each upper sample, and with where each lower one's rim begins."""
    for k in range(BLOCK):
        nearest = upper_z[k] if upper_z[k] < lower_z[k] else lower_z[k]
        dy, dz = lower_y[k] - upper_y[k], lower_z[k] - upper_z[k]
        joined = (nearest > 0) & (abs(dz) <= optics.cut_share * nearest) & (dy > 0)
        end = lower_y[k] if joined else upper_y[k] + optics.rim_px
        scratch[VALUE + k], scratch[AT + k] = upper_z[k] + np.float32(0.5), upper_y[k]
        scratch[SLOPE + k] = dz / dy if joined else np.float32(0)
        scratch[BEGIN + k] = upper_y[k] if upper_z[k] > 0 else BIG
        scratch[END + k] = end if upper_z[k] > 0 else -BIG
        scratch[RIM + k] = lower_y[k] - optics.rim_px if (lower_z[k] > 0) & (not joined) else BIG


@njit(cache=True, nogil=True, error_model="numpy")
def _fill(line: NDArray[np.uint16], at: np.float32, scratch: F32) -> None:
    """Paint one row of one block, where it is nearer than what is there."""
    for k in range(BLOCK):
        value = scratch[VALUE + k] + (at - scratch[AT + k]) * scratch[SLOPE + k]
        inside = (at >= scratch[BEGIN + k]) & (at < scratch[END + k])
        value = value if inside else NONE
        there = np.float32(line[k])
        there = there if there > 0 else NONE
        nearer = value if value < there else there
        line[k] = np.uint16(np.int32(nearer))
