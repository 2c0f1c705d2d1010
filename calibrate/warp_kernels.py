"""The depth warp's inner loops in numba; `warp.py` says what they do, and its numpy version is their law.

Readings live in planes padded by one pixel of none, so that loops over a row have neither borders nor
branches and compile to vector instructions. No fast math: the result equals the reference bit for bit.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

F32 = NDArray[np.float32]


@njit(cache=True, nogil=True, error_model="numpy")
def warp(
    depth_mm: NDArray[np.uint16],
    shift_mm: np.float32,
    rays: F32,
    offset_mm: F32,
    lens: F32,
    origin: F32,
    settings: F32,
    out: NDArray[np.uint16],
) -> None:
    """Paint the depth picture into `out`, which comes in as zeros.

    Parameters
    ----------
    rays : (3, H, W), the depth camera's rays in the color camera's axes
    offset_mm : (3,), where the depth camera stands
    lens : (10,), as `warp._lens` returns
    origin : (2,), color pixel of out[0, 0]
    settings : (4,), CUT_SHARE, MIN_NEIGHBOURS, CELL_MARGIN, half side of a rim spot
    """
    height, width = depth_mm.shape
    cut, half = settings[0], np.float32(0.5) + settings[2]
    z = _without_flying_pixels(depth_mm, shift_mm, cut, settings[1])
    x, y = np.empty((height, width), np.float32), np.empty((height, width), np.float32)
    _project(z, rays, offset_mm, lens, origin, x, y)
    accepted = np.zeros((height + 1, width + 1), np.bool_)  # cell (i, j) stands at (i + 1, j + 1)
    for i in range(height - 1):
        for j in range(width - 1):
            nearest = min(min(z[i, j], z[i, j + 1]), min(z[i + 1, j], z[i + 1, j + 1]))
            farthest = max(max(z[i, j], z[i, j + 1]), max(z[i + 1, j], z[i + 1, j + 1]))
            if nearest > 0 and farthest - nearest <= cut * nearest:
                accepted[i + 1, j + 1] = _paint_cell(x, y, z, i, j, half, out)
    for i in range(height):
        for j in range(width):
            whole = accepted[i, j] & accepted[i, j + 1] & accepted[i + 1, j] & accepted[i + 1, j + 1]
            if z[i, j] > 0 and not whole:
                _paint_spot(x[i, j], y[i, j], z[i, j], settings[3], out)


@njit(cache=True, nogil=True, error_model="numpy")
def _without_flying_pixels(
    depth_mm: NDArray[np.uint16], shift_mm: np.float32, cut: np.float32, min_neighbours: np.float32
) -> F32:
    """Return the shifted depth (H, W), 0 for none and for readings with too few neighbours."""
    height, width = depth_mm.shape
    padded = np.zeros((height + 2, width + 2), np.float32)
    for i in range(height):
        for j in range(width):
            shifted = max(np.float32(depth_mm[i, j]) + shift_mm, np.float32(0))
            padded[i + 1, j + 1] = shifted if depth_mm[i, j] > 0 else np.float32(0)
    z = np.empty((height, width), np.float32)
    for i in range(height):
        above, level, below = padded[i], padded[i + 1], padded[i + 2]
        for j in range(width):
            own = level[j + 1]
            near = cut * own
            # None is 0, which is near to nothing but none.
            count = np.float32(abs(above[j] - own) <= near) + np.float32(abs(above[j + 1] - own) <= near)
            count += np.float32(abs(above[j + 2] - own) <= near) + np.float32(abs(level[j] - own) <= near)
            count += np.float32(abs(level[j + 2] - own) <= near) + np.float32(abs(below[j] - own) <= near)
            count += np.float32(abs(below[j + 1] - own) <= near) + np.float32(abs(below[j + 2] - own) <= near)
            z[i, j] = own if count >= min_neighbours else np.float32(0)
    return z


@njit(cache=True, nogil=True, error_model="numpy")
def _project(z: F32, rays: F32, offset_mm: F32, lens: F32, origin: F32, x: F32, y: F32) -> None:
    """Fill `x` and `y` with where each reading appears, and turn `z` into the color camera's."""
    height, width = z.shape
    fx, fy, cx, cy = lens[0], lens[1], lens[2], lens[3]
    k1, k2, p1, p2, k3, limit_r2 = lens[4], lens[5], lens[6], lens[7], lens[8], lens[9]
    one, two = np.float32(1), np.float32(2)
    for i in range(height):
        for j in range(width):
            z_depth = z[i, j]
            z_color = rays[2, i, j] * z_depth + offset_mm[2]
            a = (rays[0, i, j] * z_depth + offset_mm[0]) / z_color
            b = (rays[1, i, j] * z_depth + offset_mm[1]) / z_color
            r2 = a * a + b * b
            radial = one + r2 * (k1 + r2 * (k2 + r2 * k3))
            x[i, j] = fx * (a * radial + two * p1 * a * b + p2 * (r2 + two * a * a)) + cx - origin[0]
            y[i, j] = fy * (b * radial + p1 * (r2 + two * b * b) + two * p2 * a * b) + cy - origin[1]
            # False for the NaN of a pixel without a ray, too.
            z[i, j] = z_color if (z_depth > 0) & (z_color > 0) & (r2 < limit_r2) else np.float32(0)


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _put(out: NDArray[np.uint16], y: int, x: int, z: np.float32) -> None:
    value = np.uint16(z + np.float32(0.5))
    row, column = np.uint64(y), np.uint64(x)  # no negative index to test for
    # Subtracting one lets 0 (none) wrap to the farthest value, so that one comparison does for both.
    if np.uint16(value - np.uint16(1)) < np.uint16(out[row, column] - np.uint16(1)):
        out[row, column] = value


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _paint_cell(x: F32, y: F32, z: F32, i: int, j: int, half: np.float32, out: NDArray[np.uint16]) -> bool:
    """Paint the cell whose first corner is reading (i, j); return False if it is seen from behind."""
    quarter, mean = np.float32(0.25), np.float32(0.5)
    x00, x10, x01, x11 = x[i, j], x[i, j + 1], x[i + 1, j], x[i + 1, j + 1]
    y00, y10, y01, y11 = y[i, j], y[i, j + 1], y[i + 1, j], y[i + 1, j + 1]
    z00, z10, z01, z11 = z[i, j], z[i, j + 1], z[i + 1, j], z[i + 1, j + 1]
    ax, bx = mean * (x10 - x00 + x11 - x01), mean * (x01 - x00 + x11 - x10)
    ay, by = mean * (y10 - y00 + y11 - y01), mean * (y01 - y00 + y11 - y10)
    area = ax * by - ay * bx
    if not area > 0:
        return False
    middle_x, middle_y = quarter * (x00 + x10 + x01 + x11), quarter * (y00 + y10 + y01 + y11)
    reach_x, reach_y = half * (abs(ax) + abs(bx)), half * (abs(ay) + abs(by))
    first_x, last_x = max(np.ceil(middle_x - reach_x), 0), min(middle_x + reach_x, out.shape[1] - 1)
    first_y, last_y = max(np.ceil(middle_y - reach_y), 0), min(middle_y + reach_y, out.shape[0] - 1)
    if first_x > last_x or first_y > last_y:
        return True
    middle_z = quarter * (z00 + z10 + z01 + z11)
    az, bz = mean * (z10 - z00 + z11 - z01), mean * (z01 - z00 + z11 - z10)
    inverse = np.float32(1) / area
    s_x, s_y, t_x, t_y = by * inverse, bx * inverse, ay * inverse, ax * inverse
    for row in range(int(first_y), int(last_y) + 1):
        dy = np.float32(row) - middle_y
        for column in range(int(first_x), int(last_x) + 1):
            dx = np.float32(column) - middle_x
            s, t = dx * s_x - dy * s_y, dy * t_y - dx * t_x
            if abs(s) <= half and abs(t) <= half:
                _put(out, row, column, middle_z + s * az + t * bz)
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def _paint_spot(
    x: np.float32, y: np.float32, z: np.float32, spot_px: np.float32, out: NDArray[np.uint16]
) -> None:
    """Paint a square of half side `spot_px` around (x, y)."""
    first_x, last_x = max(np.ceil(x - spot_px), 0), min(x + spot_px, out.shape[1] - 1)
    first_y, last_y = max(np.ceil(y - spot_px), 0), min(y + spot_px, out.shape[0] - 1)
    if first_x > last_x or first_y > last_y:
        return
    for row in range(int(first_y), int(last_y) + 1):
        for column in range(int(first_x), int(last_x) + 1):
            _put(out, row, column, z)
