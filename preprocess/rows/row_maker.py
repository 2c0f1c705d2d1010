"""A session's moments become rows: find the face, smooth its track, cut; a few rows late, in order.

Smoothing and the filling of gaps need landmarks of later rows, so a row is cut `LandmarkTrack.lookahead` rows
after its face was looked for. Pictures wait for that time, or are read again where many would have to wait:
memory does not grow with the session.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..dataset.clip_writer import FRAMES_PER_CHUNK
from ..faces.face import Face, Found
from ..faces.track import LandmarkTrack
from .cut import RowCutter, note_face
from .moments import Moment, MomentReader

MOST_WAITING = 8
"""Moments whose pictures wait; 8 MB each. Where more rows are looked ahead, all are decoded twice."""


class RowMaker:
    """Makes the rows of one session, block by block."""

    def __init__(self, reader: MomentReader, cutter: RowCutter, track: LandmarkTrack) -> None:
        self._reader, self._cutter, self._track = reader, cutter, track
        self._waiting: deque[tuple[int, Moment | None, Face | None]] = deque()

    def blocks(self) -> Iterator[tuple[int, dict[str, NDArray]]]:
        """Yield the first row of each block and its columns, FRAMES_PER_CHUNK rows or the rest."""
        rows = self._rows()
        for start in range(0, len(self._reader), FRAMES_PER_CHUNK):
            n_rows = min(FRAMES_PER_CHUNK, len(self._reader) - start)
            block = self._cutter.empty(n_rows)
            for i in range(n_rows):
                self._finish({name: column[i : i + 1] for name, column in block.items()}, *next(rows))
            yield start, block

    def _rows(self) -> Iterator[tuple[int, Moment, Face | None]]:
        """Yield row after row, each once its landmarks are known."""
        keep = self._track.lookahead <= MOST_WAITING
        for row in range(len(self._reader)):
            moment = self._reader.read(row)
            face = self._cutter.find(moment.pictures, time_s=moment.time_s)
            self._track.add(moment.time_s, face)
            self._waiting.append((row, moment if keep else None, face))
            if len(self._waiting) > self._track.lookahead:
                yield self._next()
        self._track.close()
        while self._waiting:
            yield self._next()

    def _next(self) -> tuple[int, Moment, Face | None]:
        row, moment, face = self._waiting.popleft()
        return row, moment or self._reader.read(row), face

    def _finish(self, columns: dict[str, NDArray], row: int, moment: Moment, face: Face | None) -> None:
        columns["time_s"][0] = moment.time_s
        if face is not None:
            note_face(columns, face)
            if "landmarks_raw" in columns:
                columns["landmarks_raw"][0] = face.landmarks_px
        tracked = self._track.at(row)
        landmarks_px: NDArray[np.float32] | None = None
        filled = False
        if tracked is not None:
            landmarks_px, found = tracked
            filled = found is Found.FILLED
            columns["found"][0] = found
        self._cutter.cut(
            columns,
            moment.pictures,
            landmarks_px,
            time_s=moment.time_s,
            lacking=moment.lacking,
            filled=filled,
        )
