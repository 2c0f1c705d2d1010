"""Which ticks of a board session are worth a search for the board: those at rest, each place once.

Corners cost 150 ms a tick and the thumbnails of its pictures 7 ms, so a session of any length is looked
through in thumbnails first. Whether the board really stood still is judged by its corners (search.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from ...capture.payload import jpeg_of
from ...capture.session import Session
from ...capture.streams import Stream
from ...errors import SessionError

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
    that lies on a table for a minute is one place; none is taken that has a damaged frame. About 7 ms a tick
    on one core.

    Parameters
    ----------
    index : (T,) int64 by stream, the frame of each tick, -1 where there is none
    time_s : (T,) float64
    on_progress : called with how many ticks have been looked at
    """
    streams = [stream for stream in (Stream.INFRARED, Stream.THERMAL, Stream.COLOR) if stream in index]
    cameras = [np.empty((len(time_s), *THUMBNAIL_PX[::-1]), np.float32) for _ in streams]
    for tick in range(len(time_s)):
        if on_progress is not None:
            on_progress(tick)
        try:
            for stream, pictures in zip(streams, cameras, strict=True):
                pictures[tick] = _thumbnail(session, stream, int(index[stream][tick]))
        except SessionError:  # a damaged frame: no view is made of this tick
            for pictures in cameras:
                pictures[tick] = np.nan
    return tuple(sorted(calm_and_different(cameras, time_s, n_wanted=n_wanted)))


def calm_and_different(
    cameras: Sequence[Thumbnails], time_s: NDArray[np.float64], *, n_wanted: int
) -> Sequence[int]:
    """Return at most `n_wanted` moments at which no camera sees much move, and which differ, calmest first.

    Parameters
    ----------
    cameras : (T, H, W) float32 each, one picture a moment; NaN where there is none
    time_s : (T,) float64
    """
    if not len(time_s):
        return []
    flat, motion, seen_at_all = [], np.zeros(len(time_s)), np.zeros(len(time_s), bool)
    for pictures in cameras:
        seen = pictures.reshape(len(time_s), -1)
        at = np.flatnonzero(np.isfinite(seen).all(axis=1))  # a camera may have a frame at every other tick
        step = _change(seen[at[1:]], seen[at[:-1]])
        step[np.diff(time_s[at]) > APART_S] = 0  # says nothing of either
        known = step[step > 0]
        noise = float(np.quantile(known, REST_QUANTILE)) if len(known) else 1.0
        flat.append((seen, noise))
        seen_at_all[at] = True
        motion[at[:-1]] = np.maximum(motion[at[:-1]], step / noise)
        motion[at[1:]] = np.maximum(motion[at[1:]], step / noise)
    chosen: list[int] = []
    for i in np.argsort(motion, kind="stable").tolist():
        if len(chosen) == n_wanted:
            break
        if not seen_at_all[i]:
            continue
        if chosen and np.abs(time_s[chosen] - time_s[i]).min() < APART_S:
            continue
        apart = np.stack([_change(seen[chosen], seen[i]) / noise for seen, noise in flat])
        # Where a camera has this moment alone, nothing tells that it shows the same.
        alone = [np.inf if np.isfinite(seen[i]).all() else 0.0 for seen, _ in flat]
        apart = np.where(np.isnan(apart), np.array(alone)[:, None], apart).max(axis=0)
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
    gray = None
    if stream is Stream.COLOR and codec.startswith("jpeg"):
        gray = _reduced(payload)
    if gray is None:  # stored otherwise, or damaged, which raises SessionError
        gray = session.frame(stream, i).pixels
        gray = gray.mean(axis=2) if gray.ndim == 3 else gray
    small = cv2.resize(np.asarray(gray, np.float32), THUMBNAIL_PX, interpolation=cv2.INTER_AREA)
    low, high = np.percentile(small, PERCENTILES)
    return np.clip((small - low) / max(float(high - low), 1.0), 0, 1).astype(np.float32)


def _reduced(payload: bytes) -> NDArray[np.uint8] | None:
    """Return a stored JPEG in gray, an eighth as wide; None where it does not decode."""
    try:
        jpeg = np.frombuffer(jpeg_of(payload), np.uint8)
        gray = cv2.imdecode(jpeg, cv2.IMREAD_REDUCED_GRAYSCALE_8)
    except (cv2.error, DecodeError):
        return None
    return None if gray is None or gray.ndim != 2 else np.asarray(gray, np.uint8)
