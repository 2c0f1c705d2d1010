"""Pixels for the page: color as one PNG per chunk, the other streams as the stored numbers, and their scales.

The page colors the numbers itself, so that it can say what lies under the pointer, in mm or degrees Celsius.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ...capture.export.colors import LEAST_SPAN, PERCENTILES, scale_marks
from ...capture.preview import scale_colors
from ...capture.streams import Stream
from ...capture.temperature import ZERO_CELSIUS_K
from ...errors import DatasetError
from ..dataset.clip_writer import FRAMES_PER_CHUNK
from ..dataset.clips import DatasetSession

N_SAMPLED_CHUNKS = 6
FACE_SHARE = 0.4
"""Of the crop's side: the middle, which the face fills, turned or with a margin up to a half."""
FACE_PERCENTILES = (2.0, 99.5)
CELSIUS_PER_COUNT = 0.01  # thermal is stored in centikelvin
PNG_LEVEL = 1  # on loopback bytes are cheap: 2 ms for 16 pictures of 96 pixels, 9 ms at level 6


def chunk_of(session: DatasetSession, chunk: int) -> tuple[int, int]:
    """Return the rows (first, stop) of a chunk; raises DatasetError where the session has no such chunk."""
    start = chunk * FRAMES_PER_CHUNK
    if not 0 <= start < session.n_frames:
        raise DatasetError(f"wanted a chunk of {session.n_frames} rows, found {chunk}: {session.path}")
    return start, min(start + FRAMES_PER_CHUNK, session.n_frames)


def color_chunk_png(session: DatasetSession, chunk: int) -> bytes:
    """Return the color pictures of a chunk as one PNG, one below the other."""
    pixels = session.read(Stream.COLOR.value, *chunk_of(session, chunk))
    return encode_png(pixels.reshape(-1, *pixels.shape[2:]))


def counts_chunk(session: DatasetSession, stream: Stream, chunk: int) -> bytes:
    """Return the pictures of a chunk as stored: uint16, little-endian, row by row."""
    return session.read(stream.value, *chunk_of(session, chunk)).astype("<u2").tobytes()


def row_png(session: DatasetSession, row: int) -> bytes:
    """Return one color picture as PNG; raises DatasetError where the session has no such row."""
    return encode_png(session.read(Stream.COLOR.value, row, row + 1)[0])


def encode_png(picture: NDArray[np.uint8]) -> bytes:
    """Return (H, W, 3) uint8 red green blue as PNG."""
    return cv2.imencode(".png", picture[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, PNG_LEVEL])[1].tobytes()


def scales(session: DatasetSession) -> dict[str, dict[str, Any]]:
    """Return how each stream but color is colored, the same for the whole session.

    Two ranges, in counts: `face` spans what the middle of the crop shows, `whole` all of it. What lies beyond
    an end has that end's color; 0, no reading, has none of the colors. From a sample of N_SAMPLED_CHUNKS.
    """
    found = {}
    for stream in session.streams:
        if stream is not Stream.COLOR:
            found[stream.value] = _scale(session, stream)
    return found


def _scale(session: DatasetSession, stream: Stream) -> dict[str, Any]:
    pixels = _sample(session, stream)
    side = pixels.shape[1]
    edge = round(side * (1 - FACE_SHARE) / 2)
    ranges = {
        "face": _range(pixels[:, edge : side - edge, edge : side - edge], stream, FACE_PERCENTILES),
        "whole": _range(pixels, stream, PERCENTILES[stream]),
    }
    factor, offset, unit = _law(stream)
    told = {}
    for name, (low, high) in ranges.items():
        marks = scale_marks(low * factor + offset, high * factor + offset, "")
        told[name] = {"low": low, "high": high, "marks": [(place, text.strip()) for place, text in marks]}
    colors = scale_colors(stream, 256)
    return {"colors": colors, "factor": factor, "offset": offset, "unit": unit, "ranges": told}


def _law(stream: Stream) -> tuple[float, float, str]:
    """Return factor, offset and unit that turn a stream's counts into what a person reads."""
    if stream is Stream.THERMAL:
        return CELSIUS_PER_COUNT, -ZERO_CELSIUS_K, "°C"
    return 1.0, 0.0, "mm" if stream is Stream.DEPTH else "counts"


def _range(
    pixels: NDArray[np.uint16], stream: Stream, percentiles: tuple[float, float]
) -> tuple[float, float]:
    """Return percentiles of what was read, at least the stream's least span apart."""
    counts = pixels[pixels > 0]
    low, high = (float(value) for value in np.percentile(counts, percentiles)) if len(counts) else (0.0, 0.0)
    least = LEAST_SPAN[stream] / _law(stream)[0]
    if high - low < least:
        middle = max((low + high) / 2, least / 2)
        low, high = middle - least / 2, middle + least / 2
    return round(low, 1), round(high, 1)


def _sample(session: DatasetSession, stream: Stream) -> NDArray[np.uint16]:
    """Return the valid pictures of some chunks (all where none is valid), damaged chunks left out."""
    n_chunks = -(-session.n_frames // FRAMES_PER_CHUNK)
    valid = session.read(f"valid_{stream}").astype(bool)
    with_valid = [k for k in range(n_chunks) if valid[k * FRAMES_PER_CHUNK :][:FRAMES_PER_CHUNK].any()]
    chunks = np.array(with_valid or range(n_chunks))
    picked = chunks[np.unique(np.linspace(0, len(chunks) - 1, N_SAMPLED_CHUNKS).round().astype(int))]
    found, problem = [], None
    for chunk in picked.tolist():
        start, stop = chunk_of(session, chunk)
        try:
            pixels = session.read(stream.value, start, stop)
        except DatasetError as error:
            problem = error
            continue
        found.append(pixels[valid[start:stop]] if with_valid else pixels)
    if not found:
        raise problem or DatasetError(f"session {session.id!r} has no {stream} frames: {session.path}")
    return np.concatenate(found)
