"""Which ticks of a board session are worth a search for the board: those at rest, each place once.

Corners cost 150 ms a tick and the thumbnails of its pictures 7 ms, so a session of any length is looked
through in thumbnails first. Whether the board really stood still is judged by its corners (search.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ...capture.payload import jpeg_of
from ...capture.session import Session
from ...capture.streams import Stream

Thumbnails = NDArray[np.float32]
THUMBNAIL_PX = (60, 48)
PERCENTILES = (1.0, 99.0)
APART_S = 0.3  # of two ticks nearer than this the calmer one is searched
REST_QUANTILE = 0.1  # so many of the ticks are at rest at least: that is how much noise changes a picture
SAME_PLACE = 1.25  # pictures that differ by less than so many times what noise changes show one place


def ticks_at_rest(
    session: Session,
    index: Mapping[Stream, NDArray[np.int64]],
    time_s: NDArray[np.float64],
    *,
    n_wanted: int,
    on_progress: Callable[[int], None] | None = None,
) -> tuple[int, ...]:
    """Return at most `n_wanted` ticks at which little moves before any camera, in the order of time.

    The calmest come first; of those that show the same as one that is taken none is taken, so that a board
    that lies on a table for a minute is one place. About 7 ms a tick on one core.

    Parameters
    ----------
    index : (T,) int64 by stream, the frame of each tick, -1 where there is none
    time_s : (T,) float64
    on_progress : called with how many ticks have been looked at
    """
    streams = [stream for stream in (Stream.INFRARED, Stream.THERMAL, Stream.COLOR) if stream in index]
    pictures: list[list[Thumbnails]] = [[] for _ in streams]
    for tick in range(len(time_s)):
        if on_progress is not None:
            on_progress(tick)
        for stream, taken in zip(streams, pictures, strict=True):
            taken.append(_thumbnail(session, stream, int(index[stream][tick])))
    return tuple(
        sorted(calm_and_different([np.stack(taken) for taken in pictures], time_s, n_wanted=n_wanted))
    )


def calm_and_different(
    cameras: Sequence[Thumbnails], time_s: NDArray[np.float64], *, n_wanted: int
) -> Sequence[int]:
    """Return at most `n_wanted` moments at which no camera sees much move, and which differ, calmest first.

    Parameters
    ----------
    cameras : (T, H, W) float32 each, one picture a moment; NaN where there is none
    time_s : (T,) float64
    """
    flat, motion, seen_at_all = [], np.zeros(len(time_s)), np.zeros(len(time_s), bool)
    for pictures in cameras:
        seen = pictures.reshape(len(time_s), -1)
        step = _change(seen[1:], seen[:-1])
        known = step[np.isfinite(step) & (step > 0)]
        noise = float(np.quantile(known, REST_QUANTILE)) if len(known) else 1.0
        flat.append(seen / noise)
        seen_at_all |= np.isfinite(seen).all(axis=1)
        step = np.nan_to_num(step / noise, nan=0.0)
        motion = np.maximum(motion, np.maximum(np.append(step, 0), np.insert(step, 0, 0)))
    chosen: list[int] = []
    for i in np.argsort(motion, kind="stable").tolist():
        if len(chosen) == n_wanted:
            break
        if not seen_at_all[i]:
            continue
        if chosen and np.abs(time_s[chosen] - time_s[i]).min() < APART_S:
            continue
        apart = np.stack([_change(seen[chosen], seen[i]) for seen in flat])
        nowhere = np.isnan(apart).all(axis=0)  # no camera has both: they cannot be told to be the same
        apart = np.where(nowhere, np.inf, np.nan_to_num(apart).max(axis=0))
        if chosen and apart.min() < SAME_PLACE:
            continue
        chosen.append(i)
    return chosen


def _change(a: Thumbnails, b: Thumbnails) -> NDArray[np.float32]:
    """Return the mean absolute difference (N,) of pictures (N, M) and (N, M) or (M,)."""
    return np.asarray(np.abs(a - b).mean(axis=1), np.float32)


def _thumbnail(session: Session, stream: Stream, i: int) -> Thumbnails:
    """Return a small gray picture, 0 to 1 between its own percentiles; NaN where there is no frame."""
    if i < 0:
        return np.full(THUMBNAIL_PX[::-1], np.nan, np.float32)
    payload, codec = session.payload(stream, i)
    if stream is Stream.COLOR and codec.startswith("jpeg"):
        jpeg = np.frombuffer(jpeg_of(payload), np.uint8)
        gray = cv2.imdecode(jpeg, cv2.IMREAD_REDUCED_GRAYSCALE_8)
    else:
        gray = session.frame(stream, i).pixels
        gray = gray.mean(axis=2) if gray.ndim == 3 else gray
    small = cv2.resize(np.asarray(gray, np.float32), THUMBNAIL_PX, interpolation=cv2.INTER_AREA)
    low, high = np.percentile(small, PERCENTILES)
    return np.clip((small - low) / max(float(high - low), 1.0), 0, 1).astype(np.float32)
