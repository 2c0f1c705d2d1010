"""What each row's tick holds: the pictures that can be used, and why the others cannot.

Frames are matched to ticks by `capture.synchronize`; here it is asked whether they are of one moment.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...capture.session import Session
from ...capture.streams import Stream
from ...capture.synchronize import Synchronized
from ...errors import SessionError
from ..dataset.record import Reason
from .clip_grid import NOT_A_TICK

STALE = ("nuc", "repeated")
"""Flags of a frame whose pixels are those of a moment before (`capture.camera.Capture`)."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The pictures of one row.

    Attributes
    ----------
    time_s : seconds since the session's first tick
    pictures : the pixels of every stream that has a usable frame
    lacking : why each other stream has none
    """

    time_s: float
    pictures: dict[Stream, NDArray]
    lacking: dict[Stream, Reason]


def usable_at_ticks(
    session: Session, synchronized: Synchronized, *, max_skew_ms: float
) -> dict[Stream, NDArray[np.uint8]]:
    """Return for every stream what is known of each tick's frame before it is decoded, (T,) of `Reason`.

    OK; NOT_RECORDED; UNSYNCHRONISED for a frame farther than `max_skew_ms` from color's, or one whose camera
    says that it shows an earlier moment. Where color has no frame nothing is held against the others.
    """
    n_ticks = len(synchronized.time_s)
    color_s = synchronized.frame_s.get(Stream.COLOR, np.full(n_ticks, np.nan))
    usable = {}
    for stream in session.streams:
        index = synchronized.index.get(stream, np.full(n_ticks, -1))
        reasons = np.where(index >= 0, Reason.OK, Reason.NOT_RECORDED).astype(np.uint8)
        frame_s = synchronized.frame_s.get(stream, np.full(n_ticks, np.nan))
        with np.errstate(invalid="ignore"):
            reasons[np.abs(frame_s - color_s) > max_skew_ms / 1000] = Reason.UNSYNCHRONISED
        stale = [frame_id for frame_id, flags in session.flags(stream).items() if set(flags) & set(STALE)]
        if stale:
            is_stale = np.append(np.isin(session.index(stream).frame_id, stale), False)
            reasons[is_stale[index]] = Reason.UNSYNCHRONISED
        usable[stream] = reasons
    return usable


class MomentReader:
    """Reads the pictures of rows; only usable frames are decoded.

    Parameters
    ----------
    tick, time_s : (F,) of the rows, as `clip_grid` returns them
    usable : as `usable_at_ticks` returns it
    """

    def __init__(
        self,
        session: Session,
        synchronized: Synchronized,
        *,
        tick: NDArray[np.int64],
        time_s: NDArray[np.float64],
        usable: dict[Stream, NDArray[np.uint8]],
    ) -> None:
        self._session, self._synchronized = session, synchronized
        self._tick, self._time_s, self._usable = tick, time_s, usable

    def __len__(self) -> int:
        return len(self._tick)

    def read(self, row: int, *, only: Collection[Stream] = tuple(Stream)) -> Moment:
        """Return the pictures of a row; one that cannot be decoded is DAMAGED and costs no other.

        About 8 ms for 1080p color and 1 ms for each other stream. Streams that are not in `only` are neither
        decoded nor lacking.
        """
        tick = int(self._tick[row])
        pictures: dict[Stream, NDArray] = {}
        lacking: dict[Stream, Reason] = {}
        for stream in self._session.streams:
            if stream not in only:
                continue
            reason = Reason.NOT_RECORDED if tick == NOT_A_TICK else Reason(int(self._usable[stream][tick]))
            if reason is not Reason.OK:
                lacking[stream] = reason
                continue
            try:
                i = int(self._synchronized.index[stream][tick])
                pictures[stream] = self._session.frame(stream, i).pixels
            except SessionError:
                lacking[stream] = Reason.DAMAGED
        return Moment(float(self._time_s[row]), pictures, lacking)

    def offsets_ms(self, stream: Stream) -> NDArray[np.float32]:
        """Return how much later than color's each row's frame of a stream is, (F,); NaN without both."""
        frame_s = self._synchronized.frame_s
        if stream not in frame_s or Stream.COLOR not in frame_s:
            return np.full(len(self), np.nan, np.float32)
        at_ticks = np.append(1000 * (frame_s[stream] - frame_s[Stream.COLOR]), np.nan)
        return at_ticks[np.where(self._tick == NOT_A_TICK, -1, self._tick)].astype(np.float32)
