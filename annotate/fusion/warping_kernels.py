"""The inner loops of dynamic time warping within a band, in numba; `warping.py` says what they are for."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

STRAIGHT, ALONG_A, ALONG_B = 0, 1, 2


@njit(cache=True, nogil=True)
def ways_of(
    a: NDArray[np.float64], b: NDArray[np.float64], band: int
) -> tuple[float, NDArray[np.uint8]]:  # pragma: no cover (compiled)
    """Return the cost of the cheapest warping, and from where each cell is reached.

    Parameters
    ----------
    a, b : (T,) float64, finite
    band : |i - j| is at most this

    Returns
    -------
    The sum of squared differences along the way, and (T, 2 band + 1) uint8: cell (i, j) at column
    j - i + band.
    """
    n = len(a)
    width = 2 * band + 1
    ways = np.zeros((n, width), np.uint8)
    above = np.full(width + 2, np.inf)  # the row before, one cell of infinity at either side
    row = np.full(width + 2, np.inf)
    for i in range(n):
        row[:] = np.inf
        for c in range(max(0, band - i), min(width, n - i + band)):
            j = i + c - band
            cost = (a[i] - b[j]) ** 2
            if i == 0 and j == 0:
                row[c + 1] = cost
                continue
            best, way = above[c + 1], STRAIGHT  # (i - 1, j - 1) lies in the same column
            if above[c + 2] < best:  # (i - 1, j)
                best, way = above[c + 2], ALONG_A
            if row[c] < best:  # (i, j - 1)
                best, way = row[c], ALONG_B
            row[c + 1] = best + cost
            ways[i, c] = way
        above, row = row, above
    return above[band + 1], ways


@njit(cache=True, nogil=True)
def way_back(ways: NDArray[np.uint8], band: int) -> NDArray[np.int64]:  # pragma: no cover (compiled)
    """Return the pairs (i, j) from (0, 0) to (T - 1, T - 1): (P, 2) int64."""
    n = len(ways)
    backwards = np.empty((2 * n, 2), np.int64)
    i, j, length = n - 1, n - 1, 0
    while True:
        backwards[length, 0] = i
        backwards[length, 1] = j
        length += 1
        if i == 0 and j == 0:
            break
        way = ways[i, j - i + band]
        if way == STRAIGHT:
            i -= 1
            j -= 1
        elif way == ALONG_A:
            i -= 1
        else:
            j -= 1
    return backwards[:length][::-1].copy()
