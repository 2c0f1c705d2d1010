"""Pixels for the report: crops of the rows that are shown, in colors that can be read, and mean faces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...capture.streams import Stream
from ...report import Scale, colored
from ..dataset.record import HAS_PIXELS
from .rows import SessionRows

N_ROWS = 10
"""Rows of a session that are shown, evenly spread."""
CHUNK = 16
"""Rows that are decompressed together; the mean face uses them all."""
LONGEST_PX = 1200
"""Width of a strip; larger crops are made smaller."""
GAP_PX = 3
ZERO_C_CK = 27315
NEARER_MM, FARTHER_MM = 90.0, 160.0
"""How much in front of and behind the face the depth colors span."""
THERMAL_ROOM_K, THERMAL_SPAN_K = 1.0, 6.0
"""How much colder and warmer than the skin the thermal colors span, and their narrowest span."""
MISSING_RGB = (38, 40, 44)

Crop = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Sample:
    """Evenly spread rows of one session.

    Attributes
    ----------
    rows : which, (n,) int
    pixels : per stream (n, S, S) or (n, S, S, 3) as stored
    mean_face : (S, S, 3) uint8 over the valid color rows around them; None where there is none
    n_mean : how many rows it is the mean of
    """

    rows: NDArray[np.int64]
    pixels: Mapping[Stream, NDArray]
    mean_face: Crop | None
    n_mean: int


def sample_session(session: SessionRows, *, n_rows: int = N_ROWS) -> Sample:
    """Return evenly spread rows of a session, and its mean face; decompresses `n_rows` chunks per stream."""
    n = session.entry.n_frames
    rows = np.unique(((np.arange(n_rows) + 0.5) * n / n_rows).astype(int)) if n else np.zeros(0, int)
    pixels: dict[Stream, list[NDArray]] = {stream: [] for stream in session.reason}
    total, n_mean = None, 0
    aligned = session.aligned
    seen_chunks: set[int] = set()
    for row in rows.tolist():
        first = row - row % CHUNK
        block = session.session.read("color", first, min(first + CHUNK, n))
        pixels[Stream.COLOR].append(block[row - first])
        valid = aligned[first : first + len(block)]
        if first not in seen_chunks and valid.any():
            summed = block[valid].sum(axis=0, dtype=np.float64)
            total = summed if total is None else total + summed
            n_mean += int(valid.sum())
        seen_chunks.add(first)
        for stream in pixels:
            if stream is not Stream.COLOR:
                pixels[stream].append(session.session.read(stream.value, row, row + 1)[0])
    mean_face = np.rint(total / n_mean).astype(np.uint8) if total is not None else None
    return Sample(rows, {stream: np.stack(own) for stream, own in pixels.items() if own}, mean_face, n_mean)


def row_crops(session: SessionRows, row: int, streams: Sequence[Stream]) -> dict[Stream, NDArray]:
    """Return one row's pixels of some streams, as stored."""
    return {stream: session.session.read(stream.value, row, row + 1) for stream in streams}


def in_colors(
    stream: Stream, crops: NDArray, reason: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], Scale | None]:
    """Return crops (n, S, S[, 3]) as pictures (n, S, S, 3) and what their colors mean.

    Rows without pixels are dark gray. Depth spans some centimetres around the face,
    thermal a little more than the temperatures in the middle of the crop; infrared is gray.
    """
    missing = ~np.isin(reason, HAS_PIXELS)
    scale = None
    if stream is Stream.COLOR:
        pictures = crops.copy()
    else:
        shown = crops[~missing]
        low, high = _span(stream, shown)
        colormap = {Stream.DEPTH: "viridis_r", Stream.THERMAL: "inferno", Stream.INFRARED: "gray"}[stream]
        pictures = colored(crops, colormap=colormap, low=low, high=high, missing=crops == 0)
        if stream is Stream.DEPTH:
            scale = Scale(colormap, f"{low:.0f} mm", f"{high:.0f} mm")
        elif stream is Stream.THERMAL:
            scale = Scale(colormap, *(f"{(value - ZERO_C_CK) / 100:.1f} °C" for value in (low, high)))
    pictures[missing] = MISSING_RGB
    return pictures, scale if not missing.all() else None


def _span(stream: Stream, crops: NDArray) -> tuple[float, float]:
    """Return the values at the two ends of the colors."""
    known = crops[crops > 0]
    if not len(known):
        return 0.0, 1.0
    quarter = crops.shape[1] // 4
    inner = crops[:, quarter:-quarter, quarter:-quarter]
    inner = inner[inner > 0] if np.any(inner) else known
    if stream is Stream.DEPTH:
        face_mm = float(np.median(inner))
        return face_mm - NEARER_MM, face_mm + FARTHER_MM
    low, high = (float(value) for value in np.percentile(inner, [2, 99]))
    if stream is Stream.THERMAL:
        room = max(100 * THERMAL_ROOM_K, 50 * THERMAL_SPAN_K - (high - low) / 2)
        return low - room, high + room
    return 0.0, max(1.2 * high, 1.0)


def sheet(pictures: NDArray[np.uint8], *, n_places: int = 0) -> NDArray[np.uint8]:
    """Return pictures (n, S, S, 3) side by side with see-through gaps, at most LONGEST_PX wide.

    Where there are fewer than `n_places`, the places after them stay see-through.
    """
    import cv2

    n, size = max(len(pictures), n_places), pictures.shape[1]
    side = min(size, (LONGEST_PX - (n - 1) * GAP_PX) // n)
    joined = np.zeros((side, n * (side + GAP_PX) - GAP_PX, 4), np.uint8)
    for i, picture in enumerate(pictures):
        small = picture if side == size else cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
        x = i * (side + GAP_PX)
        joined[:, x : x + side, :3] = small
        joined[:, x : x + side, 3] = 255
    return joined
